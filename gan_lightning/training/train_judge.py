"""Training a judge: the small classifier of real images whose features the metrics compare."""

import hashlib
import logging

import torch
import torch.nn.functional as F
from omegaconf import DictConfig

from gan_lightning.config.build import build_source, decide_data
from gan_lightning.config.checks import new_file
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import whole
from gan_lightning.io.written import Written
from gan_lightning.metrics.judge import JudgeNet

log = logging.getLogger(__name__)


def train_judge(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.judge`` does: train one and print its accuracy and the SHA-256 for conf/judge/.

    AdamW with one cycle of the learning rate (Smith & Topin 2019) on cross-entropy; each image ``[C, H, W]`` is moved
    by up to ``shift`` pixels. The features are scaled to a mean square of 1 over the training images.

    Raises:
        ValueError: the data are points, have a side that is no multiple of 4, or are fewer than a batch; ``out`` cannot
            be written.
    """
    note = decide_data(cfg)
    if note:
        log.warning("%s", note)
    source = build_source(cfg.data)
    if len(source.shape) != 3:
        raise ValueError(
            f"a judge needs images, got data={source.name}, whose points need no judge: their modes are known. "
            "Measure a run on them with python -m gan_lightning.evaluate run=<run directory> metrics=points"
        )
    if source.shape[1] % 4 or source.shape[1] != source.shape[2]:
        raise ValueError(
            f"a judge is trained on square images whose side is a multiple of 4, got data={source.name} of shape "
            f"{tuple(source.shape)}. Set data.size=28 or 32."
        )
    if cfg.shift >= source.shape[1]:
        raise ValueError(
            f"shift must be below the side of the images, {source.shape[1]} pixels, got {cfg.shift}. Write shift=2"
        )
    out = new_file(cfg.out or f"judge-{source.name}.pt")
    source.prepare()
    train, test = source.train(), source.test()
    if cfg.batch_size > len(train):
        raise ValueError(
            f"batch_size must not exceed the {len(train)} images of data={source.name}, got {cfg.batch_size}. "
            f"Write batch_size=128"
        )
    classes = int(train.labels.max()) + 1
    torch.manual_seed(cfg.seed)
    net = JudgeNet(source.shape, cfg.features, classes, cfg.width)
    steps = cfg.epochs * (len(train) // cfg.batch_size)
    optimizer = torch.optim.AdamW(net.parameters(), cfg.lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, cfg.lr, total_steps=steps)
    bar = Bar(f"training a judge of {source.name}", total=steps)
    for _ in range(cfg.epochs):
        order = torch.randperm(len(train))
        for rows in order[: len(order) // cfg.batch_size * cfg.batch_size].split(cfg.batch_size):
            images, labels = train[rows]
            padded = F.pad(to_signed_range(images), [cfg.shift] * 4, value=-1.0)
            top, left = torch.randint(0, 2 * cfg.shift + 1, (2,)).tolist()
            moved = padded[:, :, top : top + images.shape[2], left : left + images.shape[3]]
            loss = F.cross_entropy(net(moved)[1], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            bar.update()
    bar.close()
    net.eval()
    with torch.no_grad():
        parts = [net(to_signed_range(part))[1].argmax(1) for part in test.images.split(500)]
        features = torch.cat([net(to_signed_range(part))[0] for part in train.images.split(500)])
        net.scale.fill_(1 / features.square().mean().sqrt())
    accuracy = (torch.cat(parts) == test.labels).double().mean().item()
    written = Written()
    with whole(written.add(out)) as file:
        torch.save(net.state_dict(), file)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    log.info("%s: %.2f %% of %d test images right, %d bytes", out, 100 * accuracy, len(test), out.stat().st_size)
    log.info("sha256: %s", digest)
    log.info("wrote %s", written)
