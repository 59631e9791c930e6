"""What lasts says so, on a terminal and in a pipe; a verb ends with what it wrote, and overwrites nothing unnamed."""

import logging
import pickle
import shutil
import sys
import time

import numpy as np
import pytest
import torch
from conftest import TINY

import gan_lightning.report.measuring
from gan_lightning.callbacks.progress import Progress
from gan_lightning.config.compose import compose
from gan_lightning.io.bar import Bar
from gan_lightning.io.written import Written
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.report.sampling import sample
from gan_lightning.sample import main as sample_main
from gan_lightning.training.setup import train

DIGITS = [o for o in TINY if not o.startswith("data")] + ["data=digits"]


# The bar ---------------------------------------------------------------------------------------------------


def test_a_single_long_computation_is_not_silent_in_a_pipe(caplog):
    with caplog.at_level(logging.INFO), Bar("evaluating", total=4, unit="run", seconds=0.02) as bar:
        bar.update()
        bar.set_postfix_str("parzen of last")
        time.sleep(0.2)  # nothing is counted meanwhile
    lines = [r.getMessage() for r in caplog.records]
    assert len(lines) >= 3
    assert lines[-1].startswith("evaluating: 1 of 4 runs, ")
    assert ": parzen of last (" in lines[-1]
    spoken = len(caplog.records)
    time.sleep(0.1)
    assert len(caplog.records) == spoken, "closed"


def test_what_is_short_says_nothing(caplog):
    with caplog.at_level(logging.INFO), Bar("drawing"):
        pass
    assert not caplog.records


def test_on_a_terminal_it_is_a_bar(monkeypatch, capsys, caplog):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with caplog.at_level(logging.INFO), Bar("study=dirac", seconds=0.01) as bar:
        bar.reset(total=8)
        bar.update(3)
        bar.set_postfix_str("seed 2")
        time.sleep(0.1)
    shown = capsys.readouterr().err
    assert "study=dirac" in shown
    assert "seed 2" in shown
    assert "/8" in shown
    assert not caplog.records, "and no lines beside it"


# What was written ------------------------------------------------------------------------------------------


def test_written_lists_what_was_written_and_what_it_replaced(tmp_path):
    (tmp_path / "old").write_text("1")
    (tmp_path / "seen").write_text("1")
    written = Written()
    for name in ("old", "new", "seen", "never"):
        written.add(tmp_path / name)
    time.sleep(0.01)
    for name in ("old", "new"):
        (tmp_path / name).write_text("2")
    assert str(written) == f"{tmp_path / 'old'} (replaced), {tmp_path / 'new'}"
    below = Written()
    with below.watch(tmp_path):
        time.sleep(0.01)
        (tmp_path / "seen").write_text("2")
        (tmp_path / "more").write_text("2")
    assert str(below) == f"{tmp_path / 'seen'} (replaced), {tmp_path / 'more'}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "first"
    folder.mkdir()
    train(compose("train", [*DIGITS, "technique=[ema]", "evaluate_every=6"]), folder)
    return folder


def test_samples_of_two_runs_in_one_folder_do_not_collide(run, tmp_path, monkeypatch, capsys):
    other = tmp_path / "second"
    shutil.copytree(run, other)
    out = tmp_path / "out"
    for one in (run, other):
        sample(one, n=4, out=out)
    sample(run / "checkpoints/best.ckpt", n=4, out=out)
    sample(run, n=4, out=out, generator="ema")
    sample(run / "checkpoints/best-ema.ckpt", n=4, out=out, generator="ema")
    names = {p.name for p in out.glob("*.npz")}
    assert names == {
        f"{name}-n4-seed0.npz" for name in ("first", "second", "first-best", "first-ema", "first-best-ema")
    }
    monkeypatch.setattr(sys, "argv", ["sample.py", f"run={run}", "n=4", f"out={out}"])
    sample_main()
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == f"wrote {out}/first-n4-seed0.png (replaced), {out}/first-n4-seed0.npz (replaced)"
    )


def test_samples_beside_a_run_are_named_by_what_they_are_of(run, tmp_path):
    own = tmp_path / "run"
    shutil.copytree(run, own)
    assert sample(own, n=4)[1] == own / "samples/n4-seed0.npz"
    assert sample(own, n=4, generator="ema")[1] == own / "samples/ema-n4-seed0.npz"
    assert sample(own / "checkpoints/best.ckpt", n=4)[1] == own / "samples/best-n4-seed0.npz"


def test_the_average_is_another_generator_in_all_that_draws(run, tmp_path):
    """After six steps from a warm start the average is not yet G: who mixes them up is found out."""
    own = tmp_path / "run"
    shutil.copytree(run, own)
    live, average = (gan_lightning.load(own, name).sample(16) for name in ("G", "ema"))
    assert (live - average).abs().max() > 0.01
    for name, images in (("G", live), ("ema", average)):
        drawn = np.load(sample(own, n=16, generator=name)[1])["images"]
        assert torch.equal(torch.from_numpy(drawn), ((images + 1) * 127.5).round().clamp(0, 255).byte()), name


# evaluate --------------------------------------------------------------------------------------------------


def test_evaluate_measures_each_set_of_weights_once_and_says_what_it_wrote(run, tmp_path, monkeypatch, caplog):
    own = tmp_path / "run"
    shutil.copytree(run, own)
    drawn = []

    class Watched(gan_lightning.report.measuring.Yardstick):
        def measure(self, samples, *args, **kwargs):
            drawn.append(samples)
            return super().measure(samples, *args, **kwargs)

    monkeypatch.setattr(gan_lightning.report.measuring, "Yardstick", Watched)
    before = set(own.glob("tensorboard/events*"))
    with caplog.at_level(logging.INFO):
        found = evaluate_runs(compose("evaluate", [f"run={own}", "metrics=fast"]))[own]
    assert set(found["checkpoints"]) == {"last", "last-ema", "best", "best-ema"}
    assert len(drawn) == 3, "G and its average, and the floor: the best checkpoint is the last one"
    sheets = ", ".join(f"{own}/evaluation-{name}.png" for name in ("last", "last-ema", "best", "best-ema"))
    (events,) = set(own.glob("tensorboard/events*")) - before
    assert caplog.records[-1].getMessage() == f"wrote {sheets}, {own}/metrics.json, {events}"
    weights = {name: of["weights"] for name, of in found["checkpoints"].items()}
    assert weights["last"] == weights["best"] != weights["last-ema"] == weights["best-ema"]


def test_evaluate_says_what_it_is_doing_in_a_pipe(run, tmp_path, monkeypatch, caplog):
    own = tmp_path / "run"
    shutil.copytree(run, own)
    monkeypatch.setattr(gan_lightning.report.measuring, "Bar", lambda *a, **k: Bar(*a, seconds=0.005, **k))
    with caplog.at_level(logging.INFO):
        evaluate_runs(compose("evaluate", [f"run={own}", "metrics=fast"]))
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("evaluating: ")]
    assert any(f"{own}, last: memorisation (" in line or f"{own}, last: neighbours (" in line for line in lines), lines


def test_root_is_refused_where_nothing_is_read(run):
    """It ended in Hydra's own words: Digits.__init__() got an unexpected keyword argument 'root'."""
    with pytest.raises(ValueError, match=r"^root=/x is of no use to data=digits, which reads no files. Leave it out.$"):
        evaluate_runs(compose("evaluate", [f"run={run}", "root=/x"]))


def test_a_spawned_process_is_quiet_before_it_says_a_word():
    """Lightning's own loggers speak in a new process; what it gets from its parent is unpickled there first of all."""
    sent = pickle.dumps(Progress())
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.INFO)  # as in a new process
    assert pickle.loads(sent).line_seconds == 30.0
    assert not logging.getLogger("lightning.fabric.utilities.distributed").isEnabledFor(logging.INFO)
    assert not logging.getLogger("lightning.pytorch.utilities.rank_zero").isEnabledFor(logging.INFO)
