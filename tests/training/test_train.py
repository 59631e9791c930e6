"""The verb train, as a function and as a command: what a run leaves behind."""

import copy
import json
import os
import platform
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import torch
from framed import below_heading
from lightning.pytorch import Callback
from omegaconf import OmegaConf, open_dict
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_lightning.config.build import build_data
from gan_lightning.config.compose import compose
from gan_lightning.runs.record import cpu
from gan_lightning.runs.start import Start
from gan_lightning.training.setup import train

STEPS, LOG, SAMPLE = 12, 3, 5
OVERRIDES = [f"steps={STEPS}", f"log_every={LOG}", f"sample_every={SAMPLE}", "checkpoint_every=5", "d_steps=2"]


@pytest.fixture
def run(tiny, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    train(tiny(*OVERRIDES), folder, OVERRIDES)
    return folder


def test_the_record(run):
    status = json.loads((run / "status.json").read_text())
    assert status["status"] == "done"
    assert (status["g_steps"], status["images"]) == (STEPS, STEPS * 2 * 16)
    took = datetime.fromisoformat(status["ended"]) - datetime.fromisoformat(status["started"])
    assert took.total_seconds() >= status["seconds"] > 0
    config = OmegaConf.load(run / "config.yaml")
    assert (config.steps, config.data.n) == (STEPS, 96)
    assert "${" not in (run / "config.yaml").read_text(), "the record is resolved"
    record = json.loads((run / "record.json").read_text())
    assert record["overrides"] == OVERRIDES
    assert record["command"] == "python -m gan_lightning.train " + " ".join(OVERRIDES)
    assert record["note"] is None
    assert record["versions"]["torch"] == torch.__version__.split("+")[0]
    assert (record["cores"], record["threads"]) == (os.cpu_count(), torch.get_num_threads())
    assert record["cpu"] == cpu()


def test_the_cpu_is_named_by_its_model_or_by_what_python_knows(tmp_path):
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 7543\nmodel name\t: other\n")
    assert cpu(listing) == "AMD EPYC 7543"
    assert cpu(tmp_path / "none") == (platform.processor() or platform.machine())


def test_g_starts_from_the_mean_of_all_training_images(tiny, tmp_path):
    """10,300 of them: the first 10,000 have another mean."""
    cfg = tiny("network=maxout", "network.G.hidden=4", "network.D.units=4", "data.n=10300", "data.size=8", "steps=1")

    class Start(Callback):
        def on_train_start(self, trainer, module):
            self.bias = module.G.output.bias.detach().clone()

    train(cfg, tmp_path, extra_callbacks=[start := Start()])
    images = build_data(cfg).source.train().images.double() / 255
    expected, first = (torch.logit(part.mean(0).clamp(1e-7, 1 - 1e-7)).flatten() for part in (images, images[:10_000]))
    assert (expected - first).abs().max() > 1e-3
    torch.testing.assert_close(start.bias.double(), expected, rtol=0, atol=1e-5)


def test_metrics_as_json_lines(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6, 9, 12]
    assert {"loss/d", "loss/g", "d/real_prob", "d/fake_prob", "grad/d_norm", "grad/g_norm", "speed/images_per_s"} < set(
        lines[0]
    )
    assert all(0 < line["d/real_prob"] < 1 for line in lines)
    assert all(line["grad/g_norm"] > 0 for line in lines)
    assert lines[-1]["epoch"] == STEPS * 2 * 16 / 96


def test_tensorboard_reads_back(run):
    folder = run / "tensorboard"
    assert len(list(folder.glob("events*"))) == 1
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()
    assert {"loss/d", "loss/g", "d/real_prob", "grad/d_norm", "speed/images_per_s"} <= set(tags["scalars"])
    assert "hp_metric" not in tags["scalars"]
    assert [e.step for e in events.Scalars("loss/d")] == [3, 6, 9, 12]
    assert [e.step for e in events.Images("images/fake")] == [0, 5, 10, 12]
    assert [e.step for e in events.Images("images/real")] == [0]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [e.value for e in events.Scalars("loss/g")] == pytest.approx([line["loss/g"] for line in lines], rel=1e-6)


def test_it_ends_with_what_it_wrote(tiny, tmp_path, caplog):
    with caplog.at_level("INFO"):
        train(tiny("steps=1"), tmp_path)
    (line,) = (r.getMessage() for r in caplog.records if " wrote in " in r.getMessage())
    assert line.startswith("done after ")
    for name in ("checkpoints/", "config.yaml", "metrics.jsonl", "record.json", "status.json", "tensorboard/"):
        assert (name in line) == (tmp_path / name).exists(), name


def test_pictures(run):
    names = sorted(p.name for p in (run / "samples").iterdir())
    assert names == ["0000000.png", "0000005.png", "0000010.png", "0000012.png", "real.png", "training.gif"]
    with Image.open(run / "samples" / "real.png") as picture:
        assert picture.size == (5 * 82, 5 * 82 + 26), "8 x 8 images of 8 x 8 pixels, 2 apart, and a line of words"
    assert below_heading(run / "samples" / "real.png", 82, 82).shape == (82, 82)
    with Image.open(run / "samples" / "training.gif") as gif:
        assert gif.n_frames == 4


def test_the_checkpoint_loads_without_pickled_code(run):
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == ["last.ckpt", "previous.ckpt"]
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["counters"] == {"d_steps_done": 24, "g_steps_done": 12, "images_seen": 384}
    assert checkpoint["config"] == OmegaConf.to_container(OmegaConf.load(run / "config.yaml"))
    assert checkpoint["shape"] == [1, 8, 8]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_checkpoints_fall_at_the_stated_g_steps(tiny, tmp_path, k):
    """Lightning's own would be written at multiples of lcm(n, k + 1) optimizer steps."""
    folder = tmp_path / "run"
    folder.mkdir()
    train(tiny(f"d_steps={k}", "steps=9", "checkpoint_every=4", "callbacks.checkpoints.keep=-1"), folder)
    assert sorted(p.name for p in (folder / "checkpoints").iterdir()) == [
        "0000004.ckpt",
        "0000008.ckpt",
        "0000009.ckpt",
        "last.ckpt",
        "previous.ckpt",
    ]


def test_looking_changes_nothing(tiny, tmp_path):
    """With and without sampling, logging and checkpoints: bit-equal."""

    def weights(name, *overrides):
        folder = tmp_path / name
        folder.mkdir()
        train(tiny("steps=8", *overrides), folder)
        return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]

    blind = weights("blind")
    seeing = weights("seeing", "log_every=1", "sample_every=1", "checkpoint_every=1")
    assert all(torch.equal(blind[key], seeing[key]) for key in blind)


def test_a_run_never_overwrites_another(run, tiny):
    before = (run / "config.yaml").read_bytes()
    with pytest.raises(ValueError, match=r"holds a run already.*hydra.run.dir"):
        train(tiny("seed=5"), run)
    assert (run / "config.yaml").read_bytes() == before


def test_a_failing_run_says_so_in_its_status(tiny, tmp_path, monkeypatch):
    from gan_lightning.game.module import GAN

    def broken(self, *args):
        raise RuntimeError("planted")

    monkeypatch.setattr(GAN, "generator_terms", broken)
    with pytest.raises(RuntimeError, match="planted"):
        train(tiny(), tmp_path)
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["status"] == "failed"
    assert "RuntimeError: planted" in status["error"]


def test_max_time_ends_the_run_with_a_checkpoint(tiny, tmp_path, caplog):
    with caplog.at_level("INFO"):
        status = train(tiny("steps=1000000", "max_time=00:00:00:01"), tmp_path)
    assert 0 < status["g_steps"] < 1_000_000
    assert f"max_time was reached after {status['g_steps']} of 1000000 G steps" in caplog.text
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["counters"]["g_steps_done"] == status["g_steps"]
    told = json.loads((tmp_path / "status.json").read_text())
    assert (told["status"], told["by"]) == ("stopped", "max_time")


def test_max_time_counts_for_each_sitting(tiny, tmp_path):
    """Lightning's Timer, restored from the checkpoint, would end the resumed run before its first step."""
    limited = tiny("steps=1000000", "max_time=00:00:00:01")
    first = train(copy.deepcopy(limited), tmp_path)
    again = train(limited, tmp_path, [], start=Start(tmp_path / "checkpoints" / "last.ckpt"))
    assert again["g_steps"] > first["g_steps"] + 10


def test_auto_falls_back_loudly(tiny, tmp_path, monkeypatch, caplog):
    """Console, record and TensorBoard say that it is not MNIST; the record names what it is."""
    from gan_lightning.data.mnist import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ("http://127.0.0.1:9/",))
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "nowhere"))
    cfg = tiny("steps=1", "batch_size=16")
    with open_dict(cfg):
        cfg.data = OmegaConf.to_container(compose("train").data, resolve=True)
    folder = tmp_path / "run"
    folder.mkdir()
    with caplog.at_level("INFO"):
        train(cfg, folder)
    note = "data=auto fell back to data=mnist5k, since data=mnist could not be had."
    assert note in caplog.text
    assert note in json.loads((folder / "record.json").read_text())["note"]
    assert OmegaConf.load(folder / "config.yaml").data._target_ == "gan_lightning.data.mnist5k.MNIST5k"
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert "note/text_summary" in events.Tags()["tensors"]


def test_the_commit_is_recorded(run):
    here = Path(__file__).parent.parent
    git = subprocess.run(["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True)
    recorded = json.loads((run / "record.json").read_text())["git"]
    if git.returncode == 0:
        assert recorded.removesuffix("-dirty") == git.stdout.strip()
    else:
        assert recorded is None


RESIDENT = """
import sys
from pathlib import Path

from lightning.pytorch import Callback

from gan_lightning.config.build import build_data
from gan_lightning.config.compose import compose
from gan_lightning.training.setup import train


class Resident(Callback):
    def on_train_batch_end(self, trainer, module, *args):
        if module.g_steps_done in (1_000, 20_000):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            print("resident", pages * 4096, flush=True)


cfg = compose("train", sys.argv[2:])
train(cfg, Path(sys.argv[1]), extra_callbacks=[Resident()])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from Linux's /proc")
def test_memory_is_flat(tmp_path):
    """After 20,000 steps within 5 % of what it was after 1,000, with all that a run writes."""
    (tmp_path / "run").mkdir()
    often = ["log_every=10", "sample_every=500", "evaluate_every=500", "checkpoint_every=200", "steps=20000"]
    game = ["network=mlp", "data=digits", "network.G.hidden=[16,16]", "network.D.hidden=[16,16]", "batch_size=16"]
    game += ["technique=[ema]"]
    command = [sys.executable, "-c", RESIDENT, str(tmp_path / "run"), *game, *often, "trainer=cpu"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=env)
    assert done.returncode == 0, done.stderr
    early, late = (int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("resident"))
    assert late < 1.05 * early, f"{early / 2**20:.0f} MB, then {late / 2**20:.0f} MB"
