"""What the watch costs: a game with and without a look, in turn, on the same weights and in one process."""

import statistics
import time
from types import SimpleNamespace
from typing import Any

from gan_lightning.callbacks.diagnostics import gradient_norm, slope_of_g
from gan_lightning.config.build import build_data, build_gan, make
from gan_lightning.config.compose import compose
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.game.loop import Loop


def watch_cost(overrides: list[str], rounds: int, steps: int) -> dict[str, float]:
    """Milliseconds of a G step, of a look, of what is added to a point of the curves; and their share of the steps.

    A round plays ``steps`` G steps, then as many and a look behind them that draws its own samples. The second less the
    first is the look's time; the medians of both are taken. A look comes every ``evaluate_every`` G steps, a point of
    the curves every ``log_every``.

    Args:
        overrides: of the game.
        rounds: pairs, after one that warms up.
        steps: G steps of each half of a round.
    """
    cfg = compose("train", overrides)
    data = build_data(cfg)
    data.setup()
    gan = build_gan(cfg, data.source.shape, data.mean, data.class_counts, data.reference, data.known)
    loop, batches = Loop(gan), iter(data.batches())
    watch = make(cfg.callbacks.watch)
    trainer: Any = SimpleNamespace(loggers=[], datamodule=data, world_size=1, is_global_zero=True)

    def played() -> float:
        began, goal = time.perf_counter(), gan.g_steps_done + steps
        while gan.g_steps_done < goal:
            images, labels = next(batches)
            loop.step(to_signed_range(images), labels)
        return time.perf_counter() - began

    def point() -> float:
        """What ``Diagnostics`` does for the watch: a copy of the weights, lengths, G's slope."""
        began = time.perf_counter()
        for own in gan.own_parameters.values():
            before = [p.detach().clone() for p in own]
            [p.detach() - old for p, old in zip(own, before, strict=True)]
        gradient_norm(gan.D), gradient_norm(gan.G)
        slope_of_g(gan.loss, gan.latest["real"], gan.latest["fake"])
        return time.perf_counter() - began

    plain, with_look, points = [], [], []
    for turn in range(rounds + 1):
        one = played()
        two = played()
        began = time.perf_counter()
        watch.look(trainer, gan)
        watch.last = -1
        two += time.perf_counter() - began
        if turn:
            plain.append(one)
            with_look.append(two)
            points.append(point())
    step = statistics.median(plain) / steps
    look = statistics.median(b - a for a, b in zip(plain, with_look, strict=True))
    quick = statistics.median(points)
    share = (look / cfg.evaluate_every + quick / cfg.log_every) / step
    return {"step_ms": 1e3 * step, "look_ms": 1e3 * look, "point_ms": 1e3 * quick, "share": share}
