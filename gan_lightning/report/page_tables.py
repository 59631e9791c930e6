"""The numbers of a run's page: a table for each protocol, with floors and what the zoo reaches under the same one."""

import math
from collections.abc import Mapping
from typing import Any

from gan_lightning.runs.exported import PREFIX, ZOO, read_card, zoo
from gan_lightning.runs.measurements import PROTOCOL, Measurements

SAME = 1e-3  # relative difference of two floors that were measured in one way, on two machines


def tables(measured: Measurements | None) -> list[dict[str, Any]]:
    """A table for each protocol in metrics.json: ``about``, ``head``, ``rows`` of a name and a cell a column, and
    ``note`` where the zoo was measured on the same dataset in another way."""
    found: dict[str, dict[str, Any]] = {}
    cards = {f"{PREFIX}{name}": read_card(ZOO / name)["measured"] for name in zoo()} if measured else {}
    names = once(measured)
    for column in measured["measured"] if measured else []:
        protocol = column["protocol"]
        about = f"{protocol['dataset']}, {protocol['split']} images, n = {protocol['n_fake']}, seed {protocol['seed']}"
        beside = {name: card for name, card in cards.items() if same_protocol(card, protocol)}
        head = [*names.values(), *beside, "real"]
        table = found.setdefault(about, {"about": about, "head": head, "rows": [], "note": note(cards, protocol)})
        for key, floor in column["floor"].items():
            values = [column["values"].get(weights, {}).get(key) for weights in names]
            if any(value is not None for value in values):
                others = [value_of(card, key, floor) for card in beside.values()]
                cells = ["-" if value is None else f"{value:.4g}" for value in [*values, *others, floor]]
                table["rows"].append((key, cells))
    return list(found.values())


def once(measured: Measurements | None) -> dict[str, str]:
    """Weights -> what they are: a checkpoint with the weights of one before it is left out."""
    found: dict[str, str] = {}
    for checkpoint in measured["checkpoints"].values() if measured else ():
        found.setdefault(checkpoint["weights"], checkpoint["what"])
    return found


def same_protocol(card: Mapping[str, Any], protocol: Mapping[str, Any]) -> bool:
    """Was a generator of the zoo measured on the same data, with as many samples, by the same judge?"""
    return all(card["protocol"].get(key) == protocol.get(key) for key in PROTOCOL)


def value_of(card: Mapping[str, Any], key: str, floor: float) -> float | None:
    """The zoo's number, where its floor is ``floor``: a metric with other settings has another one."""
    own = card["floor"].get(key)
    return card["values"].get(key) if own is not None and math.isclose(own, floor, rel_tol=SAME) else None


def note(cards: Mapping[str, Mapping[str, Any]], protocol: Mapping[str, Any]) -> str:
    """A sentence where the zoo has the same dataset and another protocol; else nothing."""
    others = {
        name: card
        for name, card in cards.items()
        if card["protocol"]["dataset"] == protocol["dataset"] and not same_protocol(card, protocol)
    }
    if not others:
        return ""
    n = {card["protocol"]["n_fake"] for card in others.values()}
    return (
        f"{' and '.join(others)} were measured with n = {' and '.join(f'{size:,}' for size in n)} or in another way: "
        "their numbers do not compare with these."
    )
