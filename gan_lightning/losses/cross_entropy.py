"""D's side of the 2014 game, shared by mmgan and nsgan, with label smoothing.

Goodfellow et al. 2014, equation 1, as a loss to descend: -[log D(x) + log(1 - D(G(z)))].
Salimans et al. 2016, section 3.4: the targets 1 and 0 become alpha (real) and beta (fake).

On logits: -[t log sigmoid(l) + (1 - t) log(1 - sigmoid(l))] = softplus(l) - t l.
"""

import torch.nn.functional as F
from torch import Tensor

from gan_lightning.core.play import check_logits


def discriminator_cross_entropy(
    real_logits: Tensor, fake_logits: Tensor, real_target: float = 1.0, fake_target: float = 0.0
) -> Tensor:
    """Mean over the real plus mean over the fake batch; 2 log 2 where D = 1/2 and the targets are 1 and 0."""
    check_logits("real_logits", real_logits)
    check_logits("fake_logits", fake_logits)
    # softplus(l) - l = softplus(-l) exactly; this form keeps its digits for large l when the target is 1
    real = F.softplus(-real_logits) + (1 - real_target) * real_logits
    fake = F.softplus(fake_logits) - fake_target * fake_logits
    return real.mean() + fake.mean()
