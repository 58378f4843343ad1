from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.cost import Budget, Unit
from ttcli.errors import UsageError
from ttcli.search.methods import parse_method
from ttcli.search.parameters import ChainParameters, HalfParameters, ratios


@given(st.integers(1, 600))
def test_every_ratio_that_fits_makes_up_the_budget_in_whole_chains(n: int) -> None:
    for ratio in ratios(n):
        sizes = ChainParameters(ratio).sizes("revise", Budget(n))
        assert sizes["chains"] * sizes["length"] == n
        assert Fraction(sizes["length"], sizes["chains"]) == ratio
    assert Fraction(1, n) in ratios(n)
    assert n in ratios(n)


@pytest.mark.parametrize("power", range(5))
def test_the_ratios_of_a_power_of_four_are_powers_of_four(power: int) -> None:
    assert ratios(4**power) == [Fraction(4) ** exponent for exponent in range(-power, power + 1)]


@pytest.mark.parametrize(
    ("n", "chains", "length"), [(1, 1, 1), (4, 2, 2), (6, 2, 3), (7, 1, 7), (8, 2, 4), (12, 3, 4), (16, 4, 4)]
)
def test_left_to_itself_the_ratio_is_the_nearest_to_one_and_rather_longer(n: int, chains: int, length: int) -> None:
    assert ChainParameters().sizes("revise", Budget(n)) == {"chains": chains, "length": length}


def test_a_ratio_that_does_not_fit_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="8 generations make no whole chains at a ratio of 4") as caught:
        ChainParameters(Fraction(4)).sizes("revise", Budget(8))
    assert caught.value.hint == "ratios that fit 8: 1/8, 1/2, 2, 8"


def test_where_no_generations_are_counted_n_says_how_many_there_may_be() -> None:
    tokens = Budget(9000, Unit.TOKENS)
    assert ChainParameters().sizes("revise", tokens) == {"chains": 4, "length": 4}
    assert ChainParameters(n=64).sizes("revise", tokens) == {"chains": 8, "length": 8}
    assert HalfParameters(n=5).sizes("search-revise", tokens)["proposals"] == 3


def test_n_and_a_budget_of_another_number_are_at_odds() -> None:
    for method in ("revise:n=8", "search-revise:n=8"):
        with pytest.raises(UsageError, match="draws 16 with a budget of 16, not n=8"):
            parse_method(method).check(Budget(16))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("revise:ratio=0.25", "revise:ratio=1/4"),
        ("revise:ratio=4/1", "revise:ratio=4"),
        ("revise:n=64,ratio=1", "revise:ratio=1,n=64"),
        ("search-revise:by=best-of-n", "search-revise"),
        ("search-revise:by=beam", "search-revise:by=beam"),
        ("revise:tell=0.050,ratio=4", "revise:ratio=4,tell=0.05"),
        ("revise:tell=0.0500000001", "revise:tell=0.0500000001"),
        ("revise:tell=1", "revise:tell=1"),
    ],
)
def test_equal_methods_get_equal_names(text: str, name: str) -> None:
    assert parse_method(text).name == name
    assert parse_method(name) == parse_method(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("revise:ratio=0", "ratio of revise must be above 0, such as 1/4, 1 or 4, not '0'"),
        ("revise:ratio=1/0", "ratio of revise must be above 0"),
        ("revise:ratio=-1", "ratio of revise must be above 0"),
        ("revise:ratio=half", "ratio of revise must be above 0"),
        ("revise:m=4", "revise has no setting 'm'"),
        ("revise:tell=0", "tell of revise must be above 0, at most 1, not '0'"),
        ("revise:tell=2", "tell of revise must be above 0, at most 1"),
        ("revise:n=0", "n of revise must be a whole number from 1 on"),
        ("search-revise:by=dvts", "by of search-revise must be best-of-n or beam, not 'dvts'"),
        ("search-revise:by=beam,by=beam", "search-revise is given by twice"),
    ],
)
def test_what_cannot_be_set_so_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        parse_method(text)
    assert caught.value.hint


@pytest.mark.parametrize("setting", ["tell=0.5", "from=step"])
def test_chains_fitted_to_what_is_left_are_set_as_they_were(setting: str) -> None:
    fitted = parse_method(f"revise:ratio=4,{setting}").fitted(Budget(12))
    assert fitted is not None
    assert fitted[0].parameters == parse_method(f"revise:ratio=3,{setting}").parameters


def test_attempts_that_see_none_before_them_have_nothing_to_be_told() -> None:
    with pytest.raises(UsageError, match="from=step has nothing to tell") as caught:
        parse_method("auto:revise:from=step,tell=0.05")
    assert caught.value.hint == "revise:tell=0.05, or revise:from=step"


def test_what_a_hint_shows_can_be_written() -> None:
    with pytest.raises(UsageError) as caught:
        parse_method("revise:m=4")
    assert parse_method(caught.value.hint or "").name == "revise:ratio=1/4,tell=0.05"
