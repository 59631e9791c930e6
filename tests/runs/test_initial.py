"""init=: a new game begins with the weights of another one's players, and with nothing else of it."""

import json
import re
import shutil

import pytest
import torch
from conftest import TINY
from hostile import refused
from omegaconf import OmegaConf

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.report.exporting import export_job
from gan_lightning.runs.initial import read_initial
from gan_lightning.runs.start import Start
from gan_lightning.training.setup import prepare, train

OTHER = [*TINY, "technique=[ema]", "seed=5", "steps=4"]


def begun(run, *words):
    """A game of two steps of the same players, played in ``run``."""
    run.mkdir()
    typed = [*OTHER, *words]
    train(compose("train", typed), run, typed)
    return run


def prepared(run, *words):
    """The players of a game before its first step."""
    return prepare(compose("train", [*OTHER, *words]), run, [], Start(), ()).gan


@pytest.fixture(scope="module")
def export(finished_tiny, tmp_path_factory):
    to = tmp_path_factory.mktemp("exports") / "tiny"
    export_job(compose("export", [f"run={finished_tiny}", f"to={to}", "measure=false"]))
    return to


def state(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def alike(of, state, before=""):
    """Are the floating-point tensors of the module ``of`` those of ``state``, behind ``before``?"""
    return all(torch.equal(v, state[before + k]) for k, v in of.state_dict().items() if v.is_floating_point())


def test_both_players_and_the_average_begin_with_the_weights_of_the_run(finished_tiny, tmp_path):
    theirs = state(finished_tiny)
    drawn, gan = prepared(tmp_path), prepared(tmp_path, f"init={finished_tiny}")
    assert not alike(drawn.G, theirs, "G.")
    assert not alike(drawn.D, theirs, "D.")
    assert alike(gan.G, theirs, "G.")
    assert alike(gan.D, theirs, "D.")
    assert alike(gan.generators["ema"], theirs, "G.")
    assert gan.techniques["ema"].updates == 0
    assert gan.counters() == {"d_steps_done": 0, "g_steps_done": 0, "images_seen": 0}
    assert not any(optimizer.state for optimizer in gan.configure_optimizers())


def test_of_an_export_its_g_which_is_the_average(finished_tiny, export, tmp_path):
    gan = prepared(tmp_path, f"init={export}")
    assert alike(gan.G, gan_lightning.load(finished_tiny, "ema").G.state_dict())
    assert alike(gan.D, state(finished_tiny), "D.")


def test_the_same_seed_twice_and_the_record(finished_tiny, tmp_path):
    one, two = (begun(tmp_path / name, f"init={finished_tiny}") for name in "ab")
    alone = begun(tmp_path / "c")
    weights = [state(run) for run in (one, two, alone)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert any(not torch.equal(value, weights[2][name]) for name, value in weights[0].items())
    record = json.loads((one / "record.json").read_text())
    assert record["init"] == {"from": str(finished_tiny), "g_steps": 6, "sha256": record["init"]["sha256"]}
    assert record["init"]["sha256"] == read_initial(str(finished_tiny)).record()["sha256"]
    assert OmegaConf.load(one / "config.yaml").init == str(finished_tiny)
    assert "init" not in json.loads((alone / "record.json").read_text())
    assert gan_lightning.load(one).g_steps == 4, "a configuration with a path is read again"
    export_job(compose("export", [f"run={one}", f"to={tmp_path / 'd'}", "measure=false"]))
    assert OmegaConf.load(tmp_path / "d" / "config.yaml").init == "run", "no folder of this machine"


def test_the_hash_is_of_every_bit(finished_tiny):
    found = read_initial(str(finished_tiny))
    other = {name: value.clone() for name, value in found.weights.items()}
    next(iter(other.values())).view(-1)[0] += 1e-6
    assert len(found.record()["sha256"]) == 64
    changed = type(found)(found.named, found.config, other, found.shape, found.g_steps)
    assert changed.record()["sha256"] != found.record()["sha256"]


def test_a_run_goes_on_without_the_run_that_it_began_with(finished_tiny, tmp_path, call):
    source = shutil.copytree(finished_tiny, tmp_path / "source")
    long = begun(tmp_path / "long", f"init={source}", "steps=8", "checkpoint_every=4")
    short = begun(tmp_path / "short", f"init={source}")
    shutil.rmtree(source)
    assert call("train", f"resume={short}", "steps=8")[0] == 0
    resumed = state(short)
    assert all(torch.equal(value, resumed[name]) for name, value in state(long).items())
    assert json.loads((short / "record.json").read_text())["init"]["from"] == str(source)


def test_other_classes_are_counted_anew(tmp_path):
    """The counts of the samples of each class are those of the new data, here three times as many."""
    conditional = ["condition=projection", "condition.width=3"]
    source = begun(tmp_path / "source", *conditional)
    gan = prepared(tmp_path, *conditional, "data.n=288", f"init={source}")
    assert gan.G.class_counts.sum() == 3 * state(source)["G.class_counts"].sum()
    assert torch.equal(gan.G.code.weight, state(source)["G.code.weight"])


# What is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prior.dim=6"], r"init=.* does not fit the players of this game: G\.\S+ is \[8, 5\] there and \[8, 6\] here"),
        (["network.D.hidden=[13,7]"], r"D\.\S+ is \[12, 64\] there and \[13, 64\] here; .*; and 2 more. Choose netw"),
        (["condition=projection"], r"missing there and .* or leave init out"),
        (["technique=[spectral_norm]"], r"is missing there .* Choose network, condition, prior.dim and techniques as"),
        (["data.size=12"], r"makes samples of shape \[1, 8, 8\], and those of data=synthetic have \[1, 12, 12\]"),
        (["init=zoo:none"], r"init=zoo:none is not in the zoo, which has .*zoo:mnist.* Write one of these"),
        (["init=nowhere"], "init=nowhere does not exist. Give a run directory, a checkpoint or latest"),
        (["init=zoo:mnist"], r"init=zoo:mnist makes samples of shape \[1, 28, 28\]"),
        (["init="], "init must be a run, or a generator of the zoo, got ''. Write for example init=zoo:mnist"),
    ],
)
def test_what_cannot_be_begun_with(finished_tiny, call, tmp_path, words, told):
    code, text = call("train", *OTHER, f"init={finished_tiny}", *words)
    assert code == 1
    assert text.count("\n") == 1, text
    assert re.search(told, text), text
    assert not list(tmp_path.glob("outputs/*/*")), "nothing has begun"


def test_beside_resume(finished_tiny, call):
    code, text = call("train", f"resume={finished_tiny}", "init=zoo:mnist")
    assert (code, text) == (
        1,
        "error: resume= goes on with a run and its own weights, got init=zoo:mnist beside it, with which a new game "
        "begins. Leave one of them out.\n",
    )


def test_an_export_without_d(export, tmp_path):
    folder = shutil.copytree(export, tmp_path / "export")
    (folder / "discriminator.safetensors").unlink()
    card = json.loads((folder / "card.json").read_text())
    del card["sha256"]["discriminator.safetensors"]
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match="needs the weights of both players, and .* has none of D: a D that looks"):
        read_initial(str(folder))


def test_weights_that_are_not_finite(stranger):
    path = stranger / "checkpoints" / "last.ckpt"
    whole = torch.load(path, weights_only=True)
    next(value for name, value in whole["state_dict"].items() if name.startswith("G.")).view(-1)[0] = torch.nan
    torch.save(whole, path)
    with pytest.raises(ValueError, match=r"init=.* must have finite weights, and G\..* has none: that game diverged"):
        read_initial(str(stranger))


def test_a_strangers_run_executes_nothing(stranger):
    path = stranger / "checkpoints" / "last.ckpt"
    path.write_bytes(b"\x80\x02cposix\nsystem\n(S'touch executed'\ntR.")
    refused(stranger, lambda: read_initial(str(stranger)), "cannot be read: it is truncated, damaged or not")


def test_a_damaged_export(export, tmp_path):
    folder = shutil.copytree(export, tmp_path / "export")
    content = bytearray((folder / "discriminator.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "discriminator.safetensors").write_bytes(content)
    refused(folder, lambda: read_initial(str(folder)), "discriminator.safetensors has SHA-256 ")


def test_latest_is_one_run_for_all_jobs(finished_tiny, tmp_path, call):
    """Each job writes a run, which would be the latest one for the next."""
    source = tmp_path / "outputs" / "first"
    shutil.copytree(finished_tiny, source)
    code, text = call("train", "-m", *OTHER, "init=latest", "seed=1,2")
    assert code == 0, text
    records = [json.loads(path.read_text()) for path in (tmp_path / "outputs").glob("multirun/*/*/*/record.json")]
    assert [record["init"]["from"] for record in records] == ["outputs/first"] * 2
