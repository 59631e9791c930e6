"""precision=auto and memory_format=auto: what is taken at which times, and that nothing else comes of the timing."""

import copy
import logging
import math

import pytest
import torch
from conftest import CONV
from omegaconf import OmegaConf
from stopping import Stop, checkpoint, played, same

from gan_lightning import load
from gan_lightning.config.build import build_data
from gan_lightning.config.where import CONF
from gan_lightning.runs.start import Start
from gan_lightning.training import fastest
from gan_lightning.training.fastest import decide, device_of, medians, recall

AUTO = ["precision=auto", "memory_format=auto"]
PLAIN, LAST = ("fp32", "contiguous"), ("fp32", "channels_last")
HALF, BOTH = ("bf16", "contiguous"), ("bf16", "channels_last")


@pytest.fixture
def times(monkeypatch):
    """``times({choice: seconds})``: each game is played once, and takes so long."""
    monkeypatch.setattr(fastest, "decided", {})

    def inject(seconds):
        def timed(plays):
            for play in plays.values():
                play()
            return {choice: seconds[choice] for choice in plays}

        monkeypatch.setattr(fastest, "medians", timed)

    return inject


def with_choice(cfg, precision, memory_format):
    """``cfg`` with both as ``precision=`` and ``memory_format=`` set them."""
    cfg.precision, cfg.memory_format = OmegaConf.load(CONF / "precision" / f"{precision}.yaml"), memory_format
    return cfg


def settled(cfg):
    OmegaConf.resolve(cfg)
    data = build_data(cfg)
    data.setup()
    before = torch.get_rng_state()
    decide(cfg, data)
    assert torch.equal(torch.get_rng_state(), before), "nothing is drawn"
    return cfg.precision.name, cfg.memory_format


@pytest.mark.parametrize("wins", [LAST, HALF], ids="-".join)
def test_the_run_is_the_one_that_names_what_was_taken_and_a_resumption_keeps_it(tiny, tmp_path, times, wins):
    """Bit for bit, the record of it too: the timing draws nothing, and moves and writes nothing."""
    times({PLAIN: 1.0, LAST: 2.0, HALF: 2.0, BOTH: 2.0, wins: 0.5})
    straight = played(tmp_path, with_choice(tiny(*CONV), *wins))
    auto = tiny(*CONV, *AUTO)
    run = played(tmp_path, copy.deepcopy(auto), "auto", extra_callbacks=[Stop(2)])
    assert (run / "config.yaml").read_text() == (straight / "config.yaml").read_text()
    fastest.decided.clear()
    times({})  # a second choice would find no times
    played(tmp_path, auto, "auto", start=Start(run / "checkpoints" / "last.ckpt"))
    assert (run / "config.yaml").read_text() == (straight / "config.yaml").read_text()
    for part in ("counters", "state_dict", "optimizer_states"):
        assert same(checkpoint(straight)[part], checkpoint(run)[part])
    images = [t for t in checkpoint(run)["state_dict"].values() if t.ndim == 4]
    assert {t.is_contiguous(memory_format=torch.channels_last) for t in images} == {wins == LAST}
    assert load(run).sample(4).is_contiguous(), "what is only looked at lies as ever"


@pytest.mark.parametrize(("bf16", "taken", "lightning"), [(0.95, "bf16", "bf16-mixed"), (0.951, "fp32", "32-true")])
def test_bf16_has_to_take_095_of_the_time(tiny, times, caplog, bf16, taken, lightning):
    caplog.set_level(logging.INFO)
    times({PLAIN: 1.0, HALF: bf16})
    cfg = tiny("precision=auto")
    assert settled(cfg) == (taken, "contiguous")
    assert (cfg.precision.lightning, cfg.trainer.precision) == (lightning, lightning)
    said = f"precision=auto is {taken}: 1000.0 ms per G step with fp32, {1e3 * bf16:.1f} ms per G step with bf16"
    assert caplog.messages == [said]


def test_each_further_change_has_to_take_095_of_the_time_without_it():
    for seconds, taken in (
        ((1, 0.9, 0.87, 0.86), LAST),
        ((1, 0.9, 0.6, 0.5), BOTH),
        ((1, 0.97, 0.6, 0.58), HALF),
        ((1, 0.96, 0.96, 0.94), BOTH),
        ((1, 1, 1, 1), PLAIN),
        ((1, math.inf, 0.951, math.inf), PLAIN),
    ):
        assert fastest.fastest(dict(zip((PLAIN, LAST, HALF, BOTH), seconds, strict=True))) == taken


def test_without_convolutions_the_memory_format_is_not_timed(tiny, times, caplog):
    caplog.set_level(logging.INFO)
    times({})
    assert settled(with_choice(tiny(), "fp32", "auto")) == PLAIN
    assert caplog.messages == ["memory_format=auto is contiguous: neither player has convolutions"]


def test_beside_a_precision_that_is_named_the_memory_format_is_timed_in_it(tiny, times, caplog):
    caplog.set_level(logging.INFO)
    times({HALF: 0.02, BOTH: math.inf})
    assert settled(with_choice(tiny(*CONV), "bf16", "auto")) == HALF
    assert caplog.messages == ["memory_format=auto is contiguous: 20.0 ms per G step with contiguous, "
                               "no step with channels_last on this device"]  # fmt: skip


def test_one_process_times_a_game_once_whatever_its_seed(tiny, times, caplog):
    caplog.set_level(logging.INFO)
    times({PLAIN: 1.0, HALF: 0.5})
    first, second, third = (tiny("precision=auto") for _ in range(3))
    second.seed, third.batch_size = 1, 8
    settled(first)
    times({PLAIN: 1.0, HALF: 2.0})
    assert settled(second)[0] == "bf16"
    assert caplog.messages[1] == "precision=auto is bf16: as timed for the run before"
    assert settled(third)[0] == "fp32"


def test_what_a_run_says_of_itself_is_kept_and_a_strangers_words_are_not(tiny, tmp_path):
    cfg = tiny(*CONV, *AUTO)
    for own, kept in (
        ("precision: {name: bf16}\nmemory_format: channels_last", BOTH),
        ("precision: {name: fp16}", ("fp16", "contiguous")),  # a run from before memory_format
        ("precision: {name: ../trainer/cpu}\nmemory_format: [1]", ("auto", "auto")),
        ("precision: [fp32]\nmemory_format: nhwc", ("auto", "auto")),
        ("precision: {name", ("auto", "auto")),
    ):
        (tmp_path / "config.yaml").write_text(own)
        mine = copy.deepcopy(cfg)
        recall(mine, tmp_path)
        assert (mine.precision.name, mine.memory_format) == kept
        assert mine.trainer.precision == mine.precision.lightning
    named = tiny()
    recall(named, tmp_path / "nowhere")
    assert (named.precision.name, named.memory_format) == PLAIN


def test_all_play_in_turn_and_what_is_too_slow_no_longer():
    now, calls = [0.0], []

    def play(name, *seconds):
        def run():
            calls.append(name)
            now[0] += seconds[min(calls.count(name), len(seconds)) - 1]

        return run

    def clock():
        return now[0]

    # warming up does not count, nor does one slow step of eight
    got = medians({"a": play("a", 0.9, 0.02, 0.9, 0.02, 0.9, 0.02), "b": play("b", 0.01)}, clock)
    assert calls == ["a", "b"] * 11
    assert got == pytest.approx({"a": 0.02, "b": 0.01})
    calls.clear()
    slow = {"b": play("b", 0.4, 0.02, 0.4), "c": play("c", 0.4, 0.031), "d": play("d", 0.029)}
    got = medians({"a": play("a", 0.01), **slow}, clock)
    assert calls == [*"abcd" * 3, *"abd" * 8], "one quick step of two is enough to go on"
    assert got == pytest.approx({"a": 0.01, "b": 0.4, "c": 0.031, "d": 0.029})
    calls.clear()
    assert medians({"a": play("a", 5, 4), "b": play("b", 6, 3)}, clock) == {"a": 4, "b": 3}
    assert calls == ["a", "b"] * 2, "the first round alone does not count"


def test_what_the_device_cannot_play_is_not_taken():
    def impossible():
        raise RuntimeError("not implemented for 'BFloat16'")

    got = medians({"a": lambda: None, "b": impossible}, iter(range(100)).__next__)
    assert got == {"a": 1, "b": math.inf}
    assert fastest.fastest(got) == "a"
    with pytest.raises(RuntimeError, match="BFloat16"):
        medians({"a": impossible, "b": lambda: None})


def test_the_device_is_that_of_the_run(tiny, monkeypatch):
    cfg = tiny()
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert device_of(cfg).type == "cpu", "trainer=cpu"
    cfg.trainer.accelerator = "auto"
    assert device_of(cfg).type == "cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert device_of(cfg).type == "cpu"
