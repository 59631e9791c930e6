"""What may go wrong in a game, each with the number that shows it, its cause, and what to type: pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# From causes to consequences. While an alarm that was raised holds, those that it explains are not raised.
EXPLAINS: dict[str, tuple[str, ...]] = {
    "diverged": (),  # it ends the run
    "steps_too_large": ("gradient_vanishes", "d_lost", "alike", "modes_missing", "copied", "by_heart", "no_progress"),
    "gradient_vanishes": ("alike", "modes_missing", "by_heart", "no_progress"),
    "d_lost": ("alike", "modes_missing", "no_progress"),
    "alike": ("gradient_vanishes", "d_lost", "modes_missing", "copied", "by_heart", "no_progress"),
    "modes_missing": ("gradient_vanishes", "no_progress"),
    "copied": ("by_heart", "no_progress"),
    "by_heart": ("no_progress",),
    "no_progress": (),
}
QUICK = {"steps_too_large": "looks_at_steps", "gradient_vanishes": "looks_at_slope"}  # each with its limit in a row
SLOW = ("d_lost", "alike", "modes_missing", "copied", "by_heart", "no_progress")


@dataclass(frozen=True)
class Sign:
    """A condition that holds now.

    Attributes:
        alarm: its name in EXPLAINS.
        number: name of the curve that shows it.
        value: of that curve.
        limit: which ``value`` has passed.
        words: what is wrong, why, and what to type.
    """

    alarm: str
    number: str
    value: float
    limit: float
    words: str


@dataclass(frozen=True)
class Scene:
    """What is known of a game beside its numbers.

    Attributes:
        limits: name of a limit in conf/callbacks/default.yaml -> its value.
        loss: its name.
        techniques: names of those that are played.
        kind: what the classes are called: digits, modes or classes.
        labels: what labels are for: "" (no labels in the game), "condition" (both players see them), or "few" (D learns
            to name classes from data.labelled samples).
        missing: names of the classes that hardly a sample has, although the data have them.
        best_step: G step of the best evaluation, None where there is none.
        evaluations_since: how many have come since then.
        falling: whether the Frechet distance is still on its way down.
    """

    limits: Mapping[str, float]
    loss: str = ""
    techniques: Sequence[str] = ()
    kind: str = "classes"
    labels: str = ""
    missing: Sequence[str] = ()
    best_step: int | None = None
    evaluations_since: int = 0
    falling: bool = False

    def adding(self, technique: str) -> str:
        """What to type for ``technique`` beside those that are played; a bare name where it is one of them."""
        names = [*self.techniques, technique]
        return f"'technique=[{','.join(names)}]'" if technique not in self.techniques else f"a stronger {technique}"

    @property
    def several(self) -> str:
        """What to type so that D sees several samples at once; empty where no such technique fits the labels."""
        fit = {"": ("packing", "minibatch_stddev"), "condition": ("minibatch_stddev",), "few": ()}[self.labels]
        return " or ".join(map(self.adding, fit))


def falling(distances: Mapping[int, float], step: int, share: float) -> bool:
    """Is the distance at ``step`` below ``share`` of what it was when at most half as many G steps were done?

    Args:
        distances: G steps done -> Frechet distance.
    """
    earlier = [done for done in distances if done <= step / 2]
    return step in distances and bool(earlier) and distances[step] < share * distances[max(earlier)]


def diverged(error: Exception, limit: float) -> Sign:
    """The finite guard has ended the run with ``error``: a term of a loss, or a gradient, is beyond ``limit``."""
    return Sign("diverged", "loss", limit, limit, f"the game has diverged. {error}")


def quick_signs(numbers: Mapping[str, float], pairs: float, scene: Scene) -> list[Sign]:
    """Those of QUICK that hold, from the curves of ``Diagnostics``.

    Args:
        numbers: name of a curve -> value.
        pairs: share of the last batch's pairs that D put in order.
        scene: its ``limits``.
    """
    limits, found = scene.limits, list[Sign]()
    for player in "dg":
        key = f"update/{player}_to_weight"
        if numbers.get(key, 0.0) > limits["update_to_weight"] and not found:
            words = (
                f"{player.upper()}'s steps are too large: the last one moved its weights by {numbers[key]:.2g} of "
                f"their length (alarm above {limits['update_to_weight']:g}; 0.001 to 0.04 is usual). The learning rate "
                f"is too high, so each step undoes what the ones before it learned. Type "
                f"optimizer.{player}.lr=2e-4, the rate of most published games, or {scene.adding('gradient_clipping')}."
            )
            found.append(Sign("steps_too_large", key, numbers[key], limits["update_to_weight"], words))
    slope = numbers.get("grad/g_slope", 1.0)
    if slope < limits["slope"] and pairs >= limits["slope_pairs"]:
        why = (
            "With loss=mmgan G descends log(1 - D(G(z))), whose slope in the logit is D(G(z)): where D is sure that a "
            "sample is fake, G learns nothing. loss=nsgan has its full slope there."
            if scene.loss == "mmgan"
            else f"With loss={scene.loss} that slope is small where D is sure. loss=nsgan has its full slope there."
        )
        words = (
            f"G's gradient vanishes: its loss has a slope of {slope:.2g} in D's logits (alarm below "
            f"{limits['slope']:g}), and D puts {pairs:.0%} of the pairs of a real and a fake sample in order. {why} "
            f"Type loss=nsgan; or keep D behind: {scene.adding('instance_noise')}, d_steps=1, a smaller optimizer.d.lr."
        )
        found.append(Sign("gradient_vanishes", "grad/g_slope", slope, limits["slope"], words))
    return found


def signs(numbers: Mapping[str, float], scene: Scene) -> list[Sign]:
    """The others that hold, from the numbers of a look; a number that is not there shows nothing."""
    found = [
        d_lost(numbers, scene),
        alike(numbers, scene),
        modes_missing(numbers, scene),
        copied(numbers, scene),
        by_heart(numbers, scene),
        no_progress(numbers, scene),
    ]
    return [sign for sign in found if sign is not None]


def d_lost(numbers: Mapping[str, float], scene: Scene) -> Sign | None:
    """D ranks fakes above its own training images, or cannot tell samples from them that cover nothing of the data."""
    key, limits = "d/accuracy_train", scene.limits
    value, covered = numbers.get(key, 1.0), numbers.get("metric/coverage_judge", 1.0)
    if value < limits["d_fooled"]:
        limit, why = limits["d_fooled"], "worse than a coin: G moves faster than D follows"
    elif value < limits["d_coin"] and covered < limits["d_coin_coverage"]:
        limit = limits["d_coin"]
        why = f"as a coin would, although the samples come near to {covered:.1%} of the images only"
    else:
        return None
    words = (
        f"D has lost: it puts {value:.0%} of the pairs of a training image and a sample in order (alarm below "
        f"{limit:.0%}), {why}. What D says is then no guide for G. Type a larger optimizer.d.lr, d_steps=2, a smaller "
        "optimizer.g.lr, or a weaker penalty of D."
    )
    return Sign("d_lost", key, value, limit, words)


def alike(numbers: Mapping[str, float], scene: Scene) -> Sign | None:
    key, limit = "samples/diversity", scene.limits["diversity"]
    value = numbers.get(key, 1.0)
    if value >= limit:
        return None
    remedies = "a smaller optimizer.lr or a larger data.labelled"
    if scene.several:
        remedies = f"{scene.several}, by which D sees that samples are alike, or with a smaller optimizer.g.lr"
    words = (
        f"all samples look alike: two of them are {value:.0%} as far apart as two training images are (alarm below "
        f"{limit:.0%}). G has collapsed: it draws what D liked last, whatever z is. It seldom comes back: begin again, "
        f"with {remedies}."
    )
    return Sign("alike", key, value, limit, words)


def modes_missing(numbers: Mapping[str, float], scene: Scene) -> Sign | None:
    """Classes do not come, and samples come no nearer to the data: a young G finds one class after the other."""
    if not scene.missing or scene.falling:
        return None
    names = ", ".join(scene.missing)
    limit = scene.limits["missing"]
    remedies = [f"{scene.several}, by which D sees several samples at once"] if scene.several else []
    remedies += ["loss=rpgan"]
    remedies += {"": ["condition=projection where the data have labels"], "few": ["a larger data.labelled"]}.get(
        scene.labels, []
    )
    words = (
        f"modes are missing: by the judge hardly a sample shows the {scene.kind} {names} (each less than "
        f"{limit:.0%} as often as in the data). G draws the rest only, and nothing in D's verdict on "
        "single samples asks it for more. "
        f"Type {', '.join(remedies[:-1])}, or {remedies[-1]}."
    )
    return Sign("modes_missing", "labels/missing", float(len(scene.missing)), 0.0, words)


def copied(numbers: Mapping[str, float], scene: Scene) -> Sign | None:
    key, limit = "samples/copied", scene.limits["copied"]
    value = numbers.get(key, 0.0)
    if value <= limit:
        return None
    words = (
        f"samples copy the training set: {value:.0%} of them are less than half as far from a training image as from "
        f"any that G did not learn from (alarm above {limit:.0%}). G repeats what it was shown. Use an earlier "
        f"checkpoint (checkpoints/best.ckpt), more data, {scene.adding('diff_augment')}, or a smaller network."
    )
    return Sign("copied", key, value, limit, words)


def by_heart(numbers: Mapping[str, float], scene: Scene) -> Sign | None:
    key, limit = "d/accuracy_held_out", scene.limits["accuracy_gap"]
    seen, held_out = numbers.get("d/accuracy_train", 0.0), numbers.get(key, 1.0)
    if seen - held_out <= limit:
        return None
    words = (
        f"D learns the data by heart: it puts {seen:.0%} of the pairs in order with training images, and "
        f"{held_out:.0%} with images that it has not seen (alarm from {limit:.0%} apart). It then tells G about "
        f"single images and not about their law. Type {scene.adding('diff_augment')}, {scene.adding('r1')}, a D with "
        "dropout (network.D.dropout=0.3, where the network has it) or a smaller one; more data is best."
    )
    return Sign("by_heart", key, held_out, seen - limit, words)


def no_progress(numbers: Mapping[str, float], scene: Scene) -> Sign | None:
    limit = scene.limits["patience"]
    if scene.best_step is None or scene.evaluations_since < limit:
        return None
    words = (
        f"nothing improves any more: the best evaluation was that after {scene.best_step} G steps, "
        f"{scene.evaluations_since} evaluations ago (alarm from {limit:g}). It is time to stop: that state is "
        "checkpoints/best*.ckpt. To get further, type schedule=late_linear or a smaller optimizer.lr."
    )
    return Sign("no_progress", "metric/fd_over_coverage", float(scene.evaluations_since), limit, words)
