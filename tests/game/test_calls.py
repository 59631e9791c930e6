"""What a call of ``training_step`` costs beside the game, and that it plays the same game."""

import torch
from conftest import EachStep

from gan_lightning.game.module import GAN


def test_a_step_sets_no_attribute_of_the_module_the_slow_way(play, monkeypatch):
    """``nn.Module`` looks for parameters, modules and buffers first, and Lightning sets one around each hook."""
    slow, original = [], torch.nn.Module.__setattr__

    def spy(self, name, value):
        if isinstance(self, GAN):
            slow.append(name)
        original(self, name, value)

    class Between(EachStep):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            slow.clear()

    seen = Between(lambda gan: list(slow))
    monkeypatch.setattr(torch.nn.Module, "__setattr__", spy)
    play("steps=3", "d_steps=2", callbacks=(seen,))
    assert seen.seen == [[]] * 6
