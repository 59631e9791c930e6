"""From a configuration to objects. Concrete classes are named in conf/ only."""

import logging
import re
from collections.abc import Callable
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor, nn

from gan_lightning.config.arguments import as_decimals, wrong_arguments
from gan_lightning.config.where import CONF
from gan_lightning.core.classes import begun, check_labelled
from gan_lightning.core.condition import Condition
from gan_lightning.core.play import Generator, Loss, Shape
from gan_lightning.core.prior import leading_normals
from gan_lightning.core.seats import Seats
from gan_lightning.data.arrays import Arrays, GANData, Source
from gan_lightning.data.auto import choose
from gan_lightning.game.labelled import Labelled
from gan_lightning.game.module import GAN
from gan_lightning.metrics.judge import Judge

log = logging.getLogger(__name__)

LABELLED = ("labelled", "labelled_seed")  # keys of a dataset's node that are GANData's


def make(node: Any, **kwargs: Any) -> Any:
    """Instantiate ``node``, with plain lists and dicts as arguments.

    Raises:
        ValueError: the constructor's own, or one that names the key where the constructor does not take an argument.
    """
    try:
        return instantiate(node, _convert_="all", **kwargs)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, ValueError):
            raise cause from None
        if isinstance(cause, TypeError):
            key = match[1] if (match := re.search(r"full_key: (\S+)", str(error))) else "the configuration"
            raise ValueError(wrong_arguments(key, node, cause)) from error
        if cause is not None and "can't allocate memory" in str(cause):
            raise cause from error
        raise


def decide_data(cfg: DictConfig) -> str | None:
    """Replace ``data=auto`` in ``cfg`` by the first of its datasets that is there or can be fetched.

    Returns:
        A note with the reason where it is not the first of them, else None.
    """
    if "auto" not in cfg.data:
        return None
    options = {name: build_source(cfg.data[name]) for name in cfg.data.auto}
    name, why = choose(options)
    chosen = OmegaConf.create(OmegaConf.to_container(cfg.data[name], resolve=True))
    with open_dict(cfg):
        cfg.data = chosen
    if name == next(iter(options)):
        return None
    note = f"data=auto fell back to data={name}, since data={next(iter(options))} could not be had."
    return f"{note} {why}"


def drop_unchosen(cfg: DictConfig) -> None:
    """Take out of ``cfg`` an experiment's settings of techniques that are not chosen."""
    with open_dict(cfg):
        for name in [name for name, node in cfg.technique.items() if "_target_" not in node]:
            del cfg.technique[name]


def build_source(data: DictConfig) -> Source:
    """The dataset of a node ``data``."""
    source: Source = make(source_node(data))
    return source


def source_node(data: DictConfig) -> DictConfig:
    """``data``, resolved, without its keys LABELLED: what the dataset's constructor takes."""
    whole: dict[Any, Any] = OmegaConf.to_container(data, resolve=True)  # type: ignore[assignment]
    own = {key: value for key, value in whole.items() if key not in LABELLED}
    node: DictConfig = OmegaConf.create({"data": own}).data  # errors then name the key data
    return node


def build_data(cfg: DictConfig) -> GANData:
    own = {key: cfg.data[key] for key in LABELLED if key in cfg.data}
    return GANData(build_source(cfg.data), cfg.batch_size, cfg.seed, **own)


def judge_of(dataset: Source | str) -> Judge | None:
    """The judge that conf/judge/ has for a dataset; None if it has none for the dataset, or for its samples' shape.

    The judge of a mixture gets the means and the sd of ``dataset`` itself, such as ``data.sd=0.1``.
    """
    file = CONF / "judge" / f"{dataset if isinstance(dataset, str) else dataset.name}.yaml"
    if not file.is_file():
        return None
    node = OmegaConf.load(file)
    if not isinstance(dataset, str) and "shape" in node and tuple(node.shape) != tuple(dataset.shape):
        return None
    judge: Judge = make(node, **({} if isinstance(dataset, str) else dataset.judge_settings()))
    return judge


def build_condition(cfg: DictConfig, shape: Shape, class_counts: Callable[[], Tensor]) -> Condition | None:
    """The condition of ``cfg`` for what D sees of a sample, ``shape``; None for condition=none, and for older runs.

    Raises:
        ValueError: it is none, or does not fit the classes.
    """
    if not cfg.get("condition"):
        return None
    condition = make(cfg.condition, class_counts=class_counts(), shape=shape)
    if not isinstance(condition, Condition):
        kind = type(condition).__name__
        raise ValueError(
            f"condition must derive from gan_lightning.core.condition.Condition, got {kind}. Write class "
            f"{kind}(Condition)."
        )
    return condition


def no_classes() -> Tensor:
    return torch.zeros(0, dtype=torch.int64)


def build_gan(
    cfg: DictConfig,
    shape: Shape,
    mean: Callable[[], Tensor] | None = None,
    class_counts: Callable[[], Tensor] = no_classes,
    samples: Callable[[int], Tensor] | None = None,
    labelled: Arrays | None = None,
    begin: Callable[[nn.Module, nn.Module], None] | None = None,
) -> GAN:
    """The game of ``cfg``. Its initial weights are drawn from PyTorch's global generator: seed that first.

    Args:
        shape: of a sample, without the batch axis.
        mean: gives the mean of the training data, for ``Generator.start_from``; called before techniques transform G.
            None for a game that was begun before.
        class_counts: gives how many training samples each class has, ``[K]``, for a game with a condition; how many
            labelled ones, for a game with labelled data.
        samples: gives the first training samples, for ``Discriminator.start_from``; None as for ``mean``.
        labelled: the samples that D learns the classes of; None for a game that is not played.
        begin: argument of ``Game``.

    Raises:
        ValueError: parts do not fit one another.
    """
    targets = (cfg.smoothing.real_target, cfg.smoothing.fake_target)
    if targets != (1, 0) and "real_target" not in cfg.loss:
        raise ValueError(
            f"label smoothing needs a loss with targets, such as mmgan or nsgan; got targets {targets} beside "
            f"{cfg.loss._target_}, which has none. Use smoothing=none, or another loss."
        )
    if odd := [name for name in cfg.technique if not str(name).isidentifier()]:
        raise ValueError(f"a technique's name must be a plain word, got {odd[0]!r}: it names a folder of the run.")
    seats = Seats({name: make(node) for name, node in cfg.technique.items()})
    for name, technique in seats.techniques.items():
        share, m = cfg.batch_size // cfg.devices, technique.divides_batch
        if share % m:
            raise ValueError(
                f"technique={name} needs a batch per process that it can divide by {m}, got {share}. "
                f"Set batch_size={(share // m or 1) * m * cfg.devices}."
            )
    classes = check_labelled(cfg.data.get("labelled"), seats)
    loss, prior = make(cfg.loss), make(cfg.prior)
    if not isinstance(loss, Loss):
        kind = type(loss).__name__
        raise ValueError(f"loss must derive from gan_lightning.core.play.Loss, got {kind}. Write class {kind}(Loss).")
    optimizers = {
        player: make(node, **as_decimals(node)) for player, node in (("D", cfg.optimizer.d), ("G", cfg.optimizer.g))
    }
    schedules = {"D": make(cfg.schedule.d), "G": make(cfg.schedule.g)}
    for player, maker in optimizers.items():
        sample = maker([nn.Parameter(torch.zeros(()))])
        for option in schedules[player]:
            if option not in sample.defaults:
                raise ValueError(
                    f"schedule.{player.lower()}.{option} needs an optimizer with that option, got "
                    f"{type(sample).__name__}. Use optimizer=sgd, or another schedule."
                )
    seen = seats.view_shape(shape)
    condition = build_condition(cfg, seen, class_counts)
    # of a z that is too short as a whole, z_dim tells
    if condition and condition.within and leading_normals(prior) < min(prior.dim, condition.within.normals):
        raise ValueError(condition.within.refuses(prior))
    G = make(cfg.network.G, z_dim=condition.z_dim(prior.dim) if condition else prior.dim, shape=shape)
    if mean is not None and isinstance(G, Generator):
        G.start_from(mean())
    d_shape = condition.d_shape() if condition else seen
    D = make(cfg.network.D, shape=d_shape)
    weight = cfg.get("d_loss_weight", 1.0)  # older runs have no such key
    if weight == 0 and not any(technique.needs_labelled for technique in seats.techniques.values()):
        raise ValueError(
            "d_loss_weight=0 leaves D the labels to learn from, and no technique here learns from labels. Add "
            "technique=[supervised] with data.labelled=100, or write d_loss_weight=1."
        )
    return GAN(
        G=G,
        D=begun(D, d_shape, class_counts() if classes else None, samples if d_shape == tuple(shape) else None),
        prior=prior,
        loss=loss,
        optimizer_d=optimizers["D"],
        optimizer_g=optimizers["G"],
        steps=cfg.steps,
        d_steps=cfg.d_steps,
        update=cfg.get("update", "alternating"),  # older runs have no such key
        d_loss_weight=weight,
        seed=cfg.seed,
        seats=seats,
        condition=condition,
        labelled=Labelled(labelled.images, labelled.labels, cfg.seed) if labelled else None,
        schedules=schedules,
        begin=begin,
    )


def check_lipschitz(gan: GAN) -> None:
    """Warn of a game whose loss supposes a Lipschitz D, where no technique keeps D Lipschitz."""
    if gan.loss.needs_lipschitz and not any(technique.lipschitz for technique in gan.seats.techniques.values()):
        log.warning(
            "loss=%s is a distance only for a Lipschitz D, and nothing keeps D so: add technique=[gradient_penalty], "
            "[spectral_norm] or [weight_clipping]",
            type(gan.loss).__name__.lower(),
        )
