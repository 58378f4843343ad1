r"""One spelling for what is written in many: Unicode to LaTeX, spaces to one kind, styling and delimiters off.

Four stages, each a function of text; `spelled` runs them all. What they leave is LaTeX, with words of languages as they
were, and with delimiters of mathematics and signs of currencies gone.
"""

from __future__ import annotations

import re

from ttcli.answers.pattern import words

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"), "~")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\ufe0f\ufeff\u00ad"))
_SIGNS = {
    **dict.fromkeys("−–‐‑‒—﹣", "-"),
    **dict.fromkeys("×✕✖", r"\times "),
    **dict.fromkeys("·⋅∙•", r"\cdot "),
    **dict.fromkeys("∕⁄", "/"),
    **dict.fromkeys("º˚°", r"^\circ "),
    **dict.fromkeys("“”„«»「」", '"'),
    **dict.fromkeys("’‘ʼ′´", "'"),
    **dict.fromkeys("、，﹐", ","),
    **dict.fromkeys("∅⌀", r"\emptyset "),
    **dict.fromkeys("≤⩽≦", r"\le "),
    **dict.fromkeys("≥⩾≧", r"\ge "),
    **dict.fromkeys("∣", r"\mid "),
    **dict.fromkeys("µμ", r"\mu "),
    **dict.fromkeys("ΩΩ", r"\Omega "),
    **dict.fromkeys("→⟶⇒", r"\to "),
    "℃": r"^\circ C",
    "℉": r"^\circ F",
    "÷": r"\div ",
    "±": r"\pm ",
    "∓": r"\mp ",
    "√": r"\sqrt ",
    "∛": r"\sqrt[3]",
    "∞": r"\infty ",
    "≠": r"\ne ",
    "≈": r"\approx ",
    "≅": r"\approx ",
    "≡": r"\equiv ",
    "∪": r"\cup ",
    "∩": r"\cap ",
    "∈": r"\in ",
    "∖": r"\setminus ",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "〈": r"\langle ",
    "〉": r"\rangle ",
    "∠": r"\angle ",
    "…": r"\ldots ",
    "⋯": r"\ldots ",
    "ℝ": r"\mathbb{R}",
    "ℤ": r"\mathbb{Z}",
    "ℂ": r"\mathbb{C}",
    "ℕ": r"\mathbb{N}",
    "ℚ": r"\mathbb{Q}",
    "⌊": r"\lfloor ",
    "⌋": r"\rfloor ",
    "⌈": r"\lceil ",
    "⌉": r"\rceil ",
    "。": ".",
}
_GREEK = dict(
    zip(
        "αβγδεζηθικλνξπρσςτυφχψωϕϑϵΓΔΘΛΞΠΣΦΨ",
        words(
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda nu xi pi rho sigma sigma tau upsilon phi "
            "chi psi omega phi theta epsilon Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi"
        ),
        strict=True,
    )
)
_VULGAR = dict(
    zip(
        "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒",
        words("12 13 23 14 34 15 25 35 45 16 56 17 18 38 58 78 19 1{10}"),
        strict=True,
    )
)
_TABLE: dict[int, int | str | None] = {
    **_FULL_WIDTH,
    **_SPACES,
    **_INVISIBLE,
    **{ord(sign): latex for sign, latex in _SIGNS.items()},
    **{ord(letter): f"\\{name} " for letter, name in _GREEK.items()},
}
_RAISED = re.compile("[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_RAISED_PLAIN = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ", "+-0123456789n")
_LOWERED_PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_VULGAR_SIGN = re.compile(f" ?([{''.join(_VULGAR)}])")

_BRACED = r"\s*\{((?:[^{}]|\{[^{}]*\})*)\}"
_STYLES = (  # a command that only changes the look, with its argument left
    (re.compile(r"\\(?:textcolor|colorbox|color)\s*\{[^{}]*\}" + _BRACED), r"{\1}"),
    (re.compile(r"\\(?:color|textcolor)\s*\{[^{}]*\}"), ""),
    (re.compile(r"\\(?:boxed|fbox|framebox|underline|hbox|bm|boldsymbol|pmb)" + _BRACED), r"{\1}"),
    (
        re.compile(
            r"\\(?:displaystyle|textstyle|scriptstyle|tiny|small|normalsize|large|Large|LARGE|huge|Huge|bf|it|rm|sf|tt"
            r"|bfseries|itshape|limits|nolimits|phantom\s*\{[^{}]*\}|boxed|left|right|middle|[bB]igg?[lrm]?)(?![A-Za-z])"
        ),
        "",
    ),
)
_MARKDOWN = re.compile(r"(?<![\w)\]}*])(\*{1,3})(?=\S)([^*]*\S)\1(?![\w*])|`+([^`]*)`+")
_MACROS = (
    (re.compile(r"\\[dtcs]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\[dt]binom(?![A-Za-z])"), r"\\binom"),
    (re.compile(r"\\leq(?:slant|q)?(?![A-Za-z])"), r"\\le "),
    (re.compile(r"\\geq(?:slant|q)?(?![A-Za-z])"), r"\\ge "),
    (re.compile(r"\\neq(?![A-Za-z])"), r"\\ne "),
    (re.compile(r"<=|=<|\\lt\s*="), r"\\le "),
    (re.compile(r">=|\\gt\s*="), r"\\ge "),
    (re.compile(r"!=(?!=)"), r"\\ne "),
    (re.compile(r"\\lt(?![A-Za-z])"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])"), ">"),
    (re.compile(r"~="), r"\\approx "),
    (re.compile(r"\+/-"), r"\\pm "),
    (re.compile(r"\\(?:varnothing|O(?![A-Za-z])|empty(?![A-Za-z]))"), r"\\emptyset"),
    (re.compile(r"\\(?:infinity|infin)(?![A-Za-z])"), r"\\infty"),
    (re.compile(r"\\(?:dots|cdots|dotsc|dotsb|dotso)(?![A-Za-z])|\.{3,}"), r"\\ldots "),
    (re.compile(r"\\(?:lvert|rvert|vert)(?![A-Za-z])|\\mid(?![A-Za-z])"), "|"),
    (re.compile(r"\\lbrace(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\lbrack(?![A-Za-z])"), "["),
    (re.compile(r"\\rbrack(?![A-Za-z])"), "]"),
    (re.compile(r"\\(?:degrees?|deg)(?![A-Za-z])|\^\s*(?:\{\s*o\s*\}|o(?![A-Za-z]))"), r"^\\circ "),
    (re.compile(r"\^\s*\{\s*\\circ\s*\}"), r"^\\circ "),
    (re.compile(r"\\circ\s*\{\s*\}"), r"\\circ "),
    (re.compile(r"\\langle(?![A-Za-z])"), "("),
    (re.compile(r"\\rangle(?![A-Za-z])"), ")"),
    (re.compile(r"\\backslash(?![A-Za-z])"), r"\\setminus"),
    (re.compile(r"\\ast(?![A-Za-z])"), "*"),
    (re.compile(r"\*\*|\^\^"), "^"),
    (re.compile(r"\\var(epsilon|phi|theta|rho|sigma|pi|kappa)(?![A-Za-z])"), r"\\\1"),
    (re.compile(r"\\text\s*\{\s*-\s*\}"), "-"),
    (re.compile(r"\\(?:mathrm|text|mbox)\s*\{\s*(\\(?:mu|Omega|\$)\s*)?\}"), r"\1"),
    (re.compile(r"\\frac\s*(?:(\d)|\{([^{}]*)\})\s*(?:(\d)|\{([^{}]*)\})"), r"\\frac{\1\2}{\3\4}"),
)
_ABBREVIATED = re.compile(  # of money, or behind a decimal: 2M alone may be a product, as in $2M$
    r"((?:\\\$|[€£]|\$(?!.*\$)) ?\d[\d,.]*) ?([KkMB])(?![A-Za-z])|(?<![\w.,])(\d+\.\d+)([MB])(?![A-Za-z])"
)
_LARGE = {"K": "thousand", "k": "thousand", "M": "million", "B": "billion"}
_THIN = re.compile(r"(?<=\d)(?:,\s*\\!\s*|\{,\}|\\[,; ]|~)(?=\d{3}(?!\d))")
_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")
_SPACING = re.compile(
    r"(?<!\\)\\(?:[,;:> ]|(?:quad|qquad|enspace|thinspace|hfill|hspace\{[^{}]*\})(?![A-Za-z]))|~|\\(?=\n|$)"
)
_DELIMITERS = (
    r"(?:(?<!\\)\\[()\[\]]|(?:(?<![A-Za-z])(?:USD?|AUD?|CAD?|HK|NZ|A|C) ?)?\\?\$|\\textdollar(?![A-Za-z])"
    r"|(?<![A-Za-z])(?:USD|EUR|GBP|CAD|AUD|INR|Rs\.?) (?=\d)|[£€¥₹₩₽₺₫¢]|\\(?:pounds|euro|cent)(?![A-Za-z]))"
)
_APART = re.compile(rf"(?<=\d){_DELIMITERS}+(?=\d)")  # $3$$4$ is not 34, nor is 3€50 350
_TOGETHER = re.compile(rf"(?<!\\)\\!|{_DELIMITERS}")
_EMPTY_BASE = re.compile(r"\{\s*\}(?=\s*\^)")


def spelled(answer: str) -> str:
    """The answer in one spelling of LaTeX."""
    return spaces(macros(peeled(unicode(answer))))


def unicode(text: str) -> str:
    r"""Signs, Greek letters, raised digits, fractions and full-width forms as LaTeX has them."""
    if text.isascii():
        return text
    text = _RAISED.sub(lambda run: "^{" + run.group().translate(_RAISED_PLAIN) + "}", text)
    text = _LOWERED.sub(lambda run: "_{" + run.group().translate(_LOWERED_PLAIN) + "}", text)
    text = _VULGAR_SIGN.sub(lambda sign: _vulgar(sign.group(1)), text)
    return text.translate(_TABLE)


def _vulgar(sign: str) -> str:
    digits = _VULGAR[sign]
    return f"\\frac{{{digits[0]}}}{{{digits[1:].strip('{}')}}}"


def peeled(text: str) -> str:
    r"""Without what only changes the look: colours, sizes, boxes, `**`, back-ticks, `\left` and `\right`."""
    text = text.replace("\\\\boxed", "\\boxed")
    for pattern, left in _STYLES:
        for _ in range(3):  # a style within a style
            before, text = text, pattern.sub(left, text)
            if text == before:
                break
    return _MARKDOWN.sub(r"\2\3", text)


def macros(text: str) -> str:
    r"""One macro for each meaning: `\dfrac` and `\tfrac` are `\frac`, `\leq` and `<=` are `\le`."""
    text = _ABBREVIATED.sub(lambda sum_: f"{sum_[1] or sum_[3]} {_LARGE[sum_[2] or sum_[4]]}", text)
    text = _COMMA.sub(".", _THIN.sub("", text))
    for pattern, latex in _MACROS:
        text = pattern.sub(latex, text)
    return text


def spaces(text: str) -> str:
    """Spaces of one kind and no more than one, no delimiters of mathematics, no period at the end."""
    text = _TOGETHER.sub("", _APART.sub(" ", _SPACING.sub(" ", text)))
    return " ".join(_EMPTY_BASE.sub("", text).split()).rstrip(". ")
