"""Commands as processes of their own, forked from a server that has imported the libraries already.

A new interpreter takes six seconds of a core to import PyTorch and Lightning, and the tests type some fifty commands.
Each command here is a process with its own folder, environment, arguments and signals, as from a shell. The server
knows nothing of gan_lightning.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["hydra", "lightning.pytorch", "omegaconf", "sklearn.datasets", "torch", "torch.utils.tensorboard"]
)


def play(module: str, arguments: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    """What ``python -m module arguments`` does, in the process that is there for it."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdout.flush()
    sys.stderr.flush()
    file = os.open(output, os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.path[:0] = [folder, str(ROOT)]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class Command:
    """``python -m gan_lightning.train arguments``, started in ``folder``; stdout and stderr in one file.

    Args:
        module: another command than train.
        environment: variables beside those of this process.
    """

    def __init__(self, folder: Path, *arguments: str, module: str = "gan_lightning.train", **environment: str) -> None:
        handle, name = tempfile.mkstemp(suffix=".txt")
        os.close(handle)
        self.output = Path(name)
        whole = {**os.environ, **environment}
        self.process = PROCESSES.Process(target=play, args=(module, list(arguments), str(folder), whole, name))
        self.process.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait_until(self, condition, seconds: float = 240) -> None:
        """Wait until ``condition()`` is true; fails where the command ends before that, or after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.is_alive(), self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.02)

    def end(self, seconds: float = 240) -> tuple[int, str]:
        """Its exit code (minus a signal's number) and its output; kills it, and fails, after ``seconds``."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            raise AssertionError(f"no end after {seconds} s: {self.text()}")
        text = self.text()
        self.output.unlink()
        return self.process.exitcode, text


def run(folder: Path, *arguments: str, **options: str) -> tuple[int, str]:
    """Exit code and output of ``python -m gan_lightning.train arguments`` in ``folder``."""
    return Command(folder, *arguments, **options).end()


def done(folder: Path, *arguments: str, **options: str) -> str:
    """The output of a command that has to end well."""
    code, text = run(folder, *arguments, **options)
    assert code == 0, text
    return text
