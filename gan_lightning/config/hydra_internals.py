"""Parts of Hydra that have no public name in 1.3. No other module imports ``hydra._internal``."""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override

__all__ = ["get_args_parser", "jobs_of", "share_store"]


def jobs_of(overrides: list[Override]) -> list[list[str]]:
    """The overrides of each job of a multirun, as Hydra's basic sweeper numbers them."""
    (batch,) = BasicSweeper.split_arguments(overrides, None)
    return [list(job) for job in batch]


def share_store() -> None:
    """Let ``copy.deepcopy`` of Hydra's ConfigStore, a singleton, return the store itself.

    For ``--help`` Hydra lists the choices of each group, and copies the whole store 142 times: 1.5 of 2.4 seconds.
    Nothing writes into such a copy, and a configuration is copied when it is loaded from the store.
    """

    def itself(self: ConfigStore, memo: dict[int, Any]) -> ConfigStore:
        return self

    ConfigStore.__deepcopy__ = itself  # type: ignore[attr-defined]
