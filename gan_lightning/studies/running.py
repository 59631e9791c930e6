"""``python -m gan_lightning.study``: runs a study, and writes its numbers with settings, commit and machine."""

import logging
import time

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from gan_lightning.config.build import decide_data, make, source_node
from gan_lightning.config.checks import new_folder
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import write_json
from gan_lightning.io.written import Written
from gan_lightning.runs.record import environment

log = logging.getLogger(__name__)


def run_study(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.study`` does."""
    name = HydraConfig.get().runtime.choices["study"]
    if OmegaConf.is_dict(cfg.study.get("data")):  # speedrun's is the word of a dataset, passed on to train
        note = decide_data(cfg.study)
        if note:
            log.warning("%s", note)
        with open_dict(cfg):
            cfg.study.data = source_node(cfg.study.data)  # a study sees no labels
    out = new_folder(cfg.out or HydraConfig.get().runtime.output_dir)
    start = time.perf_counter()
    written = Written()
    with written.watch(out):
        with Bar(f"study={name}") as bar:
            numbers = make(cfg.study)(out, bar)
        seconds = round(time.perf_counter() - start, 1)
        origin = {"study": name, "settings": OmegaConf.to_container(cfg.study, resolve=True), "seconds": seconds}
        write_json(out / "numbers.json", {**origin, **environment(), "numbers": numbers})
    log.info("study=%s took %.0f s", name, seconds)
    log.info("wrote %s", written)
