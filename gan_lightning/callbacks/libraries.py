"""Messages of Lightning and TensorBoard that are switched off."""

import logging
import threading
import warnings
from typing import Any


def silence_libraries() -> None:
    """Switch off what libraries print about devices, workers and other things that are as intended here."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # The data lie in memory: workers would only copy them.
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    # An average of G stays in eval mode on purpose.
    warnings.filterwarnings("ignore", ".*module\\(s\\) in eval mode at the start of training.*")
    # An OSError in TensorBoard's writing thread is raised once more by the next write, and reported there. So the
    # traceback that the thread prints is left out.
    otherwise = threading.excepthook
    if getattr(otherwise, "__name__", "") != "pass_over_os_errors":

        def pass_over_os_errors(args: Any) -> None:
            if not isinstance(args.exc_value, OSError):
                otherwise(args)

        threading.excepthook = pass_over_os_errors
    # From Lightning's own code, which calls a function of PyTorch that is deprecated.
    warnings.filterwarnings("ignore", ".*isinstance\\(treespec, LeafSpec\\).*")
