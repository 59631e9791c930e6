"""What Lightning and TensorBoard say beside our own lines, and where that is said instead."""

import logging
import threading
import warnings
from typing import Any


def silence_libraries() -> None:
    """The first line is ours; what Lightning says about accelerators and workers is not news here."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # The data lie in memory: workers would only copy them.
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    # An average of G stays in eval mode on purpose.
    warnings.filterwarnings("ignore", ".*module\\(s\\) in eval mode at the start of training.*")
    # TensorBoard's thread leaves an error that it met for the next write to raise, where it is told; and prints it.
    otherwise = threading.excepthook
    if getattr(otherwise, "__name__", "") != "pass_over_os_errors":

        def pass_over_os_errors(args: Any) -> None:
            if not isinstance(args.exc_value, OSError):
                otherwise(args)

        threading.excepthook = pass_over_os_errors
    # Lightning's own use of PyTorch.
    warnings.filterwarnings("ignore", ".*isinstance\\(treespec, LeafSpec\\).*")
