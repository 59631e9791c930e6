"""Which games reach all modes of a mixture in the plane: scatter, animation, and a table with published numbers.

Each arm is a list of overrides of ``python -m gan_lightning.train experiment=<data>``, so that the game of a row can be
trained alone. Data and scoring are those of Srivastava et al. 2017 and Lin et al. 2018 (PacGAN): of 2,500 samples those
within 3 sd of a mean are of high quality, and a mode is reached if one of these is nearest to it. Networks and recipe
are this project's.
"""

import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from gan_lightning.config.build import build_data, build_gan, check_lipschitz, drop_unchosen, judge_of
from gan_lightning.config.compose import compose
from gan_lightning.core.sampler import draw
from gan_lightning.game.loop import Loop
from gan_lightning.game.module import GAN
from gan_lightning.io.files import write_json, write_text
from gan_lightning.io.tables import markdown_table
from gan_lightning.metrics.modes import ModeJudge, mode_coverage
from gan_lightning.report.drawing import figure, frame, headed, save_animation, save_figure
from gan_lightning.report.pictures import plane
from gan_lightning.report.style import HEADING, PAGE, PALETTE, QUIET

SAMPLES = 2500
JUDGED = 777  # seed of the z of the samples that are scored
# name -> modes, high quality in %, reverse KL, as printed; ten runs, +- standard error where the paper has one
PUBLISHED = {
    "ring8": {
        "GAN (Srivastava et al. 2017)": ("1", "99.3", ""),
        "VEEGAN (Srivastava et al. 2017)": ("8", "52.9", ""),
        "GAN (Lin et al. 2018)": ("6.3 ± 0.5", "98.2 ± 0.2", "0.45 ± 0.09"),
        "PacGAN2 (Lin et al. 2018)": ("7.9", "95.6", "0.07"),
        "PacGAN4 (Lin et al. 2018)": ("7.8", "95.9", "0.07"),
    },
    "grid25": {
        "GAN (Srivastava et al. 2017)": ("3.3", "0.5", ""),
        "VEEGAN (Srivastava et al. 2017)": ("24.6", "40", ""),
        "GAN (Lin et al. 2018)": ("17.3 ± 0.8", "94.8 ± 0.7", "0.70 ± 0.07"),
        "PacGAN2 (Lin et al. 2018)": ("23.8", "91.3", "0.13"),
        "PacGAN4 (Lin et al. 2018)": ("24.8 ± 0.2", "93.6", "0.04 ± 0.01"),
    },
}


def configuration(experiment: str, overrides: Sequence[str], seed: int = 0) -> DictConfig:
    """What ``train experiment=... overrides seed=...`` would play."""
    cfg = compose("train", [f"experiment={experiment}", *overrides, f"seed={seed}", "trainer=cpu"])
    drop_unchosen(cfg)
    return cfg


def game_of_arm(experiment: str, overrides: Sequence[str], seed: int) -> tuple[GAN, Iterator[Any]]:
    """The game of ``configuration``, and its batches without end."""
    cfg = configuration(experiment, overrides, seed)
    data = build_data(cfg)
    data.prepare_data()
    data.setup()
    torch.manual_seed(seed)
    gan = build_gan(cfg, data.source.shape)
    check_lipschitz(gan)
    return gan, iter(data.batches())


def best_of(gan: GAN) -> Any:
    """The average of G if the game keeps one, else G."""
    return list(gan.generators.values())[-1]


def points(gan: GAN, n: int, seed: int = JUDGED) -> Tensor:
    """``[n, 2]`` samples of ``best_of``."""
    return draw(best_of(gan), gan.prior, n, seed, torch.device("cpu"))


def play(
    experiment: str, overrides: Sequence[str], seed: int, judge: ModeJudge, bar: Any, frames: int
) -> tuple[dict[str, Any], Tensor, list[tuple[int, Tensor]]]:
    """Play one game to its end.

    Returns:
        Its numbers, the samples ``[SAMPLES, 2]`` that they are of, and (G steps, samples ``[10000, 2]``) after
        ``frames`` batches of the run, whose numbers are in equal ratios.
    """
    start = time.perf_counter()
    gan, batches = game_of_arm(experiment, overrides, seed)
    loop = Loop(gan)
    last = gan.steps * gan.d_steps
    shown = {round(last ** (i / max(frames - 1, 1))) for i in range(frames)}
    film = []
    bar.set_postfix_str(f"{' '.join(overrides) or experiment}, seed {seed}")
    for i, batch in enumerate(islice(batches, last), 1):
        loop.step(*batch)
        if frames and i in shown:
            film.append((i // gan.d_steps, points(gan, 10_000)))
        if i % gan.d_steps == 0:
            bar.update()
    judged = points(
        gan, SAMPLES, JUDGED + seed
    )  # each game has z of its own, so that the games' errors are independent
    seconds = round(time.perf_counter() - start, 1)
    return {"seed": seed, **mode_coverage(judge, judged), "seconds": seconds}, judged, film


def cells_of(name: str, runs: Sequence[Mapping[str, float]], modes: int) -> tuple[str, ...]:
    """A row of the table: mean ± standard error over the runs of the arm ``name``."""

    def mean_of(key: str, scale: float = 1, digits: int = 2) -> str:
        values = [scale * r[key] for r in runs if not math.isnan(r[key])]
        if not values:
            return ""
        mean = statistics.fmean(values)
        if len(values) < 2 or not math.isfinite(mean):
            return f"{mean:.{digits}f}"
        return f"{mean:.{digits}f} ± {statistics.stdev(values) / math.sqrt(len(values)):.{digits}f}"

    full = sum(r["modes"] == modes for r in runs)
    wide = [r for r in runs if not math.isnan(r["narrowest"])]  # with modes of 20 points or more
    spreads = f"{min(r['narrowest'] for r in wide):.2f} to {max(r['widest'] for r in wide):.2f}" if wide else ""
    return (name, mean_of("modes", digits=1), f"{full} of {len(runs)}", mean_of("high_quality", 100, 1),
             mean_of("reverse_kl", digits=4), mean_of("spread"), spreads, mean_of("seconds", digits=0))  # fmt: skip


def mode_table(
    name: str, results: Mapping[str, Sequence[Mapping[str, float]]], real: Mapping[str, float], modes: int
) -> str:
    """Markdown: a row per arm (mean ± standard error over the seeds), real data, and the rows printed in the papers."""
    head = ("game", "modes", "all modes", "high quality, %", "reverse KL, nats", "spread", "of any mode", "seconds")
    ours = [cells_of(arm, runs, modes) for arm, runs in results.items()]
    data = ("real data", f"{real['modes']}", "", f"{100 * real['high_quality']:.1f}", f"{real['reverse_kl']:.4f}",
            f"{real['spread']:.2f}", f"{real['narrowest']:.2f} to {real['widest']:.2f}", "")  # fmt: skip
    theirs = [(f"*{who}*", m, "", quality, kl, "", "", "") for who, (m, quality, kl) in PUBLISHED.get(name, {}).items()]
    return markdown_table(head, [*ours, data, *theirs]) + "\n"


def scatter(axis: Any, samples: Tensor, means: Tensor, limit: float, title: str) -> None:
    """``samples`` ``[n, 2]`` over the ``means`` of the modes; how many lie beyond ``limit`` is said in the corner."""
    axis.scatter(*means.T, s=60, facecolors="none", edgecolors=QUIET, linewidths=0.8)
    axis.scatter(*samples.T, s=2.0, linewidths=0, color=PALETTE["blue"], rasterized=True)
    axis.set_xlim(-limit, limit)
    axis.set_ylim(-limit, limit)
    axis.set_aspect("equal")
    headed(axis, title, "first coordinate", "second coordinate")
    outside = int((samples.abs() > limit).any(1).sum())
    if outside:
        words, box = f"{outside} samples lie outside", {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axis.text(limit, -limit, words, ha="right", va="bottom", fontsize=7, color=QUIET, bbox=box)


def run(
    out: Path,
    bar: Any,
    experiment: str,
    arms: Mapping[str, Sequence[str]],
    seeds: Sequence[int] = (0,),
    plain_seeds: Sequence[int] | None = None,
    steps: int | None = None,
    frames: int = 40,
) -> dict[str, Any]:
    """Writes table.md, figure.png (samples of the first seed) and animation.gif; games.json after each game.

    Args:
        experiment: ring8 or grid25, of conf/experiment.
        arms: name in the table -> overrides of the experiment.
        seeds: of each arm.
        plain_seeds: of the arms after the first, where they are not to have as many.
        steps: G steps of every game; null: as the experiment has it.
        frames: of the animation, at equal ratios of the run; 0 for none.
    """
    judge = judge_of(experiment)
    if not isinstance(judge, ModeJudge):
        raise ValueError(f"study.experiment must have modes to count: ring8 or grid25, got {experiment}.")
    if not arms or not seeds or (plain_seeds is not None and not plain_seeds):
        raise ValueError(
            f"mode_coverage needs an arm, and a seed of each, got study.arms={list(arms)}, study.seeds={list(seeds)} "
            f"and study.plain_seeds={plain_seeds}. For the recipe alone: '~study.arms.nsgan'."
        )
    more = [f"steps={steps}"] if steps else []
    games = {name: [*overrides, *more] for name, overrides in arms.items()}
    seeds_of = {name: seeds if i == 0 or plain_seeds is None else plain_seeds for i, name in enumerate(games)}
    bar.reset(total=sum(configuration(experiment, o).steps * len(seeds_of[name]) for name, o in games.items()))
    results: dict[str, list[dict[str, Any]]] = {}
    shown: dict[str, Tensor] = {}
    films: dict[str, list[tuple[int, Tensor]]] = {}
    for name, overrides in games.items():
        for i, seed in enumerate(seeds_of[name]):
            found, judged, film = play(experiment, overrides, seed, judge, bar, 0 if i else frames)
            results.setdefault(name, []).append(found)
            shown.setdefault(name, judged)
            films.setdefault(name, film)
            write_json(out / "games.json", results)  # so that a study that is stopped leaves the games it has played

    source_test = build_data(configuration(experiment, [])).source.test().images
    real = mode_coverage(judge, source_test)
    limit = 1.25 * judge.means.abs().max().item()
    fig, axes = figure(-(-(len(games) + 1) // 3), 3, width=PAGE / 3, height=3.5)
    for axis, (name, samples) in zip(axes, [*shown.items(), ("real data", source_test)], strict=False):
        found = mode_coverage(judge, samples)
        good, kl = f"{100 * found['high_quality']:.1f} % good", f"reverse KL {found['reverse_kl']:.3f}"
        scatter(
            axis, samples, judge.means, limit, f"{name}\n{found['modes']} of {len(judge.means)} modes\n{good}, {kl}"
        )
    for axis in axes[len(games) + 1 :]:
        axis.remove()
    fig.suptitle(f"{experiment}: samples of each game's first seed; a ring: the mean of a mode", fontsize=HEADING)
    save_figure(fig, out / "figure.png")
    if frames:
        pictures = []
        for parts in zip(*films.values(), strict=True):
            fig, axes = figure(1, len(parts), width=3.0, height=3.2)
            for axis, name, (g_steps, part) in zip(axes, films, parts, strict=True):
                axis.imshow(plane(part, limit)[0].numpy(), cmap="magma", extent=(-limit, limit, -limit, limit))
                axis.set_title(f"{name}\nafter {g_steps:,} G steps", fontsize=HEADING)
                axis.axis("off")
            pictures.append(frame(fig))
        save_animation(pictures, out / "animation.gif")
    write_text(out / "table.md", mode_table(experiment, results, real, len(judge.means)))
    return {"experiment": experiment, "games": results, "overrides": games, "real": real}
