"""Checks of the parameters of techniques (``technique.<name>.<knob>=`` on the command line)."""

from typing import Any


def refuse(technique: str, knob: str, rule: str, got: Any, remedy: str) -> None:
    """Raises ValueError: the knob must be ``rule``, it is ``got``; and the remedy."""
    raise ValueError(f"technique.{technique}.{knob} must be {rule}, got {got!r}. {remedy}")


def at_least(technique: str, knob: str, value: float, low: float, remedy: str) -> None:
    """Raises ValueError where ``value`` is below ``low``, or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= low:
        refuse(technique, knob, f"a number, {low} or more", value, remedy)


def above(technique: str, knob: str, value: float, low: float, remedy: str) -> None:
    """Raises ValueError where ``value`` is not above ``low``, or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > low:
        refuse(technique, knob, f"a number above {low}", value, remedy)


def count(technique: str, knob: str, value: int, low: int, remedy: str) -> None:
    """Raises ValueError where ``value`` is no whole number of at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        refuse(technique, knob, f"a whole number, {low} or more", value, remedy)
