"""The rules for values: one table, pattern of the key -> rule and an example that is right."""

import math
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

Rule = tuple[Callable[[Any], bool], str]


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    return is_int(value) or (isinstance(value, float) and math.isfinite(value))


POSITIVE_INT: Rule = (lambda v: is_int(v) and v >= 1, "a whole number, 1 or more")
COUNT: Rule = (lambda v: is_int(v) and v >= 0, "a whole number, 0 or more")
POSITIVE: Rule = (lambda v: is_number(v) and v > 0, "a number above 0")
FRACTION: Rule = (lambda v: is_number(v) and 0 <= v < 1, "a number from 0 up to, not including, 1")
SECONDS: Rule = (lambda v: is_number(v) and v >= 0, "a number of seconds, 0 or more")
TARGET: Rule = (lambda v: is_number(v) and 0 <= v <= 1, "a number from 0 to 1")
SEED: Rule = (lambda v: is_int(v) and 0 <= v < 2**32, "a whole number from 0 to 4294967295")
WIDTHS: Rule = (
    lambda v: (is_int(v) and v >= 1) or (isinstance(v, list) and len(v) > 0),
    "one or more widths, each a whole number, 1 or more",
)

# pattern of the key -> (rule, an example to type)
RULES: dict[str, tuple[Rule, str]] = {
    "steps": (POSITIVE_INT, "steps=10000"),
    "d_steps": (POSITIVE_INT, "d_steps=1"),
    "update": ((lambda v: v in ("alternating", "simultaneous"), "alternating or simultaneous"), "update=alternating"),
    "step": (
        (lambda v: v in ("eager", "captured"), "eager or captured (steps= is the length of the run)"),
        "step=eager",
    ),
    "memory_format": (
        (lambda v: v in ("contiguous", "channels_last", "auto"), "contiguous, channels_last or auto"),
        "memory_format=channels_last",
    ),
    "d_loss_weight": (
        (lambda v: is_number(v) and v >= 0, "a number, 0 or more"),
        "d_loss_weight=0.5 (0: D learns from labels alone)",
    ),
    "batch_size": ((lambda v: is_int(v) and v >= 2, "a whole number, 2 or more"), "batch_size=64"),
    "devices": (POSITIVE_INT, "devices=1"),
    "trainer.num_nodes": (POSITIVE_INT, "trainer.num_nodes=1"),
    "seed": (SEED, "seed=0"),
    "init": (
        (lambda v: v is None or (isinstance(v, str) and v != ""), "a run, or a generator of the zoo"),
        "init=zoo:mnist",
    ),
    "sample_every": (COUNT, "sample_every=1000 (0: never)"),
    "evaluate_every": (COUNT, "evaluate_every=1000 (0: never)"),
    "checkpoint_every": (COUNT, "checkpoint_every=1000 (0: not counted)"),
    "checkpoint_seconds": (SECONDS, "checkpoint_seconds=120 (0: no clock)"),
    "log_every": (COUNT, "log_every=50 (0: never)"),
    "optimizer*.lr": (POSITIVE, "optimizer.lr=2e-4"),
    "optimizer*.momentum": (FRACTION, "optimizer.momentum=0.5"),
    "optimizer*.betas": (
        (lambda v: isinstance(v, list) and len(v) == 2, "a list of two numbers"),
        "'optimizer.betas=[0.5,0.999]'",
    ),
    "optimizer*.betas.?": (FRACTION, "'optimizer.betas=[0.5,0.999]'"),
    "schedule.hold": (FRACTION, "schedule.hold=0.5"),
    "max_time": (
        (lambda v: v is None or duration(v) is not None, "a time above 0, in seconds or with units"),
        "max_time=90 (seconds), max_time=5m, max_time=1h30m or max_time=00:01:30:00 (days:hours:minutes:seconds)",
    ),
    "smoothing.*_target": (TARGET, "smoothing=one_sided"),
    "loss.*_target": (TARGET, "smoothing=one_sided"),
    "network.?.hidden": (WIDTHS, "'network.G.hidden=[128,128]', for conv and maxout network.G.hidden=512"),
    "network.?.hidden.*": (POSITIVE_INT, "'network.G.hidden=[128,128]', for conv and maxout network.G.hidden=512"),
    "network.?.bn_eps": (POSITIVE, "network.G.bn_eps=1e-5"),
    "network.?.irange": (POSITIVE, "network.G.irange=0.05"),
    "network.?.width": (POSITIVE_INT, "network.G.width=32"),
    "network.?.waves": (COUNT, "network.G.waves=32 (0: none)"),
    "network.?.finest": (POSITIVE, "network.G.finest=3.0"),
    "network.?.*dropout": (FRACTION, "network.D.dropout=0.5"),
    "network.D.*noise": ((lambda v: is_number(v) and v >= 0, "a number, 0 or more"), "network.D.noise=0.5"),
    "network.D.units": (POSITIVE_INT, "network.D.units=240"),
    "network.D.pieces": (POSITIVE_INT, "network.D.pieces=5"),
    "condition.width": (POSITIVE_INT, "condition.width=32"),
    "condition.subclasses": (POSITIVE_INT, "condition.subclasses=20 (1: none)"),
    "condition.features": (POSITIVE_INT, "condition.features=32"),
    "condition.noise": ((lambda v: is_number(v) and v >= 0, "a number, 0 or more"), "condition.noise=0.3"),
    "condition.*weight": ((lambda v: is_number(v) and v >= 0, "a number, 0 or more"), "condition.g_weight=1.0"),
    "prior.dim": (POSITIVE_INT, "prior.dim=100"),
    "prior.classes": (POSITIVE_INT, "prior.classes=32"),
    "prior.scale": (POSITIVE, "prior.scale=5.0"),
    "data.size": ((lambda v: is_int(v) and v >= 8, "a whole number, 8 or more"), "data.size=28"),
    "data.channels": (POSITIVE_INT, "data.channels=1"),
    "data.n": (POSITIVE_INT, "data.n=1000"),
    "data.labelled": ((lambda v: v is None or POSITIVE_INT[0](v), POSITIVE_INT[1]), "data.labelled=100"),
    "data.labelled_seed": (SEED, "data.labelled_seed=0"),
    "data.n_test": (POSITIVE_INT, "data.n_test=2500"),
    "data.sd": (POSITIVE, "data.sd=0.05"),
    "callbacks.calls.seconds": (SECONDS, "callbacks.calls.seconds=0.2 (0: a batch is a call)"),
    "callbacks.finite.every": (POSITIVE_INT, "callbacks.finite.every=50"),
    "callbacks.finite.skips": (POSITIVE_INT, "callbacks.finite.skips=50"),
    "callbacks.finite.limit": (POSITIVE, "callbacks.finite.limit=1e6"),
    "callbacks.samples.n": (POSITIVE_INT, "callbacks.samples.n=64; for no pictures sample_every=0"),
    "callbacks.samples.frame_ms": (
        (lambda v: is_int(v) and 10 <= v <= 30_000, "a whole number of milliseconds from 10 to 30000"),
        "callbacks.samples.frame_ms=150",
    ),
    "callbacks.evaluation.n": (
        (lambda v: is_int(v) and v >= 6, "a whole number, 6 or more"),
        "callbacks.evaluation.n=1000; for no evaluation evaluate_every=0",
    ),
    "callbacks.watch.often": (COUNT, "callbacks.watch.often=50 (0: never)"),
    "callbacks.watch.n": ((lambda v: is_int(v) and v >= 2, "a whole number, 2 or more"), "callbacks.watch.n=512"),
    "callbacks.watch.limits.*": (POSITIVE, "callbacks.watch.limits.diversity=0.25"),
    "callbacks.progress.line_seconds": (POSITIVE, "callbacks.progress.line_seconds=30"),
    "callbacks.marks.seconds.*": (POSITIVE, "'callbacks.marks.seconds=[60,120]'"),
    "callbacks.*.every": (COUNT, "callbacks.samples.every=1000 (0: never)"),
    "callbacks.*.seed": (SEED, "callbacks.samples.seed=0"),
    "label": (
        (lambda v: v is None or all(map(COUNT[0], v if isinstance(v, list) else [v])), "a class, 0 or more, or a list"),
        "label=7 or 'label=[0,1,2]'",
    ),
    "reject": ((lambda v: v is None or (is_number(v) and v >= 1), "a number, 1 or more"), "reject=4"),
    "truncation": (POSITIVE, "truncation=0.7"),
    "budgets.*": ((lambda v: is_number(v) and v >= 1, "a number, 1 or more"), "'budgets=[1,2,4]'"),
    "truncations.*": (POSITIVE, "'truncations=[0.7,0.85]'"),
    "seeds.*": (SEED, "'seeds=[0,1,2]'"),
    "count": (POSITIVE_INT, "count=6"),
    "columns": ((lambda v: is_int(v) and v >= 2, "a whole number, 2 or more"), "columns=9"),
    "span": (POSITIVE, "span=3"),
    "stages": (POSITIVE_INT, "stages=4"),
    "likeliest": (POSITIVE_INT, "likeliest=1"),
    "restarts": (POSITIVE_INT, "restarts=8"),
    "encoder_steps": (COUNT, "encoder_steps=600 (0: no encoder)"),
    "own": (COUNT, "own=300 (0: none)"),
    "pairs": (POSITIVE_INT, "pairs=4"),
    "frames": (POSITIVE_INT, "frames=12"),
    "window": ((lambda v: is_int(v) and v >= 0 and (v == 0 or v % 2 == 1), "0 or an odd whole number"), "window=7"),
    "factor": ((lambda v: is_int(v) and v >= 2, "a whole number, 2 or more"), "factor=4"),
    "prior": ((lambda v: is_number(v) and v >= 0, "a number, 0 or more"), "prior=0.1"),
    "realism": ((lambda v: is_number(v) and v >= 0, "a number, 0 or more"), "realism=1.0"),
    "format": (
        (lambda v: v in ("safetensors", "onnx", "torch"), "safetensors, onnx or torch"),
        "format=onnx",
    ),
    "store": (
        (lambda v: v in ("auto", "float32", "float16", "int8"), "auto, float32, float16 or int8"),
        "store=float16",
    ),
    "tolerance": ((lambda v: is_number(v) and v >= 0, "a number, 0 or more"), "tolerance=0.01"),
    "n": ((lambda v: v is None or (is_int(v) and v >= 1), "a whole number, 1 or more"), "n=64"),
    "epochs": (POSITIVE_INT, "epochs=12"),
    "lr": (POSITIVE, "lr=3e-3"),
    "features": (POSITIVE_INT, "features=64"),
    "width": (POSITIVE_INT, "width=32"),
    "shift": (COUNT, "shift=2"),
    "rounds": (POSITIVE_INT, "rounds=20"),
    "slice": ((lambda v: is_int(v) and v >= 2, "a whole number, 2 or more"), "slice=25"),
    "often": (POSITIVE_INT, "often=100"),
    "recipe_steps": (POSITIVE_INT, "recipe_steps=300"),
    "max_ratio": (POSITIVE, "max_ratio=1.10"),
    "max_start_s": (POSITIVE, "max_start_s=12"),
    "max_resident_mb": (POSITIVE, "max_resident_mb=1200"),
    "min_images_per_s": (POSITIVE, "min_images_per_s=300000"),
    "metrics.*.metric.n": (POSITIVE_INT, "metrics.nearest_neighbour.metric.n=50000"),
    "metrics.*.metric.k": (POSITIVE_INT, "metrics.neighbours.metric.k=5"),
    "metrics.*.metric.limit": (POSITIVE_INT, "metrics.memorisation.metric.limit=2000"),
    "metrics.*.metric.truncation": (POSITIVE, "metrics.tstr.metric.truncation=1.5"),
    "metrics.*.metric.reject": (
        (lambda v: v is None or (is_number(v) and v >= 1), "a number, 1 or more"),
        "metrics.tstr.metric.reject=4",
    ),
    "metrics.*.metric.updates": (POSITIVE_INT, "metrics.tstr.metric.updates=5000"),
    "metrics.*.metric.batch_size": (
        (lambda v: is_int(v) and v >= 2, "a whole number, 2 or more"),
        "metrics.tstr.metric.batch_size=64",
    ),
    "metrics.*.metric.penalty": (POSITIVE, "metrics.linear_probe.metric.penalty=100.0"),
    "metrics.*.metric.iterations": (POSITIVE_INT, "metrics.linear_probe.metric.iterations=1000"),
    "metrics.*.metric.lr": (POSITIVE, "metrics.tstr.metric.lr=1e-3"),
    "metrics.*.metric.width": (POSITIVE_INT, "metrics.tstr.metric.width=16"),
    "metrics.*.metric.seeds": (
        (lambda v: isinstance(v, list) and len(v) > 0, "a list of seeds"),
        "'metrics.tstr.metric.seeds=[0,1,2]'",
    ),
    "metrics.*.metric.seeds.*": (SEED, "'metrics.tstr.metric.seeds=[0,1,2]'"),
    "study.steps": ((lambda v: v is None or POSITIVE_INT[0](v), POSITIVE_INT[1]), "study.steps=1000"),
    "study.?_steps": (POSITIVE_INT, "study.d_steps=5"),
    "study.batch_size": ((lambda v: is_int(v) and v >= 2, "a whole number, 2 or more"), "study.batch_size=64"),
    "study.frames": (COUNT, "study.frames=40"),
    "study.gamma": (POSITIVE, "study.gamma=0.3"),
    "study.*weight": (POSITIVE, "study.weight=0.7"),
    "study.sigma": (POSITIVE, "study.sigma=0.7"),
    "study.sigmas.*": (POSITIVE, "'study.sigmas=[0.1,1.0]'"),
    "study.at.*": (POSITIVE_INT, "'study.at=[100,400,800]'"),
    "study.iterations": (POSITIVE_INT, "study.iterations=300"),
    "study.every": (POSITIVE_INT, "study.every=10"),
    "study.*width": (POSITIVE_INT, "study.width=16"),
    "study.*lr": (POSITIVE, "study.lr=0.2"),
    "study.*seeds.*": (SEED, "'study.seeds=[0,1]'"),
    "study.minutes.*": (POSITIVE, "'study.minutes=[1,2,4]'"),
    "study.games": ((lambda v: v is None or isinstance(v, list), "a list of entries"), "'study.games=[recipe]'"),
    "study.beside": ((lambda v: isinstance(v, list), "a list of folders"), "'study.beside=[docs/studies/speedrun]'"),
    "study.threads": (POSITIVE_INT, "study.threads=2"),
}

UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def duration(value: Any) -> timedelta | None:
    """A time as it is typed: ``90`` (seconds), ``5m``, ``1h30m``, ``hours:minutes:seconds`` or with days in front.

    None if it is of no such form, is 0, or has 1e9 seconds and more.
    """
    text = str(value).strip().lower()
    if is_number(value):
        seconds = float(value)
    elif re.fullmatch(r"\d+(:\d{1,2}){2,3}", text):
        seconds = float(sum(int(n) * s for n, s in zip(reversed(text.split(":")), (1, 60, 3600, 86_400), strict=False)))
    elif re.fullmatch(r"(\d+(\.\d+)?[dhms])+", text):
        seconds = sum(float(n) * UNITS[unit] for n, unit in re.findall(r"([\d.]+)([dhms])", text))
    elif re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    else:
        return None
    return timedelta(seconds=seconds) if 0 < seconds < 1e9 else None
