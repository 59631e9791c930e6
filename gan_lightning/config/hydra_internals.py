"""What of Hydra is needed and has no public name in 1.3: nobody else imports ``hydra._internal``."""

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override

__all__ = ["get_args_parser", "jobs_of"]


def jobs_of(overrides: list[Override]) -> list[list[str]]:
    """The overrides of each job of a multirun, as Hydra's basic sweeper numbers them."""
    (batch,) = BasicSweeper.split_arguments(overrides, None)
    return [list(job) for job in batch]
