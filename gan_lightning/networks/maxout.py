"""The 2014 paper's players for MNIST: a ReLU generator against a maxout discriminator with dropout.

Goodfellow et al. 2014, section 5, with the sizes and initial ranges of the authors' published configuration:
G z-1200-1200-image, weights U(-.05, .05); D of two maxout layers of 240 units with 5 pieces, weights
U(-.005, .005), dropout .2 on the input and .5 on each hidden layer. Their images lie in [0, 1]: G's sigmoid is
mapped to [-1, 1] and D maps back.
"""

from torch import Tensor, nn

from gan_lightning.core.play import Discriminator as DiscriminatorBase
from gan_lightning.core.play import Generator as GeneratorBase
from gan_lightning.core.play import Shape
from gan_lightning.networks.layers import Maxout, UnitRange, init_uniform, size_of, to_logit


class Generator(GeneratorBase):
    """``[N, z_dim]`` -> ``[N, *shape]`` in [-1, 1]."""

    def __init__(self, z_dim: int, shape: Shape, hidden: int = 1200, irange: float = 0.05) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(z_dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.output = nn.Linear(hidden, size_of(shape))
        self.shape = tuple(shape)
        init_uniform(self, irange)

    def start_from(self, mean: Tensor) -> None:
        """Set the bias of the last layer so that G gives ``mean`` ``[*shape]`` where the hidden units are 0."""
        self.output.bias.data.copy_(to_logit((mean + 1) / 2).flatten())

    def forward(self, z: Tensor) -> Tensor:
        logits: Tensor = self.output(self.hidden(z))
        return (2 * logits.sigmoid() - 1).view(-1, *self.shape)


class Discriminator(DiscriminatorBase):
    """``[N, *shape]`` -> logits ``[N]``; features are the second maxout layer, before its dropout."""

    def __init__(
        self,
        shape: Shape,
        units: int = 240,
        pieces: int = 5,
        irange: float = 0.005,
        input_dropout: float = 0.2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Flatten(),
            UnitRange(),
            nn.Dropout(input_dropout),
            Maxout(size_of(shape), units, pieces),
            nn.Dropout(dropout),
            Maxout(units, units, pieces),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(units, 1))
        init_uniform(self, irange)
