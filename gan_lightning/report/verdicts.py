"""The top of a run's page in sentences: how it ended, what it reached beside the floor, whether it is healthy."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gan_lightning.config.quoting import word
from gan_lightning.io.tables import line
from gan_lightning.runs.alarms import NAME, read_alarms
from gan_lightning.runs.directory import is_run
from gan_lightning.runs.measurements import Measurements
from gan_lightning.runs.trust import plain_config

DISTANCE = "frechet_distance"
CHEAP, COVERED = "metric/fd_judge", "metric/coverage_judge"
SHORT = 200  # characters of an alarm's name in words


def how_it_ended(status: Mapping[str, Any], run: Path, g_steps: int) -> str:
    """One sentence, and for a run that did not come to its end a second one: how to go on, or why it failed."""
    if not is_run(run):  # of the zoo, or exported
        return f"The generator was handed on after {g_steps:,} steps of G."
    seconds = status.get("seconds")
    took = f" in {seconds / 60:,.1f} minutes" if isinstance(seconds, int | float) else ""
    said = f"The run is {line(status['status'])}: {g_steps:,} steps of G{took}."
    if status["status"] == "failed":
        said += f" {line(status.get('error', 'Its status.json does not say why.'))[:500]}"
    if status["status"] == "running":
        said += " This page is of its last checkpoint; write it again when the run has ended."
    if status["status"] in ("unfinished", "stopped", "failed"):
        said += f" To go on: python -m gan_lightning.train {word('resume', run)}"
    return said


def what_it_reached(status: Mapping[str, Any], measured: Measurements | None, run: Path) -> list[str]:
    """How far the samples are from real data; where it was not measured, what the cheap evaluation says, and what to
    type."""
    found = distances_of_last(measured)
    if found:
        what, value, floor, n = min(found, key=lambda entry: entry[1])
        return [
            f"The Frechet distance of its {what} to real test data is {value:.3g}, {value / floor:.1f} times the "
            f"{floor:.3g} that as many real training images reach ({n:,} samples)."
        ]
    said = [f"Its Frechet distance to test data has not been measured. Type: python -m gan_lightning.evaluate "
            f"{word('run', run)}, and write this page again."]  # fmt: skip
    cheap = [key for key in (CHEAP + "_ema", CHEAP) if isinstance(status.get(key), float)]
    if cheap:
        suffix = cheap[0].removeprefix(CHEAP)
        covered = status.get(COVERED + suffix)
        also = f" and a coverage of {covered:.1%}" if isinstance(covered, float) else ""
        said.insert(
            0,
            f"The last cheap evaluation during training found a Frechet distance of {status[cheap[0]]:.3g}{also} "
            f"({'average of G' if suffix else 'G'}, validation images); it has no floor to stand beside.",
        )
    return said


def distances_of_last(measured: Measurements | None) -> list[tuple[str, float, float, int]]:
    """(what, Frechet distance, floor, number of samples) of the last checkpoint's generators, as they were measured."""
    found = []
    for column in measured["measured"] if measured else []:
        for key, checkpoint in measured["checkpoints"].items() if measured else ():
            value = column["values"].get(checkpoint["weights"], {}).get(DISTANCE)
            floor = column["floor"].get(DISTANCE)
            if value is not None and floor and key.startswith("last"):
                found.append((checkpoint["what"], float(value), float(floor), int(column["protocol"]["n_fake"])))
    return found


def in_short(alarm: Mapping[str, Any]) -> str:
    """What is wrong, without number and cause: an alarm's words up to the first colon or full stop."""
    return line(alarm["words"]).split(":")[0].split(". ")[0][:SHORT]


def alarms_in(run: Path) -> tuple[list[dict[str, Any]], str | None]:
    """The alarms of ``run``, and what is wrong with its alarms.json where it cannot be read."""
    try:
        return sorted(read_alarms(run), key=lambda alarm: alarm["g_steps"]), None
    except ValueError as error:
        return [], str(error)


def health(run: Path, alarms: Sequence[Mapping[str, Any]], fault: str | None, g_steps: int) -> tuple[str, str]:
    """("ill", "well" or "unknown", the sentence): what the watch has found; it says what was not looked at."""
    if alarms:
        which = "; ".join(f"{in_short(a)} (after {a['g_steps']:,} steps)" for a in alarms)
        return "ill", f"Not healthy: the watch raised {len(alarms)} alarm{'s' * (len(alarms) > 1)}. {which}."
    if fault:
        return "unknown", f"Whether it is healthy cannot be said: {fault}"
    if not is_run(run):
        return "unknown", "Whether its game was healthy is not handed on with a generator."
    watch = watch_of(run)
    if watch is None:
        return "unknown", f"Whether it is healthy is not known: it was played without the watch, which writes {NAME}."
    begin = watch["limits"].get("begin") if isinstance(watch.get("limits"), dict) else None
    if not watch.get("every"):
        return "unknown", "The watch saw nothing wrong in the curves, and looked at no samples (evaluate_every=0)."
    if isinstance(begin, int | float) and g_steps < begin:
        return "unknown", (
            f"The watch raised no alarm, but looks at samples for alarms only from {begin:,} G steps on: the run is "
            "too short to be called healthy."
        )
    return "well", "Healthy, as far as the watch sees: it raised no alarm."


def watch_of(run: Path) -> dict[str, Any] | None:
    """The settings of the watch in the run's config.yaml, as plain data; None where it has none."""
    with suppress(ValueError):
        callbacks = plain_config(run / "config.yaml").get("callbacks")
        watch = callbacks.get("watch") if isinstance(callbacks, dict) else None
        return watch if isinstance(watch, dict) else None
    return None
