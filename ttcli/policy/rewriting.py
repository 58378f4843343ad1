"""The steps of a text that has been cut back and goes on otherwise."""

from __future__ import annotations

from ttcli.solution import Prefix, Step


def rewritten_steps(prefix: Prefix, keep: int, text: str, tokens: int) -> tuple[Step, ...]:
    """The steps of a prefix cut back to so many characters, this text after them, so many tokens in all.

    The last one is as probable per token as it was: what is put there was not drawn, and is to count neither for the
    solution nor against it.
    """
    steps: list[Step] = []
    begin = 0
    for step in prefix.steps:
        if begin + len(step.text) > keep:
            count = max(0, tokens - sum(each.tokens for each in steps))
            logprob = None if step.logprob is None else step.logprob * count / max(step.tokens, 1)
            steps.append(Step(step.text[: keep - begin] + text, count, logprob))
            break
        steps.append(step)
        begin += len(step.text)
    return tuple(steps)
