"""``logger=``: the same curves in every form, a missing package in a sentence, a resumed run that loses nothing."""

import csv
import importlib.util
import json
from pathlib import Path

import pytest
from conftest import TINY
from omegaconf import OmegaConf

from gan_lightning.config.compose import compose
from gan_lightning.runs.replay import game_overrides
from gan_lightning.training.loggers import MLFLOW, build_loggers, own_arguments


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def numbers(row: dict) -> dict[str, float]:
    return {key: float(value) for key, value in row.items() if value not in ("", None)}


@pytest.fixture
def node():
    return lambda choice: next(iter(compose("train", [f"logger={choice}"]).logger.values()))


def test_csv_has_the_numbers_of_metrics_jsonl_and_a_resumed_run_a_table_of_its_own(call, tmp_path):
    code, text = call("train", *TINY, "logger=csv", "log_every=1", "steps=3", "hydra.run.dir=run")
    assert code == 0, text
    table = tmp_path / "run/csv/metrics.csv"
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [numbers(row) for row in rows_of(table)] == lines
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert OmegaConf.load("run/csv/hparams.yaml")["prior.dim"] == 5
    assert not Path("run/tensorboard").exists()
    before = table.read_bytes()
    for time in ("from-3", "from-3-2"):
        code, text = call("train", "resume=run/checkpoints/last.ckpt", f"steps={6 if time == 'from-3' else 7}")
        assert code == 0, text
        if time == "from-3":
            Path("run/checkpoints/last.ckpt").unlink()
            Path("run/checkpoints/last.ckpt").hardlink_to("run/checkpoints/previous.ckpt")  # killed before its next one
    assert table.read_bytes() == before
    assert [row["step"] for row in rows_of(tmp_path / "run/csv/from-3/metrics.csv")] == ["4", "5", "6"]
    assert [row["step"] for row in rows_of(tmp_path / "run/csv/from-3-2/metrics.csv")] == ["4", "5", "6", "7"]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_package_that_is_not_there_is_named_with_its_extra(call, monkeypatch, tmp_path, name):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None if package == name else found(package))
    code, text = call("train", *TINY, f"logger={name}")
    assert code == 1
    assert text.strip().splitlines() == [
        f"error: logger={name} needs a package that is not there: pip install 'gan-lightning[{name}]'. "
        "logger=csv needs none."
    ]
    assert list(tmp_path.rglob("*")) == [tmp_path / "outputs"]


def test_what_each_logger_is_told_of_a_run(node, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: package)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = tmp_path / "seed-0"
    assert own_arguments(node("default"), run, None) == {}
    assert own_arguments(node("default"), run, 6) == {"purge_step": 7}
    assert own_arguments(node("csv"), run, None) == {}
    assert own_arguments(node("csv"), run, 6) == {"version": "from-6"}
    assert own_arguments(node("wandb"), run, None) == {"name": "seed-0", "save_dir": "."}
    assert own_arguments(node("wandb"), run, 6) == {"name": "seed-0-from-6", "save_dir": "."}
    assert own_arguments(node("mlflow"), run, 6) == {"run_name": "seed-0-from-6", "tracking_uri": MLFLOW}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert own_arguments(node("mlflow"), run, None)["tracking_uri"] == "http://127.0.0.1:9"
    named = compose("train", ["logger=wandb", "logger.wandb.name=mine"]).logger.wandb
    assert own_arguments(named, run, 6) == {"save_dir": "."}, "it makes links that lead out of a run"


def test_every_choice_keeps_metrics_jsonl_and_wandb_sends_nothing():
    for choice in ("default", "csv", "wandb", "mlflow"):
        assert "jsonl" in compose("train", [f"logger={choice}"]).logger
    assert compose("train", ["logger=wandb"]).logger.wandb.offline is True
    both = compose("train", ["logger=[default,csv]"]).logger
    assert sorted(both) == ["csv", "jsonl", "tensorboard"]


def test_nothing_is_written_before_the_first_point(tmp_path):
    built = build_loggers(compose("train", ["logger=[default,csv]"]).logger, tmp_path, None)
    assert sorted(built) == ["csv", "jsonl", "tensorboard"]
    assert list(tmp_path.iterdir()) == []


def test_a_strangers_run_cannot_send_curves_to_a_server():
    origin = Path("record.json")
    assert game_overrides(["logger=wandb", "logger.wandb.offline=true"], origin) != []
    with pytest.raises(ValueError, match=r"logger.wandb.offline=false.*the curves would be sent to a server"):
        game_overrides(["logger=wandb", "logger.wandb.offline=false"], origin)
    assert game_overrides(["logger.wandb.offline=false"], origin, ["logger.wandb.offline=false"]) == []
