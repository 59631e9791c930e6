"""``python -m gan_lightning.study study=dirac``: an experiment that is more than one training run."""

import logging
import sys
import time
from pathlib import Path

from omegaconf import DictConfig

from gan_lightning.cli import verb

log = logging.getLogger(__name__)


@verb("study")
def main(cfg: DictConfig) -> None:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf
    from tqdm import tqdm

    from gan_lightning.build import decide_data, make
    from gan_lightning.checks import check_values
    from gan_lightning.runs import environment, write_json

    check_values(cfg)
    name = HydraConfig.get().runtime.choices["study"]
    if "data" in cfg.study:
        note = decide_data(cfg.study)
        if note:
            log.warning("%s", note)
    out = Path(cfg.out) if cfg.out else Path(HydraConfig.get().runtime.output_dir)
    out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with tqdm(unit="step", disable=not sys.stderr.isatty()) as bar:
        numbers = make(cfg.study)(out, bar)
    seconds = round(time.perf_counter() - start, 1)
    origin = {"study": name, "settings": OmegaConf.to_container(cfg.study, resolve=True), "seconds": seconds}
    write_json(out / "numbers.json", {**origin, **environment(), "numbers": numbers})
    log.info("study=%s took %.0f s; figure.png and numbers.json lie in %s", name, seconds, out)


if __name__ == "__main__":
    main()
