"""The game as a LightningModule: both optimizers in manual optimization, D's half, then G's."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.core.layout import laid_out
from gan_lightning.core.play import Discriminator, Loss, Player, Prior
from gan_lightning.game.captured import Captured, hold_rates
from gan_lightning.game.counting import COUNTERS
from gan_lightning.game.game import Game, Terms
from gan_lightning.game.update import MakeOptimizer, Schedules, apply_schedules

PLAIN = frozenset({"_current_fx_name", "place", "rng", "share", *COUNTERS})  # what a step sets, some 50 times


class GAN(Game, LightningModule):
    """A ``Game`` that a Trainer plays.

    Args:
        G, D, prior, loss, game: arguments of ``Game``.
        optimizer_d, optimizer_g: parameters -> optimizer.
        schedules: per player, name of an optimizer's option -> function from G steps done to its value.
    """

    def __init__(
        self,
        G: nn.Module,
        D: Discriminator,
        prior: Prior,
        loss: Loss,
        optimizer_d: MakeOptimizer,
        optimizer_g: MakeOptimizer,
        *,
        schedules: Mapping[str, Schedules] | None = None,
        **game: Any,
    ) -> None:
        super().__init__(G, D, prior, loss, **game)
        self.automatic_optimization = False
        self.make_optimizers = (optimizer_d, optimizer_g)
        self.schedules = schedules or {}
        self.numbers: dict[str, float] = {}  # name of a curve -> its last logged value
        self.captured: Captured | None = None  # plays the halves of step=captured
        self.memory_format = "contiguous"  # a name in core/layout.py; the data module gives real batches this format

    def __setattr__(self, name: str, value: Any) -> None:
        """A plain value takes 0.1 us; ``nn.Module``, which looks for parameters, modules and buffers first, 2.7."""
        if name in PLAIN:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def lay_out(self, memory_format: str) -> None:
        """Put all parameters and buffers with four axes, those of techniques too, into ``memory_format``."""
        self.memory_format = memory_format
        for tensor in (*self.parameters(), *self.buffers()):
            tensor.data = laid_out(tensor.data, memory_format)

    def training_step(self, batch: list[tuple[Tensor, Tensor]], batch_idx: int) -> None:
        """Algorithm 1 on each mini-batch of ``batch`` in turn: D's half, then G's where it is its turn."""
        for real, labels in self.until_stopped(batch):
            images = len(real) * self.trainer.world_size
            self.begin_step(self.device, self.global_rank, self.trainer.world_size)
            apply_schedules(self.schedules, self.players(), self.g_steps_done)

            if self.simultaneous:
                with self.turn_of("G"):
                    terms, fake = self.first_half(real, labels)
                    self.move("G", terms)
                with self.turn_of("D"):
                    self.move("D", self.second_half(real, fake, labels))
                self.d_has_moved(images)
                self.g_has_moved()
                continue

            self.play_half("D", real, labels, self.move)
            if self.d_has_moved(images):
                self.play_half("G", real, labels, self.move)
                self.g_has_moved()

    def play_half(self, player: Player, real: Tensor, labels: Tensor, move: Callable[[Player, Terms], None]) -> None:
        """``player``'s half of a step on a batch, ended by ``move``; or what step=captured has recorded of it."""

        def half(real: Tensor, labels: Tensor) -> None:
            with self.turn_of(player):
                terms = self.discriminator_terms if player == "D" else self.generator_terms
                move(player, terms(real, labels))

        if self.captured is None:
            half(real, labels)
        else:
            self.captured(player, half, real, labels)

    def until_stopped(self, batch: list[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
        """The mini-batches of ``batch``; none after one during which the run was told to stop."""
        for real, labels in batch:
            yield real, labels
            if self.trainer.should_stop:
                return

    def move(self, player: Player, terms: Terms) -> None:
        """One step of ``player`` down the sum of its ``terms``."""
        loss = self.total(player, terms)
        self.manual_backward(loss)
        self.players()[player].step()
        self.after_update(player, loss)

    def on_train_start(self) -> None:
        if self.captured is not None:
            for optimizer in self.players().values():
                hold_rates(optimizer.optimizer, self.device)

    def on_train_end(self) -> None:
        if self.captured is not None:
            self.captured.halves.clear()  # graphs, and their memory on the device

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Lightning calls it when the gradients are complete and, under fp16, unscaled."""
        if self.before_updates:
            self.before_update(self.player_of(optimizer))

    def players(self) -> dict[Player, LightningOptimizer]:
        """Both optimizers."""
        optimizer_d, optimizer_g = self.optimizers()  # type: ignore[attr-defined]
        return {"D": optimizer_d, "G": optimizer_g}

    def player_of(self, optimizer: Optimizer) -> Player:
        """Whose optimizer it is."""
        return "D" if optimizer is self.players()["D"].optimizer else "G"

    def configure_optimizers(self) -> list[Optimizer]:
        make_d, make_g = self.make_optimizers
        own = self.take_parameters()
        return [make_d(own["D"]), make_g(own["G"])]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["counters"] = self.counters()
        if self.captured is not None:  # its optimizers have learning rates on the device, those of others a number
            for state, plain in zip(checkpoint.get("optimizer_states", ()), self.configure_optimizers(), strict=False):
                for group, own in zip(state["param_groups"], plain.param_groups, strict=True):
                    group |= {**own, "params": group["params"], "lr": float(group["lr"])}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.set_counters(checkpoint["counters"])
        # Options of the optimizers, such as learning rates, are those of the configuration, not of the checkpoint.
        for state, fresh in zip(checkpoint.get("optimizer_states", ()), self.configure_optimizers(), strict=False):
            for group, own in zip(state["param_groups"], fresh.param_groups, strict=True):
                group |= {option: value for option, value in own.items() if option != "params"}
            # A fused step goes through weights and moments in the order of memory, which must be the same for both.
            for moments in state["state"].values():
                moments |= {k: laid_out(v, self.memory_format) for k, v in moments.items() if isinstance(v, Tensor)}
