"""The jobs of a multirun whose values come from ``ablation=``, which nobody typed."""

import pytest
import yaml

from gan_lightning.runs.sweep import jobs, statuses

BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
ARMS = {"arm": "plain,feature_matching", "seed": "0,1,2"}


def recorded(folder, *task, target=BASIC, params=ARMS):
    """A multirun's directory, as Hydra leaves it before the first job."""
    record = {
        "hydra": {"sweeper": {"_target_": target, "params": params}, "overrides": {"task": list(task), "hydra": []}}
    }
    (folder / "multirun.yaml").write_text(yaml.safe_dump(record))
    return folder


def test_each_value_of_the_choice_is_a_job(tmp_path):
    found = jobs(recorded(tmp_path, "ablation=salimans2016", "data=mnist"))
    assert list(found) == [f"arm-{arm}_seed-{seed}" for arm in ("plain", "feature_matching") for seed in range(3)]
    assert found["arm-plain_seed-2"] == ["arm=plain", "seed=2", "ablation=salimans2016", "data=mnist"]
    assert statuses(tmp_path) == dict.fromkeys(found, "missing")


def test_what_is_typed_takes_its_place(tmp_path):
    found = jobs(recorded(tmp_path, "ablation=salimans2016", "arm=plain", "seed=7,8", "steps=10,20"))
    assert list(found) == [f"arm-plain_seed-{seed}_steps-{steps}" for seed in (7, 8) for steps in (10, 20)]


def test_without_a_choice_the_typed_words_are_all(tmp_path):
    assert list(jobs(recorded(tmp_path, "seed=0,1", params=None))) == ["seed-0", "seed-1"]


def test_the_intervals_of_a_search_are_no_jobs(tmp_path):
    found = jobs(recorded(tmp_path, "seed=0,1", target="hydra_plugins.OptunaSweeper", params={"lr": "interval(0,1)"}))
    assert list(found.values()) == [["seed=0"], ["seed=1"]]


@pytest.mark.parametrize("params", [["arm=plain"], {"arm": ["plain"]}, {"arm": {"a": 1}}])
def test_values_that_are_none_are_refused(tmp_path, params):
    with pytest.raises(ValueError, match=r"multirun.yaml has no values behind hydra.sweeper.params. Restore it"):
        jobs(recorded(tmp_path, "seed=0,1", params=params))


def test_a_strangers_values_are_counted_before_they_are_made(tmp_path):
    with pytest.raises(ValueError, match=r"asks for more than \d+ jobs"):
        jobs(recorded(tmp_path, "seed=0,1", params={"steps": "range(1,1000000000)"}))
