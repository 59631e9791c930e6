"""The alarms of several runs, each with the curve that raised it: a figure for compare and for the page of a sweep."""

import logging
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gan_lightning.io.plain import LARGE, read_bytes
from gan_lightning.io.tables import Curve, curves, title
from gan_lightning.report.arms import Run, arms
from gan_lightning.report.drawing import figure, headed, legend_below, level, logarithmic
from gan_lightning.report.style import FEW, PAGE, PALE, look
from gan_lightning.report.verdicts import alarms_in, in_short

log = logging.getLogger(__name__)

Alarm = Mapping[str, Any]  # an entry of alarms.json (``runs/alarms.py``)
MOST_PANELS = 12
MOST_LIMITS = 3  # lines in a panel, where its runs had different ones
LETTERS = 44  # of a panel's heading, in a line
RING = 8  # points, the mark of the first run; each further one is larger, so that two at one place are seen
MARKS = (
    "ring: the watch raised the alarm here, after enough looks in a row; pale: runs of the arm that did not raise it"
)


def as_logged(found: Mapping[str, Curve], number: str) -> Curve | None:
    """The curve that alarms.json names."""
    return found.get(number)


def larger_loss(found: Mapping[str, Curve], number: str) -> Curve | None:
    """The larger one of the players' losses, without its sign."""
    both = at_same_steps(found, "loss/d", "loss/g")
    return both and (both[0], np.maximum(np.abs(both[1]), np.abs(both[2])))


def overfitting(found: Mapping[str, Curve], number: str) -> Curve | None:
    """How much better D ranks the images that it trains on than others."""
    both = at_same_steps(found, "d/accuracy_train", "d/accuracy_held_out")
    return both and (both[0], both[1] - both[2])


def since_best(found: Mapping[str, Curve], number: str) -> Curve | None:
    """Evaluations since the latest that was the best so far, of G or of its average."""
    counts = []
    for tag in (number, f"{number}_ema"):
        if tag in found:
            steps, values = found[tag]
            before = np.minimum.accumulate(np.concatenate([[np.inf], values[:-1]]))
            place = np.arange(len(steps))
            counts.append((steps, place - np.maximum.accumulate(np.where(values < before, place, 0))))
    if not counts:
        return None
    steps = counts[0][0]
    return steps, np.min([np.interp(steps, *count) for count in counts], axis=0)


def at_same_steps(found: Mapping[str, Curve], one: str, other: str) -> tuple[Any, Any, Any] | None:
    """(steps, values of ``one``, values of ``other``) where both have one; None where there is no such step."""
    if not {one, other} <= found.keys():
        return None
    steps, a, b = np.intersect1d(found[one][0], found[other][0], return_indices=True)
    return (steps, found[one][1][a], found[other][1][b]) if len(steps) else None


@dataclass(frozen=True)
class AlarmCurve:
    """How the curve of a kind of alarm is drawn.

    Attributes:
        unit: what its values are.
        of: (curves of the run, name of the one in alarms.json) -> what is drawn; None where the run has no such curve.
        tags: the curves that ``of`` needs beside the one in alarms.json.
        logarithmic: whether its scale is.
    """

    unit: str
    of: Callable[[Mapping[str, Curve], str], Curve | None] = field(default_factory=lambda: as_logged)
    tags: Sequence[str] = ()
    logarithmic: bool = False


KINDS: Mapping[str, AlarmCurve] = {
    "diverged": AlarmCurve("larger one of the losses", larger_loss, ("loss/d", "loss/g"), True),
    "steps_too_large": AlarmCurve("length of a step over the weights'"),
    "gradient_vanishes": AlarmCurve("slope of G's loss in D's logits"),
    "d_lost": AlarmCurve("share of pairs in order"),
    "alike": AlarmCurve("distance of samples over the data's"),
    "modes_missing": AlarmCurve("classes that hardly come"),
    "copied": AlarmCurve("share of samples that are copies"),
    "by_heart": AlarmCurve("pairs in order, training - held-out",
                           overfitting, ("d/accuracy_train", "d/accuracy_held_out")),
    "no_progress": AlarmCurve("evaluations since the best", since_best, ("metric/fd_over_coverage_ema",)),
}  # fmt: skip


@dataclass(frozen=True)
class Raised:
    """One kind of alarm in one arm.

    Attributes:
        arm: its name.
        kind: of the alarm.
        alarms: (run, its alarm, its curve or None) of each run that raised it.
        others: curves of the runs of this arm that did not raise it.
    """

    arm: str
    kind: str
    alarms: Sequence[tuple[Run, Alarm, Curve | None]]
    others: Sequence[Curve]

    def how(self) -> AlarmCurve:
        return KINDS.get(self.kind, AlarmCurve("value"))

    def limits(self) -> list[float]:
        """The values from which the drawn curves are alarming: one for all runs, unless theirs differ."""
        found = []
        for _, alarm, curve in self.alarms:
            limit = alarm["limit"]
            if self.kind == "by_heart":  # alarms.json has the value and the limit of the held-out images alone
                limit = math.nan if curve is None else height(curve, alarm) + alarm["value"] - limit
            found.append(float(f"{limit:.3g}"))
        return [limit for limit in dict.fromkeys(found) if math.isfinite(limit)]


def height(curve: Curve, alarm: Alarm) -> float:
    """The last value of ``curve`` when the alarm was raised."""
    steps, values = curve
    return float(values[max(np.searchsorted(steps, alarm["g_steps"], side="right") - 1, 0)])


def logged_by(run: Run, tags: set[str]) -> dict[str, Curve]:
    """The curves ``tags`` that ``run`` has; none, with a warning, where its metrics.jsonl cannot be read."""
    file = run.path / "metrics.jsonl"
    try:
        return curves(read_bytes(file, LARGE), tags) if file.is_file() else {}
    except ValueError as error:
        log.warning("no curves of %s: %s", run.path.name, error)
        return {}


def raised_in(runs: Sequence[Run]) -> list[Raised]:
    """What any run raised, kind by kind in the order of KINDS, arm by arm."""
    said = {run.path: alarms_in(run.path)[0] for run in runs}
    numbers = {(a["alarm"], a["number"]) for own in said.values() for a in own}
    tags = {number for _, number in numbers} | {tag for kind, _ in numbers if kind in KINDS for tag in KINDS[kind].tags}
    logged = {run.path: logged_by(run, tags) for run in runs} if tags else {}
    order = list(KINDS)
    found = []
    for kind, number in sorted(numbers, key=lambda n: (order.index(n[0]) if n[0] in KINDS else len(order), n)):
        of = KINDS.get(kind, AlarmCurve("value")).of
        for arm, members in arms(runs).items():
            alarms, others = [], []
            for run in members:
                curve = of(logged[run.path], number)
                mine = [a for a in said[run.path] if (a["alarm"], a["number"]) == (kind, number)]
                if mine:
                    alarms.append((run, mine[0], curve))
                elif curve is not None:
                    others.append(curve)
            if alarms:
                found.append(Raised(arm, kind, alarms, others))
    return found


def alarm_figure(runs: Sequence[Run]) -> Any:
    """A figure of matplotlib with a panel for each kind of alarm in each arm; None where no run raised any."""
    found = raised_in(runs)
    if not found:
        return None
    shown = found[:MOST_PANELS]
    columns = min(len(shown), 2 if len(shown) in (2, 4) else 3)
    fig, axes = figure(-(-len(shown) // columns), columns, width=PAGE / columns, height=3.1)
    seeds = list(dict.fromkeys(seed_in_words(run) for one in shown for run, _, _ in one.alarms))
    for axis, one in zip(axes, shown, strict=False):
        draw_raised(axis, one, seeds)
    for kind in dict.fromkeys(one.kind for one in shown):
        same_scale([axis for axis, one in zip(axes, shown, strict=False) if one.kind == kind])
    for axis in axes[len(shown) :]:
        axis.remove()
    more = f"\n{len(found) - len(shown)} panels more are not drawn" if found[MOST_PANELS:] else ""
    legend_below(fig, 4, MARKS + more)
    return fig


def seed_in_words(run: Run) -> str:
    return f"seed {run.config.get('seed')}"


def draw_raised(axis: Any, one: Raised, seeds: Sequence[str]) -> None:
    """One panel: a line and a ring for each run that raised the alarm, in its seed's colour, and the limit."""
    first = one.alarms[0][1]
    words = in_short(first)
    headed(axis, "", "G steps", one.how().unit)
    heading = [f"{words[:1].upper()}{words[1:]}", *textwrap.wrap(title(one.arm), LETTERS, max_lines=2)]
    axis.set_title("\n".join(title(part) for part in heading), fontsize=9, pad=12)
    drawn = [curve for _, _, curve in one.alarms if curve is not None]
    dotted = {"marker": "." if max((len(steps) for steps, _ in drawn), default=0) < FEW else None}
    for other in one.others:
        axis.plot(*other, color=PALE, linewidth=1, **dotted)
    for k, (run, alarm, curve) in enumerate(one.alarms):
        style, seed = look(seeds.index(seed_in_words(run))), title(seed_in_words(run))
        if curve is None:
            axis.plot([], [], label=f"{seed} (no curve of {title(run.path.name)})", **style)
            continue
        axis.plot(*curve, label=seed, linewidth=1.4, **dotted, **style)
        axis.plot(
            alarm["g_steps"], height(curve, alarm), marker="o", markersize=RING + 4 * k, markeredgewidth=1.4,
            markerfacecolor="none", markeredgecolor=style["color"], linestyle="",
        )  # fmt: skip
    above = first["value"] >= first["limit"] or one.kind == "by_heart"
    for limit in one.limits()[:MOST_LIMITS]:
        level(axis, limit, f"alarm {'above' if above else 'below'} {limit:g}", below=above)
    axis.margins(y=0.12)  # room for the words below a limit of 0
    if one.how().logarithmic and all((values > 0).all() for _, values in drawn):
        logarithmic(axis)
    elif all((values == np.round(values)).all() for _, values in drawn):
        axis.yaxis.get_major_locator().set_params(integer=True)


def same_scale(axes: Sequence[Any]) -> None:
    """The same values on the y-axis of each: for panels that are compared."""
    ends = [axis.get_ylim() for axis in axes]
    for axis in axes:
        axis.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
