"""The game: Algorithm 1 of Goodfellow et al. 2014, and nothing else.

One batch is one step of D; every ``d_steps``-th batch also plays G. Both halves see fresh noise, and the
player whose turn it is not stays frozen. ``simultaneous_step`` is the game that the paper's own code plays instead.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, reduce
from typing import Any
from zlib import crc32

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
        update: "alternating" is Algorithm 1; "simultaneous" moves both players on each batch (``d_steps`` is 1).
        d_loss_weight: factor of D's adversarial loss; the terms of techniques have weights of their own.
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
        update: str = "alternating",
        d_loss_weight: float = 1.0,
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
        self.simultaneous, self.d_loss_weight = update == "simultaneous", d_loss_weight
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
        self.open_streams()
        self.follow_schedules()

        if self.simultaneous:
            self.simultaneous_step(real, labels)
        else:
            self.discriminator_step(real, labels)
        self.d_steps_done += 1
        self.images_seen += len(real) * self.trainer.world_size
        if self.d_steps_done % self.d_steps == 0:
            if not self.simultaneous:
                self.generator_step(real, labels)
            self.g_steps_done += 1

    def discriminator_step(self, real: Tensor, labels: Tensor) -> None:
        """Ascend E log D(x) + E log(1 - D(G(z))), or what the loss puts in its place."""
        optimizer, _ = self.players()
        seed_layers(self.device, self.seed, self.d_steps_done, self.global_rank, 0)
        with self.turn_of(optimizer):
            with torch.no_grad():
                fake = self.G(self.prior(len(real), self.rng["z/D"]))
            self.move_d(optimizer, self.play("D", real, fake, labels))

    def generator_step(self, real: Tensor, labels: Tensor) -> None:
        """Descend E log(1 - D(G(z))), or what the loss puts in its place, on fresh noise."""
        _, optimizer = self.players()
        seed_layers(self.device, self.seed, self.d_steps_done, self.global_rank, 1)
        with self.turn_of(optimizer):
            fake = self.G(self.prior(len(real), self.rng["z/G"]))
            self.move_g(optimizer, self.play("G", real, fake, labels))

    def simultaneous_step(self, real: Tensor, labels: Tensor) -> None:
        """Both players move from where they stand: G against the old D, then D on the fakes that the old G made.

        What is drawn is drawn once for both: z, the masks of D's dropout, the noise of the views.
        """
        optimizer_d, optimizer_g = self.players()
        with self.turn_of(optimizer_g):
            seed_layers(self.device, self.seed, self.d_steps_done, self.global_rank, 1)
            fake = self.G(self.prior(len(real), self.rng["z/D"]))
            seed_layers(self.device, self.seed, self.d_steps_done, self.global_rank, 0)
            self.move_g(optimizer_g, self.play("G", real, fake, labels))
        with self.turn_of(optimizer_d):
            self.open_streams()
            seed_layers(self.device, self.seed, self.d_steps_done, self.global_rank, 0)
            self.move_d(optimizer_d, self.play("D", real, fake.detach(), labels))

    def open_streams(self) -> None:
        """The draws of this step, from the first."""
        self.rng = Streams(self.seed, self.d_steps_done, self.device, self.global_rank, self.trainer.world_size)

    def play(self, player: Player, real: Tensor, fake: Tensor, labels: Tensor) -> Play:
        """D looks at real, then at fake, each batch by itself: together, BatchNorm would give them away.

        In a simultaneous step at fake first, so that both halves draw the same masks and noise for it.
        """
        batches = {"real": real, "fake": fake} if player == "D" or self.real_in_g else {"fake": fake}
        order = reversed(batches) if self.simultaneous else batches
        seen = {name: self.discriminate(batches[name]) for name in order}
        real_features, real_logits = seen.get("real", (None, None))
        fake_features, fake_logits = seen["fake"]
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

    def discriminate(self, x: Tensor, by: str = "") -> tuple[Tensor, Tensor]:
        """Features and logits of ``x`` through the views: what every term means by D.

        The passes ``by`` a term have views with draws of their own.
        """
        for name, technique in self.views:
            x = technique.view(x, self.progress, self.rng[f"view/{name}/{by}" if by else f"view/{name}"])
        return self.D.observe(x)

    def seen_by(self, name: str, play: Play) -> Play:
        """``play`` for the term ``name``, whose own passes of D move no draw and no mask of anybody else's."""
        half = 3 if play.player == "G" else 2
        seed_layers(self.device, self.seed, self.d_steps_done, self.global_rank, half, crc32(name.encode()))
        return replace(play, discriminate=partial(self.discriminate, by=name))

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

    def move_d(self, optimizer: LightningOptimizer, play: Play) -> None:
        assert play.real_logits is not None
        terms = {"adversarial": self.d_loss_weight * self.loss.discriminator(play.real_logits, play.fake_logits)}
        terms |= {name: t.d_term(self.seen_by(name, play), self.rng[name]) for name, t in self.d_terms}
        self.latest["loss/d"] = self.move("D", optimizer, terms)
        self.latest["real"], self.latest["fake"] = play.real_logits.detach(), play.fake_logits.detach()

    def move_g(self, optimizer: LightningOptimizer, play: Play) -> None:
        terms = {name: t.g_term(self.seen_by(name, play), self.rng[name]) for name, t in self.g_terms}
        if self.adversarial_weight:
            terms["adversarial"] = self.adversarial_weight * self.loss.generator(play.real_logits, play.fake_logits)
        self.latest["loss/g"] = self.move("G", optimizer, terms)

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

    @property
    def g_just_moved(self) -> bool:
        """Was G's half part of the last batch? What is done every so many G steps is done then, once."""
        return self.g_steps_done > 0 and self.d_steps_done % self.d_steps == 0

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
