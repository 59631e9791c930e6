"""Classic mistakes of a recorded step: what Python computed once and a replay repeats."""

from mutation import Mutation, P

GAMES = "tests/game/test_captured.py"
RUNS = "tests/training/test_captured_run.py"

CAPTURED = [
    Mutation(
        "captured: replays read the random numbers of the recording",
        P + "core/kept.py",
        """            tensor.copy_(stream.normal(*shape) if law == "normal" else stream.uniform(*shape))""",
        """            stream.normal(*shape) if law == "normal" else stream.uniform(*shape)""",
        f"{GAMES}::test_every_loss_is_replayed",
    ),
    Mutation(
        "captured: G's half draws from a view's stream what D's half drew",
        P + "core/kept.py",
        "self.stream, self.first, self.draws = stream, stream.draws, 0",
        "self.stream, self.first, self.draws = stream, 0, 0\n        stream.draws = 0",
        f"{GAMES}::test_views_of_both_halves_have_the_draws_of_the_eager_game",
    ),
    Mutation(
        "captured: the batch of the recording is played again and again",
        P + "game/captured.py",
        "            place.copy_(tensor)\n",
        "            place.copy_(place if self.recorded else tensor)\n",
        f"{GAMES}::test_every_loss_is_replayed",
    ),
    Mutation(
        "captured: a batch brings its images and not its labels",
        P + "game/captured.py",
        "for place, tensor in zip(self.inputs, (real, labels), strict=False):",
        "for place, tensor in zip(self.inputs, (real,) if self.recorded else (real, labels), strict=False):",
        f"{GAMES}::test_labels_reach_a_replay",
    ),
    Mutation(
        "captured: progress stands still",
        P + "game/captured.py",
        "        self.inputs[2].fill_(self.game.progress)\n",
        "        self.inputs[2].fill_(0.0)\n",
        f"{GAMES}::test_what_falls_over_the_run_falls_in_a_replay",
    ),
    Mutation(
        "captured: the learning rate is that of the recording",
        P + "game/update.py",
        "group[option].fill_(schedule(g_steps))",
        "group[option] = torch.tensor(schedule(g_steps))",
        f"{GAMES}::test_what_falls_over_the_run_falls_in_a_replay",
    ),
    Mutation(
        "captured: Lightning does not count what is replayed",
        P + "training/capturing.py",
        "    optimizer._on_after_step()\n",
        "",
        f"{RUNS}::test_the_run_is_that_of_step_eager",
    ),
    Mutation(
        "captured: the guard counts in Python",
        P + "callbacks/finite.py",
        "            self.now += 1\n",
        "            self.now = torch.tensor(step + 1)\n",
        f"{GAMES}::test_the_guard_of_a_recorded_step_counts_on_the_device",
    ),
    Mutation(
        "captured: curves are read from replays",
        P + "training/capturing.py",
        "plain=lambda done: done == last or any(is_due(callback, done) for callback in looking),",
        "plain=lambda done: False,",
        f"{RUNS}::test_the_run_is_that_of_step_eager",
    ),
    Mutation(
        "captured: recorded beside a technique of which nobody said that it can be",
        P + "core/seats.py",
        "    recordable: bool = False",
        "    recordable: bool = True",
        f"{GAMES}::test_a_technique_of_ones_own_is_refused_until_it_says_so",
    ),
]
