"""Exported generators: a folder with weights, configuration and card; the zoo is the folder of those in the package.

    generator.safetensors      G, under the names of its own state
    discriminator.safetensors  D, where it looks at one sample alone
    config.yaml                the run's configuration
    card.json                  what it is, the SHA-256 of the files above, what was measured
    README.md                  the same to be read

The files are compared with the card's SHA-256 as they are read, so a damaged one is told from a whole one; who wrote
them is not known by that. Nothing in them is executed.
"""

from pathlib import Path
from typing import Any

from gan_lightning.config.where import PACKAGE
from gan_lightning.io.plain import printable, read_json

ZOO, PREFIX = PACKAGE / "zoo", "zoo:"
WEIGHTS, CRITIC, CONFIG, CARD, PAGE = (
    "generator.safetensors", "discriminator.safetensors", "config.yaml", "card.json", "README.md")  # fmt: skip
SUFFIX = ".safetensors"
KINDS = {"name": str, "generator": str, "g_steps": int, "shape": list, "precision": str, "sha256": dict}  # of the card


def zoo() -> list[str]:
    """Names of the generators in the package."""
    return sorted(path.parent.name for path in ZOO.glob(f"*/{CARD}"))


def is_export(folder: Path) -> bool:
    return (folder / CARD).is_file()


def remedy(folder: Path) -> str:
    if folder.is_relative_to(ZOO):
        return "Install the package again (pip install --force-reinstall --no-deps gan-lightning)."
    return "Export it again (python -m gan_lightning.export)."


def find_export(run: str | Path, key: str, outputs: Path) -> tuple[Path, Path] | None:
    """(folder for what is written of it, its weights) where ``run`` names an exported generator; None otherwise.

    Args:
        run: ``zoo:<name>``, or the folder of an export.
        key: what ``run`` was typed behind, for messages.
        outputs: above the folder where what is written of a generator of the zoo goes.

    Raises:
        ValueError: the zoo has no such generator, or a file of it is missing.
    """
    text = str(run)
    if text.startswith(PREFIX):
        name = text.removeprefix(PREFIX)
        if name not in zoo():
            there = " and ".join(PREFIX + known for known in zoo()) or "nothing"
            raise ValueError(f"{key}={printable(text)} is not in the zoo, which has {there}. Write one of these.")
        folder, home = ZOO / name, outputs / "zoo" / name
    elif is_export(Path(run)):
        folder = home = Path(run)
    else:
        return None
    if missing := [name for name in (WEIGHTS, CONFIG) if not (folder / name).is_file()]:
        raise ValueError(f"{key}={run} is not whole: {folder / missing[0]} is missing. {remedy(folder)}")
    return home, folder / WEIGHTS


def read_card(folder: Path) -> dict[str, Any]:
    """card.json. Raises ValueError where it is none."""
    try:
        card = read_json(folder / CARD)
        for name, kind in KINDS.items():
            if not isinstance(card.get(name), kind):
                raise ValueError(f"{name} is {str(card.get(name))[:80]!r}")
        hashes = card["sha256"]
        if not {WEIGHTS, CONFIG} <= hashes.keys() <= {WEIGHTS, CONFIG, CRITIC}:
            raise ValueError(f"sha256 is of {', '.join(hashes)[:80]}")
    except ValueError as error:
        raise ValueError(f"{folder / CARD} is no card of an export ({error}). {remedy(folder)}") from error
    return card
