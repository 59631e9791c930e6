"""Names of n mutants of the files below a path, drawn with seed 0, for when testing all of them would take hours.

python tests/mutations/draw.py n path [path ...], such as 60 gan_lightning/game/module.py, after any run of mutmut.
"""

import json
import random
import sys
from pathlib import Path


def main(n: str, *paths: str) -> None:
    names: list[str] = []
    for file in sorted(Path("mutants").rglob("*.meta")):
        if str(file.relative_to("mutants")).startswith(paths):
            names += json.loads(file.read_text())["exit_code_by_key"]
    print(*random.Random(0).sample(names, min(int(n), len(names))))


if __name__ == "__main__":
    main(*sys.argv[1:])
