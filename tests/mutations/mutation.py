"""One classic mistake, and the test that it must turn red."""

from typing import NamedTuple


class Mutation(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    test: str


P = "gan_lightning/"
