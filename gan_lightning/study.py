"""``python -m gan_lightning.study study=dirac``: an experiment that is more than one training run."""

import logging
import time

from omegaconf import DictConfig

from gan_lightning.cli import verb

log = logging.getLogger(__name__)


@verb("study")
def main(cfg: DictConfig) -> None:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from gan_lightning.bar import Bar
    from gan_lightning.build import decide_data, make
    from gan_lightning.checks import check_values, new_folder
    from gan_lightning.files import write_json
    from gan_lightning.runs import environment
    from gan_lightning.written import Written

    check_values(cfg)
    name = HydraConfig.get().runtime.choices["study"]
    if "data" in cfg.study:
        note = decide_data(cfg.study)
        if note:
            log.warning("%s", note)
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


if __name__ == "__main__":
    main()
