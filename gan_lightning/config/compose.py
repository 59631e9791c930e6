"""Names of run directories, as resolvers for conf/, and composing a configuration without a command line."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.explained import described, explained, grouped
from gan_lightning.config.where import CONF
from gan_lightning.io.plain import read_yaml


def slug(overrides: Sequence[str], longest: int = 120) -> str:
    """A directory name that says what differs, of letters, digits and ``-_.+`` only.

    ``[loss=mmgan, seed=1]`` becomes ``loss-mmgan_seed-1``; too long a name ends in a hash of the whole.
    """
    plain = re.sub(r"[\[\]{}'\" ]", "", "_".join(overrides)).replace("=", "-")
    name = re.sub(r"[^A-Za-z0-9.+-]+", "_", plain).strip("_.")
    if len(name) > longest:
        name = f"{name[:longest]}+{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
    return name or "default"


def swept_keys(sweep: Path) -> set[str]:
    """The keys that the multirun in ``sweep`` varies, read from the record that Hydra keeps of it."""
    hydra_cfg = read_yaml(sweep / "multirun.yaml")["hydra"]
    typed = OverridesParser.create().parse_overrides(hydra_cfg["overrides"]["task"])
    keys = {o.key_or_group for o in typed if o.is_sweep_override()}
    return keys | set(hydra_cfg["sweeper"].get("params") or {})


def arm(sweep: str, overrides: Sequence[str]) -> str:
    """The name of a multirun's job: the overrides that differ among its jobs."""
    return arm_of(swept_keys(Path(sweep)), overrides)


def arm_of(swept: set[str], overrides: Sequence[str]) -> str:
    """As ``arm``, where the keys that the multirun varies are known."""
    return slug([o for o in overrides if o.split("=", 1)[0] in swept])


def register_resolvers() -> None:
    """Make ``${slug:...}`` and ``${arm:...}`` known, the names of directories in conf/, and what its help lists."""
    OmegaConf.register_new_resolver("slug", slug, replace=True)
    OmegaConf.register_new_resolver("arm", arm, replace=True)
    OmegaConf.register_new_resolver("explained", explained, replace=True)
    OmegaConf.register_new_resolver("grouped", grouped, replace=True)
    OmegaConf.register_new_resolver("described", described, replace=True)


def compose(config_name: str, overrides: list[str] | None = None) -> DictConfig:
    """The configuration that ``python -m gan_lightning.<config_name> <overrides>`` would get.

    A command of Hydra's within which this is called goes on as before.
    """
    register_resolvers()
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
            return hydra.compose(config_name, overrides=overrides or [])
    finally:
        GlobalHydra.instance().hydra = before
