"""What ``python -m gan_lightning.report`` does: the page of a run, or of a sweep."""

from omegaconf import DictConfig

from gan_lightning.report.run_page import write_run_page
from gan_lightning.report.sweep_page import write_sweep_page

LATEST = "latest"  # what `run` is in conf/report.yaml


def write_report(cfg: DictConfig) -> None:
    """Write one page.

    Raises:
        ValueError: both ``run`` and ``runs`` were given; as ``write_run_page`` and ``write_sweep_page``.
    """
    if cfg.runs is None:
        write_run_page(cfg)
    elif cfg.run != LATEST:
        raise ValueError(
            f"run= is for one run and runs= for a sweep, got run={cfg.run} and runs={cfg.runs}. Leave out one."
        )
    else:
        write_sweep_page(cfg)
