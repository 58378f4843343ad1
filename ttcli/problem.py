"""A problem as the user poses it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

AnswerForm = Literal["auto", "boxed", "choice", "text", "code"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A question in words, with the reference answer where a data set has one."""

    text: str
    id: str = ""  # "" until a data set names it
    answer: str | None = None  # reference answer, never shown to a policy or verifier
    form: AnswerForm = "auto"  # of the answer that is wanted; auto: a short one, as the question says

    @property
    def key(self) -> int:
        """A 64-bit number that depends on the text alone: the same problem draws the same candidates anywhere."""
        digest = hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big")
