"""A text in the making, from the pieces in which a server sends it."""

# over 300 lines: the words, the thought and the counts of a text are one account

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from ttcli.policy.server.chunk import Delta
from ttcli.solution import Step
from ttcli.thought import USUAL_TAGS, Thought, ThoughtReader, Told

_LETTERS, _SPARE = 16, 256  # of a text for each token that it may have, on the average, and once


class _TextUnit(NamedTuple):
    """The smallest part that a step boundary can fall between."""

    text: str
    tokens: int  # told by the server; 0: it does not tell
    logprob: float | None  # their sum; None: not known
    letters: int  # of the text, and of thoughts
    thought: str = ""  # words that are no part of the text
    certainty: tuple[float, ...] = ()


@dataclass(slots=True)
class _TextPart:
    """A step as it is counted."""

    text: str = ""
    tokens: int = 0  # that the server told with their log-probabilities
    chunks: int = 0  # pieces with words, where it does not tell tokens
    logprob: float | None = 0.0  # None: not known of all of them
    charged: int | None = None  # tokens by the usage of the request
    certainty: tuple[float, ...] = ()

    @property
    def counted(self) -> int:
        """Tokens as far as the server tells them."""
        return self.tokens or (self.chunks if self.charged is None else self.charged)

    def take_over(self, other: _TextPart, *, text: bool) -> None:
        """Have what another part counts; with its words, or without."""
        self.text += other.text if text else ""
        self.tokens += other.tokens
        self.chunks += other.chunks
        self.logprob = _sum(self.logprob, other.logprob)
        self.certainty += other.certainty


class PartialText:
    """The steps of one continuation; a request that fails takes back what it brought.

    A token is one for which the server gave a log-probability. From a server that gives none, the tokens of a request
    are its usage, dealt out to the steps in proportion to their pieces, or else the number of pieces that have words.
    The token that ends a turn is among them only where the server counts it.

    Args:
        separator: closes a step that has words in it.
        steps: wanted; None: all.
        count: how many of those wanted its steps come to, by their texts.
        goes_on: its first step has begun before it.
        begins: whether it is the beginning of a solution, where a thought may stand.
    """

    def __init__(
        self,
        separator: str,
        steps: int | None,
        count: Callable[[Sequence[str]], int] = len,
        *,
        goes_on: bool = False,
        begins: bool = True,
    ) -> None:
        self._count = count
        self._goes_on = goes_on
        self._separator = separator
        self._steps = steps
        self._parts: list[_TextPart] = []
        self._open = _TextPart()
        self._thought = _TextPart()
        self._begins = begins
        self._reader = self._new_reader()
        self._kept = 0  # parts that stay whatever happens
        self._drawn = self._kept_drawn = 0  # tokens of this text, of its kept parts
        self._lost = 0  # tokens of requests that failed, and of what lay behind the last step wanted
        self._shown = 0  # tokens that were told as growth
        self._room: int | None = None  # tokens that the request may bring; None: any number
        self._letters = 0  # that the request brought
        self.over = False  # it brought more, which is left out

    @property
    def full(self) -> bool:
        """Whether it has all the steps it is to have."""
        wanted = self._steps
        return (
            wanted is not None
            and len(self._parts) >= wanted
            and self._count([part.text for part in self._parts]) >= wanted
        )

    @property
    def blank(self) -> bool:
        """Whether the step in the making has no words yet."""
        return not (self._goes_on and not self._parts) and not self._open.text.strip()

    @property
    def empty(self) -> bool:
        """Whether its request has brought no words yet."""
        return self.blank and len(self._parts) == self._kept

    @property
    def fresh(self) -> bool:
        """Whether it begins with the next request."""
        return not self._kept

    @property
    def thought(self) -> Thought | None:
        """What was thought before the first step; None: nothing that the server told."""
        part = self._thought
        if not (part.chunks or part.tokens):
            return None
        closed = any(step.text.strip() for step in (*self._parts, self._open))
        logprob = part.logprob if part.tokens else None
        return Thought(part.text, part.counted, logprob, closed, certainty=part.certainty)

    @property
    def thinking(self) -> bool:
        """Whether it has thought, and not spoken."""
        return self.thought is not None and self.empty

    @property
    def kept(self) -> str:
        """What the next request goes on with."""
        return "".join(part.text for part in self._parts[: self._kept])

    @property
    def text(self) -> str:
        """All that is there."""
        return "".join(part.text for part in (*self._parts, self._open))

    @property
    def tokens(self) -> int:
        """Of its steps, and of its thought."""
        return sum(step.tokens for step in self.steps()) + (self._thought.counted if self.thought else 0)

    @property
    def sampled(self) -> int:
        """All tokens that were sampled for it."""
        return max(self.tokens + self._lost, self._shown)

    def take(self, piece: Delta) -> list[str]:
        """Add a piece; return the text of each token that was not shown before, "" where several share a text."""
        shown: list[str] = []
        for unit in _units(piece):
            if self.over or not self._admits(unit):
                self.over = True
                break
            self._letters += unit.letters
            count = unit.tokens or 1
            self._drawn += count
            fresh = min(count, self._drawn - self._shown)
            if self.full:
                self._lost += count
            else:
                self._append(unit)
            if fresh > 0:
                shown += [*[""] * (fresh - 1), unit.text]
                self._shown += fresh
        return shown

    def separate(self) -> None:
        """Close the step by the separator that the server cut off."""
        self._open.text += self._separator
        self._close()

    def keep(self) -> None:
        """What is there stays, whatever becomes of the next request."""
        self._kept, self._kept_drawn = len(self._parts), self._drawn

    def admit(self, tokens: int) -> None:
        """The next request may bring so many tokens, and what it brings besides is left out."""
        self._room, self._letters, self.over = tokens, 0, False

    def rewind(self) -> None:
        """Take back what the last request brought."""
        self._lost += self._drawn - self._kept_drawn
        self._drawn = self._kept_drawn
        del self._parts[self._kept :]
        self._open = _TextPart()
        if not self._kept:
            self._thought, self._reader = _TextPart(), self._new_reader()

    def charge(self, tokens: int) -> None:
        """Deal out the usage of the last request over its steps, if it can be true of what came."""
        if tokens <= 0 or (self._room is not None and tokens > max(self._room, self._letters)):
            return
        parts = [*([] if self._kept else [self._thought]), *self._parts[self._kept :], self._open]
        bounds = [0, *accumulate(part.chunks for part in parts)]
        if bounds[-1]:
            shares = [round(tokens * bound / bounds[-1]) for bound in bounds]
            for part, start, end in zip(parts, shares, shares[1:], strict=False):
                part.charged = end - start
        else:
            self._open.charged = tokens

    def end(self) -> None:
        """Close the last step; what has no words is no step of its own."""
        if self._reader is not None:
            self._file(self._reader.take("", final=True), _TextUnit("", 0, 0.0, 0))
        if self._parts and self.blank:
            last = self._parts[-1]
            last.text += self._open.text
            last.tokens += self._open.tokens
            last.chunks += self._open.chunks
            last.logprob = _sum(last.logprob, self._open.logprob)
            last.certainty += self._open.certainty
            if last.charged is not None or self._open.charged is not None:
                last.charged = (last.charged or 0) + (self._open.charged or 0)
            self._open = _TextPart()
        else:
            self._close()

    def steps(self) -> tuple[Step, ...]:
        """The steps that are closed."""
        if any(part.tokens for part in (*self._parts, self._open)):
            parts = self._parts
            return tuple(Step(part.text, part.tokens, part.logprob, certainty=part.certainty) for part in parts)
        return tuple(Step(part.text, part.counted, None) for part in self._parts)

    def _admits(self, unit: _TextUnit) -> bool:
        """Whether the request may bring this too. Where tokens are not told, pieces count, unless they are letters."""
        if self._room is None:
            return True
        drawn, letters = self._drawn - self._kept_drawn + (unit.tokens or 1), self._letters + unit.letters
        if unit.tokens:
            return drawn <= self._room
        return letters <= _LETTERS * self._room + _SPARE and (drawn <= self._room or letters < 2 * drawn)

    def _new_reader(self) -> ThoughtReader | None:
        return ThoughtReader(USUAL_TAGS, "unsaid") if self._begins else None

    def _append(self, unit: _TextUnit) -> None:
        thinking = self._reader is not None and self._reader.phase == "thinking"
        told = self._reader.take(unit.text) if self._reader is not None and unit.text else Told(text=unit.text)
        thinks = thinking or told.opened or told.closed or (bool(unit.thought) and not unit.text)
        if told.opened and self.empty:
            self._thought.take_over(self._open, text=False)  # the beginning of the tag
            self._open = _TextPart()
        part = self._thought if thinks else self._open
        part.tokens += unit.tokens
        part.chunks += 1
        part.logprob = _sum(part.logprob, unit.logprob)
        part.certainty += unit.certainty
        self._file(told, unit)

    def _file(self, told: Told, unit: _TextUnit) -> None:
        """Put words where they belong, and close the steps that they end."""
        if told.reclaims:  # tags in the text, and steps that were none
            for step in (*self._parts[self._kept :], self._open):
                self._thought.take_over(step, text=True)
            del self._parts[self._kept :]
            self._open = _TextPart()
        self._thought.text += unit.thought + told.thought
        text = told.text
        if self.thought is not None and self.empty:
            text = text.lstrip()
        self._open.text += text
        while end := self._end_of_step():
            rest = "" if unit.tokens == 1 else self._open.text[end:]  # a token is not cut in two
            self._open.text = self._open.text.removesuffix(rest)
            self._close()
            self._open.text = "" if self.full else rest

    def _end_of_step(self) -> int:
        """Where the first separator after a word ends; 0 where there is none."""
        text = self._open.text
        begun = self._goes_on and not self._parts  # it has words from before
        found = text.find(self._separator, 0 if begun else len(text) - len(text.lstrip()))
        return found + len(self._separator) if found >= 0 else 0

    def _close(self) -> None:
        self._parts.append(self._open)
        self._open = _TextPart()


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _units(piece: Delta) -> Iterator[_TextUnit]:
    tokens = piece.tokens
    sure = tuple(token.certainty for token in tokens if token.certainty is not None)
    if tokens and "".join(token.text for token in tokens) == piece.text:
        for token in tokens:
            own = () if token.certainty is None else (token.certainty,)
            yield _TextUnit(token.text, 1, token.logprob, len(token.text), certainty=own)
    elif tokens:
        logprobs = [token.logprob for token in tokens if token.logprob is not None]
        known = sum(logprobs) if len(logprobs) == len(tokens) else None
        yield _TextUnit(piece.text, len(tokens), known, len(piece.text) + len(piece.thought), piece.thought, sure)
    elif piece.text or piece.thought:
        yield _TextUnit(piece.text, 0, 0.0, len(piece.text) + len(piece.thought), piece.thought)
