"""A run that is stopped and resumed is the run that was never stopped."""

import json
import signal
import time

import pytest
import torch
from commands import Command
from commands import done as command
from conftest import TINY
from omegaconf import OmegaConf, open_dict
from stopping import Stop, checkpoint, config, lines, of_job, played, same, straight_and_stopped
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_lightning.config.compose import compose
from gan_lightning.runs.resume import check_same_game, drop_lines_after, resume_arguments
from gan_lightning.runs.start import Start
from gan_lightning.training.setup import train


@pytest.fixture
def straight(tmp_path):
    return played(tmp_path)


@pytest.mark.parametrize("at", [6, 7, 13], ids=["after G", "between D steps", "in another pass"])
def test_bit_equal_to_the_run_that_was_not_stopped(straight, tmp_path, at):
    run = tmp_path / "stopped"
    run.mkdir()
    train(config(), run, extra_callbacks=[Stop(at)])
    assert checkpoint(run)["counters"]["d_steps_done"] == at
    time.sleep(1 - time.time() % 1)  # TensorBoard reads files by name: second, host, process, 9, 10
    train(config(), run, [], start=Start(run / "checkpoints" / "last.ckpt"))
    one, other = checkpoint(straight), checkpoint(run)
    assert one["counters"] == other["counters"] == {"d_steps_done": 24, "g_steps_done": 12, "images_seen": 384}
    assert same(one["state_dict"], other["state_dict"])
    assert same(one["optimizer_states"], other["optimizer_states"])
    assert lines(run) == lines(straight), "no gap, no step twice"
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert [e.step for e in events.Scalars("loss/d")] == list(range(1, 13))


@pytest.mark.parametrize("labels", [[], ["data.labelled=20", "technique=[supervised,feature_matching,ema_d]"]])
def test_weights_that_are_not_trained_have_no_moments(tmp_path, labels):
    """network=salimans2016 trains neither the lengths of D's hidden weights nor the gains of G's BatchNorm."""
    runs = straight_and_stopped(
        tmp_path,
        compose("train", [*(o for o in TINY if not o.startswith("network")), "network=salimans2016",
                          "network.G.hidden=[8,8]", "network.D.hidden=[12,6]", *labels]),
        3,
    )  # fmt: skip
    one, other = (checkpoint(run) for run in runs)
    assert len(one["optimizer_states"][0]["state"]) < len(one["optimizer_states"][0]["param_groups"][0]["params"])
    assert same(one["state_dict"], other["state_dict"])
    assert same(one["optimizer_states"], other["optimizer_states"])


@pytest.mark.parametrize(("at", "every"), [(1, 0), (13, 0), (13, 2)],
                         ids=["before G's first step", "after an evaluation", "and its checkpoint"])  # fmt: skip
def test_with_three_d_steps_per_g_step_each_moment_comes_once(tmp_path, at, every):
    """G's BatchNorm goes on counting in D's half: a second look at the same G step would see another G."""
    often = compose("train", ["experiment=mlp", "data=digits", "network.G.hidden=[8,12]",
                              "network.D.hidden=[12,6]", "trainer=cpu",
                              "steps=6", "d_steps=3", "log_every=1", "sample_every=2", "evaluate_every=2",
                              f"checkpoint_every={every}", "callbacks.evaluation.n=100"])  # fmt: skip
    runs = straight_and_stopped(tmp_path, often, at)
    assert lines(runs[0]) == lines(runs[1])
    assert [line["step"] for line in lines(runs[0]) if "metric/fd_judge" in line] == [2, 4, 6]
    straight, stopped = ({f.name: f.read_bytes() for f in (run / "samples").glob("*.png")} for run in runs)
    assert sorted(straight) == ["0000000.png", "0000002.png", "0000004.png", "0000006.png", "real.png"]
    assert straight == stopped
    best = [checkpoint(run, "best.ckpt") for run in runs]
    for part in ("counters", "state_dict", "optimizer_states"):
        assert same(best[0][part], best[1][part])


@pytest.mark.parametrize("at", [7, 8], ids=["at an odd moment", "when a picture and an evaluation are due"])
def test_pictures_and_evaluations_come_at_the_moments_of_the_run_that_was_not_stopped(tmp_path, at):
    often = compose("train", ["experiment=ring8", "trainer=cpu", "steps=12", "data.n=512", "data.n_test=100",
                              "log_every=1", "sample_every=4", "evaluate_every=4", "checkpoint_every=5"])  # fmt: skip
    runs = straight_and_stopped(tmp_path, often, at)
    assert lines(runs[0]) == lines(runs[1])
    judged = [line["step"] for line in lines(runs[0]) if "metric/fd_judge" in line]
    assert judged == [4, 8, 12]
    best = [checkpoint(run, "best.ckpt")["counters"] for run in runs]
    assert best[0] == best[1]
    pictures = [{str(p.relative_to(run)): p.read_bytes() for p in (run / "samples").rglob("*.png")} for run in runs]
    assert pictures[0] == pictures[1]
    assert [p for p in sorted(pictures[0]) if "ema" not in p] == [
        f"samples/{name}.png" for name in ("0000000", "0000004", "0000008", "0000012", "real")
    ]


def test_from_a_checkpoint_before_the_end_the_rest_is_said_again(straight, tmp_path):
    run = tmp_path / "killed"
    run.mkdir()
    train(config("callbacks.checkpoints.keep=-1"), run)
    assert same(lines(run), lines(straight))
    train(config("callbacks.checkpoints.keep=-1"), run, [], start=Start(run / "checkpoints" / "0000005.ckpt"))
    assert lines(run) == lines(straight)
    assert same(checkpoint(run)["state_dict"], checkpoint(straight)["state_dict"])


def test_another_game_is_refused_and_steps_are_free(straight):
    own = OmegaConf.load(straight / "config.yaml")
    check_same_game(own, config("steps=20", "log_every=3"))
    two = config("devices=2")
    with pytest.raises(ValueError, match=r"got another: devices was 1, is 2"):
        check_same_game(own, two)
    other = config("optimizer.d.lr=0.5", "loss=lsgan")
    with pytest.raises(ValueError, match=r"got another: loss._target_ was .*NSGAN', is .*LSGAN'.*optimizer.d.lr was"):
        check_same_game(own, other)
    before = checkpoint(straight)["counters"]
    with pytest.raises(ValueError, match=r"resume_override=true"):
        train(other, straight, [], start=Start(straight / "checkpoints" / "last.ckpt"))
    assert checkpoint(straight)["counters"] == before
    assert len(lines(straight)) == 12


def test_only_what_follows_from_steps_may_move_with_it():
    """steps and batch_size both go from 64 to 128: the one is free, the other is another game."""
    game = ["steps=64", "batch_size=64", "prior.dim=64", "technique=[]"]
    own = config(*game, "schedule=linear")
    OmegaConf.resolve(own)
    assert own.schedule.d.lr.steps == 64, "the schedule ends with the run"
    check_same_game(own, config(*game, "steps=128"))
    for key in ("batch_size", "prior.dim", "schedule.d.lr.steps"):
        with pytest.raises(ValueError, match=rf"got another: {key} was 64, is 128\. Leave"):
            check_same_game(own, config(*game, "steps=128", f"{key}=128"))
    with pytest.raises(ValueError, match=r"got another: schedule.g.lr.steps was 64, is 32\. Leave"):
        check_same_game(own, config(*game, "steps=128", "schedule.g.lr.steps=32"))


def test_a_run_from_before_there_was_a_choice_goes_on_as_it_was():
    own = config()
    OmegaConf.resolve(own)
    with open_dict(own):
        del own["update"], own["d_loss_weight"]
    check_same_game(own, config("steps=20"))
    with pytest.raises(ValueError, match=r"d_loss_weight was 1.0, is 0.5; update was 'alternating', is 'simultaneous'"):
        check_same_game(own, config("update=simultaneous", "d_loss_weight=0.5", "d_steps=2"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["resume=nowhere"], "resume=nowhere does not exist"),
        (["-m", "resume=latest"], "got a multirun. For a sweep there is continue="),
    ],
)
def test_what_cannot_be_resumed_is_told(arguments, words):
    with pytest.raises(ValueError, match=words):
        resume_arguments(["train", *arguments])


PLAIN = ["network=mlp", "technique=[]"]  # what is not typed is in test_former_runs.py


def test_the_command_line_is_the_runs_own_with_what_is_typed_behind_it(straight, monkeypatch):
    (straight / "record.json").write_text(json.dumps({"overrides": ["steps=12", *PLAIN, "loss=nsgan", "resume=auto"]}))
    found = resume_arguments(["train", f"resume={straight}", "steps=20"])
    start = [f"resume={straight}/checkpoints/last.ckpt", f"hydra.run.dir={straight}"]
    assert found == ["train", *PLAIN, "loss=nsgan", "steps=20", *start]
    assert resume_arguments(["train", "resume=null"]) == ["train", "resume=null"]


def test_an_override_of_the_game_is_allowed_for_one_resumption(straight, monkeypatch):
    record = json.loads((straight / "record.json").read_text())
    record["overrides"] = [*PLAIN, "loss=mmgan", "resume_override=true"]
    (straight / "record.json").write_text(json.dumps(record))
    argv = resume_arguments(["train", f"resume={straight}", "steps=20"])
    assert argv[:5] == ["train", *PLAIN, "loss=mmgan", "steps=20"]
    assert [word.split("=")[0] for word in argv[5:]] == ["resume", "hydra.run.dir"]


def test_a_line_that_a_power_cut_tore_is_dropped(straight):
    whole = lines(straight)
    with (straight / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 13, "loss/d": 0.\n{"step": 12, "\xff": 0}\n{"step": 12, "loss/d": 0.')
    drop_lines_after(straight / "metrics.jsonl", 12)
    assert lines(straight) == whole


def test_a_resumption_that_cannot_begin_loses_nothing(straight):
    before = {p: p.read_bytes() for p in straight.iterdir() if p.is_file()}
    unfit = config("network.D.hidden=[5]", "resume_override=true")
    keep = torch.load(straight / "checkpoints" / "last.ckpt", weights_only=True)
    keep["counters"]["g_steps_done"] = 3
    torch.save(keep, straight / "checkpoints" / "early.ckpt")
    with pytest.raises(ValueError, match=r"early.ckpt does not fit the network"):
        train(unfit, straight, [], start=Start(straight / "checkpoints" / "early.ckpt"))
    assert {p: p.read_bytes() for p in straight.iterdir() if p.is_file()} == before


def test_a_job_starts_as_it_is_told(straight):
    last = straight / "checkpoints" / "last.ckpt"
    assert of_job(straight, None) == Start()
    assert of_job(straight, str(last)) == Start(last)
    assert of_job(straight, str(last)).from_file
    assert of_job(straight, str(straight)) == Start(again=True)
    assert of_job(straight, str(straight)).from_file, "record.json told what to play"
    assert not of_job(straight, None).from_file
    assert not of_job(straight, "auto", steps=20).from_file, "all of it was typed"


def test_ctrl_c_ends_the_whole_sweep(tmp_path):
    options = [*TINY, "steps=1,100000,100001", "log_every=1", f"hydra.sweep.dir={tmp_path}/sweep"]
    options = [o for o in options if o != "steps=6"]
    process = Command(tmp_path, "-m", *options)
    log = tmp_path / "sweep" / "steps-100000" / "metrics.jsonl"
    process.wait_until(lambda: log.is_file() and log.read_text().count("\n") > 5)
    process.send_signal(signal.SIGINT)
    code, text = process.end()
    assert code == 1
    assert "continue=" in text
    assert not (tmp_path / "sweep" / "steps-100001").exists()


def test_an_overridden_learning_rate_really_applies(straight):
    cfg = config("optimizer.d.lr=0.5", "steps=13", "schedule=constant", "resume_override=true")
    train(cfg, straight, [], start=Start(straight / "checkpoints" / "last.ckpt"))
    groups = checkpoint(straight)["optimizer_states"][0]["param_groups"]
    assert [g["lr"] for g in groups] == [0.5]
    assert OmegaConf.load(straight / "config.yaml").optimizer.d.lr == 0.5


def test_sigterm_then_resume_by_command(tmp_path):
    run = tmp_path / "run"
    process = Command(tmp_path, *TINY, "steps=100000", "log_every=1", f"hydra.run.dir={run}")
    log = run / "metrics.jsonl"
    process.wait_until(lambda: log.is_file() and log.read_text().count("\n") > 20)
    process.send_signal(signal.SIGTERM)
    code, text = process.end()
    assert code == 0, text
    assert "SIGTERM came after" in text
    assert "train resume=run" in text
    status = json.loads((run / "status.json").read_text())
    assert status["status"] == "stopped"
    done = status["g_steps"]
    assert lines(run)[-1]["step"] == done == checkpoint(run)["counters"]["g_steps_done"]
    text = command(tmp_path, f"resume={run}", f"steps={done + 5}")
    assert f"going on after {done} G steps" in text
    assert [line["step"] for line in lines(run)] == list(range(1, done + 6))
    record = json.loads((run / "record.json").read_text())
    assert len(record["resumed"]) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["run"], "nothing beside the run's own directory"
