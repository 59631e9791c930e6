"""What of Hydra is needed and has no public name in 1.3: nobody else imports ``hydra._internal``."""

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
    """A copy of Hydra's store of configurations, of which there is one in a process, is the store itself.

    ``--help`` asks for the choices of each group, and Hydra copies the whole store for each of 142 such questions:
    1.5 of 2.4 seconds. Nobody writes into a copy, and what is loaded from the store is copied when it is loaded.
    """

    def itself(self: ConfigStore, memo: dict[int, Any]) -> ConfigStore:
        return self

    ConfigStore.__deepcopy__ = itself  # type: ignore[attr-defined]
