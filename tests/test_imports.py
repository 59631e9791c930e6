"""Who may import whom (import-linter's contracts in pyproject.toml), and what nobody may do."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import gan_lightning

PACKAGE = Path(__file__).parent.parent / "gan_lightning"
FILES = [p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py"]
LAZY = {"config/hydra_hooks.py": 1}  # imports of ours inside functions; config/verb.py resolves names


def ours(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").startswith("gan_lightning")
    return isinstance(node, ast.Import) and any(a.name.startswith("gan_lightning") for a in node.names)


def test_each_part_imports_what_lies_below_it_and_no_circle():
    """Also inside functions; with no ignored import."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run(
        [*command, "--no-cache"],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PACKAGE.parent)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kept, 0 broken" in done.stdout
    assert "ignore_imports" not in (PACKAGE.parent / "pyproject.toml").read_text()


def test_a_file_at_the_top_is_a_command_and_a_folder_is_a_part():
    """A file that names its function as a string imports nothing else; one of the other form holds the function."""
    for path in PACKAGE.glob("*.py"):
        if path.name == "__init__.py":
            continue
        text = path.read_text()
        (task,) = re.findall(rf'^main = verb\("{path.stem}", ("gan_lightning\.|\w+\))', text, flags=re.MULTILINE)
        if task.endswith(")"):
            assert f"\ndef {task[:-1]}(cfg: DictConfig) -> " in text
        else:
            assert len(text.splitlines()) <= 10


def test_the_tests_have_the_rooms_of_the_package_and_no_file_is_long():
    """Each file has a name of its own, since pytest imports it by that name."""
    tests = PACKAGE.parent / "tests"
    rooms = {p.name for p in PACKAGE.iterdir()} | {"commands", "docs", "former", "goldens", "mutations", "__pycache__"}
    assert {p.name for p in tests.iterdir() if p.is_dir()} <= rooms
    files = list(tests.rglob("*.py"))
    assert [p.name for p in files if len(p.read_text().splitlines()) > 300] == []
    assert len({p.stem for p in files}) == len(files)


def test_no_import_of_ours_inside_a_function_but_the_ones_that_say_why():
    found = {}
    for path in FILES:
        tree = ast.parse(path.read_text())
        inner = [n for n in ast.walk(tree) if ours(n) and n not in tree.body]
        if inner:
            found[str(path.relative_to(PACKAGE))] = len(inner)
    assert found == LAZY


def test_the_game_knows_no_lightning_and_the_core_nothing_of_ours():
    for path in FILES:
        text = path.read_text()
        if path.parent.name in ("core", "losses", "techniques", "networks", "theory") or path.name == "game.py":
            assert "lightning.pytorch" not in text, path


def test_no_backward_but_lightnings():
    """Under DDP a bare .backward() leaves gradients unsynchronised without a word."""
    alone = ("game/loop.py", "metrics/tstr.py", "training/train_judge.py", "training/bare.py")
    for path in FILES:
        if str(path.relative_to(PACKAGE)) in alone:
            continue  # a bare loop as the yardstick; a game and classifiers of one process
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
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    top = {n.module for n in tree.body if isinstance(n, ast.ImportFrom)}
    assert top == {"typing"}, "torch is imported by who asks for it"


def test_what_a_test_starts_is_this_checkout_not_the_installed_package(tmp_path):
    """Elsewhere, and with nothing said of the environment, as a test that forgets to would start it."""
    asked = [sys.executable, "-c", "import gan_lightning; print(gan_lightning.__file__)"]
    found = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found) == PACKAGE / "__init__.py" == Path(gan_lightning.__file__)


def test_the_picture_of_who_knows_whom_is_todays():
    """`make house` writes it."""
    sys.path.insert(0, str(PACKAGE.parent / "docs"))
    import house

    assert (PACKAGE.parent / "docs" / "house.md").read_text() == house.page()
