"""``python -m gan_lightning.compare runs=<multirun directory>``: one table, curves and samples of a sweep's arms."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from gan_lightning.cli import verb

log = logging.getLogger(__name__)


@verb("compare")
def main(cfg: DictConfig) -> None:
    from gan_lightning.checks import check_values
    from gan_lightning.comparison import gather, report, write_csv, write_origins
    from gan_lightning.comparison_figures import draw_curves, draw_samples
    from gan_lightning.own_code import check_trust
    from gan_lightning.plain import check_links

    check_values(cfg)
    runs, missing, folder = gather(str(cfg.runs))
    out = Path(cfg.out) if cfg.out else folder / "compare"
    if not cfg.out:
        check_links(out, itself=True)
    out.mkdir(parents=True, exist_ok=True)
    text = report(runs, missing)
    (out / "table.md").write_text(text)
    write_csv(runs, out / "table.csv")
    write_origins(runs, folder, out)
    draw_curves(runs, out / "curves.png")
    draw_samples(runs, out / "samples.png", cfg.n, cfg.seed, check_trust(cfg.trust))
    log.info("%s\n%s", text, f"The tables, curves.png, samples.png, and the runs' configurations lie in {out}")


if __name__ == "__main__":
    main()
