"""The laboratory's vocabulary: 256 bytes, and one token for each sentence that stands around every solution."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ttcli.policy.prompt import INSTRUCTION, REVISE

SEPARATOR = "\n\n"
BOS, EOS, USER, ASK, INSTRUCT, STEP, AGAIN, PAD = range(256, 264)
SIZE = 264
SPECIAL = ("<|begin|>", "<|end|>", "<|user|>", "<|ask|>", f"\n{INSTRUCTION}", SEPARATOR, REVISE, "<|pad|>")
CONTROL = {BOS, EOS, USER, ASK, PAD}
GOOD, BAD = ord("+"), ord("-")
FITS, ERRS = ord("!"), ord("~")  # what a reward model says of a single token while it is trained
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}<|user|>{{ m['content'] }}<|ask|>"
    "{% elif m['role'] == 'assistant' %}{{ m['content'] }}<|end|>{% endif %}{% endfor %}"
)

# of the reward model, whose two turns of a user are a problem and its solution
JUDGING = (
    f"{{{{ bos_token }}}}<|user|>{{{{ messages[0]['content'] }}}}\n{INSTRUCTION}<|ask|>{{{{ messages[1]['content'] }}}}"
)


def encode(text: str) -> list[int]:
    """Tokens of a text, as llama.cpp makes them."""
    tokens: list[int] = []
    for position, part in enumerate(text.split(SEPARATOR)):
        tokens += ([STEP] if position else []) + list(part.encode())
    return tokens


def decode(tokens: Sequence[int]) -> str:
    """The text of tokens; control tokens are nothing."""
    raw = b"".join(bytes([token]) if token < 256 else SEPARATOR.encode() if token == STEP else b"" for token in tokens)
    return raw.decode("utf-8", "replace")


def ask(problem: str, attempts: Sequence[str] = ()) -> list[int]:
    """The chat that asks for a solution, or for another one after attempts."""
    tokens = [BOS, USER, *encode(problem), INSTRUCT, ASK]
    for attempt in attempts:
        tokens += [*encode(attempt), EOS, USER, AGAIN, ASK]
    return tokens


def tagged(problem: str, steps: Sequence[str]) -> tuple[list[int], list[int]]:
    """A solution as the process reward model reads it (form step-tag, in a chat), and where the tags stand.

    That is how the policy writes it, token by token, since the reward model has its weights: the separator is the tag.
    """
    tokens, places = ask(problem), []
    for step in steps:
        tokens += [*step.strip().encode(), STEP]
        places.append(len(tokens) - 1)
    return tokens, places


def steps_of(text: str) -> list[str]:
    """The steps of a solution, the answer's line among them."""
    return [part for part in text.split(SEPARATOR) if part.strip()]


def answer_of(text: str) -> str | None:
    """What stands behind the last `####`."""
    found = re.findall(r"#### (\S+)", text)
    return found[-1] if found else None
