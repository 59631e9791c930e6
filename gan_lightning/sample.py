"""``python -m gan_lightning.sample run=latest``: N samples of a run as a PNG grid and a .npz."""

import logging
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from gan_lightning.cli import verb

log = logging.getLogger(__name__)

GRID = 400  # pictures in the grid at most; the .npz has all


def sample(
    run: str | Path,
    n: int = 64,
    seed: int = 0,
    out: str | Path | None = None,
    generator: str = "G",
    trust: str | None = None,
) -> tuple[Path, Path]:
    """Draw ``n`` samples from a generator of ``run``; nothing in the run changes.

    Returns:
        The PNG grid, and the .npz with uint8 ``[n, C, H, W]`` under the key ``images``, or with float32 ``[n, d]``
        under ``points``.
    """
    from torchvision.utils import save_image

    from gan_lightning.callbacks.samples import grid
    from gan_lightning.loading import load

    G = load(run, generator, trust)
    images = G.sample(n, seed)
    folder = Path(out) if out else G.run / "samples"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        name = "" if generator == "G" else f"{generator}-"
        png, npz = (folder / f"{name}n{n}-seed{seed}.{kind}" for kind in ("png", "npz"))
        save_image(grid(images[:GRID] if images.ndim > 2 else images), png)
        if images.ndim > 2:
            np.savez_compressed(npz, images=((images + 1) * 127.5).round().clamp(0, 255).byte().numpy())
        else:
            np.savez_compressed(npz, points=images.numpy())
    except OSError as error:
        raise ValueError(
            f"out={folder} cannot be written: {error.strerror or error}. Name another folder with out=<folder>."
        ) from error
    return png, npz


@verb("sample")
def main(cfg: DictConfig) -> None:
    from gan_lightning.checks import check_values

    check_values(cfg)
    png, npz = sample(cfg.run, cfg.n, cfg.seed, cfg.out, cfg.generator, cfg.trust)
    log.info("%d samples: %s (grid), %s (key images, uint8 N x C x H x W; points: float32 N x d)", cfg.n, png, npz)


if __name__ == "__main__":
    main()
