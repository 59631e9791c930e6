"""Every statement of the table, what the functions refuse, and the wrong versions that the table would catch."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, wasserstein_distance

from gan_lightning.config.build import make
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.report.theory_page import INTRODUCTION, statement_table
from gan_lightning.theory import densities, information, toys, transport, value_function
from gan_lightning.theory.densities import Gaussian, Line
from gan_lightning.theory.statements import Statement, best_constant, statements

LOSSES = {p.stem: make(compose("train", [f"loss={p.stem}"]).loss) for p in sorted((CONF / "loss").glob("*.yaml"))}
STATEMENTS = statements(LOSSES)


@pytest.fixture
def made_now():
    """For each test, not when this file is imported: what is changed in them is seen by the tests that make them."""
    return statements(LOSSES)


@pytest.mark.parametrize("i", range(len(STATEMENTS)), ids=[f"{s.source}: {s.text}" for s in STATEMENTS])
def test_statement(made_now, i):
    statement = made_now[i]
    measured, error, passed = statement.check()
    assert passed, f"{measured} instead of {statement.expected}, off by {error}, allowed {statement.tolerance}"


def test_the_page_has_the_statements_to_the_letter(made_now):
    page = (Path(__file__).parent.parent.parent / "docs" / "theory.md").read_text()
    rows = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in page[page.index("|---") :].splitlines()[1:]]
    told = [(source, text, says, allowed, why) for source, text, says, _, _, allowed, why, _ in rows]
    assert told == [
        (*(t.replace("|", "\\|") for t in (s.source, s.text)), f"{s.expected:.9g}", f"{s.tolerance:.0e}", s.why)
        for s in made_now
    ]
    assert page.startswith(INTRODUCTION + "| source | statement | expected | measured | error | allowed | since |  |\n")
    assert statement_table([["a|b", "c"]]).endswith("|\n| a\\|b | c |")


def test_a_statement_fails_beyond_its_tolerance():
    of = lambda expected, measured: Statement("s", "t", expected, lambda: measured, 0.25, "w").check()  # noqa: E731
    assert of(1.0, 1.25) == (1.25, 0.25, True)
    assert of(1.0, 0.5) == (0.5, 0.5, False)
    assert of(math.inf, math.inf) == (math.inf, 0.0, True)
    assert of(math.inf, 1.0) == (1.0, math.inf, False)
    assert not of(1.0, math.nan)[2]


def test_there_are_enough_and_none_is_so_loose_that_it_cannot_fail():
    assert len(STATEMENTS) >= 25
    for s in STATEMENTS:
        if math.isfinite(s.expected):
            assert s.tolerance <= max(0.006 * abs(s.expected), 0.002)


def test_every_loss_is_compared_with_its_formula():
    assert toys.FIELDS.keys() == LOSSES.keys()
    wrong = toys.field_of(LOSSES["mmgan"], 0.3, 0.7), toys.nsgan(0.3, 0.7)
    assert abs(wrong[0][0] - wrong[1][0]) > 0.01, "a minimax loss that is the non-saturating one is told apart"


def test_critical_damping_is_not_where_the_misprinted_formula_has_it():
    """sqrt(gamma^2 / 4 - f'(0)) without the square would put it at sqrt(2)."""
    overdamped = toys.eigenvalues(toys.with_r1(toys.mmgan, 1.2))
    assert np.abs(overdamped.imag).max() == 0
    assert 1.2 < math.sqrt(2)


def test_smoothing_by_the_formula_and_by_minimising():
    for alpha, beta in ((1, 0), (0.9, 0), (0.9, 0.1)):
        formula = value_function.optimal_discriminator(0.2, 0.6, alpha, beta)
        assert best_constant(alpha, beta) == pytest.approx(formula, abs=1e-6)
    p = np.array([0.0, 0.5])
    assert value_function.optimal_discriminator(p, np.array([1.0, 0.5]), 0.9, 0.1).tolist() == pytest.approx([0.1, 0.5])


def test_the_value_is_highest_at_the_optimum():
    p, q, line = Gaussian(), Gaussian(1), Line(-12, 13)
    best = value_function.value(p.pdf, q.pdf, lambda x: p.pdf(x) / (p.pdf(x) + q.pdf(x)), line)
    assert best == pytest.approx(value_function.criterion(p.pdf, q.pdf, line), abs=1e-9)
    assert value_function.value(p.pdf, q.pdf, lambda x: 0.5, line) == pytest.approx(-math.log(4), abs=1e-9)
    assert best > value_function.value(p.pdf, q.pdf, lambda x: 0.5 * p.pdf(x) / (p.pdf(x) + q.pdf(x)), line) + 0.01


def test_normal_is_scipys():
    mine, theirs = Gaussian(0.3, 1.7), norm(0.3, 1.7)
    for x in (-5.0, 0.0, 0.3, 4.0):
        assert (mine.pdf(x), mine.cdf(x)) == pytest.approx((theirs.pdf(x), theirs.cdf(x)), rel=1e-12)


def test_bits_and_nats():
    p, q = [0.9, 0.1], [0.5, 0.5]
    for f in (information.kl, information.js, information.cross_entropy):
        assert f(p, q, 2) == pytest.approx(f(p, q) / math.log(2), rel=1e-14)
    assert information.entropy([0.5] * 2, 2) == 1
    assert information.self_information(0.25, 2) == 2
    assert information.js([1, 0], [0, 1], 2) == pytest.approx(1)


def test_supports():
    assert information.kl([0.5, 0.5], [1, 0]) == math.inf
    assert information.cross_entropy([0.5, 0.5], [1, 0]) == math.inf
    assert information.kl([1, 0], [0.5, 0.5]) == pytest.approx(math.log(2))
    uniform = lambda a: lambda x: float(a <= x <= a + 1)  # noqa: E731
    line = Line(-1, 4, (0, 1, 2, 3))
    assert densities.kl(uniform(0), uniform(2), line) == math.inf
    assert densities.js(uniform(0), uniform(2), line) == pytest.approx(math.log(2), abs=1e-9)
    assert densities.total_variation(uniform(0), uniform(2), line) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: information.entropy([0.5, 0.6]), "p must sum to 1, got 1.1. Divide it by its sum."),
        (lambda: information.entropy([0.5, 0.5 + 2e-9]), "p must sum to 1, got 1.000000002. Divide it by its sum."),
        (lambda: information.kl([0.5, 0.5], [1.5, -0.5]), "q must hold no negative probability, got -0.5."),
        (lambda: information.kl([1.5, -0.5], [0.5, 0.5]), "p must hold no negative probability, got -0.5."),
        (lambda: information.js([1.0], [0.5, 0.5]), "p and q must be on the same points, got 1 and 2 of them."),
        (lambda: information.entropy([[1.0]]), "p must be a vector of probabilities, got shape (1, 1)."),
        (lambda: information.entropy([]), "p must be a vector of probabilities, got shape (0,)."),
        (lambda: information.self_information(0.0), "an event's probability must be in (0, 1], got 0.0."),
        (lambda: information.self_information(1.5), "an event's probability must be in (0, 1], got 1.5."),
        (lambda: transport.between([1.0], [0.5, 0.5], [[1.0]]), "cost must have shape (1, 2), got (1, 1)."),
        (lambda: transport.between([2.0], [1.0], [[1.0]]), "p must sum to 1, got 2. Divide it by its sum."),
        (lambda: transport.between([1.0], [2.0], [[1.0]]), "q must sum to 1, got 2. Divide it by its sum."),
        (lambda: information.histogram([0.0, 5.0], [0, 1, 2]), "all samples must lie in [0, 2], 1 do not."),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError) as refused:
        call()
    assert str(refused.value) == words


def test_what_is_just_allowed():
    assert information.entropy([0.0, 1.0 + 5e-10]) == pytest.approx(0, abs=1e-9)
    assert information.self_information(1.0) == 0
    assert math.copysign(1, information.self_information(1.0)) == 1


def test_transport_by_programme_is_transport_on_the_line():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(6))
    x, y = rng.normal(size=5), rng.normal(size=6)
    cost = np.abs(x[:, None] - y[None])
    assert transport.between(p, q, cost) == pytest.approx(wasserstein_distance(x, y, p, q), abs=1e-9)
    assert transport.on_the_line(x, y, p, q) == pytest.approx(transport.between(p, q, cost), abs=1e-9)


def test_samples_through_a_histogram():
    rng = np.random.default_rng(0)
    edges = np.linspace(-8, 9, 69)
    p, q = (information.histogram(rng.normal(m, 1, 200_000), edges) for m in (0, 1))
    assert information.js(p, q) == pytest.approx(0.111421, abs=0.002)
