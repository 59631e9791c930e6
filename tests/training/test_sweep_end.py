"""What a sweep says: how far it is after each job, and at its end a table, with what comes next once."""

import json
import re
from io import StringIO

import pytest
from conftest import TINY
from omegaconf import OmegaConf
from tqdm import tqdm

from gan_lightning.callbacks.progress import BAR, numbers_line
from gan_lightning.report.arms import Run
from gan_lightning.runs.sweep import in_units, progress_of
from gan_lightning.training.sweep_end import row_of_arm

TAKEN = [o for o in TINY if not o.startswith("steps")]


@pytest.fixture
def sweep(tmp_path):
    """A sweep of six jobs, of which two are done and one has failed."""
    record = {"hydra": {"overrides": {"task": ["loss=nsgan,wgan", "seed=0,1,2"], "hydra": []}, "sweeper": {}}}
    OmegaConf.save(record, tmp_path / "multirun.yaml")
    jobs = {"nsgan_seed-0": ("done", 100.0), "nsgan_seed-1": ("done", 200.0), "nsgan_seed-2": ("failed", None)}
    for name, (status, seconds) in jobs.items():
        run = tmp_path / f"loss-{name}"
        run.mkdir()
        (run / "config.yaml").write_text("steps: 1")
        (run / "status.json").write_text(json.dumps({"status": status, "seconds": seconds}))
    return tmp_path


@pytest.mark.parametrize(
    ("played", "workers", "words"),
    [
        (None, 1, "3 of 6 jobs have ended, about 8 min left"),  # 3 x 150 s
        (None, 2, "3 of 6 jobs have ended, about 5 min left"),  # two rounds of 150 s
        (5, 1, "5 of 6 jobs have ended, about 2 min left"),  # two were refused, and left no directory
        (6, 1, "6 of 6 jobs have ended"),
    ],
)
def test_time_left_is_by_the_mean_of_what_has_ended(sweep, played, workers, words):
    assert progress_of(sweep, played, workers) == words


def test_units_of_time():
    assert [in_units(s) for s in (0.4, 119, 120, 7199, 7200, 36_000)] == [
        "0 s", "119 s", "2 min", "120 min", "2.0 h", "10.0 h"]  # fmt: skip


def test_a_row_has_mean_and_spread_of_the_best_distances(tmp_path):
    runs = []
    for seed, distance in enumerate((1.0, 2.0, None)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        best = {} if distance is None else {"best_fd_over_coverage": 9.0, "best_fd_judge": distance}
        best |= {} if distance is None else {"best_fd_over_coverage_ema": 8.0, "best_fd_judge_ema": distance + 1}
        (folder / "status.json").write_text(json.dumps({"status": "done", **best}))
        runs.append(Run(folder, "done" if seed else "stopped", {}, (), None))
    assert row_of_arm("loss=\x1b[31mx", runs) == ("3", "1 stopped, 2 done", "2.5 +- 0.71 (2 of 3)", "loss=[31mx")


JOBLIB = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]


@pytest.mark.parametrize("launcher", [[], pytest.param(JOBLIB, marks=pytest.mark.slow)])
def test_a_sweep_ends_with_a_table_and_names_compare_once(call, tmp_path, launcher):
    if launcher:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    code, text = call("train", "-m", *TAKEN, "steps=1", "loss=nsgan,lsgan", "batch_size=1000,16", *launcher)
    assert code == 1, "jobs with batch_size=1000 are refused"
    (sweep,) = (path.parent for path in (tmp_path / "outputs/multirun").rglob("multirun.yaml"))
    end = text[text.index("seeds  status") :].splitlines()[:6]
    shown = sweep.relative_to(tmp_path)
    assert end == [
        "seeds  status  best FD  arm",
        "1      done    -        loss=nsgan",
        "1      done    -        loss=lsgan",
        "not in the table: batch_size-1000_loss-nsgan (missing), batch_size-1000_loss-lsgan (missing)",
        f"next:  python -m gan_lightning.evaluate 'run=\"{shown}/*\"' metrics=fast",
        f"       python -m gan_lightning.compare runs={shown}",
    ]
    assert text.count("gan_lightning.compare") == 1
    assert "gan_lightning.sample" not in text, "no hints of each job"
    if not launcher:
        assert re.findall(r"\d of 4 jobs have ended", text) == ["3 of 4 jobs have ended", "4 of 4 jobs have ended"]
        assert "about" in text


def test_a_bar_fits_80_columns():
    numbers = {"loss/d": 1.382, "loss/g": 0.691, "d/real_prob": 0.481, "d/fake_prob": 0.448, "speed/images_per_s": 1e5}
    assert numbers_line(numbers) == "d 1.382  g 0.691  D(x) 0.481  D(G(z)) 0.448  100,000 images/s"
    screen = StringIO()
    bar = tqdm(total=150_000, initial=99_999, bar_format=BAR, ncols=80, file=screen)
    bar.set_postfix_str(numbers_line(numbers, short=True))
    bar.close()
    line = screen.getvalue().split("\r")[-1].rstrip("\n")
    assert len(line) <= 80
    assert line.endswith(", d 1.38 g 0.69 D(x) 0.48 D(G(z)) 0.45")
    assert re.match(r"99999/150000 .{8,} \S+ left, d", line), "and leaves room for the bar itself"
