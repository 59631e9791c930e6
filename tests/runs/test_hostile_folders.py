"""Folders of a stranger, a corpus: links in circles, nests, names that speak to a terminal, files in odd places."""

import io
import logging
import shutil
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hostile import refused, with_value
from PIL import Image

import gan_lightning
from gan_lightning.callbacks.checkpoints import Checkpoints
from gan_lightning.callbacks.samples import by_steps, frames_of
from gan_lightning.config.build import build_source
from gan_lightning.io.bar import Bar
from gan_lightning.io.plain import check_links
from gan_lightning.report.arms import gather
from gan_lightning.report.measuring import candidates, expand
from gan_lightning.report.sampling import sample
from gan_lightning.runs.checkpoint import whole_checkpoint
from gan_lightning.runs.directory import last_begun, matching
from gan_lightning.runs.resume import resume_arguments
from gan_lightning.training.job import check_place

ESCAPE = "\x1b]0;title\x07"


def nest(folder, depth):
    (folder / "/".join(["d"] * depth)).mkdir(parents=True)


# Globs -------------------------------------------------------------------------------------------------------


def test_a_glob_does_not_walk_in_circles(stranger):
    """Two links to the folder above: 2^40 ways, of 40 links each, to walk until the system says no."""
    for name in ("a", "b"):
        (stranger / name).symlink_to("..")
    for pattern in ("**", "**/*", "./**/run", f"{stranger.parent}/**", "**/**/**"):
        assert {Path(p).resolve() for p in expand(pattern)} == {stranger}, pattern
    found, _, _ = gather("**")
    assert [run.path.name for run in found] == ["run"]


def test_what_a_glob_matches(stranger, monkeypatch):
    top = stranger.parent
    for name in (".hidden", "x/one", "x/two", "x/[3]"):
        shutil.copytree(stranger, top / name)
    (top / "linked").symlink_to("x")
    nest(top / "x", 60)
    assert matching("*") == [Path("run")]
    assert matching("x/*") == [Path("x/[3]"), Path("x/one"), Path("x/two")]
    assert matching("linked/o*") == [Path("linked/one")], "a link outside ** is followed"
    assert matching("**/t[vw]o") == [Path("x/two")]
    assert matching("x/[[]3]") == [Path("x/[3]")]
    assert matching(".h*") == [Path(".hidden")]
    assert matching(f"{top}/**/one/") == [top / "x/one"]
    assert matching("nowhere/*") == matching("run/config.yaml/*") == matching("**/nowhere") == []
    monkeypatch.chdir(top / "x")
    assert matching("../r?n") == [Path("../run")]


def test_a_nest_of_folders_is_refused(stranger):
    nest(stranger, 60)
    refused(stranger, lambda: gan_lightning.load(stranger), "folders in one another, which a run does not have")
    refused(stranger, lambda: resume_arguments(["train", "resume=run"]), "folders in one another")


# Names -------------------------------------------------------------------------------------------------------


def test_a_name_does_not_speak_to_the_terminal(stranger, capsys, caplog):
    folder = stranger.parent / "outputs" / f"run{ESCAPE}"
    shutil.copytree(stranger, folder)
    (folder / "checkpoints" / f"1{ESCAPE}.ckpt").write_bytes((folder / "checkpoints/last.ckpt").read_bytes())
    (folder / "checkpoints/last.ckpt").write_bytes(b"torn")
    last_begun()
    whole_checkpoint(folder)
    with caplog.at_level(logging.INFO), Bar("evaluating", seconds=0.01) as bar:
        bar.set_postfix_str(f"{folder}, reading it")
        bar.over.wait(0.05)
        assert "\x1b" not in bar.line()
    shown = capsys.readouterr().err
    assert "going on from" in shown
    assert "resume=latest is" in shown
    assert "\x1b" not in shown


# Hard links --------------------------------------------------------------------------------------------------


def test_a_log_with_another_name_is_not_written_on(stranger):
    """It lay outside: what a resumption said was appended to a file of the reader's."""
    Path("victim.txt").write_text("keep")
    (stranger / "train.log").unlink(missing_ok=True)
    (stranger / "train.log").hardlink_to("victim.txt")
    refused(stranger, lambda: resume_arguments(["train", "resume=run"]), "train.log is a hard link to a file that has")
    log = logging.FileHandler("ours.log")
    logging.root.addHandler(log)
    refused(stranger, lambda: check_place(stranger), "train.log is a hard link")
    assert log not in logging.root.handlers
    assert log.stream is None, "closed"
    assert gan_lightning.load(stranger).g_steps == 6, "who only looks does not write in it"


def test_checkpoints_share_their_files(stranger):
    """previous.ckpt, numbered checkpoints and the best of two are second names of others."""
    (stranger / "checkpoints/previous.ckpt").unlink(missing_ok=True)
    (stranger / "checkpoints/previous.ckpt").hardlink_to(stranger / "checkpoints/last.ckpt")
    check_links(stranger, played=True)


# Odd shapes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [[0], [1, 0, 8], [2**49]])
def test_a_shape_that_no_picture_has(stranger, shape):
    path = stranger / "checkpoints/last.ckpt"
    path.write_bytes(with_value(path.read_bytes(), shape=shape))
    refused(stranger, lambda: gan_lightning.load(stranger), "last.ckpt is not a checkpoint of gan_lightning: shape")


def test_images_that_are_no_pictures(stranger):
    """Seven channels of eight by eight in the place of one: the weights of an honest checkpoint, of other data."""
    path = stranger / "checkpoints/last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    weights = {
        name: torch.zeros([{64: 448}.get(side, side) for side in value.shape] if value.ndim else []).to(value.dtype)
        for name, value in checkpoint["state_dict"].items()
    }
    path.write_bytes(with_value(path.read_bytes(), shape=[7, 8, 8], state_dict=weights))
    assert gan_lightning.load(stranger).sample(2).shape == (2, 7, 8, 8)
    refused(stranger, lambda: sample(stranger), "last.ckpt makes images of 7 channels, and a picture has")


def test_samples_of_another_shape_than_the_data(stranger):
    path = stranger / "checkpoints/last.ckpt"
    whole = path.read_bytes()
    own = torch.load(path, weights_only=True)["config"]
    ring8 = {"_target_": "gan_lightning.data.mixtures.ring8", "sd": 0.1, "n": 100, "n_test": 100}
    for config, shape, words in (
        ({**own, "data": ring8}, [1, 8, 8], r"is of shape \[1, 8, 8\], and the data of its run, ring8, of \[2\]"),
        (own, [64], r"is of shape \[64\], and the data of its run, synthetic, of \[1, 8, 8\]"),
    ):
        path.write_bytes(with_value(whole, config=config, shape=shape))
        alone = Path("alone.ckpt")
        alone.write_bytes(path.read_bytes())
        G = candidates("alone.ckpt")[1]["alone"].G
        with pytest.raises(ValueError, match=rf"alone.ckpt {words}"):
            gan_lightning.report.measuring.check_same_shape(G, build_source(G.config.data))


# Files and folders in one another's place --------------------------------------------------------------------

FILES = ["config.yaml", "record.json", "status.json", "metrics.jsonl", "metrics.json", "train.log", ".lock"]


@pytest.mark.parametrize("name", [*FILES, "checkpoints/last.ckpt", "checkpoints", "samples", "tensorboard"])
def test_a_file_in_the_place_of_a_folder(stranger, name):
    """Otherwise a resumption would find out when config.yaml and status.json have been renewed."""
    path = stranger / name
    if name in ("checkpoints", "samples", "tensorboard"):
        shutil.rmtree(path, ignore_errors=True)
        path.write_text("x")
        words = f"{path.name} is a file, and a run has a folder of that name"
    else:
        path.unlink(missing_ok=True)
        path.mkdir()
        words = f"{path.name} is a folder, and a run has a file of that name"
    if name == "record.json":
        words = "record.json"
    refused(stranger, lambda: resume_arguments(["train", "resume=run"]), words)


# Pictures ----------------------------------------------------------------------------------------------------


def png(side):
    """A black square: 10,000 a side are a hundred million bytes in a file of 100,000."""
    file = io.BytesIO()
    Image.new("L", (side, side)).save(file, "png")
    return file.getvalue()


def test_the_pictures_of_an_animation(tmp_path, caplog):
    """In a stranger's samples/ lay bombs, and what is no picture: the run was played to its end, and failed there."""
    for step in (0, 1, 2, 10):
        Image.new("RGB", (20, 20), (step, 0, 0)).save(tmp_path / f"{step:07d}.png")
    (tmp_path / "0000003.png").write_bytes(png(21))
    (tmp_path / "0000004.png").write_bytes(b"GIF89a")
    (tmp_path / "0000005.png").write_bytes(png(20)[:-30])
    (tmp_path / "0000006.png").write_bytes(png(20).replace(b"\0\0\0\x14\0\0\0\x14", b"\0\1\0\0\0\1\0\0"))
    for name in ("0x", "1", "\u0661" * 7, "9" * 300):
        with suppress(OSError):
            (tmp_path / f"{name}.png").write_bytes(b"")
    named = [path.name for path in by_steps(tmp_path)]
    assert named == [f"{step:07d}.png" for step in (0, 1, 2, 3, 4, 5, 6, 10)]
    assert [frame.size for frame in frames_of(by_steps(tmp_path))] == [(20, 20)] * 4
    assert caplog.text.count("the animation goes on without") == 4
    assert frames_of([]) == []
    assert frames_of([tmp_path / "0000004.png"]) == []


def test_an_animation_has_no_more_frames_than_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("gan_lightning.callbacks.samples.PIXELS", 20 * 20 * 5)
    for step in range(12):
        Image.new("L", (20, 20), step).save(tmp_path / f"{step:07d}.png")
    assert [frame.convert("L").getpixel((0, 0)) for frame in frames_of(by_steps(tmp_path))] == [0, 3, 6, 9, 11]


def test_numbered_checkpoints_are_those_that_are_numbered(tmp_path):
    """0x.ckpt: "invalid literal for int()", in the midst of playing."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("last", "0000001", "0000002", "0x", "1", "3-best"):
        (folder / f"{name}.ckpt").write_text("x")
    callback = Checkpoints(keep=1)
    callback.last = 3
    callback.save(SimpleNamespace(default_root_dir=str(tmp_path), is_global_zero=True), SimpleNamespace(g_steps_done=3))
    assert sorted(p.stem for p in folder.iterdir()) == ["0000003", "0x", "1", "3-best", "last"]
