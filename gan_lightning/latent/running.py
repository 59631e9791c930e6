"""``python -m gan_lightning.latent``: runs a task on a generator, and writes its numbers with settings and machine."""

import logging
import time
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.build import make
from gan_lightning.config.checks import new_folder
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import write_json
from gan_lightning.latent.bench import Bench
from gan_lightning.runs.directory import find
from gan_lightning.runs.load import check_finite, load

log = logging.getLogger(__name__)


def run_task(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.latent`` does."""
    name = HydraConfig.get().runtime.choices["task"]
    play_task(cfg, name)


def play_task(cfg: DictConfig, name: str) -> dict[str, Any]:
    """The task ``cfg.task``, called ``name``, on the generator of ``cfg.run``.

    Files go into ``cfg.out``, else ``latent/<name>/`` of the run: pictures, and numbers.json with the task's settings.
    The same command gives the same bytes on the same machine.

    Returns:
        The numbers.

    Raises:
        ValueError: as ``runs.load.load`` does; the task cannot be done with this generator or these images.
    """
    directory, checkpoint = find(cfg.run)
    G = load(checkpoint, cfg.generator or "G", cfg.trust)
    generator = cfg.generator or "G"
    if cfg.generator is None and G.others:
        generator = G.others[0]
        G = load(checkpoint, generator, cfg.trust)
    check_finite(G.sample(2), checkpoint)
    out = new_folder(Path(cfg.out) if cfg.out else directory / "latent" / name)
    began = time.perf_counter()
    with Bar(f"task={name}") as bar:
        bench = Bench(G, str(cfg.run), out, cfg.seed, bar, cfg.root)
        numbers: dict[str, Any] = make(cfg.task)(bench)
    settings: Any = OmegaConf.to_container(cfg.task, resolve=True)
    origin = {"task": name, "settings": settings, "seed": cfg.seed, "generator": generator, "g_steps": G.g_steps}
    write_json(bench.file("numbers.json"), {**origin, "numbers": numbers})
    log.info("task=%s took %.0f s", name, time.perf_counter() - began)
    log.info("wrote %s", bench.written)
    return numbers
