r"""Expressions of school mathematics as trees: LaTeX as models write it, and the plain text of programming languages.

A small grammar, read by recursive descent: sums of products of powers; juxtaposition multiplies; `\sin x^2` takes one
product. What it does not know raises `Unreadable`, so that nothing is misread for something else. Choices made:

* Letters are symbols; `e`, `\pi` and `i` are the constants (but in `3i + 4j` the `i` is a vector).
* Neighbouring capitals, where no small letter is in sight, are one name: `AB` is a segment and not A times B.
* Accents, bold letters, primes and subscripts make other symbols: `\vec{a}`, `x'` and `x_1` are neither `a` nor `x`.
* `f(x)`, with f, g or h, is a value of a function; any other letter before a bracket multiplies.
"""

from __future__ import annotations

import re
from fractions import Fraction

from ttcli.answers.node import Expression, constant
from ttcli.answers.pattern import words
from ttcli.answers.tokens import FUNCTIONS, GREEK, Unreadable, tokens

MAX_DEPTH = 40  # of brackets and powers within each other

_ACCENTS = frozenset(
    words("hat bar vec overline tilde dot ddot widehat mathbf mathcal mathbb mathscr mathfrak textbf overrightarrow")
)
_SHAPES = frozenset({"angle", "triangle", "measuredangle"})
_OPEN = {"(": ")", "[": "]", "{": "}"}
_BOLD = re.compile(r"\\(?:mathbf|textbf)\{(.*)\}")


def read(text: str) -> Expression:
    """The tree of an expression in the spelling of `spelling.spelled`; `Unreadable` where it is none."""
    found = tokens(text)
    reader = _Parser(found.tokens, vectors=found.vectors)
    node = reader.sum()
    if reader.token is not None:
        raise Unreadable(text)
    return node


class _Parser:
    """A place in a list of tokens; each method reads one rule of the grammar from there."""

    def __init__(self, tokens: list[str], *, vectors: bool) -> None:
        self.tokens = tokens
        self.vectors = vectors  # i is one of i, j, k
        self.place = 0
        self.depth = 0
        self.bars = 0  # of absolute values that are open
        self.angle = False  # degrees measure an angle here, elsewhere they are a unit that is left out

    @property
    def token(self) -> str | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def take(self, *expected: str) -> str:
        token = self.token
        if token is None or (expected and token not in expected):
            raise Unreadable(f"{token} where {expected} should be")
        self.place += 1
        return token

    def skip(self, *tokens: str) -> bool:
        if self.token in tokens:
            self.place += 1
            return True
        return False

    def sum(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("too deep")
        terms = [self.signed()]
        while self.token in {"+", "-"}:
            terms.append(self.signed())
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Expression("+", tuple(terms))

    def signed(self) -> Expression:
        if self.skip("-"):
            return Expression("neg", (self.product(),))
        self.skip("+")
        return self.product()

    def product(self) -> Expression:
        node = self.factor()
        while self.token is not None:
            if self.skip("*", "\\cdot", "\\times"):
                node = Expression("*", (node, self.operand()))
            elif self.skip("/", "\\div"):
                node = Expression("/", (node, self.operand()))
            elif self.starts_factor():
                node = Expression("*", (node, self.factor()))
            else:
                break
        return node

    def operand(self) -> Expression:
        return Expression("neg", (self.factor(),)) if self.skip("-") else self.factor()

    def starts_factor(self) -> bool:
        token = self.token
        if token is None or token[0].isdigit() or token[0] == ".":
            return False  # a number multiplies what follows it, not what it follows
        if token == "|":
            return not self.bars
        return token in _OPEN or token[0].isalpha() or (token[0] == "\\" and token[1:].isalpha())

    def factor(self) -> Expression:
        node = self.base()
        while True:
            if self.skip("!"):
                node = Expression("factorial", (node,))
            elif self.token == "^":
                node = self.raised(node)
            else:
                return node

    def raised(self, base: Expression) -> Expression:
        self.take("^")
        if self.skip("\\circ"):
            return Expression("degree", (base,)) if self.angle else base
        return Expression("^", (base, self.exponent()))

    def exponent(self) -> Expression:
        if self.skip("-"):
            return Expression("neg", (self.exponent(),))
        self.skip("+")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("too deep")
        angle, self.angle = self.angle, False
        node = self.base()
        if self.token == "^":
            node = self.raised(node)
        self.angle = angle
        self.depth -= 1
        return node

    def base(self) -> Expression:
        token = self.take()
        if token in _OPEN:
            return self.inside(_OPEN[token])
        if token == "|":
            self.bars += 1
            node = Expression("abs", (self.sum(),))
            self.take("|")
            self.bars -= 1
            return node
        if token[0].isdigit() or token[0] == ".":
            return self.number(token)
        if token[0].isalpha():
            return self.symbol(token)
        if token[0] == "\\":
            return self.command(token[1:])
        raise Unreadable(token)

    def inside(self, close: str) -> Expression:
        bars, self.bars = self.bars, 0
        node = self.sum()
        self.take(close)
        self.bars = bars
        return node

    def number(self, digits: str) -> Expression:
        if self.token == "_":
            raise Unreadable("a base")
        node = constant(Fraction(digits.replace(",", "")))
        if digits.isdigit() and self.token == "\\frac":  # a mixed number, or else a product that looks like one
            part = self.base()
            if all(arg.head == "number" for arg in part.args):
                top, bottom = (arg.value for arg in part.args)
                if not (isinstance(top, Fraction) and isinstance(bottom, Fraction) and top < bottom):
                    raise Unreadable("an improper fraction behind a whole number")
                return Expression("+", (node, part))
            return Expression("*", (node, part))
        return node

    def symbol(self, name: str) -> Expression:
        if name in {"f", "g", "h"} and self.token in {"(", "'"}:
            return self.application(name)
        name = self.decorated(name)
        if name in {"e", "i"} and not (name == "i" and self.vectors):
            return Expression(name)
        return Expression("symbol", value=name)

    def decorated(self, name: str) -> str:
        while self.token in {"_", "'"}:
            name += self.take()
            if name.endswith("_"):
                name += self.raw()
        return name

    def application(self, name: str) -> Expression:
        while self.skip("'"):
            name += "'"
        self.take("(")
        args = [self.sum()]
        while self.skip(","):
            args.append(self.sum())
        self.take(")")
        return Expression("apply", tuple(args), name)

    def raw(self) -> str:
        """The next token or group as it is written, without its braces."""
        first = self.take()
        if first != "{":
            return first
        parts, depth = [], 1
        while depth:
            token = self.take()
            depth += (token == "{") - (token == "}")
            parts.append(token)
        return "".join(parts[:-1])

    def command(self, name: str) -> Expression:
        if name == "pi":
            return (
                Expression("pi") if self.token not in {"_", "'"} else Expression("symbol", value=self.decorated("\\pi"))
            )
        if name in GREEK:
            return Expression("symbol", value=self.decorated("\\" + name))
        if name in _ACCENTS:
            return self.accented(name)
        if name in _SHAPES:
            return Expression("symbol", value=self.decorated(f"\\{name} {self.raw()}"))
        if name in {"frac", "binom"}:
            return Expression("/" if name == "frac" else "binom", (self.argument(), self.argument()))
        if name in {"lfloor", "lceil"}:
            return Expression(name[1:], (self.inside("\\r" + name[1:]),))
        if name in FUNCTIONS:
            return self.function(name)
        raise Unreadable(name)

    def accented(self, accent: str) -> Expression:
        inner = _BOLD.sub(r"\1", self.raw().replace("\\imath", "i").replace("\\jmath", "j"))
        if not inner or any(character.isdigit() for character in inner):
            raise Unreadable(inner)
        if inner in {"i", "j", "k"} and accent in {"hat", "vec", "mathbf", "textbf"}:
            return Expression("symbol", value=inner)
        return Expression("symbol", value=self.decorated(f"\\{accent}{{{inner}}}"))

    def argument(self) -> Expression:
        r"""What a macro takes: a group or one sign, and of a number one digit, as in `\frac12`."""
        if self.skip("{"):
            return self.inside("}")
        token = self.token
        if token and token.isdigit() and len(token) > 1:
            self.tokens[self.place] = token[1:]
            return constant(int(token[0]))
        return self.base()

    def function(self, name: str) -> Expression:
        if name == "sqrt":
            return self.root()
        power = base = None
        while self.token in {"^", "_"}:
            if self.skip("_"):
                base = self.argument()
            else:
                self.take("^")
                power = self.exponent()
        arguments = (self.operand_of(name), *((base,) if base else ()))
        if power == Expression("neg", (constant(1),)):
            return Expression("arc" + name, arguments)
        node = Expression(name, arguments)
        return Expression("^", (node, power)) if power else node

    def root(self) -> Expression:
        degree = self.inside("]") if self.skip("[") else constant(2)
        radicand = self.inside(")") if self.skip("(") else self.argument_whole()
        return Expression("root", (radicand, degree))

    def argument_whole(self) -> Expression:
        return self.inside("}") if self.skip("{") else self.base()

    def operand_of(self, name: str) -> Expression:
        """The argument of a function: a group, or a product up to the next sign or function."""
        angle, self.angle = self.angle, name in {"sin", "cos", "tan", "cot", "sec", "csc"}
        if self.token in {"(", "{", "[", "|"} or name in {"abs", "floor", "ceil", "exp"}:
            node = self.factor() if self.token == "|" else self.base()
        else:
            self.skip("+")
            sign = self.skip("-")
            node = self.factor()
            while self.token is not None and self.starts_factor() and self.token[1:] not in FUNCTIONS - {"sqrt"}:
                if self.token in {"(", "["}:
                    break
                node = Expression("*", (node, self.factor()))
            node = Expression("neg", (node,)) if sign else node
        self.angle = angle
        return node
