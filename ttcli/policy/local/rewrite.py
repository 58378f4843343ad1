"""Where in its tokens a text is cut to be written on otherwise, and which tokens come there."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import NamedTuple

from ttcli.engine.branch import Branch
from ttcli.engine.model import Model

_BEFORE = ("", "\n", "=")  # what a text is tokenized behind, where its tokenizer puts a space before the first word


class Change(NamedTuple):
    """A change at the end of a branch."""

    dropped: int  # tokens from its end
    tokens: Sequence[int]  # in their place


def change_of(model: Model, branch: Branch, written: str, keep: int, text: str) -> Change | None:
    """How to have the text of a branch, which this text ends with, go on otherwise after so many characters.

    A token that the cut goes through is dropped, and what it holds before the cut is written again. None: the cut lies
    before the branch, or no tokens read like the text.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    ends = [(0, 0)]  # tokens and characters where both end together
    characters = 0
    for number, token in enumerate(branch.tokens, start=1):
        characters += len(decoder.decode(b"" if model.ends_generation(token) else model.piece(token)))
        if not decoder.getstate()[0]:
            ends.append((number, characters))
    begin = len(written) - characters  # of the branch in the text; before it, where it has tokens of the prompt too
    kept, end = max((each for each in ends if begin + each[1] <= keep), default=(0, -1))
    if end < 0:
        return None
    tokens = _tokens(model, written[begin + end : keep] + text)
    return None if tokens is None else Change(len(branch.tokens) - kept, tokens)


def _tokens(model: Model, wanted: str) -> Sequence[int] | None:
    """Tokens that read so, wherever they stand; None: there are none."""
    for before in _BEFORE:
        tokens = model.tokenize(before + wanted, special=False)
        for at in range(len(tokens)):
            if b"".join(map(model.piece, tokens[at:])) == wanted.encode("utf-8", "replace"):
                return tokens[at:]
    return None
