"""Who may import whom: the parts know the interfaces, not one another; nobody names a concrete part but conf/."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gan_lightning

PACKAGE = Path(__file__).parent.parent / "gan_lightning"
BASE = {"interfaces", "rng", "schedules"}
MAY = {  # package or module -> what of gan_lightning it may import, besides itself
    "rng": set(),
    "schedules": set(),
    "interfaces": {"rng"},
    "prior": BASE,
    "losses": BASE,
    "techniques": BASE,
    "theory": set(),
    "studies": BASE
    | {
        "bare",
        "build",
        "callbacks",
        "cli",
        "data",
        "files",
        "gan",
        "losses",
        "metrics",
        "networks",
        "prior",
        "runs",
        "techniques",
        "theory",
    },
    "networks": BASE,
    "data": BASE | {"bar"},
    "metrics": BASE,
    "gan": BASE,
    "bare": {"gan"},
    "callbacks": BASE | {"files", "gan", "metrics"},
    "processes": {"callbacks", "data", "gan", "loading", "paths"},
    "resumable": {"gan"},
    "loggers": set(),
    "files": set(),
    "lock": set(),
    "paths": set(),
    "plain": set(),
    "archives": set(),
    "own_code": set(),
    "tables": {"plain"},
    "shipped": {"cli", "plain"},
    "replay": {"plain", "shipped"},
    "trust": {"checks", "own_code", "plain", "shipped"},
    "cli": {
        "plain",
        "build",
        "checks",
        "kinds",
        "mistakes",
        "lock",
        "paths",
        "resuming",
        "sweeps",
    },  # when they are needed, inside functions
    "rules": set(),
    "checks": {"rules"},
    "kinds": set(),
    "mistakes": {"checks", "cli", "synonyms"},
    "synonyms": set(),
    "build": BASE | {"cli", "data", "gan", "metrics"},
    "runs": {"plain", "files", "lock", "mistakes", "paths"},
    "loading": BASE | {"archives", "data", "plain", "trust", "build", "cli", "runs"},
    "sweeps": {"plain", "replay", "cli", "paths", "runs"},
    "resuming": {"plain", "replay", "checks", "cli", "files", "loading", "lock", "paths", "runs"},
    "bar": {"plain"},
    "written": set(),
    "measurements": {"plain"},
    "yardstick": BASE | {"bar", "build", "data", "metrics"},
    "evaluation": {
        "bar",
        "build",
        "callbacks",
        "data",
        "files",
        "loading",
        "measurements",
        "metrics",
        "runs",
        "written",
        "yardstick",
    },
    "columns": set(),
    "comparison": {
        "plain",
        "tables",
        "trust",
        "checks",
        "columns",
        "files",
        "measurements",
        "runs",
        "sweeps",
    },
    "comparison_figures": {"files", "plain", "tables", "callbacks", "comparison", "loading"},
}
VERBS = {"train", "sample", "evaluate", "compare", "judge", "bench", "results", "study"}


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [node.module]
        found |= {n.split(".")[1] for n in names if n.startswith("gan_lightning.")}
    return found


FILES = [p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_each_file_imports_what_its_part_may(path):
    if part(path) in VERBS or path.name == "__main__.py":
        return
    assert imports(path) - {part(path)} <= MAY[part(path)]


def test_no_backward_but_lightnings():
    """Under DDP a bare .backward() leaves gradients unsynchronised without a word."""
    for path in FILES:
        if part(path) in ("bench", "bare", "judge"):
            continue  # a bare loop as the yardstick; a game and a classifier of one process
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr != "backward", f"{path}:{node.lineno}"


def test_no_loss_on_probabilities():
    """binary_cross_entropy works under autocast on a CPU and raises on CUDA; on logits there is no such case."""
    for path in FILES:
        text = path.read_text()
        assert "BCELoss" not in text
        assert "binary_cross_entropy(" not in text


def test_importing_the_package_is_cheap():
    assert imports(PACKAGE / "__init__.py") == {"loading"}
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    top = {n.module for n in tree.body if isinstance(n, ast.ImportFrom)}
    assert top == {"typing"}, "torch is imported by who asks for it"


def test_what_a_test_starts_is_this_checkout_not_the_installed_package(tmp_path):
    """Elsewhere, and with nothing said of the environment, as a test that forgets to would start it."""
    asked = [sys.executable, "-c", "import gan_lightning; print(gan_lightning.__file__)"]
    found = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found) == PACKAGE / "__init__.py" == Path(gan_lightning.__file__)
