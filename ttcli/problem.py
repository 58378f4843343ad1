"""A problem as the user poses it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

AnswerForm: TypeAlias = str  # one of those in `ttcli.answers.form`


class Turn(NamedTuple):
    """Something that was said in a chat before a problem was posed."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A question in words, with the reference answer where a data set has one."""

    text: str
    id: str = ""  # "" until a data set names it
    answer: str | None = None  # reference answer, never shown to a policy or verifier
    form: AnswerForm = "auto"  # of the answer that is wanted; auto: a short one, as the question says
    before: tuple[Turn, ...] = ()  # the chat that it ends; a system turn, first, goes before a prompt's own
    bare: bool = False  # it is put as it stands, with nothing that asks for a form of answer

    @property
    def key(self) -> int:
        """A 64-bit number of the text, and the chat before it: the same problem draws the same candidates anywhere."""
        told = self.text if not self.before else repr((self.before, self.text))
        digest = hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big")
