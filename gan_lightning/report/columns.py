"""Columns of a table of measurements: their headings, and the numbers of several runs in one cell."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def headings(columns: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any], str]]:
    """(heading, column, key) of every number; where two numbers have one name, the settings are in the heading."""
    numbers = [(key, column) for column in columns for key in column["floor"]]
    often = Counter(key for key, _ in numbers)
    return [(key if often[key] == 1 else f"{key} ({settings(column)})", column, key) for key, column in numbers]


def settings(column: Mapping[str, Any]) -> str:
    """The settings of a metric, in a few words."""
    parameters = column.get("parameters")
    if parameters is None:
        return "settings not recorded"
    return f"{column['metric']}: " + (", ".join(f"{k} = {v}" for k, v in parameters.items()) or "no settings")


def summary(values: Sequence[float], of: int | None = None) -> str:
    """mean +- standard deviation (n - 1) of the finite values; the value alone for one seed; "-" for none.

    Behind it in parentheses: how many of ``of`` runs it is taken over, if not over all, and how many are nan or inf.
    """
    if not values:
        return "-"
    finite = [v for v in values if math.isfinite(v)]
    counts = Counter(str(float(v)) for v in values if not math.isfinite(v))
    few = [f"{len(finite)} of {of or len(values)}"] if len(finite) < (of or len(values)) else []
    more = [*few, *(f"{n} {name}" for name, n in counts.items())]
    if not finite:
        text = " and ".join(counts)
        more = [f"{len(values)} of {of}"] if of and len(values) < of else []
    elif len(set(finite)) == 1 and isinstance(finite[0], int):
        text = str(finite[0])
    elif len(finite) == 1:
        text = f"{finite[0]:.4g}"
    else:
        text = f"{statistics.fmean(finite):.4g} +- {statistics.stdev(finite):.2g}"
    return text + (f" ({'; '.join(more)})" if more else "")
