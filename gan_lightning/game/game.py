"""The game: Algorithm 1 of Goodfellow et al. 2014 as losses of D and of G. No optimizer and no Lightning.

One batch is one step of D; every ``d_steps``-th batch also plays G. Both halves see fresh noise, and the player whose
turn it is not stays frozen. With ``update="simultaneous"`` it is the game that the paper's own code plays instead.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import cast
from zlib import crc32

import torch
from torch import Tensor, nn

from gan_lightning.core.classes import ClassDiscriminator
from gan_lightning.core.condition import Condition, conditioned
from gan_lightning.core.labels import ConditionalGenerator
from gan_lightning.core.play import BatchName, Discriminator, Loss, Play, Player, Prior, passes_differ
from gan_lightning.core.rng import Streams, seed_layers
from gan_lightning.core.seats import Seats
from gan_lightning.game.counting import Counting
from gan_lightning.game.labelled import Labelled
from gan_lightning.game.turns import Turns

Terms = dict[str, Tensor]  # "adversarial", or name of a technique -> scalar; a player descends their sum


class Game(Turns, Counting, nn.Module):
    """Two players, the law of z, an adversarial loss, and techniques in the ``seats`` where the step calls them.

    Args:
        G: ``[N, prior.dim]`` -> ``[N, *shape]``.
        D: ``[N, *shape]`` -> logits ``[N]``, as features and head.
        d_steps: k of Algorithm 1, D steps per G step.
        update: "alternating" is Algorithm 1; "simultaneous" moves both players on each batch (``d_steps`` is 1).
        d_loss_weight: factor of D's adversarial loss; the terms of techniques have weights of their own.
        steps: G steps of the whole run; ``progress`` is the share of them that is done.
        seed: with the step it determines every random number of the game.
        condition: makes of both players ones that see the class of a sample; ``G`` and ``D`` are those it wraps.
        labelled: samples whose classes D may learn; None where it may not, or the game is only loaded.
        begin: called with G and D as they are played, before techniques look at their weights: it may replace these.
    """

    def __init__(
        self,
        G: nn.Module,
        D: Discriminator,
        prior: Prior,
        loss: Loss,
        *,
        steps: int,
        d_steps: int = 1,
        update: str = "alternating",
        d_loss_weight: float = 1.0,
        seed: int = 0,
        seats: Seats | None = None,
        condition: Condition | None = None,
        labelled: Labelled | None = None,
        begin: Callable[[nn.Module, nn.Module], None] | None = None,
    ) -> None:
        super().__init__()
        self.labelled = labelled
        self.seats = seats or Seats()
        self.condition = condition
        self.G, self.D = conditioned(condition, self.seats, G, D)
        if begin is not None:
            begin(self.G, self.D)
        self.techniques = nn.ModuleDict(self.seats.modules())
        self.prior, self.loss = prior, loss
        self.steps, self.d_steps, self.seed = steps, d_steps, seed
        self.simultaneous, self.d_loss_weight = update == "simultaneous", d_loss_weight
        self.latest: dict[str, Tensor] = {}  # losses and logits of the last step, on the device
        self.terms: dict[Player, Terms] = {}  # of each player's last loss, which is their sum

        self.seats.join(self)
        self.views = self.seats.of("view")
        self.passes_differ = bool(self.views) or passes_differ(self.D)
        self.before_updates, self.after_updates = self.seats.of("before_update"), self.seats.of("after_update")
        own = condition.terms if condition else lambda seat: []
        self.d_terms, self.g_terms = ([*self.seats.of(seat), *own(seat)] for seat in ("d_term", "g_term"))
        self.adversarial_weight = self.seats.adversarial_weight()
        self.real_in_g = self.seats.need_real_in_g(loss)
        self.own_parameters = {}
        self.layers_draw = True  # a layer of a player may draw from the global generators

    # A step ---------------------------------------------------------------------------------------------------

    def begin_step(self, device: torch.device, rank: int = 0, world: int = 1) -> None:
        """Begin the random numbers of a step that process ``rank`` of ``world`` plays on ``device``."""
        self.place = (device, rank, world)
        self.rng = Streams(self.seed, self.d_steps_done, *self.place)

    def seed_half(self, *keys: int) -> None:
        """Seed the global generators before a half: layers such as dropout draw from them, not from a stream."""
        if self.layers_draw:
            device, rank, _ = self.place
            seed_layers(device, self.seed, self.d_steps_done, rank, *keys)

    def discriminator_terms(self, real: Tensor, labels: Tensor) -> Terms:
        """Ascend E log D(x) + E log(1 - D(G(z))), or what the loss puts in its place."""
        labels = self.told(real, labels)
        self.seed_half(0)
        with torch.no_grad():
            fake = self.fakes(real, labels, "z/D")
        return self.d_losses(self.play("D", real, fake, labels))

    def generator_terms(self, real: Tensor, labels: Tensor) -> Terms:
        """Descend E log(1 - D(G(z))), or what the loss puts in its place, on fresh noise."""
        labels = self.told(real, labels)
        self.seed_half(1)
        fake = self.fakes(real, labels, "z/G")
        return self.g_losses(self.play("G", real, fake, labels))

    def first_half(self, real: Tensor, labels: Tensor) -> tuple[Terms, Tensor]:
        """G's half of a simultaneous step, against D before its move: G's terms, and the fakes for ``second_half``.

        What is drawn is drawn once for both: z, the masks of D's dropout, the noise of the views.
        """
        labels = self.told(real, labels)
        self.seed_half(1)
        fake = self.fakes(real, labels, "z/D")
        self.seed_half(0)
        return self.g_losses(self.play("G", real, fake, labels)), fake.detach()

    def second_half(self, real: Tensor, fake: Tensor, labels: Tensor) -> Terms:
        """D's half of a simultaneous step, on the fakes that G made before its move."""
        self.begin_step(*self.place)
        self.seed_half(0)
        return self.d_losses(self.play("D", real, fake, self.told(real, labels)))

    def told(self, real: Tensor, labels: Tensor) -> Tensor:
        """What both players are told of the ``real`` samples: their labels, or what stands for them."""
        within = None if self.condition is None else self.condition.within
        return labels if within is None else within.of(real, labels, self.rng["told"])

    def fakes(self, real: Tensor, labels: Tensor, stream: str) -> Tensor:
        """G of fresh noise, as many as ``real``, and of the same labels where the game has a condition."""
        z = self.prior(len(real), self.rng[stream])
        if self.condition is not None:
            return cast(ConditionalGenerator, self.G).of_told(z, labels)
        fake: Tensor = self.G(z)
        return fake

    def before_update(self, player: Player) -> None:
        """Call the techniques with this seat: ``player``'s gradients are complete."""
        for _, technique in self.before_updates:
            technique.before_update(self.D if player == "D" else self.G, player)

    def after_update(self, player: Player, loss: Tensor) -> None:
        """Call the techniques with this seat: ``player`` has just moved down ``loss``, the sum of its terms."""
        self.latest[f"loss/{player.lower()}"] = loss.detach()
        for _, technique in self.after_updates:
            technique.after_update(self.G, self.D, player)

    # The losses -----------------------------------------------------------------------------------------------

    def play(self, player: Player, real: Tensor, fake: Tensor, labels: Tensor) -> Play:
        """D looks at real, then at fake, each batch by itself: together, BatchNorm would give them away.

        In a simultaneous step it looks at fake first, so that dropout and views draw the same for fake in both halves.
        """
        d = player == "D"
        batches: dict[BatchName, Tensor] = {"real": real, "fake": fake} if d or self.real_in_g else {"fake": fake}
        order = reversed(batches) if self.simultaneous else batches
        full = self.seats.full_precision(self.d_steps_done) if d and not self.passes_differ else frozenset[BatchName]()
        seen = {name: self.look(batches[name], labels, name in full) for name in order}
        real_features, real_logits = seen.get("real", (None, None))
        fake_features, fake_logits = seen["fake"]
        return Play(
            player=player,
            mover=self.D if d else self.G,
            real=real,
            fake=fake,
            labels=labels,
            fake_labels=labels,  # fakes take the labels of the real batch
            real_logits=real_logits,
            fake_logits=fake_logits,
            real_features=real_features,
            fake_features=fake_features,
            progress=self.progress,
            step=self.d_steps_done,
            discriminate=self.discriminate,
            passes_differ=self.passes_differ,
            full_precision=full,
            labelled=self.labelled.batch(real, self.d_steps_done, *self.place[1:]) if d and self.labelled else None,
        )

    def look(self, x: Tensor, y: Tensor, full: bool) -> tuple[Tensor, Tensor]:
        """``discriminate``, in float32 in a run in half precision too where it is to be ``full``."""
        if not full:
            return self.discriminate(x, y)
        with torch.autocast(x.device.type, enabled=False):
            return self.discriminate(x.float(), y)

    def discriminate(self, x: Tensor, y: Tensor | None = None, by: str = "") -> tuple[Tensor, Tensor]:
        """Features and logits of ``x`` as D sees it, through the views; of labels ``y`` where there is a condition.

        ``by`` names the term that asks: its views draw from streams of its own, so that it shifts no other draw.
        """
        for name, technique in self.views:
            x = technique.view(x, self.progress, self.rng[f"view/{name}/{by}" if by else f"view/{name}"])
        return self.D.observe(x) if self.condition is None else self.D.observe(x, y)

    def seen_by(self, name: str, play: Play) -> Play:
        """``play`` for the term ``name``, whose own passes of D change no random number or dropout mask of others."""
        half = 3 if play.player == "G" else 2
        first = {stream: stream.draws for stream in (self.rng[f"view/{view}/{name}"] for view, _ in self.views)}

        def discriminate(x: Tensor, *, again: bool = False) -> tuple[Tensor, Tensor]:
            if again:
                self.seed_half(half, crc32(name.encode()))
                for stream, draws in first.items():
                    stream.draws = draws
            return self.discriminate(x, play.labels, by=name)

        self.seed_half(half, crc32(name.encode()))
        return replace(play, discriminate=discriminate)

    def d_losses(self, play: Play) -> Terms:
        assert play.real_logits is not None
        self.latest["real"], self.latest["fake"] = play.real_logits.detach(), play.fake_logits.detach()
        terms = {"adversarial": self.d_loss_weight * self.loss.discriminator(play.real_logits, play.fake_logits)}
        terms |= {name: t.d_term(self.seen_by(name, play), self.rng[name]) for name, t in self.d_terms}
        return terms

    def g_losses(self, play: Play) -> Terms:
        terms = {name: t.g_term(self.seen_by(name, play), self.rng[name]) for name, t in self.g_terms}
        if self.adversarial_weight:
            terms["adversarial"] = self.adversarial_weight * self.loss.generator(play.real_logits, play.fake_logits)
        return terms

    def total(self, player: Player, terms: Terms) -> Tensor:
        """The loss of ``player``, the sum of its ``terms``; these are kept for the curves and the finite guard."""
        self.terms[player] = {name: term.detach() for name, term in terms.items()}
        return reduce(torch.add, terms.values())

    @property
    def generators(self) -> dict[str, nn.Module]:
        """G, and every average of it that a technique keeps, by the technique's name."""
        return {"G": self.G, **self.seats.averages()}

    @property
    def classifiers(self) -> dict[str, ClassDiscriminator]:
        """D, if it names classes, and every average of it that a technique keeps, by the technique's name."""
        players = {"D": self.D, **self.seats.averages_d()}
        return {name: D for name, D in players.items() if isinstance(D, ClassDiscriminator)}
