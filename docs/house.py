"""Draws who knows whom into docs/house.md: `make house`."""

import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent
LAYERS = [  # as in pyproject.toml, commands left out: each of them names one function of what lies below
    ["studies", "training", "latent"],
    ["callbacks"],
    ["report"],
    ["runs"],
    ["config"],
    ["losses", "techniques", "conditions", "networks", "data", "metrics", "game"],
    ["theory", "core", "io"],
]


def imports() -> dict[str, set[str]]:
    """Folder -> the folders that it imports, directly."""
    graph = grimp.build_graph("gan_lightning", cache_dir=None)
    folders = [name for layer in LAYERS for name in layer]
    found: dict[str, set[str]] = {name: set() for name in folders}
    for module in graph.modules:
        mine = module.split(".")[1:2]
        if not mine or mine[0] not in found or module.endswith("__main__"):
            continue
        for other in graph.find_modules_directly_imported_by(module):
            theirs = other.split(".")[1]
            if theirs in found and theirs != mine[0]:
                found[mine[0]].add(theirs)
    return found


def reduced(direct: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without the arrows that go along a longer way."""

    def reach(name: str) -> set[str]:
        return direct[name].union(*(reach(other) for other in direct[name]))

    return {name: {o for o in known if not any(o in reach(b) for b in known - {o})} for name, known in direct.items()}


def page() -> str:
    direct = imports()
    arrows = [f"    {name} --> {other}" for name, known in reduced(direct).items() for other in sorted(known)]
    rows = [
        f"| `{name}/` | {', '.join(f'`{o}`' for o in sorted(known)) or 'nobody'} |" for name, known in direct.items()
    ]
    groups = [f"    subgraph {i}[ ]\n        {'; '.join(layer)}\n    end" for i, layer in enumerate(LAYERS)]
    head = ["# Who knows whom", "", "Written by `make house`, which reads the imports of the code.", ""]
    picture = ["```mermaid", "flowchart TD", *groups, *arrows, "```", ""]
    said = "An arrow that goes along a longer way is left out above. All direct imports:"
    return "\n".join([*head, *picture, said, "", "| folder | imports |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    (ROOT / "docs" / "house.md").write_text(page())
