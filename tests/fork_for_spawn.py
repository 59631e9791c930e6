"""``train``, whose further processes are forked: each would take seconds to import what this one has imported.

What a spawned process would be sent is pickled and read back all the same, and is what the forked one is given.
"""

import pickle
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch.multiprocessing as mp

from gan_lightning.train import main

start_processes = mp.start_processes


def forked(fn: Any, args: Any, nprocs: int, start_method: str, **options: Any) -> Any:
    assert start_method == "spawn"
    trainer, function, words, options_of_it, queue, states = args  # a queue is no message
    fn, sent = pickle.loads(ForkingPickler.dumps((fn, [trainer, function, words, options_of_it, states])))
    return start_processes(fn, args=[*sent[:4], queue, sent[4]], nprocs=nprocs, start_method="fork", **options)


if __name__ == "__main__":
    mp.start_processes = forked
    main()
