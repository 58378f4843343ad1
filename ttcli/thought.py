"""What a model thinks before it answers: the tags around a thought, and how it is told from the text behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]|◁[^◁▷\s]+▷")
Phase = Literal["unsaid", "thinking", "speaking"]


@dataclass(frozen=True, slots=True)
class Tags:
    """The words around a thought."""

    opening: str
    closing: str  # what is written to end a thought
    mark: str = ""  # the part of `closing` by which an end is known; "": all of it

    @property
    def end(self) -> str:
        """What ends a thought."""
        return self.mark or self.closing

    @property
    def words(self) -> list[str]:
        """What of it a vocabulary may have as single tokens."""
        return list(dict.fromkeys(_WORD.findall(self.opening + self.end)))

    @property
    def nothing(self) -> str:
        """An empty thought."""
        if self.mark:
            return self.mark
        gap = "" if self.opening.endswith("\n") else "\n\n"
        return f"{self.opening}{gap}{self.closing}{gap}"


HARMONY = Tags(
    "<|channel|>analysis<|message|>",
    "<|end|><|start|>assistant<|channel|>final<|message|>",
    "<|channel|>final<|message|>",
)
# the more particular ones first
KNOWN_TAGS = (
    HARMONY,
    Tags("<|channel>thought\n", "<channel|>"),
    Tags("<seed:think>", "</seed:think>"),
    Tags("<|START_THINKING|>", "<|END_THINKING|>"),
    Tags("<|begin_of_thought|>", "<|end_of_thought|>"),
    Tags("[THINK]", "[/THINK]"),
    Tags("◁think▷", "◁/think▷"),
    Tags("<think>", "</think>"),
    Tags("<thinking>", "</thinking>"),
    Tags("<reasoning>", "</reasoning>"),
)
USUAL_TAGS = Tags("<think>", "</think>")
_CHANNELS = re.compile(
    r"(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>\w+[^<]*<\|message\|>|<\|end\|>.*\Z", re.DOTALL
)


def written_tags(template: str) -> Tags | None:
    """The first of the known tags that a chat template writes, opening and end; None: none of them."""
    written = (tags for tags in KNOWN_TAGS if tags.opening.strip() in template and tags.end.strip() in template)
    return next(written, None)


@dataclass(frozen=True, slots=True)
class Thought:
    """What a model thought before it spoke."""

    text: str  # without its tags
    tokens: int  # that went through the model for it: its tags, and what was forced, included
    logprob: float | None  # sum over those that were drawn; <= 0; None: not known
    closed: bool = True  # whether it came to its end
    forced: int = 0  # of its tokens: that were written to end it, not drawn
    # by token that was drawn: minus the mean log-probability of the likeliest ones; () where nobody asked for it
    certainty: tuple[float, ...] = field(default=(), compare=False, repr=False)

    def joined(self, other: Thought | None) -> Thought:
        """One thought of this and what follows it."""
        if other is None:
            return self
        known = self.logprob is not None and other.logprob is not None
        logprob = (self.logprob or 0.0) + (other.logprob or 0.0) if known else None
        return Thought(
            self.text + other.text,
            self.tokens + other.tokens,
            logprob,
            other.closed,
            self.forced + other.forced,
            (*self.certainty, *other.certainty),
        )


class Told(NamedTuple):
    """What a piece brought."""

    thought: str = ""
    text: str = ""
    opened: bool = False  # it opened a thought
    closed: bool = False  # it closed one
    reclaims: bool = False  # all the text so far was a thought: nested tags, or one that nobody had opened


class ThoughtReader:
    """Tells a thought from the text behind the last one that was closed, as both come piece by piece.

    What may be the beginning of a tag is held back until that is clear. A thought that is begun in the middle of the
    text is part of the text, until it is closed: then all before was a thought.

    Args:
        phase: thinking where the opening tag stands in the prompt; unsaid where the model may write it first of all.
    """

    def __init__(self, tags: Tags, phase: Phase) -> None:
        self.phase: Phase = phase
        self.held = ""
        self._tags = tags
        self._blank = True  # nothing but white space of a thought so far

    def take(self, piece: str, *, final: bool = False) -> Told:
        """What a piece brings; `final`: nothing comes after it."""
        told = Told()
        rest = self.held + piece
        self.held = ""
        while rest:
            tag = self._next_tag(rest)
            if tag is None:
                self.held = "" if final else self._beginning(rest)
                if final and self.phase == "unsaid":
                    self.phase = "speaking"
                told = self._add(told, rest[: len(rest) - len(self.held)])
                break
            begin, end, opens = tag
            told = self._add(told, rest[:begin])
            if opens:
                self.phase, self._blank = "thinking", True
                told = told._replace(opened=True)
            else:
                told = told._replace(closed=True)
                if self.phase != "thinking":  # of the text so far, and of what this piece brought of it
                    told = told._replace(reclaims=True, thought=told.thought + told.text, text="")
                self.phase = "speaking"
            rest = rest[end:]
        return told

    def close(self) -> str:
        """End the thought here; what was held back of it."""
        held, self.held = self.held, ""
        self.phase = "speaking"
        return held

    def _next_tag(self, text: str) -> tuple[int, int, bool] | None:
        """Where the next tag begins and ends, and whether it opens a thought."""
        end = text.find(self._tags.end)
        found = [(end, end + len(self._tags.end), False)] if end >= 0 else []
        if self.phase == "unsaid":
            begin = text.find(self._tags.opening)
            if begin >= 0 and not text[:begin].strip():
                found.append((begin, begin + len(self._tags.opening), True))
        return min(found, default=None)

    def _beginning(self, text: str) -> str:
        """The end of a text that may be the beginning of a tag; while nothing is said, white space before it too."""
        tags = [self._tags.end, self._tags.opening] if self.phase == "unsaid" else [self._tags.end]
        longest = max(map(len, tags)) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(tag.startswith(text[-size:]) for tag in tags):
                if self.phase == "unsaid" and text[:-size].strip():
                    self.phase = "speaking"
                return text if self.phase == "unsaid" else text[-size:]
        if self.phase == "unsaid":
            if not text.strip():
                return text
            self.phase = "speaking"
        return ""

    def _add(self, told: Told, text: str) -> Told:
        if self.phase == "thinking":
            if self._blank:
                text = text.lstrip()
                self._blank = not text
            return told._replace(thought=told.thought + text)
        if self.phase == "unsaid" and not text.strip():
            return told
        return told._replace(text=told.text + text)


def part_thought(text: str, tags: Tags = USUAL_TAGS, phase: Phase = "unsaid") -> tuple[str | None, str]:
    """A whole text as its thought and what stands behind it; None: it has none."""
    reader = ThoughtReader(tags, phase)
    told = reader.take(text, final=True)
    thinks = told.opened or told.closed or phase == "thinking"
    return (clean(told.thought), told.text.lstrip()) if thinks else (None, text)


def clean(thought: str) -> str:
    """A thought without white space around it, and without the headers of channels between its parts."""
    return _CHANNELS.sub("\n\n", thought).strip() if "<|" in thought else thought.strip()


def whole(thoughts: Iterable[Thought | None]) -> Thought | None:
    """Thoughts that follow one another, as one; None where there are none."""
    joined: Thought | None = None
    for thought in thoughts:
        joined = thought if joined is None else joined.joined(thought)
    return joined
