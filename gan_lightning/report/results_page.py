"""docs/results.md from what ``compare out=docs/results/<name>`` put there.

A folder of docs/results/ is one claim: ``about.md`` (written by hand: title, what was asked, commands), and table.md,
table.csv, runs.json, configs/ and the PICTURES (all by ``compare``). Nothing is computed here.
"""

import json
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gan_lightning.io.files import write_text
from gan_lightning.io.tables import markdown_cell
from gan_lightning.io.written import Written

log = logging.getLogger(__name__)

HEAD = """# Results

Written by `make results` from `docs/results/`, where each number's row (`table.csv`), configuration (`configs/`) and
origin (`runs.json`: command, commit, versions, machine, time) are kept. A number is the mean over training seeds, +-
their standard deviation; the floor, the same number of real training images, is the last row. Down is better for
the Frechet, kernel and label distances and for the share of copies, up for the others but `train_test_ratio`, which
should be near the floor's; `parzen_sigma`, `parzen_standard_error` and `g_steps` are no scores.
What they stand on: [numbers](numbers.md).
"""

# file name -> its caption
PICTURES = {
    "samples": "Samples, all from the same z",
    "curves": "Curves, shaded by the deviation",
    "alarms": "The curve of each alarm, with its limit",
}
ALARMS = """### Alarms

Raised in these runs by the watch as it was then (`configs/` has its limits); what that of today says stands above."""


def origin(runs: dict[str, Any]) -> str:
    """One sentence, from the contents of runs.json: how many runs, how long, on what, of which commits."""
    records = list(runs["runs"].values())
    seconds = [r["seconds"] for r in records if "seconds" in r]
    versions = sorted({f"torch {r['versions']['torch']}, lightning {r['versions']['lightning']}" for r in records})
    places = sorted({f"{r['gpu'] or 'CPU'}, {r['threads']} thread(s)" for r in records})
    commits = sorted({r["git"][:10] for r in records if r.get("git")})
    spread = (
        f"{min(seconds):,.0f} to {max(seconds):,.0f} s each, {sum(seconds):,.0f} s in all" if seconds else "unfinished"
    )
    commit = f"commit {', '.join(commits)}" if commits else "no commit recorded"
    where, what, which = map(markdown_cell, ("; ".join(places), "; ".join(versions), commit))
    return f"{len(records)} run(s), {spread}, on {where}; {what}; {which}."


def section(folder: Path) -> str:
    """The part of the page about one claim, from its folder.

    Raises:
        ValueError: a file is missing.
    """
    missing = [n for n in ("about.md", "table.md", "table.csv", "runs.json", "configs") if not (folder / n).exists()]
    if missing:
        raise ValueError(
            f"{folder} lacks {', '.join(missing)}. Write about.md by hand, the others come from "
            f"python -m gan_lightning.compare runs=<multirun directory> out={folder}"
        )
    parts = [(folder / "about.md").read_text().strip(), (folder / "table.md").read_text().strip()]
    parts.append("### Origin\n\n" + origin(json.loads((folder / "runs.json").read_text())))
    for name, caption in PICTURES.items():
        if (folder / f"{name}.png").is_file():
            parts += [ALARMS] if name == "alarms" else []
            parts.append(f"![{caption}]({folder.parent.name}/{folder.name}/{name}.png)")
    return "\n\n".join(parts)


def page(folder: Path) -> str:
    """The whole page. Raises ValueError where there is nothing to show."""
    folders = sorted(p for p in folder.glob("*") if p.is_dir())
    if not folders:
        raise ValueError(f"{folder} has no results. Make some: python -m gan_lightning.compare out={folder}/<name>")
    return "\n\n".join([HEAD.strip(), *map(section, folders)]) + "\n"


def write_page(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.results`` does."""
    folder = Path(cfg.folder)
    text = page(folder)  # raises before anything is written
    out = folder.with_suffix(".md")
    written = Written()
    write_text(written.add(out), text)
    log.info("read %d folder(s) of %s", sum(p.is_dir() for p in folder.glob("*")), folder)
    log.info("wrote %s", written)
