"""A generative verifier: the probability that a model says "Yes" to "is this solution correct?".

After Zhang et al. 2024, "Generative Verifiers" (arXiv 2408.15240), without their fine-tuning. What solutions of a
problem have in common is decoded once, and so is each step of a solution that is judged as it grows: the question is a
short branch on top of it, given up when it has been answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.engine.thinking import quiet
from ttcli.errors import ModelError
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.solution import Ended, Prefix
from ttcli.verifier.reader import Reader, share

QUESTION = "Is this solution correct? Answer with one word, Yes or No."
QUESTION_SO_FAR = "Is this solution correct so far? Answer with one word, Yes or No."


class Judge:
    """P(Yes) / (P(Yes) + P(No)) after the question.

    Only the end of what it is given is judged: a score for every step would cost a question per step.

    Args:
        model: the judge's weights, shared with the policy where they are the same; the caller's to close.
        interrupted: asked during every decode.

    Raises:
        ModelError: the model has no chat template, cannot be branched, or has no single tokens for Yes and No.
    """

    partial = True

    def __init__(
        self, model: Model, *, threads: int | None = None, interrupted: Callable[[], bool] | None = None
    ) -> None:
        self.name = f"judge:{model.path.stem}"
        self.parameters = model.matmul_parameters
        self._template = quiet(model)  # asked for a verdict at once
        yes, no = (label_tokens(model, word) for word in ("Yes", "No"))
        if not yes or not no:
            raise ModelError(f"{model.path.name} has no single token for Yes and for No, so it cannot judge")
        self._yes = len(yes)
        self._reader = Reader(model, self.name, [*yes, *no], threads=threads, interrupted=interrupted)
        self._kept: dict[Problem, dict[tuple[str, ...], _JudgePlace]] = {}  # by steps; (): what solutions begin with

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """Their tokens with those of problem and question, but for what is kept."""
        cases = [self._case(prefix) for prefix in prefixes]
        return sum(len(case.ids) - self._held(case.base) for case in cases if case.score is None)

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """Judge what solutions came to, finished or so far; those of one call are decoded together.

        Raises:
            Interrupted: `interrupted` said so.
            PromptTooLong: a solution does not fit the judge's context.
        """
        longest = max((len(self._encode(each.problem, each.text, _question(each))) for each in prefixes), default=0)
        if self._reader.reserve(longest, len(prefixes)):
            self._kept.clear()
        cases = [self._case(prefix) for prefix in prefixes]
        asked = [case for case in cases if case.score is None]
        self._decode_places([(case.base, _NOTHING, case) for case in asked])
        self._decode_places([(case.place, case.base, case) for case in asked if case.place])
        self._ask(asked)
        return [StepScores(case.score, (), case.tokens) for case in cases if case.score is not None]  # all of them

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Forget prefixes, and under a root all that grew from it."""
        for prefix in prefixes:
            kept = self._kept.get(prefix.problem, {})
            if prefix.steps:
                place = kept.pop(_steps(prefix), _NOTHING)
                self._reader.release([place.branch])
            else:
                self._reader.release(place.branch for place in kept.values())
                self._kept.pop(prefix.problem, None)

    def close(self) -> None:
        """Free the context."""
        self._kept.clear()
        self._reader.close()

    def _encode(self, problem: Problem, solution: str, question: str) -> list[int]:
        words = f"Problem:\n{problem.text}\n\nSolution:\n{solution}\n\n{question}"
        return self._template.encode([{"role": "user", "content": words}])

    def _case(self, prefix: Prefix) -> _Case:
        """What is to be asked about a prefix, and what of it is kept."""
        problem, steps = prefix.problem, _steps(prefix)
        ids = self._encode(problem, prefix.text, _question(prefix))
        kept = self._kept.setdefault(problem, {})
        if () not in kept:
            kept[()] = _JudgePlace(_alike(self._encode(problem, "1", QUESTION), self._encode(problem, "A", QUESTION)))
        case = _Case(ids)
        if prefix.ended is Ended.OPEN and steps:
            case.place = kept.get(steps)
            if case.place is None:
                longer = (self._encode(problem, prefix.text + more, QUESTION_SO_FAR) for more in ("1", "A"))
                case.place = kept[steps] = _JudgePlace(_alike(ids, *longer))
            case.score = case.place.score
        own = case.place.ids if case.place else ids
        above = (kept.get(steps[:n], _NOTHING) for n in range(len(steps) - 1, 0, -1))
        held = (each for each in above if self._held(each) and own[: len(each.ids)] == each.ids)
        head = kept[()] if own[: len(kept[()].ids)] == kept[()].ids else _NOTHING
        case.base = next(held, head)
        if case.place and len(case.place.ids) == len(case.base.ids):
            case.place = None  # nothing to keep that is not kept already
        return case

    def _held(self, place: _JudgePlace) -> int:
        """Tokens of a place that have their cells."""
        return len(place.ids) if self._reader.holds(place.branch) else 0

    def _decode_places(self, wanted: Sequence[tuple[_JudgePlace, _JudgePlace, _Case]]) -> None:
        """Have cells for places on those below them, at the expense of the first case that needs each."""
        lacking: dict[_JudgePlace, tuple[Branch, _Case]] = {}
        for place, base, case in wanted:
            if place.ids and place not in lacking and not self._reader.holds(place.branch):
                lacking[place] = Branch(base.branch, place.ids[len(base.ids) :]), case
        self._reader.read([branch for branch, _ in lacking.values()])
        for place, (branch, case) in lacking.items():
            place.branch = branch
            case.tokens += len(branch.tokens)

    def _ask(self, cases: Sequence[_Case]) -> None:
        """Put the questions, one for all cases that are at the same place."""
        questions: list[tuple[_Case, Branch]] = []
        for case in cases:
            if case.place is None or all(case.place is not other.place for other, _ in questions):
                below = case.place or case.base
                questions.append((case, Branch(below.branch, case.ids[len(below.ids) :])))
        branches = [branch for _, branch in questions]
        scores = share(self._reader.read(branches), self._yes)
        self._reader.release(branches)
        for (case, branch), score in zip(questions, scores, strict=True):
            case.score = float(score)
            case.tokens += len(branch.tokens)
            if case.place:
                case.place.score = case.score
        for case in cases:
            if case.place:
                case.score = case.place.score


class _JudgePlace:
    """Tokens that are kept: what solutions of a problem begin with, or one of them so far."""

    __slots__ = ("branch", "ids", "score")

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids  # from the beginning
        self.branch: Branch | None = None  # once they have been decoded; it may have lost its cells since
        self.score: float | None = None  # of a solution so far, once it was judged


_NOTHING = _JudgePlace([])


class _Case:
    """A question about a solution."""

    __slots__ = ("base", "ids", "place", "score", "tokens")

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids  # of all of it
        self.base = _NOTHING  # what it goes on from
        self.place: _JudgePlace | None = None  # to be kept, where the solution may go on
        self.score: float | None = None  # in [0, 1]
        self.tokens = 0  # decoded for it


def label_tokens(model: Model, word: str) -> list[int]:
    """The single tokens that write a word, in either case and with or without a space before it."""
    spellings = (space + form for space in ("", " ") for form in (word, word.lower(), word.upper()))
    ids = (model.tokenize(spelling, special=False) for spelling in spellings)
    return sorted({tokens[0] for tokens in ids if len(tokens) == 1})


def _question(prefix: Prefix) -> str:
    return QUESTION_SO_FAR if prefix.ended is Ended.OPEN else QUESTION


def _steps(prefix: Prefix) -> tuple[str, ...]:
    return tuple(step.text for step in prefix.steps)


def _alike(*texts: list[int]) -> list[int]:
    """What token lists begin with in common."""
    return [tokens[0] for tokens in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*texts, strict=False))]
