"""How large a context of a verifier is: searches that take turns in it keep what it has read."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from ttcli.catalog.forms import PrmForm
from ttcli.engine import machine
from ttcli.engine.model import Model
from ttcli.engine.session import Session
from ttcli.problem import Problem
from ttcli.solution import Prefix, Step
from ttcli.verifier import reader
from ttcli.verifier.form import StepTag
from ttcli.verifier.prm import Prm

TINY = Callable[[str], Model]
Steps = tuple[str, ...]


@pytest.fixture(params=["llama", "lfm2"])
def prm(request: pytest.FixtureRequest, tiny_model: TINY) -> Iterator[Prm]:
    model = tiny_model(request.param)
    prm = Prm(model, StepTag(model, PrmForm("step-tag", "+", "-", "?")), threads=1)
    yield prm
    prm.close()


@dataclass
class Search:
    """A search of `beams` steps a round, the best `kept` of which go on, as a verifier sees it."""

    prm: Prm
    problem: Problem
    beams: int
    kept: int
    growing: list[Steps] = field(default_factory=lambda: [()])
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def round(self, rng: random.Random) -> tuple[int, int]:
        """Tokens that the verifier read, and those of the new steps."""
        parents = [self.growing[at % len(self.growing)] for at in range(self.beams)]
        steps = [(*parent, f"{next(self.numbers)}\n\n") for parent in parents]
        read = sum(opinion.tokens for opinion in self.prm.score([self._prefix(each) for each in steps]))
        chosen = rng.sample(steps, self.kept)
        given_up = [*(each for each in steps if each not in chosen), *(each for each in self.growing if each)]
        self.prm.release([self._prefix(each) for each in given_up])
        self.growing = chosen
        form = self.prm._form
        return read, sum(len(form.step(each[-1], first=len(each) == 1)) for each in steps)

    def _prefix(self, steps: Steps) -> Prefix:
        return Prefix(self.problem, 1, steps=tuple(Step(text, 1, -1.0) for text in steps))


def searches(prm: Prm, count: int, *, beams: int, kept: int) -> list[Search]:
    return [Search(prm, Problem(f"{number} + 1"), beams, kept) for number in range(count)]


@pytest.mark.parametrize(("count", "beams", "kept"), [(9, 8, 2), (2, 64, 16)])
def test_searches_that_take_turns_do_not_have_their_steps_read_again(
    prm: Prm, count: int, beams: int, kept: int
) -> None:
    rng = random.Random(0)
    several = searches(prm, count, beams=beams, kept=kept)
    for _ in range(2):  # the context comes to its size
        for search in several:
            search.round(rng)
    for search in several + several:
        read, new = search.round(rng)
        assert read == new


def test_a_first_call_of_many_texts_has_room_for_what_follows(prm: Prm) -> None:
    rng = random.Random(0)
    (search,) = searches(prm, 1, beams=100, kept=25)
    search.round(rng)
    read, new = search.round(rng)
    assert read == new


def test_where_memory_is_short_a_context_is_not_made_anew_time_and_again(
    prm: Prm, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = prm._reader._model.memory
    stream = reader._TOKENS * memory.cell_bytes + memory.state_bytes
    monkeypatch.setattr(machine, "available_memory", lambda: int(12 * stream / reader._MEMORY_SHARE))
    made = []

    def session(*arguments: object, **options: object) -> Session:
        made.append(options["sequences"])
        return Session(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(reader, "Session", session)
    rng = random.Random(0)
    several = searches(prm, 6, beams=8, kept=2)
    for _ in range(3):
        for search in several:
            read, new = search.round(rng)
            assert read >= new
    assert len(made) <= 2
