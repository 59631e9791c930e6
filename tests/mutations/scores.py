"""Results of mutmut's last run: per module the share of mutants that tests killed, and the names of the survivors.

python tests/mutations/scores.py [folder of the run, here by default]
"""

import json
import sys
from collections import Counter
from pathlib import Path

KILLED, SURVIVED, NO_TEST = (1, 3), (0,), (5, 33)  # exit codes of pytest, and of mutmut for what no test calls


def kind(code: int | None) -> str:
    if code is None:
        return "not played"
    return (
        "killed" if code in KILLED else "survived" if code in SURVIVED else "no test" if code in NO_TEST else "timeout"
    )


def main(folder: str = ".") -> None:
    total: Counter[str] = Counter()
    alive = []
    for file in sorted(Path(folder, "mutants").rglob("*.meta")):
        codes = json.loads(file.read_text())["exit_code_by_key"]
        found = Counter(map(kind, codes.values()))
        if not codes:
            continue
        total += found
        played = found.total() - found["not played"]
        share = f"{(found['killed'] + found['timeout']) / played:7.1%}" if played else "      -"
        name = str(file.relative_to(Path(folder, "mutants"))).removesuffix(".meta")
        print(f"{share}  of {played:4} ({found['not played']} not played)  {name}  {dict(found)}")
        alive += [name for name, code in codes.items() if kind(code) in ("survived", "no test")]
    print("\n".join(["", *alive, "", str(dict(total))]))


if __name__ == "__main__":
    main(*sys.argv[1:])
