"""What is said of an answer besides itself: how well it stands, and why candidates have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ttcli.answers.thinking import thinks_on
from ttcli.events import Outcome, RunStarted
from ttcli.printable import as_written, one_line
from ttcli.problem import AnswerForm
from ttcli.solution import AnswerKind, Candidate, Ended
from ttcli.terminal import words

_AGREE = 0.5  # of the candidates; fewer are weak support
_STAYS = 0.8  # chance that the leader stays ahead; less is weak
_IN_THOUGHT = "cut in the middle of a thought"
_MANY_CUT = 0.1  # of the candidates; more are worth a warning


class Silence(NamedTuple):
    """Why candidates have no answer."""

    reasons: str
    hint: str  # what to type next


def printed(outcome: Outcome) -> str:
    """The answer as stdout gets it: a short one on one line, a text or code as it stands."""
    first = words.winner(outcome)
    answer = outcome.answer or ""
    return one_line(answer) if first is None or first.kind is AnswerKind.SHORT else as_written(answer)


def standing(began: RunStarted, outcome: Outcome) -> str:
    """What stands behind an answer, whether that is weak, and what it cost, on one line."""
    return f"{weakness(began, outcome) or words.support(outcome)}; {words.spending(outcome.cost)}"


def weakness(began: RunStarted, outcome: Outcome) -> str | None:
    """A line on an answer that may well be another one; None where it stands."""
    leader, first = outcome.ballot.leader, words.winner(outcome)
    drawn = len(outcome.candidates)
    if leader is None or first is None or drawn < 2:
        return None
    checked = began.verifier is not None and began.verifier.startswith("command:") and leader.best is not None
    if checked:
        return None if leader.best else f"the check passed none of {drawn} candidates: weak"
    if first.kind is not AnswerKind.SHORT and len(leader.members) == 1:
        chosen = "scores best" if began.verifier else "the model was surest of"
        return f"no two of {drawn} candidates are alike: this is the one that {chosen}"
    if outcome.ballot.support >= _AGREE and outcome.ballot.confidence >= _STAYS:
        return None
    return f"{words.support(outcome)}: weak; a larger --budget tells more"


def shown_thought(outcome: Outcome) -> str | None:
    """What was thought before the answer; where there is no answer, before the first candidate."""
    first = words.winner(outcome) or next(iter(outcome.candidates), None)
    return first.thought if first else None


def cut_note(outcome: Outcome, max_tokens: int) -> str | None:
    """A line where many candidates ran into a limit, with or without an answer; None where few did."""
    cut = [each for each in outcome.candidates if each.truncated]
    if len(cut) <= _MANY_CUT * len(outcome.candidates):
        return None
    return f"{len(cut)} of {len(outcome.candidates)} candidates ran into a token limit; {longer(cut, max_tokens)}"


def longer(cut: Sequence[Candidate], max_tokens: int) -> str:
    """The option that lets such candidates grow longer."""
    thinking = sum(each.thought_open for each in cut)
    if 2 * thinking > len(cut):
        return f"--think-budget {2 * max(each.thought_tokens for each in cut)} gives them more"
    return f"--max-tokens {2 * max_tokens} gives them more"


def silence(outcome: Outcome, form: AnswerForm, max_tokens: int) -> Silence | None:
    """Why candidates have no answer, and what may help; None where all have one."""
    silent = [candidate for candidate in outcome.candidates if candidate.answer is None]
    if not silent:
        return None
    limit = f"{max_tokens:,} tokens"
    reasons = Counter(_reason(each, limit) for each in silent)
    hints = {
        f"cut at {limit}": f"--max-tokens {2 * max_tokens}",
        f"still thinking at {limit}": f"--max-tokens {4 * max_tokens}",
        _IN_THOUGHT: f"--think-budget {2 * max((each.thought_tokens for each in silent), default=1)}",
        "cut short": "a larger --budget",
        "ended without one": {"code": "--answer text", "text": "another --model"}.get(
            form, "--answer text takes the text itself, or another --model"
        ),
    }
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    usual = reasons.most_common(1)[0][0]
    return Silence(told, hints.get(usual, "another --model"))


def _reason(candidate: Candidate, limit: str) -> str:
    thinking = candidate.thought_open or thinks_on(candidate.text)
    if candidate.ended is Ended.LENGTH:
        if candidate.thought_open:
            return _IN_THOUGHT
        return f"still thinking at {limit}" if thinking else f"cut at {limit}"
    if candidate.ended is Ended.CUT:
        return "cut short"
    return "ended in thought" if thinking else "ended without one"
