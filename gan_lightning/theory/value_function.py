"""The value function of the 2014 game on densities, and the discriminator that maximises it.

``optimal_discriminator`` takes the values of densities, numbers or arrays; the others take densities as functions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from gan_lightning.theory.densities import Density, Line


def optimal_discriminator(
    p_r: Any, p_g: Any, real_target: float = 1.0, fake_target: float = 0.0
) -> NDArray[np.float64] | float:
    """D*(x) = (alpha p_r + beta p_g) / (p_r + p_g) for targets alpha and beta.

    Goodfellow et al. 2014, proposition 1 (alpha = 1, beta = 0); Salimans et al. 2016, section 3.4. With
    beta > 0, D* is beta, not 0, where p_r is 0 and p_g is not: G has less reason to leave. nan where both are 0.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        optimum: NDArray[np.float64] | float = (real_target * p_r + fake_target * p_g) / (p_r + p_g)
    return optimum


def value(p_r: Density, p_g: Density, D: Density, line: Line) -> float:
    """V(D, G) = E_r log D + E_g log(1 - D) (Goodfellow et al. 2014, equation 1)."""

    def integrand(x: float) -> float:
        real, fake, d = p_r(x), p_g(x), D(x)
        return (real * np.log(d) if real > 0 else 0.0) + (fake * np.log1p(-d) if fake > 0 else 0.0)

    return line.integral(integrand)


def criterion(p_r: Density, p_g: Density, line: Line) -> float:
    """C(G) = max over D of V(D, G) = -log 4 + 2 JSD (Goodfellow et al. 2014, theorem 1)."""

    def at_optimum(x: float) -> float:  # p_r log D* + p_g log(1 - D*), kept finite where D* rounds to 1
        real, fake = p_r(x), p_g(x)
        return float(rel_entr(real, real + fake) + rel_entr(fake, real + fake))

    return line.integral(at_optimum)
