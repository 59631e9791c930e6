"""The commands as a person types them: names, help, and one clear sentence for every mistake."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import TINY, runs
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from gan_lightning import study
from gan_lightning.config.compose import compose, slug
from gan_lightning.config.mistakes import explain

ROOT = Path(__file__).parent.parent.parent


# Names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "default"),
        (["loss=mmgan", "seed=1"], "loss-mmgan_seed-1"),
        (["technique=[ema,instance_noise]"], "technique-ema_instance_noise"),
        (["data.root=/a b/c", "optimizer.lr=1e-3"], "data.root-_ab_c_optimizer.lr-1e-3"),
    ],
)
def test_names_can_be_typed_back(overrides, name):
    assert slug(overrides) == name
    assert re.fullmatch(r"[A-Za-z0-9_.+-]+", slug(overrides))


def test_long_names_end_in_a_hash_of_the_whole():
    one, other = slug(["x=" + "a" * 300]), slug(["x=" + "a" * 300 + "b"])
    assert len(one) < 140
    assert one != other


# Runs ------------------------------------------------------------------------------------------------------


def test_train_then_sample_latest(call, tmp_path):
    code, text = call("train", *TINY)
    assert code == 0, text
    assert text.startswith(
        "training mlp (NSGAN, k = 1, no technique, no smoothing, adam 2e-4) on 96 images of synthetic, "
        "6 G steps of batch 16, fp32 on CPU, in outputs/"
    )
    last = text.strip().splitlines()
    assert last[-2].startswith("next:  python -m gan_lightning.sample run=outputs/")
    command = last[-2].split("sample ")[1]
    code, text = call("sample", command, "n=5", "out=here")
    assert code == 0, text
    run = Path(command.removeprefix("run=")).name
    assert sorted(p.name for p in (tmp_path / "here").iterdir()) == [f"{run}-n5-seed0.npz", f"{run}-n5-seed0.png"]
    assert call("sample", "n=3")[0] == 0


def test_the_first_line_names_the_prior_and_the_condition(call):
    code, text = call("train", *TINY, "condition=projection", "prior=categorical", "prior.classes=4", "steps=1")
    assert code == 0, text
    players = "k = 1, no technique, no smoothing, prior=categorical, condition=projection, adam 2e-4"
    assert text.startswith(f"training mlp (NSGAN, {players}) on 96 images")


def test_a_multirun_names_its_runs_and_every_path_can_be_typed_back(call, tmp_path):
    code, text = call("train", "-m", *TINY, "loss=mmgan,nsgan", "smoothing=none,one_sided", "seed=1", "steps=2")
    assert code == 0, text
    found = runs(tmp_path / "outputs" / "multirun")
    assert len(found) == 4
    assert {p.name for p in found} == {
        f"loss-{loss}_smoothing-{smoothing}" for loss in ("mmgan", "nsgan") for smoothing in ("none", "one_sided")
    }, "the name says what differs among the jobs, and nothing that they share"
    for path in found:
        code, text = call("sample", f"run={path.relative_to(tmp_path)}", "n=2", "out=one")
        assert code == 0, text


def test_the_same_run_twice_is_bit_equal(call, tmp_path):
    for _ in range(2):
        code, text = call("train", *TINY, "technique=[instance_noise]", "d_steps=2")
        assert code == 0, text
    one, two = (torch.load(p / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for p in runs(tmp_path))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_one_failing_job_is_told_and_does_not_stop_the_others(call, tmp_path):
    code, text = call("train", "-m", *TINY, "batch_size=16,1000,32")
    assert code == 1
    assert text.count("error: batch_size must not exceed the 96 images of data=synthetic, got 1000") == 1
    order = [text.index(s) for s in ("of batch 16", "error: batch_size", "of batch 32")]
    assert order == sorted(order), "the error is told when it happens"
    assert len(runs(tmp_path)) == 2
    assert "Traceback" not in text


# Mistakes --------------------------------------------------------------------------------------------------

MISTAKES = [
    (["stepps=5"], "there is no key 'stepps'. Did you mean steps"),
    (["optimizer.lrr=1"], "there is no key 'optimizer.lrr'. Did you mean optimizer.lr"),
    (["+lrr=1"], r"\+lrr=1 adds a key that nothing reads"),
    (["+network.G.hiden=3"], "unexpected keyword argument 'hiden'"),
    (["loss=nsgna"], "nsgan, rpgan, wgan, got 'nsgna'. Did you mean loss=nsgan"),
    (["los=nsgan"], "there is no key 'los'. Did you mean loss"),
    (["steps=0"], "steps must be a whole number, 1 or more, got 0. Write for example steps=10000"),
    (["steps=ten"], "steps must be a whole number, 1 or more, got 'ten'"),
    (["steps=1.5"], "steps must be a whole number, 1 or more, got 1.5"),
    (["d_steps=0"], "d_steps must be a whole number, 1 or more, got 0"),
    (["seed=-1"], "seed must be a whole number from 0 to 4294967295, got -1"),
    (["optimizer.lr=-1"], "optimizer.lr must be a number above 0, got -1. Write for example optimizer.lr=2e-4"),
    (["optimizer.d.lr=abc"], "optimizer.d.lr must be a number above 0, got 'abc'"),
    (["optimizer.lr=nan"], "optimizer.lr must be a number above 0, got nan"),
    (["optimizer.betas=[0.5,1.0]"], "optimizer.betas.1 must be a number from 0 up to, not including, 1"),
    (["batch_size=97"], "batch_size must not exceed the 96 images of data=synthetic, got 97"),
    (["batch_size=1"], "batch_size must be a whole number, 2 or more, got 1"),
    (["batch_size=16", "devices=3"], "batch_size must be a multiple of devices.*Write batch_size=15"),
    (["precision=fp16"], "precision=fp16 needs a GPU.*Use precision=bf16 or precision=fp32"),
    (["smoothing.real_target=2"], "smoothing.real_target must be a number from 0 to 1, got 2"),
    (["technique=[instance_noise]", "technique.instance_noise.sigma=-1"], "sigma must be a number, 0 or more, got -1"),
    (["technique=[nothing]"], "technique must be one of diff_augment, dragan, ema"),
    (["network=dcgan", "data.size=27"], "even image side of at least 8, got 27"),
    (["prior=uniform", "prior.low=2"], "prior.low must be below prior.high, got 2"),
    (["prior=categorical", "prior.classes=5"], "prior.classes must be at least 2 and below prior.dim, got 5 of 5"),
    (
        ["prior=categorical", "prior.scale=0"],
        "prior.scale must be a number above 0, got 0. Write for example prior.scale=5.0",
    ),
    (["network.G.hidden=[16,-3]"], "network.G.hidden.1 must be a whole number, 1 or more, got -3"),
    (["network.D.dropout=1"], "network.D.dropout must be a number from 0 up to, not including, 1, got 1"),
    (["network=dcgan", "network.G.width=0"], "network.G.width must be a whole number, 1 or more, got 0"),
    (
        ["network=points", "network.G.waves=-1"],
        r"network.G.waves must be a whole number, 0 or more, got -1.*\(0: none\)",
    ),
    (["network=points", "network.D.finest=0"], "network.D.finest must be a number above 0, got 0"),
    (["network=points", "network.G.init=hee"], "network.G.init must be default or he, got 'hee'"),
    (["data.size=0"], "data.size must be a whole number, 8 or more, got 0"),
]


@pytest.mark.parametrize(("overrides", "message"), MISTAKES, ids=lambda v: "+".join(v) if isinstance(v, list) else "")
def test_a_mistake_gets_one_clear_message(call, tmp_path, overrides, message):
    other = any(o.startswith("network=") for o in overrides)
    code, text = call("train", *[o for o in TINY if not (other and o.startswith("network."))], *overrides)
    assert code == 1
    assert re.search(message, text, re.DOTALL), text
    assert "Traceback" not in text
    assert text.count("error: ") == 1
    assert runs(tmp_path) == [], "nothing half-written"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_trainer_gpu_without_one(call):
    code, text = call("train", *TINY, "trainer=gpu")
    assert code == 1
    assert "error: trainer=gpu needs a GPU that PyTorch can use" in text
    assert "Use trainer=cpu or trainer=auto" in text


def test_a_multirun_decides_its_data_once(call, monkeypatch, tmp_path):
    """One question to the network for the whole sweep, and every job trains on the same data."""
    from gan_lightning.data import fetch
    from gan_lightning.data.mnist import MNIST

    asked = []
    monkeypatch.setattr(fetch, "reachable", lambda mirrors, probe: asked.append(probe) or [])
    monkeypatch.setattr(MNIST, "folder", tmp_path / "nowhere")
    game = [o for o in TINY if not o.startswith("data")]
    code, text = call("train", "-m", *game, "data=auto", "seed=0,1", "steps=1")
    assert code == 0, text
    assert len(asked) == 1
    assert text.count("on 4000 images of mnist5k") == 2
    played = [OmegaConf.load(run / "config.yaml").data for run in runs(tmp_path)]
    assert played == [compose("train", ["data=mnist5k"]).data] * 2


def test_the_decision_is_made_before_the_jobs_start_wherever_they_run(monkeypatch, tmp_path):
    from gan_lightning.config.hydra_hooks import DecideDataOnce
    from gan_lightning.data import fetch
    from gan_lightning.data.auto import DECISION
    from gan_lightning.data.mnist import MNIST

    monkeypatch.setattr(fetch, "reachable", lambda mirrors, probe: [])
    monkeypatch.setattr(MNIST, "folder", tmp_path / "nowhere")
    cfg = compose("train")
    DecideDataOnce().on_multirun_start(cfg)
    assert os.environ[DECISION] == "mnist5k", "what processes of a launcher inherit"
    assert "auto" in cfg.data, "the sweep's own configuration stays as it was"


def test_mnist_without_files_or_network(call, monkeypatch, tmp_path):
    from gan_lightning.data.mnist import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ("http://127.0.0.1:9/",))
    code, text = call("train", "data=mnist", "data.root=nowhere", "steps=2", "trainer=cpu")
    assert code == 1
    assert "error: data=mnist needs its files in nowhere/MNIST/raw" in text
    assert "use data=mnist5k, which needs no download" in text
    assert "Traceback" not in text


def test_an_output_folder_that_cannot_be_written(call, tmp_path):
    (tmp_path / "file").write_text("")
    code, text = call("train", *TINY, "hydra.run.dir=file/run")
    assert code == 1
    assert re.search(r"error: .*Not a directory.*file", text), text
    assert "Traceback" not in text


def test_help_is_a_page_for_newcomers(call):
    code, text = call("train", "--help")
    assert code == 0
    for wanted in (
        "python -m gan_lightning.train loss=mmgan",
        "loss: hinge, lsgan, mmgan, nsgan",
        "steps=4000                G steps of the whole run, whatever the dataset",
        "  lr: 0.002",
        "-m loss=mmgan",
    ):
        assert wanted in text
    page = text.split("All keys, those of the groups too")[0]
    scalars = [k for k, v in compose("train").items() if not isinstance(v, DictConfig)]
    missing = [key for key in scalars if f"  {key}=" not in page]
    assert missing == [], "every key has its line"


def test_a_command_that_needs_a_choice_and_is_typed_alone_shows_its_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["study.py"])
    with pytest.raises(SystemExit) as stop:
        study.main()
    assert stop.value.code == 0
    said = capsys.readouterr()
    assert re.search(r"^  dirac +The Dirac-GAN under each loss", said.out, re.MULTILINE)
    assert said.err == ""


def test_help_does_not_copy_the_store_of_hydra_for_each_question(call, monkeypatch):
    """It did 142 times, which were 6,501 copies of a node and 1.5 s."""
    store, copies, original = ConfigStore.instance(), [], DictConfig.__deepcopy__
    monkeypatch.delattr(ConfigStore, "__deepcopy__", raising=False)
    monkeypatch.setattr(DictConfig, "__deepcopy__", lambda self, memo: copies.append(1) or original(self, memo))
    code, _ = call("train", "--help")
    assert code == 0
    assert len(copies) < 500
    before = store.load("hydra/config.yaml").node
    before.verbose = "changed"
    assert store.load("hydra/config.yaml").node.verbose is False, "what was loaded from it is a copy"


def test_the_command_in_a_fresh_process(tmp_path):
    """Through the shell: exit code, one message on the console, no traceback."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "gan_lightning.train", *TINY, "steps=0"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "error: steps must be a whole number, 1 or more, got 0. Write for example steps=10000"
    ]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Could not find 'hydra/sweeper/optuna'", "hydra/sweeper=optuna needs a package that is not there"),
        ("Could not find 'hydra/launcher/submitit_slurm'", "pip install 'gan-lightning[slurm]'"),
        ("Could not find 'hydra/launcher/joblib'", "pip install 'gan-lightning[sweeps]'"),
    ],
)
def test_an_extra_that_is_not_installed_is_named(text, words):
    assert words in explain(HydraException(text))
