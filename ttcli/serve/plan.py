"""How a request is answered: what the name of its model, its effort and its own words say about method and budget.

`NAME` alone draws one text and adds nothing to the question: chat programs send titles and tags to the model that they
chat with. `NAME:METHOD-N` searches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ttcli.cost import Budget, Unit
from ttcli.errors import UsageError
from ttcli.search.methods import METHODS, parse_method
from ttcli.serve.refusal import Refusal, bad

EFFORTS = {"low": 4, "medium": 16, "high": 64}  # generations
NO_EFFORT = ("none", "minimal")
MOST = 256  # generations of a request
_SHORT = {"best-of": "best-of-n"}  # before a number
_LISTED = ("majority", "best-of", "beam")
_SUFFIX = re.compile(r"(.+?)(?:-(\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a request is to be answered."""

    method: str
    budget: Budget
    verifier: str | None = None  # None: the method's usual one
    plain: bool = False  # so many texts as they come, and no search


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request's own words say; None: nothing."""

    method: str | None = None
    budget: Budget | None = None
    verifier: str | None = None
    effort: str | None = None


class Names:
    """The models that a server has: one, plain, and the ways to search with it."""

    def __init__(self, names: Sequence[str], *, budget: Budget, verifier: str | None) -> None:
        """`names`: of the model, the one to be listed first."""
        self._names = tuple(dict.fromkeys(names))
        self._budget = budget
        self._verifier = verifier

    @property
    def listed(self) -> list[str]:
        """As `/v1/models` lists them."""
        name = self._names[0]
        amount = f"-{self._budget}" if self._budget.unit is Unit.GENERATIONS else ""
        fitting = [method for method in _LISTED if _fits(_SHORT.get(method, method), self._budget)]
        return [name, f"{name}:auto", *(f"{name}:{method}{amount}" for method in fitting)]

    def plan(self, model: str, wish: Wish, *, n: int) -> Plan:
        """How to answer a request that calls its model so, and wants `n` texts.

        Raises:
            Refusal: there is no such model, method or verifier, or the method cannot work with the budget.
        """
        method, budget = self._of_name(model)
        if wish.effort in EFFORTS:
            method, budget = method or "auto", Budget(EFFORTS[wish.effort])
        if wish.method is not None or wish.budget is not None:
            method, budget = wish.method or method or "auto", wish.budget or budget
        if method is None:
            if wish.verifier is not None:
                raise bad("a verifier has nothing to do where one text is drawn: name a method", "ttc.verifier")
            return Plan("majority", Budget(n), plain=True)
        budget = budget or self._budget
        if budget.unit is Unit.GENERATIONS and budget.amount < n:
            budget = Budget(n)
        return _checked(method, budget, wish.verifier, self._verifier)

    def _of_name(self, model: str) -> tuple[str | None, Budget | None]:
        """Method and budget that the name of a model says; None: it says none."""
        for name in sorted(self._names, key=len, reverse=True):  # a file's name may have a colon in it
            if model == name:
                return None, None
            if not model.startswith(f"{name}:"):
                continue
            suffix = model.removeprefix(f"{name}:")
            if suffix in METHODS:
                return suffix, None
            parts = _SUFFIX.fullmatch(suffix)
            method = _SHORT.get(parts[1], parts[1]) if parts else ""
            if parts and method in METHODS and (parts[2] is None or int(parts[2])):
                return method, Budget(int(parts[2])) if parts[2] else None
        known = ", ".join(self.listed)
        raise Refusal(404, f"there is no model {model!r}, but {known}", param="model", code="model_not_found")


def _fits(method: str, budget: Budget) -> bool:
    try:
        METHODS[method].check(budget)
    except UsageError:
        return False
    return True


def _checked(name: str, budget: Budget, verifier: str | None, usual: str | None) -> Plan:
    """A search that can be done, with its verifier where it takes one."""
    if budget.shared:
        raise bad(f"{budget} is an average over problems, and here is one", "ttc.budget")
    if budget.unit is Unit.GENERATIONS and budget.amount > MOST:
        raise bad(f"at most {MOST} generations are drawn for a request, not {budget}", "ttc.budget")
    try:
        method = parse_method(name)
        method.check(budget)
    except UsageError as error:
        raise bad(str(error), "ttc.method") from error
    if not method.takes_verifier or method.advised is not None:
        if verifier is not None:
            raise bad(f"{method.name} has no use for a verifier of its own", "ttc.verifier")
        return Plan(method.name, budget)
    return Plan(method.name, budget, verifier or (usual if method.needs_verifier else None))
