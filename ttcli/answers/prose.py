"""The answer of a short text to a question in words: "The capital of Australia is Canberra." says Canberra.

What a sentence adds to the words of the question is its answer. A sentence that takes up at least half of the
question's words is looked at first, then a short last one. A long text has no gist: it is compared as a whole,
elsewhere.
"""

from __future__ import annotations

import re

from ttcli.answers.pattern import phrases, words

_MAX_TEXT = 600  # characters; a longer text is no short answer
_MAX_SENTENCE = 120  # characters of a sentence that is an answer as it stands
_MAX_WORDS = 6  # of an answer taken out of a sentence
_SENTENCE = re.compile(r"[^\n.!?]+(?:[.!?](?!\s|$)[^\n.!?]*)*[.!?]?")
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_YES_NO = re.compile(
    r"(?:is|are|was|were|do|does|did|can|could|will|would|has|have|had|should|may|must)\b", re.IGNORECASE
)
_SAID_YES_NO = re.compile(r"\W*(yes|no|true|false)\b", re.IGNORECASE)
_CLOSING = re.compile(
    phrases("let me know, i hope, hope this, hope that, feel free, is there anything, if you have, if you need, please")
    + r"\b|note that\b",
    re.IGNORECASE,
)
_FUNCTION_WORDS = frozenset(
    words(
        """a an the is are was were be been being of in on at to for by with from as and or it its he she they we you i
        this that these those there which who whom whose what when where why how do does did has have had s called known
        named term word city country person name so therefore thus hence answer correct written painted discovered
        invented made"""
    )
)


def gist(text: str, question: str) -> str | None:
    """The answer that a short text gives to a question in words; None where the text is long or says none."""
    text = text.replace("**", "").strip()
    if not text or len(text) > _MAX_TEXT or "```" in text:
        return None
    if _YES_NO.match(question.strip()) and " or " not in question and (reply := _SAID_YES_NO.match(text)):
        return reply.group(1).capitalize()
    asked = {word.casefold() for word in _WORD.findall(question)} - _FUNCTION_WORDS
    sentences = [
        s for s in (match.group().strip() for match in _SENTENCE.finditer(text)) if s and not _CLOSING.match(s)
    ]
    if not sentences:
        return None
    echoes = [s for s in sentences if asked and 2 * len(_taken_up(s, asked)) >= len(asked)]
    sentence = echoes[-1] if echoes else sentences[-1] if len(sentences) <= 2 or len(sentences[-1]) <= 40 else None
    if sentence is None or len(sentence) > _MAX_SENTENCE:
        return None
    return (_added(sentence, asked) if echoes else None) or sentence.rstrip(". !")


def _taken_up(sentence: str, asked: set[str]) -> set[str]:
    return {word.casefold() for word in _WORD.findall(sentence)} & asked


def _added(sentence: str, asked: set[str]) -> str | None:
    """The words that a sentence adds to those of the question, where they stand together and begin like a name."""
    runs: list[list[re.Match[str]]] = [[]]
    for word in _WORD.finditer(sentence):
        small = word.group().casefold()
        joins = small in {"of", "the", "de", "van", "da", "and"} and runs[-1] and word.end() < len(sentence)
        if small in asked or (small in _FUNCTION_WORDS and not joins):
            runs.append([])
        else:
            runs[-1].append(word)
    spans = [_trimmed(run) for run in runs if run]
    spans = [run for run in spans if run]
    names = [run for run in spans if run[0].group()[0].isupper() or run[0].group()[0].isdigit()]
    chosen = names if len(names) == 1 else spans
    if len(chosen) != 1 or len(chosen[0]) > _MAX_WORDS:
        return None
    return sentence[chosen[0][0].start() : chosen[0][-1].end()]


def _trimmed(run: list[re.Match[str]]) -> list[re.Match[str]]:
    while run and run[-1].group().casefold() in _FUNCTION_WORDS:
        run = run[:-1]
    return run
