"""What ``compare`` writes of a sweep: tables, curves, alarms, samples, origin of the numbers, a page of all that."""

import logging

from omegaconf import DictConfig

from gan_lightning.config.checks import new_folder
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import write_text
from gan_lightning.io.plain import check_links
from gan_lightning.io.written import Written
from gan_lightning.report.alarm_curves import alarm_figure
from gan_lightning.report.arms import gather
from gan_lightning.report.comparison import all_tables, write_csv, write_origins
from gan_lightning.report.drawing import save_figure
from gan_lightning.report.figures import draw_curves, draw_samples
from gan_lightning.report.page import check_replaceable
from gan_lightning.report.sweep_page import sweep_page
from gan_lightning.runs.own_code import check_trust

log = logging.getLogger(__name__)


def compare(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.compare`` does."""
    written = Written()
    with Bar("comparing") as bar:
        bar.set_postfix_str("reading the runs")
        runs, missing, folder = gather(str(cfg.runs))
        if not cfg.out:
            check_links(folder / "compare", itself=True)
        out = new_folder(cfg.out or folder / "compare")
        page = check_replaceable(out / "report.html")
        trust = check_trust(cfg.trust)
        with written.watch(out):
            text = all_tables(runs, missing)
            write_text(out / "table.md", text)
            write_csv(runs, out / "table.csv")
            write_origins(runs, folder, out)
            bar.set_postfix_str("drawing the curves")
            draw_curves(runs, out / "curves.png")
            if alarms := alarm_figure(runs):
                save_figure(alarms, out / "alarms.png")
            bar.set_postfix_str("drawing samples")
            draw_samples(runs, out / "samples.png", cfg.n, cfg.seed, trust)
            bar.set_postfix_str("drawing the page")
            write_text(page, sweep_page(runs, missing, folder, cfg.n, cfg.seed, trust))
    log.info("%s", text)
    log.info("wrote %s", written)
