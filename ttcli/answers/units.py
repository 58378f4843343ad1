r"""What is counted or measured: words and symbols behind a number that leave the number as it is.

A unit is dropped, whatever it is: `5 cm`, `5\text{ m}` and `5` are one answer, as graders of MATH have it. Words that
change the number are no units: `3 halves`, `5 and 6`, `3 pm`. A scale is a factor: `2 million` and `7 dozen` are
2,000,000 and 84.
"""

from __future__ import annotations

import re
from itertools import product

from ttcli.answers.pattern import words as _list


def _words(text: str) -> frozenset[str]:
    return frozenset(_list(text))


_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_CJK_SCALES = {"百": 10**2, "千": 10**3, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_SHORT = _words(
    # symbols
    "mm cm dm km mi in ft yd sq cu kg mg lb lbs oz ton ml cl gal mph kmh kph rpm hr hrs min mins sec secs ms day deg "
    "rad gb mb kb usd eur gbp cad aud inr rs pts pt ct cts cent "
    # things that problems count
    "of an the per all old men boy kid man cat cow dog fox hen pet pig bee ant bus car van toy bag box can cup jar mug "
    "pan pen "
    "pie egg hat key map pin row set way win ago hot big red new bar job pot nut tie bed leg arm ice"
)
_CHANGES = (
    _words(
        "am pm ad bc bce ce and or to if when where for not is are was than below noon midnight "
        "plus minus times over by divided multiplied mod modulo base root sqrt choose power factorial "
        "sin cos tan cot csc log ln exp pi theta infinity infty alpha beta gamma lambda sigma omega delta "
        "half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh sevenths "
        "eighth eighths ninth ninths tenth tenths hundredth hundredths thousandth thousandths"
    )
    | frozenset(_SCALES)
    | frozenset(f"{scale}s" for scale in _SCALES)
)
_CHANGES_FIRST = frozenset({"squared", "cubed"})  # 5 squared is 25, but 5 cm squared is an area
_TOKEN = re.compile(r"[^\W\d_]+|/")
_ANOTHER_NUMBER = re.compile(r"(?<![^\s,;:(+=<>])\d")  # 3 cats, 4 dogs; but 5 m2

_LETTERS = _words("m g s h N J W V A K C F T H L l")  # units of one letter
_SYMBOLS = frozenset(
    prefix + unit
    for prefix, unit in product(["", *"kMGmnpcdhT"], _list("m g s A K mol cd Hz N Pa J W C V F T L eV Wh cal bar"))
    if len(prefix + unit) > 1
) - {"cd", "pm", "hs", "Ts"}
_MARKED = re.compile(r"\\(?:text|mathrm|mbox|textrm|textnormal|rm)\s*\{([^{}]*)\}")
_ATOM = re.compile(
    rf"(?P<marked>{_MARKED.pattern})|(?P<ratio>\\frac\s*\{{\s*{_MARKED.pattern}\s*\}}\s*\{{\s*{_MARKED.pattern}\s*\}})"
    r"|(?P<symbol>\\(?:Omega|mu|circ|ell|AA)(?![A-Za-z])\s*)|(?P<exponent>\^\s*(?:\{\s*[-+]?\d\s*\}|[-+]?\d)|[²³])"
    r"|(?P<aside>\(\s*[^\W\d_]{3,}(?: [^\W\d_]+)*\s*\))|(?P<word>[^\W\d_]+)|(?P<sign>\\cdot(?![A-Za-z])|[ ./*'’-])"
)
_UPRIGHT_LETTERS = _words("e i d j k")  # constants and vectors, not units, where they stand alone
_DIGIT = re.compile(r"\d|\\pi|\\sqrt|\\infty")
_NUMERAL = re.compile(r"[-+]? ?(?:\d[\d,.]*(?: \d+/\d+)?|\.\d+)(?:/\d+|\\frac\{\d+\}\{\d+\})?|\\frac\{\d+\}\{\d+\}")


def scale_of(words: str) -> tuple[int, str]:
    """The factor that the first of the words says, and the words left: `million dollars` is 1000000 and `dollars`."""
    words = words.strip()
    if _is_cjk_scale(words):
        return _CJK_SCALES[words[0]], words[1:].strip()
    first, _, rest = words.partition(" ")
    factor = _SCALES.get(first.lower()) or _SCALES.get(first.lower().removesuffix("s"))
    return (1, words) if factor is None else (factor, rest.removeprefix("of ").strip())


def _is_cjk_scale(word: str) -> bool:
    """Whether a word begins with a power of ten, which is none in the names of metric units (千克)."""
    return word[:1] in _CJK_SCALES and word[1:2] not in tuple("克米瓦焦伏卡帕赫分")


def are_units(words: str, *, marked: bool = False) -> bool:
    r"""Whether words behind a number name units or things and leave the number as it is.

    `marked`: they stood in `\text{...}`, and so a single letter is a unit. Elsewhere `3 x`, `3ab` and `3 m` may be
    products: a bare word needs four letters or to be a usual unit, and single letters may only follow `/` or `per`.
    """
    if _ANOTHER_NUMBER.search(words):
        return False
    tokens = _TOKEN.findall(words.replace(".", ""))
    small = [token.lower() for token in tokens]
    if not tokens or small[0] in _CHANGES_FIRST or not _CHANGES.isdisjoint(small):
        return False
    if marked and len(tokens) == 1:
        return tokens[0] not in _UPRIGHT_LETTERS
    before = ["", *small]
    return marked or all(_is_noun(token, last) for token, last in zip(tokens, before, strict=False))


def _is_noun(token: str, last: str) -> bool:
    small = token.lower()
    usual = len(token) >= 4 or small in _SHORT or token in _SYMBOLS or not token.isascii()
    return usual or "/" in {token, last} or last in {"per", "of"}


def measured(latex: str) -> str:
    r"""The answer without the unit at its end: `9.8` of `9.8\,\mathrm{m\cdot s^{-2}}`, `3\pi` of `3\pi\text{ cm}^2`."""
    latex = _flattened(latex)
    for start in _starts(latex):
        head, tail = latex[:start].rstrip(), latex[start:].strip()
        if head and tail and _DIGIT.search(head) and head[-1] not in "_^{(=+-*/,\\" and _is_tail(tail, latex[start]):
            return head.removesuffix("\\cdot").rstrip()
    return latex


_INNER = re.compile(r"(\\(?:text|mathrm|mbox|textrm)\s*\{)((?:[^{}]|\{[^{}]*\})*)\}")


def _flattened(latex: str) -> str:
    r"""`\mathrm{m\cdot s^{-2}}` as `\mathrm{m}\cdot \mathrm{s}^{-2}`: each word marked by itself."""

    def apart(match: re.Match[str]) -> str:
        inside = match.group(2)
        if not re.search(r"[\^{\\/]|\\cdot", inside):
            return match.group()
        return re.sub(r"(?<!\\)(?<![A-Za-z])[A-Za-z]+", lambda word: f"\\text{{{word.group()}}}", inside)

    return _INNER.sub(apart, latex) if "\\" in latex else latex


def _starts(latex: str) -> list[int]:
    """Where a unit may begin: behind the number, before words that are marked, before the last words."""
    starts = [match.end() for match in [_NUMERAL.match(latex)] if match]
    depth = 0
    for place, character in enumerate(latex):
        depth += (character == "{") - (character == "}")
        if character == "\\" and depth == 0 and (_MARKED.match(latex, place) or latex.startswith("\\frac{\\", place)):
            starts.append(place)
            break
    words = _LAST_WORDS.search(latex[-80:])
    return [*starts, len(latex) - len(words.group(1))] if words else starts


_OHMS = re.compile(r"(?<![A-Za-z])[kMGm] ?\\Omega")
_LAST_WORDS = re.compile(r"(?<=[\d}i)2]) ([^\W\d_]{2,}(?:[ /-][^\W\d_]+)*(?: ?\^ ?\{?-?\d\}?)?)$")


def _is_tail(tail: str, first: str) -> bool:
    """Whether all of the text is a unit; `first` says whether it is set off from the number by a space or a command."""
    words: list[tuple[str, bool]] = []
    tail = _OHMS.sub(r"\\Omega", tail)
    ratios = end = 0
    for atom in _ATOM.finditer(tail):
        if atom.start() != end:
            return False
        end = atom.end()
        kind = atom.lastgroup
        ratios += (
            atom.group().strip() in {"/", "\\cdot", "*"} or "-" in atom.group() or kind == "ratio" or kind == "symbol"
        )
        if kind == "word" or kind == "aside":
            words.append((atom.group().strip("() "), False))
        elif atom.group().startswith("\\") and (inside := _MARKED.findall(atom.group())):
            words += [(str(word).strip(" ()"), True) for word in inside if str(word).strip(" ()")]
    if end != len(tail) or (not words and "\\Omega" not in tail and "\\circ" not in tail):
        return False
    compound = bool(ratios) and (first != "" or len(words) > 1)
    if not all(_is_unit(word, marked, compound) for word, marked in words):
        return False
    bare = " ".join(word for word, _ in words).lower().split()
    return _CHANGES.isdisjoint(bare) and (not bare or bare[0] not in _CHANGES_FIRST) and tail[0] not in "^/*-."


def _is_unit(word: str, marked: bool, compound: bool) -> bool:
    if compound and word in _LETTERS | _SYMBOLS:
        return True
    if _is_cjk_scale(word):
        return False
    return are_units(word, marked=marked)
