"""``python -m gan_lightning.compare runs=<multirun directory>``: one table, curves and samples of a sweep's arms."""

import logging

from omegaconf import DictConfig

from gan_lightning.cli import verb

log = logging.getLogger(__name__)


@verb("compare")
def main(cfg: DictConfig) -> None:
    from gan_lightning.bar import Bar
    from gan_lightning.checks import check_values, new_folder
    from gan_lightning.comparison import gather, report, write_csv, write_origins
    from gan_lightning.comparison_figures import draw_curves, draw_samples
    from gan_lightning.files import write_text
    from gan_lightning.own_code import check_trust
    from gan_lightning.plain import check_links
    from gan_lightning.written import Written

    check_values(cfg)
    written = Written()
    with Bar("comparing") as bar:
        bar.set_postfix_str("reading the runs")
        runs, missing, folder = gather(str(cfg.runs))
        if not cfg.out:
            check_links(folder / "compare", itself=True)
        out = new_folder(cfg.out or folder / "compare")
        with written.watch(out):
            text = report(runs, missing)
            write_text(out / "table.md", text)
            write_csv(runs, out / "table.csv")
            write_origins(runs, folder, out)
            bar.set_postfix_str("drawing the curves")
            draw_curves(runs, out / "curves.png")
            bar.set_postfix_str("drawing samples")
            draw_samples(runs, out / "samples.png", cfg.n, cfg.seed, check_trust(cfg.trust))
    log.info("%s", text)
    log.info("wrote %s", written)


if __name__ == "__main__":
    main()
