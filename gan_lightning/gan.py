"""The game: Algorithm 1 of Goodfellow et al. 2014, and nothing else.

One batch is one step of D; every ``d_steps``-th batch also plays G. Both halves see fresh noise, and the
player whose turn it is not stays frozen.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.interfaces import (
    AfterUpdate,
    BeforeUpdate,
    Discriminator,
    DTerm,
    GTerm,
    Loss,
    Play,
    Player,
    Prior,
    Seats,
    View,
    need_real_in_g,
)
from gan_lightning.rng import Streams, seed_layers

COUNTERS = ("d_steps_done", "g_steps_done", "images_seen")
Schedules = Mapping[str, Callable[[int], float]]


class GAN(LightningModule):
    """Two players, a prior and a loss; techniques sit in the seats of ``interfaces.py``.

    Args:
        G: ``[N, prior.dim]`` -> ``[N, *shape]``.
        D: ``[N, *shape]`` -> logits ``[N]``, as features and head.
        optimizer_d, optimizer_g: parameters -> optimizer.
        schedules: per player, name of an optimizer's option -> its value after so many G steps.
        d_steps: k of Algorithm 1, D steps per G step.
        steps: G steps of the whole run; ``progress`` is the share of them that is done.
        seed: with the step it determines every random number of the game.
    """

    def __init__(
        self,
        G: nn.Module,
        D: Discriminator,
        prior: Prior,
        loss: Loss,
        optimizer_d: Callable[..., Optimizer],
        optimizer_g: Callable[..., Optimizer],
        *,
        steps: int,
        d_steps: int = 1,
        seed: int = 0,
        seats: Seats | None = None,
        schedules: Mapping[str, Schedules] | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.seats = seats or Seats()
        self.G, self.D = self.seats.transform_g(G), self.seats.transform_d(D)
        self.techniques = nn.ModuleDict(self.seats.modules())
        self.prior, self.loss = prior, loss
        self.make_optimizers = (optimizer_d, optimizer_g)
        self.schedules = schedules or {}
        self.steps, self.d_steps, self.seed = steps, d_steps, seed
        self.d_steps_done = self.g_steps_done = self.images_seen = 0
        self.latest: dict[str, Tensor] = {}  # of the last step, on the device
        self.terms: dict[Player, dict[str, Tensor]] = {}  # what each player's last loss was the sum of
        self.numbers: dict[str, float] = {}  # as last logged, on the host

        self.seats.join(self)
        self.views = self.seats.of(View)
        self.before_updates, self.after_updates = self.seats.of(BeforeUpdate), self.seats.of(AfterUpdate)
        self.d_terms, self.g_terms = self.seats.of(DTerm), self.seats.of(GTerm)
        self.adversarial_weight = self.seats.adversarial_weight()
        self.real_in_g = need_real_in_g([loss, *(term for _, term in self.g_terms)])

    # Algorithm 1 ------------------------------------------------------------------------------------------

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        real, labels = batch
        world = self.trainer.world_size
        self.rng = Streams(self.seed, self.d_steps_done, self.device, self.global_rank, world)
        self.follow_schedules()

        self.discriminator_step(real, labels)
        self.d_steps_done += 1
        self.images_seen += len(real) * world
        if self.d_steps_done % self.d_steps == 0:
            self.generator_step(real, labels)
            self.g_steps_done += 1

    def discriminator_step(self, real: Tensor, labels: Tensor) -> None:
        """Ascend E log D(x) + E log(1 - D(G(z))), or what the loss puts in its place."""
        optimizer, _ = self.players()
        seed_layers(self.device, self.seed, self.d_steps_done, self.global_rank, 0)
        with self.turn_of(optimizer):
            with torch.no_grad():
                fake = self.G(self.prior(len(real), self.rng["z/D"]))
            play = self.play("D", real, fake, labels)
            assert play.real_logits is not None
            terms = {"adversarial": self.loss.discriminator(play.real_logits, play.fake_logits)}
            terms |= {name: t.d_term(play, self.rng[name]) for name, t in self.d_terms}
            self.latest["loss/d"] = self.move("D", optimizer, terms)
        self.latest["real"], self.latest["fake"] = play.real_logits.detach(), play.fake_logits.detach()

    def generator_step(self, real: Tensor, labels: Tensor) -> None:
        """Descend E log(1 - D(G(z))), or what the loss puts in its place, on fresh noise."""
        _, optimizer = self.players()
        seed_layers(self.device, self.seed, self.d_steps_done, self.global_rank, 1)
        with self.turn_of(optimizer):
            fake = self.G(self.prior(len(real), self.rng["z/G"]))
            play = self.play("G", real, fake, labels)
            terms = {name: t.g_term(play, self.rng[name]) for name, t in self.g_terms}
            if self.adversarial_weight:
                adversarial = self.loss.generator(play.real_logits, play.fake_logits)
                terms["adversarial"] = self.adversarial_weight * adversarial
            self.latest["loss/g"] = self.move("G", optimizer, terms)

    def play(self, player: Player, real: Tensor, fake: Tensor, labels: Tensor) -> Play:
        """D looks at real, then at fake, each batch by itself: together, BatchNorm would give them away."""
        real_features = real_logits = None
        if player == "D" or self.real_in_g:
            real_features, real_logits = self.discriminate(real)
        fake_features, fake_logits = self.discriminate(fake)
        return Play(
            player=player,
            mover=self.D if player == "D" else self.G,
            real=real,
            fake=fake,
            labels=labels,
            real_logits=real_logits,
            fake_logits=fake_logits,
            real_features=real_features,
            fake_features=fake_features,
            progress=self.progress,
            step=self.d_steps_done,
            discriminate=self.discriminate,
        )

    def discriminate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits of ``x`` through the views: what every term means by D."""
        for name, technique in self.views:
            x = technique.view(x, self.progress, self.rng[f"view/{name}"])
        return self.D.observe(x)

    @contextmanager
    def turn_of(self, mover: LightningOptimizer) -> Iterator[None]:
        """Gradients of ``mover``'s parameters begin at none; those of the other player are frozen meanwhile.

        What zero_grad and Lightning's toggled_optimizer do, without a profiler record and a table of all tensors.
        """
        frozen = []
        for optimizer in self.players():
            for p in (p for group in optimizer.param_groups for p in group["params"]):
                if optimizer is mover:
                    p.grad = None
                elif p.requires_grad:
                    p.requires_grad = False
                    frozen.append(p)
        try:
            yield
        finally:
            for p in frozen:
                p.requires_grad = True

    def move(self, player: Player, optimizer: LightningOptimizer, terms: Mapping[str, Tensor]) -> Tensor:
        """One step of ``player`` down the sum of its ``terms``; the sum, detached."""
        loss = reduce(torch.add, terms.values())
        self.terms[player] = {name: term.detach() for name, term in terms.items()}
        self.manual_backward(loss)
        optimizer.step()
        for _, technique in self.after_updates:
            technique.after_update(self.G, self.D, player)
        return loss.detach()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        for _, technique in self.before_updates:
            player: Player = "D" if optimizer is self.players()[0].optimizer else "G"
            technique.before_update(self.D if player == "D" else self.G, player)

    # Schedules, counters ----------------------------------------------------------------------------------

    def players(self) -> list[LightningOptimizer]:
        """Both optimizers, D's first."""
        return self.optimizers()  # type: ignore[return-value]

    @property
    def progress(self) -> float:
        """Share of the G steps that is done, in [0, 1]."""
        return min(self.g_steps_done / self.steps, 1.0)

    def follow_schedules(self) -> None:
        for player, schedules in self.schedules.items():
            optimizer = self.players()[player == "G"]
            for option, schedule in schedules.items():
                for group in optimizer.param_groups:
                    group[option] = schedule(self.g_steps_done)

    def configure_optimizers(self) -> list[Optimizer]:
        make_d, make_g = self.make_optimizers
        return [make_d(self.D.parameters()), make_g(self.G.parameters())]

    @property
    def generators(self) -> dict[str, nn.Module]:
        """G, and every average of it that a technique keeps, by the technique's name."""
        averages = {name: t.average for name, t in self.seats.techniques.items() if hasattr(t, "average")}
        return {"G": self.G, **averages}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["counters"] = {name: getattr(self, name) for name in COUNTERS}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        for name in COUNTERS:
            setattr(self, name, checkpoint["counters"][name])
        # Learning rates and the like are those of the configuration, not those that the checkpoint remembers.
        for state, fresh in zip(checkpoint.get("optimizer_states", ()), self.configure_optimizers(), strict=False):
            for group, own in zip(state["param_groups"], fresh.param_groups, strict=True):
                group |= {option: value for option, value in own.items() if option != "params"}
