"""The tests on seeds beside scipy's own and by hand, and what is said of too few seeds."""

import math

import pytest
from scipy import stats

from gan_lightning.report.contest import Contest
from gan_lightning.report.significance import difference_of_arms, holm

A = [(0, 3.0), (1, 3.5), (2, 2.5), (3, 3.2)]
B = [(3, 4.1), (1, 4.6), (2, 3.1), (0, 3.9)]


def test_same_seeds_are_compared_in_pairs():
    """Differences 0.9, 1.1, 0.6, 0.9: mean 0.875, standard deviation sqrt(0.1275 / 3), t with 3 degrees of freedom."""
    found = difference_of_arms(A, B)
    assert found.mean == pytest.approx(0.875)
    error = math.sqrt(0.1275 / 3) / 2
    assert found.low == pytest.approx(0.875 - 3.182446 * error, abs=1e-6)
    assert found.high == pytest.approx(0.875 + 3.182446 * error, abs=1e-6)
    assert found.p == pytest.approx(stats.ttest_rel([3.0, 3.5, 2.5, 3.2], [3.9, 4.6, 3.1, 4.1]).pvalue)
    assert found.test == "paired t-test over 4 seeds"


def test_other_seeds_are_compared_by_welch():
    other = [(seed + 10, value) for seed, value in B[:3]]
    found = difference_of_arms(A, other)
    apart = stats.ttest_ind([v for _, v in other], [v for _, v in A], equal_var=False)
    assert found.p == pytest.approx(apart.pvalue)
    assert (found.low, found.high) == pytest.approx(apart.confidence_interval(0.95))
    assert found.test == "Welch's t-test, 4 and 3 seeds"
    doubled = [*A[:3], (0, 9.0)]
    assert difference_of_arms(doubled, doubled[::-1]).test.startswith("Welch"), "a seed that came twice makes no pair"


@pytest.mark.parametrize(
    ("n", "words"), [(1, "one seed of an arm: no statement"), (2, "two seeds of an arm: no statement")]
)
def test_of_one_or_two_seeds_nothing_is_said(n, words):
    found = difference_of_arms(A[:n], B)
    assert (found.low, found.high, found.p, found.test) == (None, None, None, words)
    assert found.mean == pytest.approx(sum(v for _, v in B) / 4 - sum(v for _, v in A[:n]) / n)


def test_without_any_spread_equal_numbers_are_equal_and_others_are_not():
    same = [(seed, 1.0) for seed in range(3)]
    assert difference_of_arms(same, same).p == 1
    assert difference_of_arms(same, [(seed, 2.0) for seed in range(3)]).p == 0
    assert difference_of_arms(same, [(seed + 5, 2.0) for seed in range(3)]).p == 0


def test_holm_by_hand():
    """0.01 * 3, then 0.02 * 2 = 0.04, then 0.03 * 1, which may not be below the one before it."""
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_the_best_is_compared_with_each_other_and_p_is_corrected_for_their_number():
    far = [(seed, value + 5 + 0.1 * seed) for seed, value in A]
    found = Contest("distance", 1.5, {"b": B, "a": A, "far": far, "none": []})
    assert list(found.means) == ["a", "b", "far"]
    (near, p), (_, q) = found.differences["b"], found.differences["far"]
    assert p == pytest.approx(max(near.p, q))
    assert q == pytest.approx(2 * difference_of_arms(A, far).p)
    said = found.words()
    assert said[0] == (
        "Lowest distance: a with 3.05 (mean of 4 seeds, standard deviation 0.42), 2.0 times the floor of 1.5."
    )
    assert said[1].startswith(
        "The next is b, 0.875 above it (95% interval 0.547 to 1.2; paired t-test over 4 seeds, p = "
    )
    assert said[1].endswith("corrected for 2 comparisons): the seeds tell the two apart.")


def test_the_words_claim_nothing_that_the_seeds_do_not_carry():
    noisy = [(0, 1.0), (1, 6.0), (2, 3.0)]
    other = Contest("distance", None, {"a": noisy, "b": [(0, 5.0), (1, 2.0), (2, 4.0)]}).words()[1]
    assert other.endswith("the seeds do not tell the two apart.")
    one = Contest("distance", None, {"a": [(0, 1.0)], "b": [(0, 2.0)]})
    assert one.words() == [
        "Lowest distance: a with 1 (one seed).",
        "The next is b, 1 above it (one seed of an arm: no statement).",
    ]
    assert Contest("distance", None, {"a": []}).words() == ["No arm has a finite number."]
    assert len(Contest("distance", None, {"a": noisy}).words()) == 1
