"""How the facts of a run read, on a terminal and in a pipe alike."""

from __future__ import annotations

from collections.abc import Sequence

from ttcli.cost import Budget, Cost, Unit
from ttcli.events import MethodChosen, Outcome, RunStarted
from ttcli.printable import one_line
from ttcli.solution import AnswerKind, Candidate, Ended

_NO_TWO = "no two"
CUT = "cut"  # it ran into a token limit before it had an answer: what it would have come to is not known
_BRIEF = 100  # characters of an answer among others


def heading(began: RunStarted) -> str:
    """Who works on the problem, and with what budget."""
    parts = [began.method, began.model, f"budget {allowed(began.budget)}", f"seed {began.seed}"]
    if began.verifier:
        parts.insert(2, f"verifier {began.verifier}")
    if began.reviser:
        parts.insert(2, f"reviser {began.reviser}")
    if began.repair:
        parts.append(f"repair {began.repair}")
    return one_line(", ".join(parts))


def choice(chose: MethodChosen) -> str:
    """What the first samples told of a problem, and what is done about it."""
    told = f"difficulty {chose.bin} of {chose.bins}, a sample is right with {100 * chose.difficulty:.0f} %"
    expected = "" if chose.expected is None else f", {100 * chose.expected:.0f} % expected"
    gain = f", {100 * chose.gain:+.1f} points over {chose.baseline}" if chose.gain > 0 else ""
    return one_line(f"{told}: {chose.method}{expected}{gain}")


def allowed(budget: Budget) -> str:
    """The budget, as one says it."""
    if budget.unit is Unit.SECONDS:
        return f"{budget.amount:,.12g} second{'s' * (budget.amount != 1)}"
    return counted(int(budget.amount), budget.unit.removesuffix("s"))


def counted(number: int, noun: str) -> str:
    """So many of a thing, in the plural where it is due."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def fate(ended: Ended) -> str:
    """Why a text ended, where that is worth saying; "" if it simply came to its end, or can go on."""
    if ended is Ended.LENGTH:
        return "token limit"
    return "cut short" if ended is Ended.CUT else ""


def length(candidate: Candidate) -> str:
    """How long a candidate is, why no longer, and whether it had to be asked for its answer."""
    asked = "asked again" if candidate.asked_again else ""
    thought = f"{candidate.thought_tokens:,} of them thought" if candidate.thought_tokens else ""
    return ", ".join(filter(None, [counted(candidate.tokens, "token"), thought, fate(candidate.ended), asked]))


def name(candidate: Candidate) -> str:
    """Which candidate it is, and where in a chain of revisions."""
    if candidate.chain is None or candidate.attempt is None:
        return f"candidate {candidate.index + 1}"
    return f"candidate {candidate.index + 1} (chain {candidate.chain + 1}, attempt {candidate.attempt + 1})"


def answer(candidate: Candidate) -> str:
    """The candidate's answer on one line, the beginning of it where it is long."""
    if candidate.answer is not None:
        return brief(candidate.answer)
    return CUT if candidate.truncated else "no answer"


def brief(text: str) -> str:
    """The beginning of a text on one line."""
    line = one_line(text[: 2 * _BRIEF])
    return line if len(line) <= _BRIEF and len(text) <= 2 * _BRIEF else f"{line[: _BRIEF - 3].rstrip()}..."


def given_up(count: int, best: float | None) -> str:
    """How many steps a search pruned, and the highest score among them."""
    return f"{count:,} pruned" + ("" if best is None else f", best {best:.2f}")


def spending(cost: Cost) -> str:
    """Tokens, speed and time."""
    speed = f", {cost.policy_tokens / cost.seconds:,.0f} tokens/s" if cost.seconds > 0 else ""
    return f"{counted(cost.tokens, 'token')}{speed}, {cost.seconds:.1f} s"


def used(cost: Cost, budget: Budget) -> str:
    """The part of the budget that is spent."""
    spent = {
        Unit.GENERATIONS: f"{cost.generations:,}",
        Unit.TOKENS: f"{cost.tokens:,}",
        Unit.SECONDS: f"{cost.seconds:,.1f}",
    }
    return f"{spent[budget.unit]} of {allowed(budget)}"


def winner(outcome: Outcome) -> Candidate | None:
    """The first drawn of the candidates that gave the answer."""
    leader = outcome.ballot.leader
    return next(
        (candidate for candidate in outcome.candidates if leader and candidate.index == leader.members[0]), None
    )


def support(outcome: Outcome) -> str:
    """How many candidates stand behind the answer."""
    ballot = outcome.ballot
    leader = ballot.leader
    drawn = len(outcome.candidates)
    if leader is None:
        return f"no answer from {counted(drawn, 'candidate')}"
    first = winner(outcome)
    if first is not None and first.kind is not AnswerKind.SHORT and len(leader.members) == 1 < drawn:
        return f"{_NO_TWO} of {drawn} candidates alike"
    return f"{len(leader.members)} of {drawn} candidate{'s agree' if drawn != 1 else ''}"


def tally(outcome: Outcome) -> str:
    """The vote on one line."""
    if support(outcome).startswith(_NO_TWO):
        return f"{counted(len(outcome.ballot.votes), 'text')}, each another one"
    votes = [f"{brief(vote.answer)} x {len(vote.members)}" for vote in outcome.ballot.votes]
    if cut := cut_short(outcome):
        votes.append(f"{CUT} x {cut}")
    if silent := outcome.ballot.abstained - cut:
        votes.append(f"no answer x {silent}")
    return "; ".join(votes)


def cut_short(outcome: Outcome) -> int:
    """Candidates that ran into a token limit before they had an answer."""
    voted = {index for vote in outcome.ballot.votes for index in vote.members}
    silent = [each for each in outcome.candidates if each.truncated and each.answer is None and each.index not in voted]
    return min(len(silent), outcome.ballot.abstained)


def duration(seconds: float) -> str:
    """A stretch of time in its two largest units."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, hours = round(seconds / 60), round(seconds / 60) // 60
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text as lines, each column as wide as its widest cell."""
    clean = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in clean]
