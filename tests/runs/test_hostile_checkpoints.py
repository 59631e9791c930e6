"""Checkpoints from a stranger, a corpus: pickles that call, archives and tensors that lie about their size."""

import collections
import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hostile import memory_limit, rebuilt, refused, with_value

import gan_lightning
from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.io import archives
from gan_lightning.io.files import write_json
from gan_lightning.runs import checkpoint as checkpoints
from gan_lightning.runs.start import Start
from gan_lightning.training import processes
from gan_lightning.training.setup import train


class Touch:
    def __init__(self, command="touch executed"):
        self.command = command

    def __reduce__(self):
        return (os.system, (self.command,))


class Call:
    """Pickled as a call."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return (self.function, self.arguments)


def expanded(whole):
    """A tensor of 2^40 numbers that are all one: four bytes in the file."""
    weights = torch.load(io.BytesIO(whole), weights_only=True)["state_dict"]
    name = next(iter(weights))
    return with_value(whole, state_dict={**weights, name: torch.zeros(1).expand(2**40)})


def laughing(whole, name="config"):
    """Plain lists that hold one another twice: small in the file, 2^60 values to walk through."""
    level = [0]
    for _ in range(60):
        level = [level, level]
    if name != "config":
        return with_value(whole, **{name: level})
    config = torch.load(io.BytesIO(whole), weights_only=True)["config"]
    return with_value(whole, config={**config, "seed": level})


def hashed(whole):
    """A key of a dict: a tuple of the same tuple twice, and so on. To hash it are 2^60 steps."""
    body = b"K\x00\x85" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
    return rebuilt(whole, {"data.pkl": lambda d: b"\x80\x02}" + body + b"K\x01s."})


def with_attributes(whole, **attributes):
    """state_dict, an OrderedDict, with attributes that stand before its methods."""
    weights = torch.load(io.BytesIO(whole), weights_only=True)["state_dict"]
    weights.__dict__.update(attributes)
    return with_value(whole, state_dict=weights)


def hidden(whole):
    """values() is empty, and does not tell of a tensor of 2^40 numbers."""
    weights = torch.load(io.BytesIO(whole), weights_only=True)["state_dict"]
    weights["more"] = torch.zeros(1).expand(2**40)
    weights.__dict__["values"] = collections.OrderedDict
    return with_value(whole, state_dict=weights)


def shared(whole):
    """A thousand tensors that are views of one: together much larger than the file."""
    one = torch.zeros(10_000)
    return with_value(whole, extra=[one.view(100, 100) for _ in range(1000)])


def overflowing(whole):
    """2^32 times 2^32 numbers, which 64 bits count as 0."""
    one = torch.zeros(1).untyped_storage()
    storage = torch.storage.TypedStorage(wrap_storage=one, dtype=torch.float32, _internal=True)
    size, strides = (2**32, 2**32), (0, 0)
    call = Call(torch._utils._rebuild_tensor_v2, storage, 0, size, strides, False, collections.OrderedDict())
    return with_value(whole, extra=call)


def pickled(body):
    """Another data.pkl: it is not even a dict, and each of these is refused before that is told."""
    return lambda whole: rebuilt(whole, {"data.pkl": lambda d: b"\x80\x02" + body + b"."})


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word


STORAGE = (
    b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") + b"K(tQ"
)  # data/0: 40 numbers
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n("
REST = b"K\0K\1\x85K\1\x85\x89}"  # where it begins, its shape, its strides, no gradient, no hooks


def in_itself(whole):
    loop = [0]
    loop.append(loop)
    return with_value(whole, callbacks={"Diagnostics": loop})


def larger_than_the_file(whole):
    """The central directory claims more bytes than there are."""
    at = whole.index(b"PK\x01\x02")
    return whole[: at + 20] + struct.pack("<II", 2**31, 2**31) + whole[at + 28 :]


CHECKPOINTS = {
    "a pickle that calls, alone": lambda whole: pickle.dumps(Touch()),
    "a pickle that calls": lambda whole: rebuilt(whole, {"data.pkl": lambda d: pickle.dumps(Touch(), 2)}),
    "a pickle that calls in weights": lambda whole: with_value(whole, state_dict={"a": Touch()}),
    "a pickle that calls in config": lambda whole: with_value(whole, config=Touch()),
    "a pickle that calls in counters": lambda whole: with_value(whole, counters={"g_steps_done": Touch()}),
    "a pickle in a tensor's bytes": lambda whole: rebuilt(whole, {"data/0": lambda d: pickle.dumps(Touch())}),
    "a pickle as version": lambda whole: rebuilt(whole, more={"version.pkl": pickle.dumps(Touch())}),
    "a script's constants": lambda whole: rebuilt(whole, more={"constants.pkl": pickle.dumps(Touch())}),
    "a script's code": lambda whole: rebuilt(whole, more={"code/__torch__.py": b"import os"}),
    "an archive in the archive": lambda whole: rebuilt(whole, more={"inner.zip": whole[:100]}),
    "a second pickle": lambda whole: rebuilt(whole, more={"../data.pkl": pickle.dumps(Touch())}),
    "a member twice": lambda whole: rebuilt(whole, more={"data.pkl": pickle.dumps(Touch())}),
    "an absolute name": lambda whole: rebuilt(whole, more={"/../../../executed": b"x"}),
    "eval in the newest protocol": lambda whole: rebuilt(whole, {"data.pkl": lambda d: pickle.dumps(Call(eval, "1"))}),
    "64 GiB by one call": lambda whole: with_value(whole, config=Call(bytearray, 2**36)),
    "4 TiB by one tensor": lambda whole: with_value(whole, config=Call(torch.Tensor, 2**40)),
    "a function of PyTorch": lambda whole: with_value(whole, config=Call(torch.hub.load, ".", "entry", "local")),
    "a load in a load": lambda whole: with_value(whole, config=Call(torch.load, "evil.pt")),
    "an extension's code": lambda whole: rebuilt(whole, {"data.pkl": lambda d: b"\x80\x02\x82\x01."}),
    "a tensor of 2^40": expanded,
    "a sparse tensor": lambda whole: with_value(whole, state_dict={"a": torch.eye(2).to_sparse()}),
    "a key that is hashed for ever": hashed,
    "a tensor that values() hides": hidden,
    "keys() that is a number": lambda whole: with_attributes(whole, keys=5),
    "odd versions of modules": lambda whole: with_attributes(whole, _metadata=[1]),
    "odd versions of one module": lambda whole: with_attributes(whole, _metadata={"": [1]}),
    "a thousand tensors in one": shared,
    "a tensor of 2^64": overflowing,
    "a list in itself": in_itself,
    "lists that hold one another": lambda whole: laughing(whole, "optimizer_states"),
    "a set": lambda whole: with_value(whole, extra={1, 2}),
    "a list instead of weights": lambda whole: with_value(whole, state_dict=[1]),
    "numbers instead of weights": lambda whole: with_value(whole, state_dict={"a": 1}),
    "weights named by numbers": lambda whole: with_value(whole, state_dict={5: torch.zeros(1)}),
    "weights named by weights": lambda whole: with_value(whole, state_dict={torch.zeros(1): torch.zeros(1)}),
    "a shape of strings": lambda whole: with_value(whole, shape=["a", "b", "c"]),
    "a shape below 0": lambda whole: with_value(whole, shape=[1, -8, 8]),
    "a count that is text": lambda whole: with_value(whole, counters={"g_steps_done": "=cmd"}),
    "a bomb": lambda whole: rebuilt(whole, {"data/0": lambda d: bytes(2**24)}, compression=zipfile.ZIP_DEFLATED),
    "more than the file has": larger_than_the_file,
    "a comment": lambda whole: rebuilt(whole, comment=b"PK\x05\x06" + b"\x00" * 18),
    "bytes that have no name": pickled(b"K\1Q"),
    "bytes of another name": pickled(STORAGE.replace(text(b"0"), text(b"../../x"))),
    "bytes of another kind": pickled(STORAGE.replace(b"torch\nFloatStorage", b"collections\nOrderedDict")),
    "bytes of a name that is a number": pickled(STORAGE.replace(text(b"cpu"), b"K\1")),
    "more bytes than a member has": pickled(STORAGE.replace(b"K(", b"J\0\0\1\0")),
    "a member that was cut": lambda whole: rebuilt(whole, {"data/0": lambda d: d[:4]}),
    "a tensor of a number": pickled(REBUILD + b"K\1" + REST + b"tR"),
    "a tensor whose extras are a word": pickled(REBUILD + STORAGE + REST + text(b"x") + b"tR"),
    "a number that is called": pickled(b"K\1)R"),
    "a mark that is taken": pickled(b"(\x85"),
    "what torch.save does not write": pickled(b"K\1\x94"),
    "300,000 dicts": pickled(b"](" + b"}" * 300_000 + b"e"),
    "something before it": lambda whole: b"#!/bin/sh\ntouch executed\nexit\n" + whole,
    "something behind it": lambda whole: whole + b"\x00" * 64,
    "two archives": lambda whole: whole + whole,
}  # fmt: skip


WORDS = {  # of those that another check would refuse too
    "a key that is hashed for ever": "a tuple of more than 1000 values",
    "bytes that have no name": "something else than a tensor's bytes",
    "bytes of another name": "'../../x' of 40 numbers, and it has other bytes",
    "bytes of another kind": "something else than a tensor's bytes",
    "bytes of a name that is a number": "something else than a tensor's bytes",
    "more bytes than a member has": "'0' of 65536 numbers, and it has other bytes",
    "a member that was cut": "'0' of 40 numbers, and it has other bytes",
    "a number that is called": "its pickle is none of a checkpoint",
    "a mark that is taken": "its pickle is torn",
    "what torch.save does not write": "its pickle names MEMOIZE",
    "300,000 dicts": "more than 262144 steps",
    "weights named by numbers": "last.ckpt is not a checkpoint of gan_lightning: state_dict has a name of kind int",
    "weights named by weights": "state_dict has a name of kind Tensor, not a word",
    "a tensor that values() hides": "attributes of its own",
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("attack", CHECKPOINTS)
def test_a_checkpoint_is_data(stranger, attack):
    path = stranger / "checkpoints/last.ckpt"
    path.write_bytes(CHECKPOINTS[attack](path.read_bytes()))
    with memory_limit():
        refused(stranger, lambda: gan_lightning.load(stranger), WORDS.get(attack, "checkpoint"))


KIND = "is not the configuration of a run"
SWELLING = {
    "laughs": (laughing, "nested too deeply or too long"),
    "pictures of 10^18": (lambda whole: with_value(whole, shape=[1, 10**9, 10**9]), KIND),
    "points of 10^14": (lambda whole: with_value(whole, shape=[10**14]), "does not fit the network of its run"),
}


@pytest.mark.parametrize("attack", SWELLING)
def test_a_checkpoint_that_would_swell(stranger, attack):
    edit, words = SWELLING[attack]
    path = stranger / "checkpoints/last.ckpt"
    path.write_bytes(edit(path.read_bytes()))
    (stranger / "config.yaml").unlink()
    with memory_limit():
        refused(stranger, lambda: gan_lightning.load(path), words)


# Files that change between check and use ---------------------------------------------------------------------


def test_what_was_checked_is_what_is_read(stranger, monkeypatch):
    """A thread that put another file in its place had 64 GiB taken, in three of twelve attempts."""
    path = stranger / "checkpoints/last.ckpt"
    whole = path.read_bytes()
    Path("evil.ckpt").write_bytes(CHECKPOINTS["64 GiB by one call"](whole))
    check = archives.check_archive

    def then_swapped(file):
        check(file)
        Path("evil.ckpt").replace(path)

    monkeypatch.setattr(checkpoints, "check_archive", then_swapped)
    with memory_limit():
        assert gan_lightning.load(stranger).g_steps == 6
    assert path.read_bytes() != whole


def test_lightning_reads_as_everybody_here_does(stranger, tiny, monkeypatch):
    """It reads the checkpoint once more, after the run's small files have been renewed."""
    path = stranger / "checkpoints/last.ckpt"
    read = []
    monkeypatch.setattr(
        processes, "read_checkpoint", lambda path: read.append(path) or checkpoints.read_checkpoint(path)
    )
    train(tiny("technique=[ema]", "steps=8"), stranger, start=Start(path))
    assert read == [path]
    path.write_bytes(CHECKPOINTS["64 GiB by one call"](path.read_bytes()))
    with memory_limit(), pytest.raises(ValueError, match="its pickle names"):
        processes.CheckedReading(path).load_checkpoint(path, weights_only=True)


def test_a_small_file_is_written_through_no_link(tmp_path):
    (tmp_path / "victim").write_text("keep")
    (tmp_path / "status.json.part").symlink_to("victim")
    write_json(tmp_path / "status.json", {})
    assert (tmp_path / "victim").read_text() == "keep"
    assert (tmp_path / "status.json").read_text() == "{}\n"
    assert not (tmp_path / "status.json").is_symlink()


def test_what_several_processes_wrote_is_what_they_wrote(stranger):
    """Lines of an earlier sitting are a stranger's: words, and numbers without their like."""
    lines = [{"step": 5, "metric/fd_over_coverage": "=cmd"}, {"step": 6, "x": [1]}, {"step": 7, "loss/d": 0.5}]
    (stranger / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    gan = SimpleNamespace(numbers={}, on_load_checkpoint=lambda checkpoint: None)
    processes.gather_results(gan, Evaluation(), stranger, begun=6)
    assert gan.numbers == {"loss/d": 0.5}
