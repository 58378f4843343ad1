r"""Words around an answer that are not part of it, and words that are the answer.

`trimmed` takes off what introduces an answer ("the answer is", "Total:", "approximately") and what qualifies it (",
where n > 1", "(or 0.5)", ", k \in \mathbb{Z}"). `phrase` makes alike the words that say the same: "a circle",
"Circles".
"""

from __future__ import annotations

import re

from ttcli.answers.pattern import phrases

_TEXT = r"(?:\\(?:text|mbox|mathrm|textrm|textnormal|textbf|textit)\s*\{\s*)?"
_WRAPPED = re.compile(
    r"\\(?:text|mbox|mathrm|textrm|textnormal|textbf|textit|texttt|textsf|textsc|emph|mathit|mathsf|mathtt)\s*"
    r"\{([^{}]*)\}"
)
_STYLED_WHOLE = re.compile(r"\\(?:mathbf|operatorname)\s*\{([^{}]*)\}")
_INTRODUCTION = re.compile(
    _TEXT + r"(?:(?:therefore|thus|so|hence),? )?(?:the |our |my )?(?:final |correct |required )?(?:answer|result)\b"
    r"\s*(?:is|was|=|:|equals)?\s*:?\s*\}?\s*(?=\S)",
    re.IGNORECASE,
)
_LABEL = re.compile(_TEXT + r"[^\W\d_]{3,}(?: [^\W\d_]+){0,4} ?: ?\}? ?(?=[\\$\d+-])")
_ABOUT = re.compile(
    r"(?:\\approx|\\sim(?:eq)?|\\simeq|~|≈|"
    + _TEXT
    + phrases("approximately, approx\\.?, about, roughly, around, nearly, only, just, exactly, precisely, a total of")
    + r"(?![A-Za-z])\s*\}?)\s*",
    re.IGNORECASE,
)
_QUALIFIERS = phrases(
    r"""for (?:all|any|every|each|some|integers?|real|positive), where, since, because, given that, which, as required,
    in total, altogether, respectively, approximately, approx, rounded, to the nearest, as shown, i\.e,
    in simplest form"""
)
_QUALIFIER = re.compile(
    rf"[,;]?\s*\(?\s*{_TEXT}\(?\s*(?<![\\A-Za-z])(?:{_QUALIFIERS}\b|\(or\b|\\forall\b).*$", re.IGNORECASE | re.DOTALL
)
_ASIDES = r"or, i\.e\.?, that is, since, because, approximately, approx\.?, about, \\approx, ="
_ASIDE = re.compile(rf"\s*{_TEXT}\s*\({phrases(_ASIDES)},?(?![A-Za-z]).*$", re.DOTALL)
_NUMBERS = r"\\(?:mathbb|mathbf|Bbb)\s*\{?\s*[ZNRQ]\s*\}?(?:\^?[+*]|_\{?[^{}]*\}?)?"
_RANGE = re.compile(
    rf"\s*(?:[,;(]\s*{_TEXT}(?:with |for |and |where )?|{_TEXT}(?:with|for|and|where) )\s*\}}?\s*\(?\s*"
    rf"(?<![\\A-Za-z])[a-zA-Z](?:\s*,\s*[a-zA-Z])*\s*(?:\\in(?![A-Za-z])\s*{_NUMBERS}"
    rf"|{_TEXT}is (?:an? |any )(?:integer|real number|natural number|constant)\s*\}}?)\s*\)?$"
)


def trimmed(latex: str) -> str:
    """The answer without the words that introduce or qualify it, as long as something is left."""
    for pattern in (_INTRODUCTION, _LABEL, _ABOUT):
        match = pattern.match(latex)
        if match and match.end() < len(latex):
            latex = _balanced(latex[match.end() :])
    for pattern in (_RANGE, _ASIDE, _QUALIFIER):
        match = pattern.search(latex)
        if match and match.start() > 0 and (head := latex[: match.start()].rstrip(" ,;")):
            latex = _balanced(head)
    return latex


def _balanced(latex: str) -> str:
    """Without a brace that a cut has left alone at one end."""
    extra = latex.count("{") - latex.count("}")
    if extra < 0 and latex.endswith("}"):
        return latex[:-1].rstrip()
    return latex


def unwrapped(latex: str) -> str:
    r"""Words without `\text{...}` around them, and an answer that is bold as a whole without that."""
    for _ in range(3):
        before, latex = latex, _WRAPPED.sub(r" \1 ", latex)
        if latex == before:
            break
    if whole := _STYLED_WHOLE.fullmatch(latex.strip()):
        latex = whole.group(1)
    return " ".join(latex.split()).rstrip(". ")


_ARTICLE = re.compile(r"(?:there (?:is|are|exists?) )?(?:an? |the )?")
_MEANINGS = {  # phrases that say the same, by what they all become
    "no solution": r"""
        (?:it |there )?(?:has |have |is |are )?(?:no|zero|without)(?: real| possible| valid)? (?:solution|root|real
        number)s?, no such \w+(?: exists?)?, empty set, the empty set, null set""",
    "does not exist": """
        (?:it |the limit )?(?:does not|doesn't|do not|don't) exist, dne, nonexistent, non-existent""",
    "infinitely many": """
        (?:it |there are |has )?infinitely many(?: solutions?)?, infinite(?: number of)?(?: solutions?), infinite""",
    "undefined": "(?:it is |is )?(?:undefined|not defined)",
    "all real numbers": """
        all (?:the )?real(?: number)?s?(?: x)?, every real number, any real number,
        (?:the )?set of (?:all )?real numbers""",
}
_SAME = [(re.compile(phrases(same)), meaning) for meaning, same in _MEANINGS.items()]
_PLURAL = re.compile(r"(?<=[a-z]{3})(?<![sui])s$")
_WORDS = re.compile(r"[^\W\d_]+(?:(?: |-|'|, )[^\W\d_]+)*")


def phrase(plain: str) -> str | None:
    """What an answer in words says, alike for all that say the same; None where it is not in words."""
    plain = plain.strip("\"' ").replace("\\%", "%")
    if not _WORDS.fullmatch(plain):
        return None
    small = _ARTICLE.sub("", plain.casefold(), count=1) if len(plain) > 3 else plain.casefold()
    for pattern, meaning in _SAME:
        if pattern.fullmatch(small) or pattern.fullmatch(plain.casefold()):
            return meaning
    return _PLURAL.sub("", small) or None
