"""metrics.json: every number that was ever measured of a run's checkpoints, each with how it was measured.

    {"checkpoints": {"last": {"what": "last checkpoint", "generator": "G", "g_steps": 6, "weights": "3f2a91c04d7e"}},
     "measured": [{"metric": "neighbours", "function": "precision_recall_density_coverage",
                   "of": ["test_features", "fake_features"], "parameters": {"k": 5},
                   "protocol": {"dataset": "digits", "split": "test", "n_fake": 297, "seed": 1, ...},
                   "floor": {"precision": 0.96, ...},
                   "values": {"3f2a91c04d7e": {"precision": 0.5, ...}}}]}

Numbers are stored by a hash of the weights, to which a checkpoint's name points: two checkpoints with the same weights
share their numbers, and when last.ckpt is replaced by a later one, it does not keep those of the earlier. Measuring
again replaces what was measured in the same way.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gan_lightning.io.plain import read_json

HOW = ("metric", "function", "of", "parameters", "protocol")  # numbers compare only where all of these are equal
PROTOCOL = ("dataset", "split", "n_fake", "n_real", "judge_sha256", "seed")
NOT_RECORDED = "all, with settings that were not recorded"  # "metric" of files that were written without settings

MOST = 300  # measurements in a file
LARGEST = 1e100  # larger numbers are refused: their squares could not be added

Measurements = dict[str, Any]


def weights_of(G: nn.Module) -> str:
    """12 hex digits of the SHA-256 of G's parameters and buffers."""
    digest = hashlib.sha256()
    for name, value in sorted(G.state_dict().items()):
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def measured_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Are these numbers of one metric, with the same settings and protocol, so that they may stand in one column?"""
    return all(one.get(key) == other.get(key) for key in HOW)


def read_measurements(path: Path) -> Measurements | None:
    """The metrics.json at ``path``, also one of the older format; None where it does not exist.

    Raises:
        ValueError: it is no metrics.json of this project.
    """
    if not path.is_file():
        return None
    try:
        found = read_json(path)
        if "measured" not in found:
            found = from_before(found)
        for checkpoint in found["checkpoints"].values():
            expect(checkpoint, {"weights": str, "g_steps": int, "what": str, "generator": str})
        if len(found["measured"]) > MOST or len(found["measured"]) * len(found["checkpoints"]) > 10 * MOST:
            raise ValueError(
                f"it has more than {MOST} measurements, or {10 * MOST} with all checkpoints"
            )  # a table each
        for column in found["measured"]:
            expect(column, {"metric": str, "protocol": dict, "floor": dict, "values": dict})
            if not isinstance(column.get("parameters"), dict | None):
                raise ValueError(f"parameters is {str(column['parameters'])[:80]!r}")
            expect(column["protocol"], dict.fromkeys(PROTOCOL, str | int | None))
            for numbers in (column["floor"], *column["values"].values()):
                expect(numbers, dict.fromkeys(numbers, int | float))
                if large := [name for name, value in numbers.items() if LARGEST < abs(value) < math.inf]:
                    raise ValueError(f"{large[0]} is {numbers[large[0]]:.3g}, above {LARGEST:.0g}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not what evaluate writes ({type(error).__name__}: {error}). Move it away and evaluate the run "
            "again: python -m gan_lightning.evaluate run=<run directory>."
        ) from error
    return dict(found)


def expect(found: dict[str, Any], kinds: Mapping[str, Any]) -> None:
    """Raises KeyError or ValueError unless ``found`` has each name of ``kinds`` with a value of its type."""
    for name, kind in kinds.items():
        if not isinstance(found[name], kind) or isinstance(found[name], bool):
            raise ValueError(f"{name} is {str(found[name])[:80]!r}")


def from_before(found: Mapping[str, Any]) -> Measurements:
    """Today's format of a file of the older one, which had one protocol and no settings of the metrics."""
    names, values = {}, {}
    what = {"last": "last checkpoint", "best": "checkpoint chosen on validation images"}
    for name, numbers in found["checkpoints"].items():
        stem, _, average = name.partition("-")
        weights = f"unknown-{name}-{numbers['g_steps']}"
        names[name] = {
            "what": what.get(stem, f"checkpoint {stem}.ckpt") + (f", G's average {average}" if average else ""),
            "generator": average or "G",
            "g_steps": numbers["g_steps"],
            "weights": weights,
        }
        values[weights] = {key: value for key, value in numbers.items() if key != "g_steps"}
    column = {"metric": NOT_RECORDED, "protocol": found["protocol"], "floor": found["floor"], "values": values}
    return {"checkpoints": names, "measured": [column]}


def merge(old: Measurements | None, new: Measurements) -> Measurements:
    """``old`` with what ``new`` has measured; neither is changed."""
    before = json.loads(json.dumps(old)) if old else {"checkpoints": {}, "measured": []}
    for name, now in new["checkpoints"].items():
        then = before["checkpoints"].get(name, {})
        if then.get("weights", "").startswith("unknown-") and then["g_steps"] == now["g_steps"]:
            for column in before["measured"]:  # the same checkpoint, in the older format, which had no hash
                if then["weights"] in column["values"]:
                    column["values"][now["weights"]] = column["values"].pop(then["weights"])
    before["checkpoints"] |= new["checkpoints"]
    for column in new["measured"]:
        same = next((c for c in before["measured"] if measured_alike(c, column)), None)
        if same is None:
            before["measured"].append(column)
        else:
            same["values"] |= column["values"]
            same["floor"] = column["floor"]
    return before
