"""Names that classes had when older runs were made; in their configurations these are replaced by today's names."""

from typing import Any

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
