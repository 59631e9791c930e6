"""One HTML file of a sweep: which arm won and whether the seeds tell, samples from one z, curves, numbers, failures."""

import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from markupsafe import Markup
from omegaconf import DictConfig

from gan_lightning.config.quoting import word
from gan_lightning.io.bar import Bar
from gan_lightning.io.tables import line
from gan_lightning.report.alarm_curves import alarm_figure
from gan_lightning.report.arms import Run, arms, gather
from gan_lightning.report.comparison import NOT_EVALUATED, left_out, measured_tables
from gan_lightning.report.contest import Contest, contest, dataset_of
from gan_lightning.report.drawing import svg_of
from gan_lightning.report.page import NAME, check_replaceable, render, save_page
from gan_lightning.report.page_arms import arm_samples, draw_bands, draw_numbers, real_row
from gan_lightning.report.run_page import data_of
from gan_lightning.report.significance import LEVEL
from gan_lightning.report.verdicts import alarms_in, in_short
from gan_lightning.runs.directory import status_of
from gan_lightning.runs.own_code import check_trust
from gan_lightning.runs.sweep import recorded_words

log = logging.getLogger(__name__)

LONGEST = 500  # characters of why a run failed
ROWS = 24  # arms of which samples are shown, the best first


def write_sweep_page(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.report runs=...`` does.

    Raises:
        ValueError: there is no run, or ``out`` cannot be written or holds something else.
    """
    began = time.perf_counter()
    with Bar("drawing the page") as bar:
        bar.set_postfix_str("reading the runs")
        runs, missing, folder = gather(str(cfg.runs))
        out = check_replaceable(Path(cfg.out) if cfg.out else folder / NAME)
        page = sweep_page(runs, missing, folder, cfg.n, cfg.seed, check_trust(cfg.trust))
    log.info("wrote %s", save_page(page, out, began))


def sweep_page(
    runs: Sequence[Run], missing: Mapping[str, str], folder: Path, n: int, seed: int, trust: str | None
) -> str:
    """The HTML of the ``runs`` of ``folder``; ``n`` samples of each arm from the z of ``seed``."""
    named = arms(runs)
    kinds: dict[str, dict[str, list[Run]]] = {}  # dataset -> its arms
    for arm, members in named.items():
        kinds.setdefault(dataset_of(members[0]), {})[arm] = members
    return render(
        "sweep.html",
        name=folder.resolve().name,
        counts=counts(runs, missing, named),
        several=len(kinds) > 1,
        parts=[part(name, own, n, seed, trust) for name, own in kinds.items()],
        tables=measured_tables(runs),
        differing=differing(named),
        names=list(named),
        troubles=troubles(runs, missing),
        remedies=remedies(runs, missing, folder),
        alarms=[(run.path.name, in_short(alarm), alarm["g_steps"]) for run in runs for alarm in alarms_in(run.path)[0]],
        alarm_curves=Markup(svg_of(figure)) if (figure := alarm_figure(runs)) else "",
        command=command(folder),
    )


def counts(runs: Sequence[Run], missing: Mapping[str, str], named: Mapping[str, Sequence[Run]]) -> str:
    done = sum(run.status == "done" for run in runs)
    size = sorted({len(members) for members in named.values()})
    each = " to ".join(str(n) for n in dict.fromkeys((size[0], size[-1]))) if size else "0"
    return (
        f"{len(named)} arm{'s' * (len(named) != 1)} of {each} run{'s' * (each != '1')}: {done} of "
        f"{len(runs) + len(missing)} runs are done."
    )


def part(dataset: str, named: Mapping[str, Sequence[Run]], n: int, seed: int, trust: str | None) -> dict[str, Any]:
    """What the page says of the arms of one dataset."""
    found = contest(named)
    ranked = [*dict.fromkeys([*(found.means if found else ()), *named])]
    rows, G = arm_samples({arm: named[arm] for arm in ranked[:ROWS]}, n, seed, trust)
    with_data = data_of(G.config) if G is not None else None
    return {
        "dataset": dataset,
        "words": found.words() if found else ["No arm has a Frechet distance, so none is said to have won."],
        "numbers": draw_numbers(found) if found and found.means else "",
        "ranking": ranking(found) if found else [],
        "floor": f"{found.floor:.4g}" if found and found.floor else None,
        "samples": rows,
        "unshown": max(0, len(ranked) - ROWS),
        "real": real_row(with_data, n, seed),
        "curves": draw_bands(named),
    }


def ranking(found: Contest) -> list[dict[str, str]]:
    """A row for each arm, the best first: its mean, and how sure its difference from the best is."""
    rows = []
    for arm, mean in found.means.items():
        apart, p = found.differences.get(arm, (None, None))
        row = {"arm": arm, "seeds": str(len(found.values[arm])), "mean": f"{mean:.4g}", "by": "", "interval": "",
               "p": "", "says": "lowest" if apart is None else ""}  # fmt: skip
        if apart is not None:
            row["by"] = f"{apart.mean:+.3g}"
            row["says"] = apart.test
        if apart is not None and p is not None and apart.low is not None and apart.high is not None:
            row |= {"interval": f"{apart.low:.3g} to {apart.high:.3g}", "p": f"{p:.3g}"}
            row["says"] = ("a difference" if p < LEVEL else "not told apart") + f" ({apart.test})"
        rows.append(row)
    return rows


def differing(named: Mapping[str, Sequence[Run]]) -> list[tuple[str, list[str]]]:
    """(key, its value in each arm) of every key of the configuration in which two arms differ."""
    games = [dict(members[0].game) for members in named.values()]
    keys = sorted({key for game in games for key in game})
    rows = [(key, [plain_value(game.get(key, "-")) for game in games]) for key in keys]
    return [(key, cells) for key, cells in rows if len(set(cells)) > 1]


def plain_value(value: str) -> str:
    """A value without quotes, a class by its own name."""
    plain = value.strip("'\"")
    return plain.rpartition(".")[2] if plain.startswith("gan_lightning.") else plain


def troubles(runs: Sequence[Run], missing: Mapping[str, str]) -> list[tuple[str, str]]:
    """(run, what is wrong with it), for a run that was not played to the end or cannot be read."""
    errors = {run.path.name: status_of(run.path).get("error") for run in runs if run.status == "failed"}
    return [
        (name, f"{why}: {line(errors[name])[:LONGEST]}" if errors.get(name) else line(why))
        for name, why in left_out(runs, missing).items()
        if why != NOT_EVALUATED
    ]


def remedies(runs: Sequence[Run], missing: Mapping[str, str], folder: Path) -> list[str]:
    """Sentences: what to type for runs that are not done, and for those that were not evaluated."""
    said = []
    ended = all(run.status == "done" for run in runs) and "missing" not in missing.values()
    if not ended and (folder / "multirun.yaml").is_file():
        said.append(f"To play what is not done: python -m gan_lightning.train -m {word('continue', folder)}")
    if n := list(left_out(runs, {}).values()).count(NOT_EVALUATED):
        which = shlex.quote(f'run="{folder}/*"')
        said.append(
            f"{n} of the runs that are done {'has' if n == 1 else 'have'} not been evaluated on test data. "
            f"Type: python -m gan_lightning.evaluate {which}, and write this page again."
        )
    return said


def command(folder: Path) -> str | None:
    """What was typed for the sweep; None where it is not known."""
    with suppress(ValueError):
        if (folder / "multirun.yaml").is_file():
            return shlex.join(["python", "-m", "gan_lightning.train", "-m", *recorded_words(folder)[0]])
    return None
