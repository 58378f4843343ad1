from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttcli.allocate import difficulty, marginal, standing
from ttcli.allocate.difficulty import Bins, Difficulty
from ttcli.allocate.headroom import Headroom
from ttcli.allocate.marginal import Gains
from ttcli.allocate.optimal import Choice
from ttcli.allocate.profile import Made, Profile, parse, profiles, read_profile, render, write_profile
from ttcli.errors import ConfigError
from ttcli.stats.intervals import Interval
from ttcli.stats.logistic import Logistic, Term

numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))


def models(features: tuple[str, ...]) -> st.SearchStrategy[Logistic]:
    terms = st.builds(Term, numbers, st.floats(1e-9, 1e9), numbers)
    return st.builds(Logistic, numbers, st.dictionaries(st.sampled_from(features), terms))


bounds = st.tuples(numbers, numbers).map(lambda ends: Interval(min(ends), max(ends)))
maybe = st.none() | numbers
counts = st.integers(0, 10**6)
headrooms = st.builds(Headroom, numbers, texts, numbers, numbers, bounds, numbers, numbers, numbers, settled=maybe)


@st.composite
def some_profiles(draw: st.DrawFn) -> Profile:
    edges = draw(st.lists(st.floats(1e-6, 1 - 1e-6), max_size=4, unique=True))
    choice = st.builds(
        Choice,
        st.just(0),
        numbers,
        texts,
        maybe,
        st.none() | bounds,
        counts,
        numbers,
        bounds,
        numbers,
        maybe,
        maybe,
        maybe,
    )
    choices = [replace(draw(choice), bin=number) for number in range(len(edges) + 1)]
    gains = st.builds(Gains, models(standing.FEATURES), models((marginal._DOUBLINGS,)), st.floats(0.01, 0.99))
    return Profile(
        draw(texts),
        draw(texts),
        draw(texts),
        draw(texts),
        draw(texts),
        draw(texts),
        draw(numbers),
        draw(texts),
        draw(texts),
        draw(st.builds(Made, texts, texts, counts, texts, texts)),
        draw(st.builds(Difficulty, st.integers(2, 9), models(difficulty.FEATURES))),
        Bins(tuple(sorted(edges))),
        tuple(choices),
        draw(st.none() | gains),
        draw(st.just(()) | st.tuples(headrooms)),
    )


def example(**changes: Any) -> Profile:
    made = Made("ttc calibrate dev.jsonl", "dev.jsonl", 40, "2025-01-01T00:00:00Z", "0.5")
    model = Logistic(0.5, {"agreement": Term(0.5, 0.25, 1.5)})
    choices = tuple(
        Choice(number, budget, name, 0.75, Interval(0.5, 0.875), 20, 0.1, Interval(0.0, 0.2), 0.5, budget, None, None)
        for number, name in enumerate(["majority", "beam:m=sqrt"])
        for budget in (8.0, 16.0)
    )
    profile = Profile(
        *("dev", "qwen", "ab12", "head", "cd34", "", 0.8, "generations", "majority"),
        *(made, Difficulty(4, model), Bins((0.5,)), choices, Gains(Logistic(0.0, {}), Logistic(1.0, {}))),
    )
    return replace(profile, **changes)


@settings(max_examples=60, deadline=None)
@given(some_profiles())
def test_what_is_rendered_is_read_back_the_same(profile: Profile) -> None:
    assert parse(render(profile)) == profile


def test_a_profile_reads_well() -> None:
    lines = render(example()).splitlines()
    assert lines[:2] == ["version = 2", 'name = "dev"']
    assert "edges = [0.5]" in lines
    assert 'strategy = "beam:m=sqrt"' in lines
    assert "interval = [0.5, 0.875]" in lines
    assert '"agreement" = { mean = 0.5, spread = 0.25, weight = 1.5 }' in lines


def test_a_choice_is_found_by_chance_and_budget() -> None:
    profile = example()
    assert profile.choice(0.9, 8).strategy == "majority"
    assert (profile.choice(0.2, 12).strategy, profile.choice(0.2, 12).budget) == ("beam:m=sqrt", 16)


def test_profiles_are_kept_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTC_HOME", str(tmp_path))
    assert profiles() == []
    old, other = example(), example(name="other", model_hash="ffff")
    new = example(name="new", made=replace(old.made, when="2025-06-01T00:00:00Z"))
    for each in (old, other, new):
        path = write_profile(each)
        assert read_profile(path) == each
    assert path == tmp_path / "profiles" / "new.toml"
    assert profiles() == [old, new, other]


def test_a_profile_takes_the_place_of_one_with_its_name(tmp_path: Path) -> None:
    write_profile(example(), tmp_path)
    write_profile(example(model="other"), tmp_path)
    assert [each.model for each in profiles(tmp_path)] == ["other"]
    assert [path.name for path in tmp_path.iterdir()] == ["dev.toml"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: "x y" + text, "Expected '='"),
        (lambda text: text.replace("version = 2", "version = 3"), "version is 3, and this ttc reads 2"),
        (lambda text: text.replace('model = "qwen"', "model = 1"), "model must be a string, not 1"),
        (lambda text: text.replace('model = "qwen"\n', ""), "model is missing"),
        (lambda text: text.replace("[made]", "[made]\ncolour = 1"), "made.colour is not a known key"),
        (lambda text: text.replace("problems = 40", "problems = true"), "made.problems must be a whole number"),
        (lambda text: text.replace("edges = [0.5]", "edges = [1.5]"), "edges ascend"),
        (lambda text: text.replace("edges = [0.5]", "edges = [0.2, 0.5]"), "bins 0 to 2"),
        (lambda text: text.replace("edges = [0.5]", "edges = 0.5"), "edges must be a list"),
        (lambda text: text.replace("gain = 0.1", "gain = nan", 1), r"choice\[1\].gain must be a finite number"),
        (lambda text: text.replace("[0.5, 0.875]", "[0.875, 0.5]", 1), r"choice\[1\].interval must be a lower"),
        (lambda text: text.replace("spread = 0.25", "spread = 0.0"), "agreement: .*no term"),
        (lambda text: text.replace('"agreement" =', '"hair" ='), "difficulty: there is no feature hair"),
        (lambda text: text.replace("probes = 4", "probes = 1"), "2 probes or more"),
        (lambda text: text.replace("settled = 0.99", "settled = 2"), "gains: .*between 0 and 1"),
        (lambda text: text.replace("[[choice]]", "[[pick]]"), "choice is missing"),
        (lambda text: text.replace("{ mean = 0.5, spread = 0.25, weight = 1.5 }", "1"), "agreement must be a table"),
    ],
)
def test_a_wrong_profile_says_what_where_and_what_to_do(
    change: Callable[[str], str], complaint: str, tmp_path: Path
) -> None:
    text = render(example())
    changed = change(text)
    assert changed != text
    path = tmp_path / "bad.toml"
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_profile(path)
    assert "bad.toml" in str(caught.value)
    assert "ttc calibrate" in str(caught.value.hint)


def test_a_profile_that_is_not_there_or_no_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the profile"):
        read_profile(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="no text"):
        read_profile(tmp_path / "binary.toml")


def test_a_profile_of_the_first_version_is_read_and_kept_as_it_was() -> None:
    """What was measured with the whole budget must not be taken for what was measured after the probes."""
    text = render(example()).replace("version = 2", "version = 1", 1)
    old = parse(text)
    assert not old.probed
    assert replace(old, probed=True) == example()
    assert render(old) == text
