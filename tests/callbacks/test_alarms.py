"""Signs by hand numbers on both sides of each limit; streaks, causes before consequences, once a run, and resuming."""

import copy
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from conditional import batches, game
from omegaconf import OmegaConf
from played import play

from gan_lightning.callbacks.alarms import Alarms, alarms_of
from gan_lightning.callbacks.signs import EXPLAINS, QUICK, SLOW, Scene, Sign, falling, quick_signs, signs
from gan_lightning.callbacks.watch import Watch
from gan_lightning.config.where import CONF

YAML = OmegaConf.load(CONF / "callbacks" / "default.yaml")
LIMITS = {**OmegaConf.to_container(YAML.watch.limits, resolve=False), "diverged": 1e6}
GOOD = {"d/accuracy_train": 0.7, "d/accuracy_held_out": 0.68, "samples/diversity": 0.95, "samples/copied": 0.01,
        "metric/coverage_judge": 0.8}  # fmt: skip


def scene(**more):
    return Scene(limits=LIMITS, loss="nsgan", techniques=["r1", "ema"], **more)


def names(numbers, **more):
    return [sign.alarm for sign in signs({**GOOD, **numbers}, scene(**more))]


def test_every_limit_has_its_reason_beside_it():
    lines = (CONF / "callbacks" / "default.yaml").read_text().partition("  limits:")[2].partition("checkpoints:")[0]
    assert all("#" in line for line in lines.splitlines() if line.strip())
    assert {*QUICK, *SLOW, "diverged"} == set(EXPLAINS)
    assert set(QUICK.values()) <= LIMITS.keys()


@pytest.mark.parametrize(
    ("alarm", "below", "beyond"),
    [
        ("d_lost", {"d/accuracy_train": 0.46}, {"d/accuracy_train": 0.44}),
        ("d_lost", {"d/accuracy_train": 0.52}, {"d/accuracy_train": 0.52, "metric/coverage_judge": 0.09}),
        ("alike", {"samples/diversity": 0.26}, {"samples/diversity": 0.24}),
        ("copied", {"samples/copied": 0.19}, {"samples/copied": 0.21}),
        ("by_heart", {"d/accuracy_held_out": 0.61}, {"d/accuracy_held_out": 0.59}),
    ],
)
def test_a_sign_begins_at_its_limit(alarm, below, beyond):
    assert names({}) == names(below) == []
    assert names(beyond) == [alarm]


def test_missing_modes_and_the_end_of_progress():
    assert names({}, missing=["1", "7"], kind="digits") == ["modes_missing"]
    (sign,) = signs(GOOD, scene(missing=["1", "7"], kind="digits"))
    assert "shows the digits 1, 7 (each less than 10% as often" in sign.words
    assert "'technique=[r1,ema,packing]'" in sign.words, "beside what is played"
    assert names({}, best_step=4000, evaluations_since=9) == []
    assert names({}, best_step=4000, evaluations_since=10) == ["no_progress"]
    assert names({}, best_step=None, evaluations_since=10) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["technique=[ema]"],
            ["condition=projection", "'technique=[ema,packing]'", "'technique=[ema,minibatch_stddev]'"],
        ),
        (["condition=projection", "technique=[]"], ["'technique=[minibatch_stddev]'"]),
        (["data.labelled=20", "technique=[supervised]"], ["data.labelled"]),
    ],
    ids=["no labels", "a condition", "a few labels"],
)
def test_what_collapse_and_missing_modes_advise_can_be_played(words, told):
    """packing cannot carry labels, and a D that names classes has no place for minibatch_stddev."""
    seen = Watch.scene(Watch(1, 1, LIMITS), game(*words), "digits", ["1"])
    alike, missing = (s for s in signs({"samples/diversity": 0.1}, seen) if s.alarm in ("alike", "modes_missing"))
    assert [word for word in told if word in alike.words] == told[-2:], "a condition is no cure for collapse"
    assert [word for word in told if word in missing.words] == told
    assert "loss=rpgan" in missing.words
    advised = re.findall(r"technique=\[[^\]]*\]|loss=\w+|condition=\w+", f"{alike.words} {missing.words}")
    for word in advised:
        play(game(*words, word), batches(1))
    assert len(advised) == 2 * sum("technique" in word for word in told) + 1 + (told[0] == "condition=projection")


def test_no_mode_is_missing_while_the_distance_falls():
    assert names({}, missing=["1", "7"], falling=True) == []
    assert names({"samples/diversity": 0.2}, missing=["1"], falling=True) == ["alike"], "other signs do not wait"


def test_the_distance_falls_while_it_is_below_a_share_of_that_at_half_the_steps():
    distances = {1000: 76.3, 2000: 27.5, 3000: 24.5, 4000: 22.2}
    assert not falling(distances, 1000, 0.8), "nothing is known of half the steps"
    assert falling(distances, 2000, 0.8), "27.5 is 0.36 of 76.3"
    assert falling(distances, 3000, 0.8), "half are 1,500, and the look before them was at 1,000"
    assert not falling(distances, 4000, 0.8), "22.2 is 0.807 of 27.5"
    assert falling(distances, 4000, 0.81)
    assert not falling(distances, 5000, 0.8), "no look"
    assert not falling(distances, 2000, 0.0), "as runs have it that began before there was a limit"


def test_numbers_that_are_not_there_show_nothing():
    assert signs({}, scene()) == []
    assert quick_signs({}, 1.0, scene()) == []


def test_the_quick_signs():
    def found(pairs=0.99, **numbers):
        return [
            sign.alarm for sign in quick_signs({k.replace("__", "/"): v for k, v in numbers.items()}, pairs, scene())
        ]

    assert found(grad__g_slope=0.011) == []
    assert found(grad__g_slope=0.009) == ["gradient_vanishes"]
    assert found(grad__g_slope=0.009, pairs=0.94) == [], "then D is not ahead"
    assert found(update__d_to_weight=0.19, update__g_to_weight=0.19) == []
    assert found(update__d_to_weight=0.21) == ["steps_too_large"]
    assert found(update__g_to_weight=0.21) == ["steps_too_large"]


def sign(alarm):
    return Sign(alarm, "a/number", 1.0, 2.0, f"words of {alarm}")


def raised(alarms, *seen, enough=1, step=1, about=SLOW):
    return [entry["alarm"] for entry in alarms.look([sign(name) for name in seen], about, enough, step)]


def test_a_sign_has_to_hold_at_looks_in_a_row_and_is_said_once():
    alarms = Alarms()
    course = [
        raised(alarms, *seen, enough=2) for seen in (["alike"], [], ["alike"], ["alike"], ["alike"], [], ["alike"])
    ]
    assert course == [[], [], [], ["alike"], [], [], []]


def test_a_look_for_some_leaves_the_streaks_of_others():
    alarms = Alarms()
    raised(alarms, "alike", enough=2)
    raised(alarms, about=list(QUICK))
    assert raised(alarms, "alike", enough=2) == ["alike"]


def test_causes_come_first_and_keep_their_consequences_back_while_they_hold():
    alarms = Alarms()
    assert raised(alarms, "no_progress", "modes_missing", "alike") == ["alike"]
    assert raised(alarms, "no_progress", "modes_missing", "alike") == []
    assert raised(alarms, "by_heart") == ["by_heart"], "samples differ again"
    assert raised(alarms, "by_heart", "modes_missing") == ["modes_missing"], "which nothing explains now"


def test_no_two_alarms_explain_each_other_but_for_collapse():
    both = {frozenset((a, b)) for a in EXPLAINS for b in EXPLAINS[a] if a in EXPLAINS[b]}
    assert both == {
        frozenset(pair)
        for pair in [("gradient_vanishes", "alike"), ("d_lost", "alike"), ("gradient_vanishes", "modes_missing")]
    }


def test_a_run_that_goes_on_knows_what_was_said(tmp_path):
    alarms, trainer = Alarms(), SimpleNamespace(loggers=[], default_root_dir=str(tmp_path))
    alarms.say(trainer, alarms.look([sign("alike")], SLOW, 1, 7))
    file = tmp_path / "alarms.json"
    assert json.loads(file.read_text()) == {
        "alarms": [
            {
                "alarm": "alike",
                "g_steps": 7,
                "number": "a/number",
                "value": 1.0,
                "limit": 2.0,
                "words": "words of alike",
            }
        ]
    }
    assert alarms_of(tmp_path) == ["alike"]
    resumed = Alarms()
    resumed.load_state_dict(copy.deepcopy(alarms.state_dict()))
    file.write_text("{}")
    resumed.restore(tmp_path)
    assert alarms_of(tmp_path) == ["alike"]
    assert raised(resumed, "alike") == []
    Alarms().restore(tmp_path)
    assert alarms_of(tmp_path) == [], "it was raised after the checkpoint"


ODD = {
    "no list": lambda state: state.update(raised={"alarm": "alike"}),
    "a word": lambda state: state.update(raised=["alike"]),
    "an unknown one": lambda state: state["raised"][0].update(alarm="evil"),
    "a key more": lambda state: state["raised"][0].update(path="/"),
    "a number in words": lambda state: state["raised"][0].update(value="1"),
    "streaks of words": lambda state: state.update(streaks={"alike": "2"}),
    "an unknown streak": lambda state: state.update(streaks={"evil": 2}),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_strangers_alarms_are_refused(kind):
    alarms = Alarms()
    alarms.look([sign("alike")], SLOW, 1, 7)
    state = copy.deepcopy(alarms.state_dict())
    ODD[kind](state)
    with pytest.raises(ValueError, match=r"its alarms must be those of callbacks/signs.py"):
        Alarms().load_state_dict(state)


def test_the_page_has_a_line_for_each_alarm():
    page = (Path(__file__).parents[2] / "docs" / "reading-a-run.md").read_text()
    assert [name for name in EXPLAINS if f"`{name}`" not in page] == []
