"""Older runs: names that classes had then are replaced by today's, and what was the default then stays their game."""

from collections.abc import Sequence
from typing import Any

from gan_lightning.config.shipped import GLOBAL, choices, node, train_yaml

FORMER = {
    "gan_lightning.callbacks.quiet.NoProfiler": "gan_lightning.callbacks.overhead.NoProfiler",
    "gan_lightning.loggers.JSONLines": "gan_lightning.training.loggers.JSONLines",
    "gan_lightning.prior.Normal": "gan_lightning.core.prior.Normal",
    "gan_lightning.prior.Uniform": "gan_lightning.core.prior.Uniform",
    "gan_lightning.schedules.Cosine": "gan_lightning.core.schedules.Cosine",
    "gan_lightning.schedules.Exponential": "gan_lightning.core.schedules.Exponential",
    "gan_lightning.schedules.Linear": "gan_lightning.core.schedules.Linear",
}


def with_todays_names(node: Any) -> Any:
    """A copy of the plain data ``node`` in which each ``_target_`` has the name that it has today."""
    if isinstance(node, dict):
        return {
            key: FORMER.get(child, child) if key == "_target_" and isinstance(child, str) else with_todays_names(child)
            for key, child in node.items()
        }
    return [with_todays_names(child) for child in node] if isinstance(node, list) else node


def unsaid(config: dict[str, Any], words: Sequence[str]) -> list[str]:
    """What a run played because it was the default then: overrides beside the ``words`` that were typed.

    Networks, techniques and the number of steps, as far as ``config``, the run's own, differs in them from today's
    default. An experiment or an ablation says all of them itself. Only names that conf/ has and a whole number come
    out, whatever the file holds.
    """
    keys = {word.lstrip("+~").split("=", 1)[0] for word in words}
    default: dict[str, Any] = {}
    for entry in train_yaml()["defaults"]:
        default |= entry if isinstance(entry, dict) else {}
    found = list[str]()
    if keys.isdisjoint({*GLOBAL, "network"}):
        target = target_of(config.get("network"))
        same = [name for name in sorted(choices("network")) if target_of(node("network", name)) == target]
        found += [f"network={name}" for name in same if name != default["network"]]
    played = config.get("technique")
    removed = any(word.startswith("~technique") for word in words)
    if keys.isdisjoint({*GLOBAL, "technique"}) and isinstance(played, dict) and not removed:
        names = [name for name in played if name in choices("technique")]
        found += [f"technique=[{','.join(names)}]"] if names != default["technique"] else []
    steps = config.get("steps")
    if keys.isdisjoint({*GLOBAL, "steps"}) and type(steps) is int and steps != train_yaml()["steps"]:
        found.append(f"steps={steps}")
    return found


def target_of(network: Any) -> Any:
    """The class of the G of a ``network``; None if it has none."""
    player = network.get("G") if isinstance(network, dict) else None
    return player.get("_target_") if isinstance(player, dict) else None
