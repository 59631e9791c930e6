"""How far the weights of a game in two processes are from those of the same game in one, per network and optimizer.

python tests/drift.py            prints the table of docs/clusters.md: minutes on two cores
"""

import tempfile
from pathlib import Path

from play_in_two import farthest, game, kept, play_both

STEPS = [1, 20, 40, 100]
# Neither BatchNorm nor dropout: both see one process's share of the batch.
NETWORKS = {
    "points": ["network=points"],
    "mlp": ["network=mlp", "technique=[virtual_batch_norm]"],
    "maxout": ["network=maxout", "network.D.input_dropout=0", "network.D.dropout=0"],
    "dcgan": ["network=dcgan", "network.D.d_norm=none", "technique=[virtual_batch_norm]"],
    "maxout, r1": ["network=maxout", "network.D.input_dropout=0", "network.D.dropout=0", "technique=[r1]"],
}
OPTIMIZERS = {"SGD": ["optimizer=sgd", "optimizer.lr=0.05"], "Adam": ["optimizer=adam"]}


def main() -> None:
    games = {f"{network}, {optimizer}": game(["technique=[]", *n, *o, "data=digits", f"steps={STEPS[-1]}"], STEPS)
             for network, n in NETWORKS.items() for optimizer, o in OPTIMIZERS.items()}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        play_both(Path(folder), games)
        print("| network, optimizer | moved | " + " | ".join(f"{s} step{'s' * (s > 1)}" for s in STEPS) + " |")
        print("|---" * (len(STEPS) + 2) + "|")
        for name in games:
            one, two = (kept(Path(folder), name, rank) for rank in ("alone", "0"))
            apart = " | ".join(f"{farthest(one[s], two[s]):.1e}" for s in STEPS)
            print(f"| {name} | {farthest(one[STEPS[-1]], one[0]):.2f} | {apart} |", flush=True)


if __name__ == "__main__":
    main()
