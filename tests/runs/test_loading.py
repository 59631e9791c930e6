"""What of a checkpoint is accepted, and the whole sentence that says why one is not."""

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from gan_lightning.core.prior import Normal
from gan_lightning.core.rng import Stream
from gan_lightning.data.fetch import faults
from gan_lightning.runs import load as loading
from gan_lightning.runs.checkpoint import load_weights, odd_values, read_checkpoint, whole_checkpoint
from gan_lightning.runs.fit import OnlyShapes, build_to_fit, check_fit, check_shapes
from gan_lightning.runs.load import WRITTEN, LoadedGenerator, check_picture, readable_root, run_config

GOOD = {"state_dict": {"w": torch.zeros(2)}, "config": {}, "shape": [1, 8, 8], "counters": {"g_steps_done": 6}}
SHAPE, COUNTERS = "shape must be one or three whole numbers above 0, got ", "counters must be whole numbers, got "
TENSORS = "state_dict holds something else than tensors"


def refusal(call, *arguments) -> str:
    with pytest.raises(ValueError) as refused:
        call(*arguments)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("shape", [2], None),
        ("shape", (1, 1, 1), None),
        ("shape", [1, 8], SHAPE + "[1, 8]"),
        ("shape", [], SHAPE + "[]"),
        ("shape", [1, 8, 0], SHAPE + "[1, 8, 0]"),
        ("shape", [1, 8, 8.0], SHAPE + "[1, 8, 8.0]"),
        ("shape", [1, 8, 2**48], SHAPE + f"[1, 8, {2**48}]"),
        ("shape", [1, 8, 2**48 - 1], None),
        ("shape", [True], SHAPE + "[True]"),
        ("shape", "28", SHAPE + "28"),
        ("shape", ["a" * 100], SHAPE + "['" + "a" * 78),
        ("counters", {"g_steps_done": 0}, None),
        ("counters", {"g_steps_done": -1}, COUNTERS + "{'g_steps_done': -1}"),
        ("counters", {"d_steps_done": 1}, COUNTERS + "{'d_steps_done': 1}"),
        ("counters", [6], COUNTERS + "[6]"),
        ("counters", ["b" * 100], COUNTERS + "['" + "b" * 78),
        ("state_dict", {}, None),
        ("state_dict", {"v": torch.zeros(1), "w": 3}, TENSORS),
        ("state_dict", [torch.zeros(1)], TENSORS),
    ],
)
def test_plain_values_that_cannot_be(tmp_path, name, value, fault):
    assert odd_values({**GOOD, name: value}) == fault
    file = tmp_path / "x.ckpt"
    torch.save({**GOOD, name: value}, file)
    if fault is None:
        assert set(read_checkpoint(file)) == set(GOOD)
    else:
        told = f"{file} is not a checkpoint of gan_lightning: {fault}. Use another one, or train again."
        assert refusal(read_checkpoint, file) == told


@pytest.mark.parametrize("content", [[1], {k: v for k, v in GOOD.items() if k != "counters"}])
def test_a_file_of_something_else_is_named(tmp_path, content):
    file = tmp_path / "x.ckpt"
    torch.save(content, file)
    assert refusal(read_checkpoint, file) == (
        f"{file} is not a checkpoint of gan_lightning: one of config, counters, shape, state_dict is missing."
    )


def test_a_damaged_file_names_the_others_beside_it_the_newest_first(tmp_path, capsys):
    run = tmp_path / "run"
    folder = run / "checkpoints"
    folder.mkdir(parents=True)
    last = folder / "last.ckpt"
    last.write_bytes(b"nothing")
    told = refusal(read_checkpoint, last)
    start = f"the checkpoint {last} cannot be read: it is truncated, damaged or not a checkpoint ("
    assert told.startswith(start)
    assert told.endswith("). Use another one, or train again.")
    assert refusal(whole_checkpoint, run) == (
        f"no checkpoint in {folder} is whole: {told} The command that began it stands in record.json."
    )
    for name, age in (("old", 30), ("new", 10), ("middle", 20)):
        torch.save(GOOD, folder / f"{name}.ckpt")
        os.utime(folder / f"{name}.ckpt", (1e9 - age, 1e9 - age))
    (folder / "notes.txt").write_text("no checkpoint")
    told = refusal(read_checkpoint, last)
    assert told.startswith(start)
    assert told.endswith("). Use new.ckpt or middle.ckpt or old.ckpt beside it, or train again.")
    (folder / "new.ckpt").write_bytes(b"nothing either")
    capsys.readouterr()
    assert whole_checkpoint(run) == folder / "middle.ckpt"
    out, err = capsys.readouterr()
    said = refusal(read_checkpoint, last)
    assert (out, err) == ("", f"warning: {said}\ngoing on from {folder / 'middle.ckpt'}\n")
    torch.save(GOOD, last)
    assert whole_checkpoint(run) == last
    assert capsys.readouterr() == ("", "")


MISFIT = (
    "the checkpoint a.ckpt does not fit the network of its run (config.yaml): {}. "
    "It belongs to another run: take it back there, or give the checkpoint of this one."
)
ALONE = "Each checkpoint carries its own: move config.yaml away and name the checkpoint, run=<its file>."


def of(**shapes) -> dict:
    return {"state_dict": {name: torch.full(shape, 2.0) for name, shape in shapes.items()}}


def test_weights_that_do_not_fit_are_named_with_both_shapes():
    gan, config, path = nn.Linear(3, 2), Path("config.yaml"), Path("a.ckpt")
    build = lambda: nn.Linear(3, 2)  # noqa: E731
    wrong = {
        "size mismatch for weight: [2, 4] in the checkpoint, not [2, 3]": of(weight=(2, 4), bias=(2,)),
        "size mismatch for bias: nothing in the checkpoint, not [2]": of(weight=(2, 3)),
        "size mismatch for more: [1] in the checkpoint, not ": of(weight=(2, 3), bias=(2,), more=(1,)),
        "size mismatch for " + "m" * 80 + ": [1] in the checkpoint, not ": of(
            weight=(2, 3), bias=(2,), **{"m" * 90: (1,)}
        ),
        "size mismatch for weight: nothing in the checkpoint, not [2, 3]; size mismatch for bias: nothing in the "
        "checkpoint, not [2]; size mismatch for a: [1] in the checkpoint, not ": of(a=(1,), b=(1,)),
    }
    for words, checkpoint in wrong.items():
        for call in (lambda c: check_shapes(gan, c, path, config), lambda c: check_fit(build, c, path, config),
                     lambda c: build_to_fit(build, c, path, config)):  # fmt: skip
            assert refusal(call, checkpoint) == MISFIT.format(words)
    told = refusal(load_weights, gan, of(weight=(2, 4), bias=(2,)), path, config)
    assert re.fullmatch(re.escape(MISFIT).replace(r"\{\}", r"size mismatch for weight: copying a param.*"), told)
    right = of(weight=(2, 3), bias=(2,))
    check_shapes(gan, right, path, config)
    before = torch.get_rng_state()
    fitted = build_to_fit(build, right, path, config)
    assert torch.equal(before, torch.get_rng_state())
    assert fitted.weight.tolist() == [[2.0] * 3] * 2


def test_a_configuration_that_builds_nothing_is_named():
    def broken():
        raise TypeError("no such thing\nand more")

    config, path = Path("config.yaml"), Path("a.ckpt")
    start = "config.yaml is not the configuration of a run: no such thing. "
    assert refusal(check_fit, broken, {}, path, config) == start + "Restore it."
    assert refusal(check_fit, broken, {}, path, config, "Mend it.") == start + "Mend it."
    assert refusal(build_to_fit, broken, {}, path, config) == start + ALONE

    def broken_with_memory():
        made = nn.Linear(3, 2)
        if made.weight.device.type != "meta":
            raise MemoryError
        return made

    told = refusal(build_to_fit, broken_with_memory, of(weight=(2, 3), bias=(2,)), path, config)
    assert told == "config.yaml is not the configuration of a run: MemoryError. " + ALONE


def test_only_shapes_are_made_and_nothing_is_drawn():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    with torch.device("meta"), OnlyShapes():
        made = [torch.zeros(2**40), torch.randn(2, 3, generator=generator, device="cpu"), torch.ones(2, device="cpu")]
        assert torch.add(made[1], 1, alpha=2).shape == (2, 3)
    assert {m.device.type for m in made} == {"meta"}
    assert torch.equal(generator.get_state(), before)


def test_a_loaded_generator_draws_by_its_own_stream():
    G = LoadedGenerator(nn.Linear(3, 2).train(), Normal(3), OmegaConf.create({"seed": 4}), Path("run"), 6)
    assert (G.run, G.path, G.g_steps, G.others, G.shape, G.config.seed) == (Path("run"), Path("run"), 6, [], [], 4)
    assert not G.G.training
    assert not any(p.requires_grad for p in G.parameters())
    for seed in (0, 3):
        z = Stream(seed, name="sample").normal(1001, 3)
        assert torch.equal(G.z(1001, seed), z)
        torch.testing.assert_close(G.sample(1001, seed), G(z))
    assert torch.equal(G.z(2), G.z(2, seed=0))
    assert torch.equal(G.sample(2), G.sample(2, seed=0))
    sizes = []
    G.G.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    G.sample(1001)
    assert sizes == [500, 500, 1]


@pytest.mark.parametrize(
    ("shape", "fits"), [([1, 4, 4], True), ([3, 4, 4], True), ([4, 3, 3], False), ([2, 4, 4], False), ([2], True)]
)
def test_what_can_be_drawn(shape, fits):
    G = SimpleNamespace(shape=shape, path=Path("a.ckpt"))
    if fits:
        return check_picture(G)
    assert refusal(check_picture, G) == (
        f"a.ckpt makes images of {shape[0]} channels, and a picture has 1 or 3. Draw from it in Python: "
        "gan_lightning.load(run).sample(n)."
    )
    return None


def test_data_are_read_where_they_lie_whole(monkeypatch, tmp_path):
    """In the folder of the run, if its files are whole there; otherwise where this machine has its own."""
    data = OmegaConf.create({"root": "of the run"})
    (tmp_path / "a").write_bytes(b"whole")
    file = SimpleNamespace(
        name="a", fault=lambda folder: None if (folder / "a").read_bytes() == b"whole" else "damaged"
    )
    source = SimpleNamespace(is_complete=lambda: not faults([file], tmp_path))
    given = []
    monkeypatch.setattr(loading, "build_source", lambda node: (given.append(node), source)[1])
    monkeypatch.setenv("GAN_DATA", "of this machine")
    assert readable_root(data) == "of the run"
    (tmp_path / "a").write_bytes(b"half")
    assert readable_root(data) == "of this machine"
    monkeypatch.delenv("GAN_DATA")
    assert readable_root(data) == "data"
    assert given == [data] * 3


def test_a_configuration_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "config.yaml").write_text("a: [")
    told = refusal(run_config, tmp_path, GOOD, tmp_path / "a.ckpt")
    assert told.startswith(f"{tmp_path / 'config.yaml'} is not the configuration of a run: ")
    assert told.endswith(f". {ALONE}")


def test_whom_to_trust_is_passed_on_with_the_file_that_is_read(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(loading, "checked", lambda *a: given.append(a))
    file = tmp_path / "a.ckpt"
    run_config(tmp_path, {"config": {"seed": 1}}, file, "mine")
    (tmp_path / "config.yaml").write_text("seed: 2")
    run_config(tmp_path, {"config": {"seed": 1}}, file, "mine")
    run_config(tmp_path, {}, file)
    own = tmp_path / "config.yaml"
    assert given == [({"seed": 1}, file, "mine"), ({"seed": 2}, own, "mine"), ({"seed": 2}, own, None)]


def test_all_of_a_run_may_not_lead_out_of_it_and_of_another_folder_what_is_written_there(tmp_path, monkeypatch):
    class Looked(Exception):
        pass

    def look(folder, names):
        raise Looked(folder, names)

    monkeypatch.setattr(loading, "check_links", look)
    (tmp_path / "checkpoints").mkdir()
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.write_bytes(b"")
    for names in (WRITTEN, ["**/*"]):
        with pytest.raises(Looked) as looked:
            loading.load(last)
        assert looked.value.args == (tmp_path, names)
        for name in ("config.yaml", "status.json"):
            (tmp_path / name).write_text("{}")
