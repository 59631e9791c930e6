"""The page of a speedrun: its rules, tables over the seeds, the curves."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_lightning.io.tables import markdown_cell, markdown_table, title
from gan_lightning.report.columns import summary
from gan_lightning.report.drawing import figure, legend_below, level, logarithmic, save_figure
from gan_lightning.report.style import PAGE, look

Row = Mapping[str, Any]
TARGETS = (10, 5)  # times the floor

RULES = """# A GAN on {data}, by the minute

Written by `python -m gan_lightning.study study=speedrun`; each number's run, commit and machine are in `rows.csv` and
`rows.json`.

## Rules

1. **Data.** The {n_train:,} training images of `data={data}` as they are, and nothing else: no other images, no weights
   that were trained before.
2. **Time** is wall clock from the start of the run's process: the interpreter, all imports, reading the data (which lie
   on the disk), compiling, timing a precision, and the writing of the states that are measured. Nothing is taken off.
   Evaluation and pictures are no part of the run: they are made of these states when it is over.
3. **The state at a mark** is the one after the first G step that ends at or after it. A game whose planned steps end
   earlier has its last state there, and the time at which it ended. No state is chosen by what was measured of it.
4. **What is measured**: the Frechet distance of {n_fake:,} samples (seed {sample_seed}) to the {n_real:,} {split}
   images, on the features of the judge with SHA-256 `{judge_sha256}`.
   The first {n_fake:,} training images in place of samples have **{floor:.4g}**, the floor.
5. **Of which G**: its average, if the game keeps one (the last of its techniques that does), else G itself. G itself is
   reported too.
6. **Seeds** {seeds}; none is left out. Each run is a process of its own with {threads} thread(s) of
   PyTorch; what else the machine did meanwhile, such as another of these runs, is said under "Origin". Numbers are the
   mean +- standard deviation (n - 1) over seeds.
7. **Targets**: 10 and 5 times the floor, reached at the first mark whose state is at or below; nothing is interpolated.
   Finer marks: `study.minutes`. GFLOP, so that machines compare: two operations for each product that is summed in the
   matrix products and convolutions of whole steps (both players, forward and backward, penalties too; the formulas of
   `torch.utils.flop_counter`), times the G steps done.
8. **To enter**, name your game and what is typed behind `python -m gan_lightning.train`, and play it alone:

       python -m gan_lightning.study study=speedrun 'study.games=[mine]' \\
           '+study.entries.mine=["loss=lsgan","batch_size=128"]'
"""


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.4g} min"


def whole_number(values: Sequence[float], of: int) -> str:
    """mean +- standard deviation in whole numbers; of how many runs, if not of all; "-" for none."""
    if not values:
        return "-"
    spread = f" +- {statistics.stdev(values):,.0f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):,.0f}{spread}" + (f" ({len(values)} of {of})" if len(values) < of else "")


def first_within(rows: Sequence[Row], limit: float) -> Row | None:
    """Of the rows of one run, the first mark at or below ``limit``."""
    return next((r for r in sorted(rows, key=lambda r: r["mark_s"]) if r["frechet_distance"] <= limit), None)


def by(rows: Sequence[Row], key: str) -> dict[Any, list[Row]]:
    """The rows of each value of ``key``, in their order."""
    return {value: [r for r in rows if r[key] == value] for value in dict.fromkeys(r[key] for r in rows)}


def at_marks(rows: Sequence[Row], marks: Sequence[float], cell: Callable[[Sequence[Row]], str]) -> str:
    """A row for each game, a column for each mark."""
    table = []
    for game, members in by(rows, "game").items():
        found = by(members, "mark_s")
        table.append([markdown_cell(game), *(cell(found[mark]) for mark in marks)])
    return markdown_table(["game", *map(minutes, marks)], table)


def distance(key: str) -> Callable[[Sequence[Row]], str]:
    """A cell: the distance ``key`` over the seeds, and when the runs were over, if that was before the mark."""

    def cell(rows: Sequence[Row]) -> str:
        over = [r["seconds"] for r in rows if r["seconds"] < r["mark_s"]]
        return summary([r[key] for r in rows]) + (f", over after {whole_number(over, len(rows))} s" if over else "")

    return cell


def targets(rows: Sequence[Row], floor: float) -> str:
    """Seconds and GFLOP to each target: the means over the seeds that reached it."""
    heads = [head for times in TARGETS for head in (f"{times} x floor ({times * floor:.4g}), s", "GFLOP")]
    table = []
    for game, members in by(rows, "game").items():
        seeds = by(members, "seed")
        cells = []
        for times in TARGETS:
            firsts = [r for own in seeds.values() if (r := first_within(own, times * floor))]
            cells += [whole_number([r[key] for r in firsts], len(seeds)) for key in ("seconds", "gflop")]
        table.append([markdown_cell(game), *cells])
    return markdown_table(["game", *heads], table)


def short(commit: str) -> str:
    """Ten digits of ``commit``, and whether files were changed since."""
    return commit[:10] + (" with changes" if commit.endswith("-dirty") else "")


def machines(rows: Sequence[Row]) -> str:
    """On what, with what and from which commits the runs were made."""
    places = sorted({f"{r['gpu'] or r['cpu']}, {r['cores']} cores, {r['threads']} thread(s)" for r in rows})
    versions = sorted({f"torch {r['torch']}" for r in rows})
    commits = sorted({short(r["git"]) for r in rows if r["git"]}) or ["not recorded"]
    runs = len({r["run"] for r in rows})
    return markdown_cell(f"{runs} run(s) on {'; '.join(places)}; {', '.join(versions)}; commit {', '.join(commits)}.")


def speedrun_page(rows: Sequence[Row], missing: Mapping[str, str], settings: Mapping[str, Any]) -> str:
    """All of README.md. ``missing``: run -> why it is not in the tables."""
    marks, floor = settings["marks"], settings["floor"]
    parts = [RULES.format(**{**settings, "seeds": ", ".join(map(str, settings["seeds"]))}).strip()]
    if rows:
        steps = at_marks(rows, marks, lambda found: whole_number([r["g_steps"] for r in found], len(found)))
        judged = {game: sorted({r["judged"] for r in members}) for game, members in by(rows, "game").items()}
        seeds = {game: len(by(members, "seed")) for game, members in by(rows, "game").items()}
        games = [f"`{game}`: {', '.join(judged[game])}, {seeds[game]} seed(s)" for game in judged]
        parts += [
            f"## Frechet distance\n\nThe floor is {floor:.4g}. Judged: {'; '.join(games)}.",
            at_marks(rows, marks, distance("frechet_distance")),
            "![Frechet distance by the minute](figure.png)",
            f"## Targets\n\n{targets(rows, floor)}",
            f"## G itself\n\n{at_marks(rows, marks, distance('frechet_distance_live'))}",
            f"## G steps\n\n{steps}",
        ]
        drawn = [game for game in judged if f"samples-{game}.png" in settings["pictures"]]
        parts += [f"## 64 samples of {game} at the last mark\n\n![{game}](samples-{game}.png)" for game in drawn]
        parts.append(f"## Origin\n\n{machines(rows)} {markdown_cell(settings['note'] or 'Beside no other work.')}")
    if missing:
        left = "\n".join(f"- {markdown_cell(name)}: {markdown_cell(why)}" for name, why in missing.items())
        parts.append(f"## Not in the tables\n\n{left}")
    return "\n\n".join(parts) + "\n"


def draw_minutes(rows: Sequence[Row], floor: float, path: Path) -> None:
    """Frechet distance over minutes, both axes logarithmic: a dot for each seed, a line through the means."""
    fig, (axis,) = figure(1, 1, width=PAGE, height=4.6)
    for i, (game, members) in enumerate(by(rows, "game").items()):
        found = by(members, "mark_s")
        at = [statistics.fmean(r["seconds"] for r in same) / 60 for same in found.values()]
        mean = [statistics.fmean(r["frechet_distance"] for r in same) for same in found.values()]
        seeds = len(by(members, "seed"))
        axis.plot(at, mean, label=f"{title(game)}: mean of {seeds} seed{'s' * (seeds > 1)}, a dot each", **look(i))
        dots = [(r["seconds"] / 60, r["frechet_distance"]) for r in members]
        axis.plot(*zip(*dots, strict=True), "o", markersize=4, color=look(i)["color"])
    level(axis, floor, f"floor, real training images: {floor:.3g}")
    for times in TARGETS:
        level(axis, times * floor, f"{times} times the floor: {times * floor:.3g}")
    axis.set_xscale("log")
    marks = sorted({r["mark_s"] / 60 for r in rows})
    axis.set_xticks(marks, [f"{mark:.3g}" for mark in marks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("minutes since the process began")
    axis.set_ylabel("Frechet distance to the test images")
    logarithmic(axis)
    legend_below(fig, 3)
    save_figure(fig, path)
