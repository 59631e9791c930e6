"""Runs with made-up measurements, and the tables that compare makes of them."""

import json

from conftest import TINY

from gan_lightning.report.arms import gather
from gan_lightning.report.comparison import all_tables

DIGITS = [o for o in TINY if not o.startswith("data")] + ["data=digits"]


PROTOCOL = {"dataset": "digits", "split": "test", "n_fake": 297, "n_real": 297, "judge_sha256": "f17e473ad24e",
            "floor": "as ever", "seed": 1}  # fmt: skip


def earlier(values, g_steps=6, **protocol):
    """A metrics.json of the older format, without the settings of the metrics."""
    checkpoints = {"last": {"g_steps": g_steps, **values}}
    return {"protocol": {**PROTOCOL, **protocol}, "checkpoints": checkpoints, "floor": dict.fromkeys(values, 0.5)}


def column(metric, values, weights="aaa", **parameters):
    """An entry of "measured" in metrics.json: ``values`` of one metric for one set of weights."""
    return {"metric": metric, "function": metric, "of": ["test_features", "fake_features"], "parameters": parameters,
            "protocol": PROTOCOL, "floor": dict.fromkeys(values, 0.5), "values": {weights: values}}  # fmt: skip


def measurements(*columns, weights="aaa", g_steps=6, what="last checkpoint"):
    """A metrics.json with ``columns`` for one checkpoint."""
    last = {"what": what, "generator": "G", "g_steps": g_steps, "weights": weights}
    return {"checkpoints": {"last": last}, "measured": list(columns)}


def a_run(folder, name, metrics, seed=0, **config):
    """Make a run directory with the files that compare reads; ``config`` are both its configuration and overrides."""
    run = folder / name
    run.mkdir(parents=True)
    overrides = [f"{k}={v}" for k, v in {**config, "seed": seed}.items()]
    (run / "config.yaml").write_text(json.dumps({"seed": seed, **config}))
    (run / "status.json").write_text(json.dumps({"status": "done", "g_steps": 6}))
    (run / "record.json").write_text(json.dumps({"overrides": overrides}))
    if metrics:
        (run / "metrics.json").write_text(json.dumps(metrics))
    return run


def tables(folder):
    """Compare the runs in ``folder``: title of a table -> its rows, each heading -> cell."""
    runs, missing, _ = gather(f"{folder}/*")
    found = {}
    for part in all_tables(runs, missing).split("### ")[1:]:
        cells = [[c.strip() for c in line.split("|")[1:-1]] for line in part.splitlines() if line.startswith("|")]
        if cells:
            rows = [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]
            found.setdefault(part.splitlines()[0], []).extend(rows)
    return found
