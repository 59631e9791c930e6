"""What a game is, in the words of conf/: a run's configuration holds classes and values; each group gets its choice."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from gan_lightning.config.checks import leaves
from gan_lightning.config.shipped import choices, node
from gan_lightning.config.where import CONF
from gan_lightning.io.tables import line

UNKNOWN = "?"  # where a configuration has no such group, or nothing by which to name its choice
LONGEST = 40  # characters of a name from a file


@cache
def marks_of(group: str) -> dict[str, dict[str, Any]]:
    """Choice -> dotted key -> value of every scalar in its YAML, without choices that contain others (data=auto)."""
    alone = [choice for choice in choices(group) if "@" not in (CONF / group / f"{choice}.yaml").read_text()]
    return {choice: dict(leaves(node(group, choice))) for choice in sorted(alone)}


def choice_of(group: str, chosen: Any) -> str:
    """The choice in conf/<group>/ from which the node ``chosen`` of a configuration was made.

    That is the one with the same classes; of several (schedule=linear and late_linear; smoothing, which has none) the
    one with most values in common. A class that conf/ does not name is called by its own name.
    """
    own = dict(leaves(chosen))
    classes = classes_in(own)
    alike = {name: marks for name, marks in marks_of(group).items() if classes_in(marks) == classes}
    if not alike:
        return line(next(iter(classes.values()))).rpartition(".")[2][:LONGEST] if classes else UNKNOWN

    def common(name: str) -> tuple[int, int]:
        equal = sum(key in own and own[key] == value for key, value in alike[name].items())
        return equal, -len(own.keys() ^ alike[name].keys())

    return max(alike, key=common)


def classes_in(flat: Mapping[str, Any]) -> dict[str, str]:
    """The classes among the values of a node, as text, by dotted key."""
    return {key: str(value) for key, value in flat.items() if key.rpartition(".")[2] == "_target_"}


def techniques_of(config: Mapping[str, Any]) -> str:
    """``r1+ema``; ``none`` where the game has none."""
    names = config.get("technique")
    return "+".join(line(name)[:LONGEST] for name in names) if isinstance(names, Mapping) and names else "none"


def techniques_in_words(config: Mapping[str, Any]) -> str:
    """As ``techniques_of``; ``no technique`` where the game has none, so that a line says none of what."""
    techniques = techniques_of(config)
    return "no technique" if techniques == "none" else techniques


def smoothing_of(config: Mapping[str, Any]) -> str:
    """The choice whose targets these are, such as ``one_sided``; ``targets 0.8 and 0`` where it is none."""
    smoothing = config.get("smoothing")
    if not isinstance(smoothing, Mapping):
        return UNKNOWN
    for name, marks in marks_of("smoothing").items():
        if all(smoothing.get(key) == value for key, value in marks.items()):
            return name
    return f"targets {number(smoothing.get('real_target'))} and {number(smoothing.get('fake_target'))}"


def optimizer_of(config: Mapping[str, Any]) -> str:
    """``adam 2e-3``: the choice and the learning rate; where they differ, ``adam 4e-4 for D, 1e-4 for G``."""
    optimizer = config.get("optimizer")
    name = choice_of("optimizer", optimizer)
    players = [optimizer.get(player) for player in ("d", "g")] if isinstance(optimizer, Mapping) else []
    rates = [number(player.get("lr")) if isinstance(player, Mapping) else UNKNOWN for player in players]
    if len(set(rates)) < 2:
        return " ".join([name, *rates[:1]])
    return f"{name} {rates[0]} for D, {rates[1]} for G"


def number(value: Any) -> str:
    """As a person types it: ``2e-4``, ``0.1``, ``5``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNKNOWN
    mantissa, _, power = f"{value:.6e}".partition("e")
    return f"{float(mantissa):g}e{int(power)}" if 0 < abs(value) < 0.01 else f"{value:g}"


def labels_and_prior(config: Mapping[str, Any]) -> list[str]:
    """``["prior=categorical", "condition=projection", "labelled=100"]``, none of which the plain game has."""
    words = [f"{group}={choice_of(group, config[group])}" for group in ("prior", "condition") if config.get(group)]
    data = config.get("data")
    labelled = data.get("labelled") if isinstance(data, Mapping) else None
    return [word for word in words if word != "prior=normal"] + ([f"labelled={number(labelled)}"] if labelled else [])


def game_in_words(config: Mapping[str, Any]) -> str:
    """A whole game in one line: ``conv nsgan r1+ema adam 2e-3 mnist seed=0``.

    Smoothing, the prior of z, what uses labels and D's steps are named where they are not those of the plain game.
    """
    network, loss, data = (choice_of(group, config.get(group)) for group in ("network", "loss", "data"))
    smoothing, k = smoothing_of(config), config.get("d_steps")
    rest = [
        *([smoothing] if smoothing != "none" else []),
        *labels_and_prior(config),
        *([f"k={number(k)}"] if k != 1 else []),
    ]
    game = [network, loss, techniques_in_words(config), *rest, optimizer_of(config)]
    return " ".join([*game, data, f"seed={number(config.get('seed'))}"])
