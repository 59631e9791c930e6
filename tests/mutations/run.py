"""Apply each mutation of classic.py to a copy of the checkout; its named test must turn red.

    python tests/mutations/run.py [words of a name ...]

Each test runs in a fork of this process, which has imported the libraries and nothing of the project. First the named
tests run on the copy as it is. Exit code 1: a mutation that its test did not notice, or one that fits no more.
"""

import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # before torch, which is not forked with threads

import lightning.pytorch  # noqa: F401
import matplotlib  # noqa: F401
import pytest
import scipy.linalg  # noqa: F401
import sklearn.datasets  # noqa: F401
import torch  # noqa: F401
import torchvision  # noqa: F401
from classic import CLASSIC
from mutation import Mutation

ROOT = Path(__file__).parent.parent.parent
PASSED, FAILED = int(pytest.ExitCode.OK), int(pytest.ExitCode.TESTS_FAILED)


def copy_to(folder: Path) -> None:
    for name in ("gan_lightning", "conf", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)


def exit_code_of(copy: Path, tests: list[str]) -> tuple[int, str]:
    """pytest's exit code for ``tests`` on ``copy``, and its output."""
    said = copy / "said.txt"
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), said.read_text()
    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(copy)
    sys.path[0] = str(copy)
    sys.dont_write_bytecode = True
    code = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        code = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def verdict(mutation: Mutation, copy: Path) -> str:
    """Why the mutation was not noticed, in words; empty if it was."""
    file = copy / mutation.file
    whole = file.read_text()
    if (times := whole.count(mutation.old)) != 1:
        return f"its old text occurs {times} times in {mutation.file}"
    file.write_text(whole.replace(mutation.old, mutation.new))
    code, said = exit_code_of(copy, mutation.test.split())
    file.write_text(whole)
    if code == FAILED:
        return ""
    return "it survives" if code == PASSED else f"pytest ended with {code}:\n{said[-2000:]}"


def main(words: list[str]) -> int:
    chosen = [m for m in CLASSIC if all(word in m.name for word in words)]
    if not chosen:
        print(f"no mutation has all of {', '.join(words)} in its name. tests/mutations/classic*.py has the names.")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy_to(copy)
        code, said = exit_code_of(copy, sorted({m.test for m in chosen}))
        if code != PASSED:
            print(f"the named tests are not green without any mutation:\n{said[-3000:]}")
            return 1
        start, wrong = time.perf_counter(), 0
        for mutation in chosen:
            fault = verdict(mutation, copy)
            wrong += bool(fault)
            print(f"{'noticed' if not fault else 'NOT NOTICED'}  {mutation.name}" + (f": {fault}" if fault else ""))
        print(f"{len(chosen) - wrong} of {len(chosen)} noticed, in {time.perf_counter() - start:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
