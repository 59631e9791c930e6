"""Exported generators: what is kept of them, and that what is damaged, missing or a stranger's trick is refused."""

import hashlib
import json
import os
import shutil
import struct

import onnx
import pytest
import torch
from conftest import TINY
from hostile import memory_limit, refused
from safetensors.torch import save

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.io.tensors import from_bytes, packed, to_bytes, unpacked
from gan_lightning.report.exporting import export_job
from gan_lightning.runs import exported
from gan_lightning.runs.directory import find
from gan_lightning.runs.initial import read_initial
from gan_lightning.runs.resume import to_resume
from gan_lightning.training.setup import train

FILES = ("generator.safetensors", "discriminator.safetensors", "config.yaml")


def exported_to(to, run, *overrides):
    export_job(compose("export", [f"run={run}", f"to={to}", "measure=false", *overrides]))
    return to


@pytest.fixture(scope="module")
def whole(finished_tiny, tmp_path_factory):
    return exported_to(tmp_path_factory.mktemp("exports") / "tiny", finished_tiny)


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "tiny")


def with_file(folder, name, content):
    """The export with another file and the card that fits it, as a stranger would make it."""
    (folder / name).write_bytes(content)
    card = json.loads((folder / "card.json").read_text())
    card["sha256"][name] = hashlib.sha256(content).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))


# What is kept -----------------------------------------------------------------------------------------------


def test_rows_of_8_bits_by_hand():
    """The largest of a row is 127, the others are rounded: 1 / 254 of it is the largest error."""
    w = torch.zeros(2, 2**13)
    w[0, :3] = torch.tensor([2.54, -1.27, 0.0101])
    w[1, 0] = -12.7
    kept = packed({"w": w, "b": w[0]}, "int8")
    assert kept["w"].dtype == torch.int8
    assert kept["w"][0, :3].tolist() == [127, -64, 1]  # 63.5 to the even number
    torch.testing.assert_close(kept["w.scale"], torch.tensor([[0.02], [0.1]]))
    assert (unpacked(kept)["w"] - w).abs().max() <= 2.54 / 254 + 1e-6
    assert torch.equal(kept["b"], w[0])


def test_small_matrices_filters_and_counts():
    state = {"filters": torch.randn(3, 2, 4, 4), "matrix": torch.randn(2, 3), "count": torch.tensor(7)}
    for precision, kind in (("int8", torch.float16), ("float16", torch.float16), ("float32", torch.float32)):
        kept = packed(state, precision)
        assert (kept["filters"].dtype, kept["matrix"].dtype, kept["count"].dtype) == (kind, kind, torch.int64)
        assert set(unpacked(kept)) == set(state)
    assert torch.equal(unpacked(from_bytes(to_bytes(packed(state, "float32"), {"n": 1})))["filters"], state["filters"])


def test_a_run_and_its_export_draw_the_same(finished_tiny, whole):
    average, G = gan_lightning.load(finished_tiny, "ema"), gan_lightning.load(whole)
    assert torch.equal(G.sample(5, seed=3), average.sample(5, seed=3))
    assert torch.equal(gan_lightning.load(whole, "ema").sample(5), G.sample(5)), "its name in the run is known"
    assert (G.g_steps, G.shape, G.run, G.others) == (6, [1, 8, 8], whole, [])
    images = G.sample(3)
    assert torch.equal(G.D(images), gan_lightning.load(finished_tiny).D(images))


def test_g_itself_is_exported_where_it_is_named(finished_tiny, tmp_path):
    G = gan_lightning.load(exported_to(tmp_path / "g", finished_tiny, "generator=G"))
    assert torch.equal(G.sample(4), gan_lightning.load(finished_tiny).sample(4))


def test_a_d_that_sees_more_than_a_sample_stays_behind(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    train(compose("train", [*TINY, "technique=[packing]"]), run)
    folder = exported_to(tmp_path / "packed", run)
    assert not (folder / "discriminator.safetensors").exists()
    assert gan_lightning.load(folder).D is None


# What is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_gets_one_sentence(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    refused(folder, lambda: gan_lightning.load(folder), f"{folder / name} has SHA-256 ")
    refused(
        folder, lambda: gan_lightning.load(folder), "it is damaged. Export it again (python -m gan_lightning.export)."
    )


@pytest.mark.parametrize("name", [*FILES, "card.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    words = "is not a run directory" if name == "card.json" else f"{folder / name} "
    refused(folder, lambda: gan_lightning.load(folder), words)


def test_names_of_the_zoo(tmp_path, monkeypatch, whole):
    monkeypatch.setattr(exported, "ZOO", tmp_path)
    with pytest.raises(ValueError, match="run=zoo:none is not in the zoo, which has nothing. Write one of these."):
        find("zoo:none")
    shutil.copytree(whole, tmp_path / "tiny")
    with pytest.raises(ValueError, match="zoo:../x is not in the zoo, which has zoo:tiny. Write one of these."):
        find("zoo:../x")
    assert find("zoo:tiny")[1] == tmp_path / "tiny" / "generator.safetensors"
    assert str(find("zoo:tiny")[0]) == "outputs/zoo/tiny", "nothing is written into the package"
    (tmp_path / "tiny" / "config.yaml").unlink()
    with pytest.raises(ValueError, match=r"config.yaml is missing. Install the package again \(pip install --force"):
        find("zoo:tiny")


@pytest.mark.parametrize("place", ["zoo:tiny", "{}", "{}/generator.safetensors"])
def test_an_export_is_no_run_to_go_on_with(whole, place):
    with pytest.raises(ValueError, match=r"resume=.* cannot go on: an exported generator has no optimizers' moments"):
        to_resume(place.format(whole))


def test_another_average_than_the_exported_one(whole):
    with pytest.raises(ValueError, match="generator=swa is not in .*, which has one, exported from ema. Leave"):
        gan_lightning.load(whole, "swa")


def test_what_to_holds_is_not_lost(finished_tiny, tmp_path):
    with pytest.raises(ValueError, match="must be a new folder, or that of an earlier export, and holds something"):
        exported_to(finished_tiny, finished_tiny)
    to = exported_to(tmp_path / "twice", finished_tiny)
    (to / "samples").mkdir()
    before = (to / "generator.safetensors").read_bytes()
    exported_to(to, finished_tiny)
    assert (to / "samples").is_dir()
    assert (to / "generator.safetensors").read_bytes() == before
    assert not to.with_name("twice.part").exists()


def test_without_a_judge_the_sentence_says_how(finished_tiny, tmp_path):
    with pytest.raises(ValueError, match="there is no judge for data=synthetic.* Without a measurement: measure=false"):
        exported_to(tmp_path / "x", finished_tiny, "measure=true")
    assert not list(tmp_path.iterdir())


# A stranger's ------------------------------------------------------------------------------------------------


def header(text, size=None):
    """A safetensors file of 8 bytes of data whose header is ``text``."""
    return struct.pack("<Q", len(text) if size is None else size) + text + bytes(8)


W = b'{"w":{"dtype":"%s","shape":[%s],"data_offsets":[%s]}}'
HOSTILE = {
    "a pickle": b"\x80\x02cos\nsystem\n(S'touch executed'\ntR.",
    "a header of 2^60 bytes": header(b"{}", 2**60),
    "a header of 2^63 bytes": header(b"{}", 2**63),
    "a header of 2^64 - 1 bytes": header(b"{}", 2**64 - 1),
    "two tensors over the same bytes": header(
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}'
    ),
    "a kind of numbers that is none": header(W % (b"X9", b"2", b"0,8")),
    "numbers of another size than their kind": header(W % (b"F32", b"4", b"0,8")),
    "metadata of megabytes": header(b'{"__metadata__":{"x":"' + b"y" * 2**21 + b'"}}'),
    "more numbers than bytes": header(W % (b"F32", b"1000000000", b"0,4000000000")),
    "2^62 numbers in 8 bytes": header(W % (b"F32", b"4611686018427387904", b"0,8")),
    "an offset below 0": header(W % (b"F32", b"2", b"-8,0")),
    "no safetensors": b"",
    "64-bit numbers": save({"w": torch.zeros(2, dtype=torch.float64)}),
    "8 bits without a scale": save({"layers.0.weight": torch.zeros(8, 5, dtype=torch.int8)}),
    "a scale that would fill memory": save(
        {"w": torch.zeros(2**10, 1, dtype=torch.int8), "w.scale": torch.zeros(2**16, 2**4, 1)}
    ),
    "other names": save({"elsewhere": torch.zeros(2)}),
    "no weights": save({}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_strangers_weights_execute_nothing_and_fill_no_memory(folder, what):
    with_file(folder, "generator.safetensors", HOSTILE[what])
    with memory_limit(2**30):
        refused(folder, lambda: gan_lightning.load(folder), str(folder))


def test_a_strangers_onnx_is_read_by_nobody(folder):
    """Its metadata and the places of its external data are text that no command looks at."""
    tensor = onnx.TensorProto(name="w", dims=[2], data_type=1, data_location=1)
    tensor.external_data.add(key="location", value="../secret.txt")
    graph = onnx.GraphProto(name="G", initializer=[tensor])
    model = onnx.ModelProto(ir_version=10, graph=graph)
    model.metadata_props.add(key="config", value="!!python/object/apply:os.system ['touch executed']")
    file = folder.parent / "generator.onnx"
    file.write_bytes(model.SerializeToString())
    words = f"the checkpoint {file} cannot be read: it is truncated, damaged or not a checkpoint"
    refused(folder, lambda: gan_lightning.load(file), words)
    refused(folder, lambda: read_initial(str(file)), words)


def test_a_strangers_configuration_is_no_code(folder):
    text = (folder / "config.yaml").read_text()
    with_file(folder, "config.yaml", text.replace("gan_lightning.losses.nsgan.NSGAN", "os.system").encode())
    refused(folder, lambda: gan_lightning.load(folder), "names _target_: os.system, which is not among those")
    with_file(folder, "config.yaml", b"!!python/object/apply:os.system ['touch executed']")
    refused(folder, lambda: gan_lightning.load(folder), "is not plain YAML")


@pytest.mark.parametrize(
    ("key", "value"),
    [("sha256", {"../../secret": ""}), ("sha256", []), ("shape", [2**40, 1, 1]), ("shape", "x"), ("g_steps", -1),
     ("generator", 1), ("name", None)],
)  # fmt: skip
def test_a_strangers_card(folder, key, value):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {key: value}))
    refused(folder, lambda: gan_lightning.load(folder), str(folder))


def test_weights_that_are_a_link_or_a_pipe(folder, tmp_path):
    weights = folder / "generator.safetensors"
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    refused(folder, lambda: gan_lightning.load(folder), "it is a link")
    weights.unlink()
    os.mkfifo(weights)
    refused(folder, lambda: gan_lightning.load(folder), "generator.safetensors is missing")
