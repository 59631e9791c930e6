"""Which arm of a sweep won, by how much, and whether the seeds tell: the Frechet distance of the last checkpoints."""

import json
import logging
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gan_lightning.io.plain import LARGE, read_bytes
from gan_lightning.io.tables import curves
from gan_lightning.report.arms import Run, protocols
from gan_lightning.report.comparison import checkpoints, columns_of
from gan_lightning.report.significance import LEVEL, Difference, Values, difference_of_arms, holm
from gan_lightning.runs.trust import plain_config

log = logging.getLogger(__name__)

DISTANCE = "frechet_distance"
ENDED = ("done", "stopped")  # what a run is whose numbers count; where others stand is chance
CHEAP = ("metric/fd_judge_ema", "metric/fd_judge")  # the first that all runs have


@dataclass(frozen=True)
class Contest:
    """A number of every arm, smaller is better.

    Attributes:
        about: how it was measured, in words.
        floor: the same of real training images; None where it was not measured.
        values: arm -> (training seed, number), where it has one that is finite.
    """

    about: str
    floor: float | None
    values: Mapping[str, Values]

    @cached_property
    def means(self) -> dict[str, float]:
        """Arm -> mean over its seeds, the best first."""
        means = {arm: statistics.fmean(value for _, value in found) for arm, found in self.values.items() if found}
        return dict(sorted(means.items(), key=lambda item: item[1]))

    @cached_property
    def differences(self) -> dict[str, tuple[Difference, float | None]]:
        """Arm -> its difference from the best, and p corrected for all these comparisons."""
        best, *others = self.means
        found = {arm: difference_of_arms(self.values[best], self.values[arm]) for arm in others}
        tested = [arm for arm in others if found[arm].p is not None]
        corrected = dict(zip(tested, holm([found[arm].p or 0.0 for arm in tested]), strict=True))
        return {arm: (found[arm], corrected.get(arm)) for arm in others}

    def words(self) -> list[str]:
        """Who won and by how much, in sentences."""
        if not self.means:
            return ["No arm has a finite number."]
        best, *others = self.means
        beside = f", {self.means[best] / self.floor:.1f} times the floor of {self.floor:.3g}" if self.floor else ""
        said = [f"Lowest {self.about}: {best} with {self.means[best]:.3g}{spread(self.values[best])}{beside}."]
        if others:
            apart, p = self.differences[others[0]]
            tested = sum(each is not None for _, each in self.differences.values())
            said.append(f"The next is {others[0]}, {in_words(apart, p, tested)}.")
        return said


def spread(values: Values) -> str:
    """(mean of) how many seeds, and how far apart they lie."""
    if len(values) == 1:
        return " (one seed)"
    return f" (mean of {len(values)} seeds, standard deviation {statistics.stdev(v for _, v in values):.2g})"


def in_words(apart: Difference, p: float | None, comparisons: int) -> str:
    """``apart`` as the end of a sentence."""
    by = f"{apart.mean:.3g} above it"
    if p is None or apart.low is None or apart.high is None:
        return f"{by} ({apart.test})"
    many = f", corrected for {comparisons} comparisons" if comparisons > 1 else ""
    tells = "the seeds tell the two apart" if p < LEVEL else "the seeds do not tell the two apart"
    return f"{by} (95% interval {apart.low:.3g} to {apart.high:.3g}; {apart.test}, p = {p:.3g}{many}): {tells}"


def seed_of(run: Run) -> int:
    """Its training seed; 0 where its configuration has no whole number there."""
    seed = plain_config(run.path / "config.yaml").get("seed")
    return seed if type(seed) is int else 0


def dataset_of(run: Run) -> str:
    """The module of its dataset, such as mnist5k; of all runs without one the same."""
    target = dict(run.game).get("data._target_", "").strip("'\"").split(".")
    return target[-2] if len(target) > 1 else ""


def contest(arms: Mapping[str, Sequence[Run]]) -> Contest | None:
    """By what ``evaluate`` measured of the last checkpoints, in the way that most runs share; else by the cheap
    evaluation at the end of training; None where there is neither. All ``arms`` are of one dataset.

    Runs that have not ended take no part.
    """
    arms = {arm: [run for run in members if run.status in ENDED] for arm, members in arms.items()}
    found = [*measured_contests(arms)]
    if found:
        return max(found, key=lambda each: (len(each.means), sum(map(len, each.values.values()))))
    return cheap_contest(arms)


def measured_contests(arms: Mapping[str, Sequence[Run]]) -> list[Contest]:
    """One for each protocol, checkpoint and setting; those of an average of G first."""
    runs = [run for members in arms.values() for run in members]
    found = []
    for protocol, members in protocols(runs).items():
        p = json.loads(protocol)
        for checkpoint, what in sorted(checkpoints(members, protocol), key=lambda each: each[0] == "last"):
            if not checkpoint.startswith("last"):
                continue
            for column in columns_of(members, protocol):
                values = {
                    arm: [
                        (seed_of(run), float(run.numbers(column, checkpoint)[DISTANCE]))
                        for run in of_arm
                        if math.isfinite(run.numbers(column, checkpoint).get(DISTANCE, math.nan))
                    ]
                    for arm, of_arm in arms.items()
                }
                if any(values.values()):
                    about = f"Frechet distance to {p['n_real']} {p['split']} images of {p['dataset']} ({what})"
                    found.append(Contest(about, column["floor"].get(DISTANCE), values))
    return found


def cheap_contest(arms: Mapping[str, Sequence[Run]]) -> Contest | None:
    """By the last point of the curve of the cheap evaluation, where all runs drew as many samples for it."""
    runs = [run for members in arms.values() for run in members]
    last = {run.path: last_points(run) for run in runs}
    having = [run for run in runs if last[run.path]]
    sizes = {repr(sample_size(run)) for run in having}
    if not having or len(sizes) > 1:
        return None
    tag = next(tag for tag in CHEAP if all(tag in last[run.path] for run in having) or tag == CHEAP[-1])
    values = {
        arm: [(seed_of(run), last[run.path][tag]) for run in of_arm if tag in last[run.path]]
        for arm, of_arm in arms.items()
    }
    whose = "the average of G" if tag == CHEAP[0] else "G"
    about = f"Frechet distance at the end of training, by its cheap evaluation of {whose} on validation images"
    return Contest(about, None, values)


def last_points(run: Run) -> dict[str, float]:
    """Tag of CHEAP -> its last value; empty, with a warning, where metrics.jsonl cannot be read."""
    file = run.path / "metrics.jsonl"
    try:
        found = curves(read_bytes(file, LARGE), CHEAP) if file.is_file() else {}
    except ValueError as error:
        log.warning("no curves of %s: %s", run.path.name, error)
        return {}
    return {tag: float(values[-1]) for tag, (_, values) in found.items()}


def sample_size(run: Run) -> object:
    callbacks = plain_config(run.path / "config.yaml").get("callbacks")
    evaluation = callbacks.get("evaluation") if isinstance(callbacks, dict) else None
    return evaluation.get("n") if isinstance(evaluation, dict) else None
