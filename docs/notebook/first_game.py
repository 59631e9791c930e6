# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A first game, step by step
#
# The tutorial types commands. Here the same game is played in Python, one step at a time, to look at what happens
# in between. Run it cell by cell (jupytext opens this file as a notebook), or whole as a script.
# It takes scikit-learn's 1,797 digits, one core and less than a minute.

# %%
import torch

from gan_lightning.config.build import build_data, build_gan, judge_of
from gan_lightning.config.compose import compose
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.game.loop import Loop
from gan_lightning.metrics.frechet import frechet_distance

cfg = compose("train", ["experiment=mlp", "data=digits", "steps=300", "seed=0"])
data = build_data(cfg)
data.setup()
gan = build_gan(cfg, data.source.shape)
print(f"G has {sum(p.numel() for p in gan.G.parameters()):,} numbers, D {sum(p.numel() for p in gan.D.parameters()):,}")

# %% [markdown]
# ## Before the first step
#
# G turns 100 numbers of noise into an image. D gives an image one number, its logit: the log-odds of "real".
# Neither knows anything yet.


# %%
@torch.no_grad()
def fakes(n: int) -> torch.Tensor:
    """[n, 1, 28, 28] in [-1, 1], from the same z each time."""
    gan.G.eval()
    z = torch.randn(n, cfg.prior.dim, generator=torch.Generator().manual_seed(1))
    images = gan.G(z)
    gan.G.train()
    return images


@torch.no_grad()
def verdict(images: torch.Tensor) -> float:
    """The mean probability that D gives to these images of being real."""
    return gan.D(images).sigmoid().mean().item()


real, labels = next(iter(data.batches()))  # uint8, as they lie on disk
real = to_signed_range(real)
print(f"D(x) = {verdict(real):.3f}, D(G(z)) = {verdict(fakes(64)):.3f}: a coin")

# %% [markdown]
# ## Algorithm 1
#
# `Loop.step` is one turn of it: D moves on a batch of real and of fake images, then G moves against the new D. We
# keep D's mean verdicts, and how steep G's loss is in D's logit: $1 - D(G(z))$ for the non-saturating loss,
# $D(G(z))$ for minimax.

# %%
loop, course = Loop(gan), []
for step, (real, labels) in zip(range(cfg.steps), data.batches(), strict=False):
    real = to_signed_range(real)
    loop.step(real, labels)
    if step % 50 == 49:
        course.append((step + 1, verdict(real), verdict(fakes(64))))

print("steps   D(x)   D(G(z))  slope of nsgan, of mmgan")
for step, on_real, on_fake in course:
    print(f"{step:5d}  {on_real:.3f}  {on_fake:.3f}    {1 - on_fake:.3f}           {on_fake:.3f}")

# %% [markdown]
# D is better than a coin and not sure, so both losses have a slope. Where D(G(z)) goes to 0, minimax says nothing
# any more; `docs/theory/gradients.md` has why.
#
# ## What G draws
#
# What it makes of one z, in characters, so that it shows everywhere.

# %%
SHADES = " .:-=+*#%@"


def drawn(image: torch.Tensor) -> str:
    """[1, 28, 28] in [-1, 1] as lines of characters, every second row."""
    levels = ((image[0, ::2] + 1) / 2 * (len(SHADES) - 1)).round().long().clamp(0, len(SHADES) - 1)
    return "\n".join("".join(SHADES[level] for level in row) for row in levels.tolist())


print(drawn(fakes(1)[0]))

# %% [markdown]
# ## How far from the data?
#
# The judge is a small classifier of real digits; the Frechet distance compares the means and covariances of what it
# sees in both sets of images. As many real training images have the smallest distance that can be hoped for: the
# floor.

# %%
judge = judge_of(data.source)
held_out = data.source.test()
test = to_signed_range(held_out.images)
real_train = to_signed_range(data.source.train().images[: len(test)])


def distance(images: torch.Tensor) -> float:
    """The Frechet distance of these images to the test set, in the judge's features."""
    return frechet_distance(judge(test)[0], judge(images)[0])


print(f"samples {distance(fakes(len(test))):.2f}, real training images {distance(real_train):.2f}")

# %% [markdown]
# ## Where next
#
# * Change one word above: `"loss=mmgan"`, `"d_steps=5"`, `"technique=[r1]"`, and run all cells again.
# * `docs/tutorial.md` types the same as commands, with sweeps, a page of the run and alarms.
# * `docs/theory/` has why D's verdict is what it is.
