"""The methods by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial

from ttcli.cost import Meter
from ttcli.errors import UsageError
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.seams import Policy
from ttcli.search.adaptive import adaptive
from ttcli.search.auto import auto, probed
from ttcli.search.beam import beam
from ttcli.search.best_of_n import best_of_n, best_of_n_plain, greedy, majority, tie_break
from ttcli.search.dvts import dvts
from ttcli.search.lookahead import lookahead
from ttcli.search.method import Method
from ttcli.search.parameters import ChainParameters, HalfParameters, TreeParameters
from ttcli.search.particles import particles
from ttcli.search.probe import ProbeParameters, probe
from ttcli.search.rebase import rebase
from ttcli.search.revise import WINDOW, revise, revise_scored
from ttcli.search.search_revise import search_revise
from ttcli.search.short import ShortParameters, short, short_scored

METHODS = {
    method.name: method
    for method in (
        Method("auto", "what a profile says suits the problem; without one, adaptive", advised=auto),
        Method("adaptive", "majority that stops when the vote is settled", plain=adaptive),
        Method("majority", "the most frequent answer (self-consistency)", plain=majority, vote="majority"),
        Method("best-of-n", "the answer with the largest sum of verifier scores", verified=best_of_n, vote="weighted"),
        Method("best-of-n-plain", "the answer of the best-scored candidate", verified=best_of_n_plain, vote="best"),
        Method("tie-break", "majority, where scores decide between equals", verified=tie_break),
        Method("greedy", "one solution at temperature 0", plain=greedy, generations=1),
        Method(
            "beam",
            "the best n/m prefixes go on, with m next steps each",
            verified=beam,
            parameters=TreeParameters(m="usual"),
        ),
        Method(
            "lookahead",
            "beam, where a step is scored k greedy steps further on",
            verified=lookahead,
            parameters=TreeParameters(k=1, m="usual"),
        ),
        Method(
            "dvts",
            "n/m separate subtrees, each going on from its best step",
            verified=dvts,
            parameters=TreeParameters(m=2),
        ),
        Method(
            "rebase",
            "next steps are shared out over prefixes by score",
            verified=rebase,
            parameters=TreeParameters(t=0.2),
        ),
        Method(
            "particles",
            "prefixes are resampled by score after every step",
            verified=particles,
            parameters=TreeParameters(t=1.0, vote="places"),
        ),
        Method(
            "revise",
            "chains of attempts, each with the last ones in view",
            plain=revise,
            verified=revise_scored,
            parameters=ChainParameters(),
            attempts=WINDOW,
        ),
        Method(
            "short",
            "of n thoughts the first m to end are voted upon",
            plain=short,
            verified=short_scored,
            parameters=ShortParameters(),
        ),
        Method("probe", "thoughts end when their trial answers stand", plain=probe, parameters=ProbeParameters()),
        Method(
            "search-revise",
            "half the budget proposes, half revises what the vote is against",
            verified=search_revise,
            parameters=HalfParameters(),
            attempts=1,
        ),
    )
}


@cache
def parse_method(text: str) -> Method:
    """Read `majority`, `beam`, `beam:m=sqrt`, `lookahead:k=3,m=4`, `auto:beam`; equal methods get equal names.

    Raises:
        UsageError: there is no such method, or it cannot be set so.
    """
    name, colon, settings = text.partition(":")
    usual = METHODS.get(name)
    if usual is None:
        raise UsageError(f"there is no method {name!r}", hint=f"one of {', '.join(METHODS)}")
    if not colon:
        return usual
    if usual.advised is not None:
        return _after_probes(parse_method(settings.strip()))
    if usual.parameters is None:
        raise UsageError(f"{name} has nothing to set", hint=f"--method {name}")
    parameters = usual.parameters.turned(name, settings)
    changed = parameters.text(usual.parameters)  # type: ignore[arg-type] # of the same class as what it was turned from
    return replace(usual, name=f"{name}:{changed}" if changed else name, parameters=parameters)


def _after_probes(then: Method) -> Method:
    """Probes, then this method on the rest of the budget."""
    if then.parameters is None or then.then is not None:
        raise UsageError(
            f"auto: goes on with a search or with revisions after its probes, not with {then.name}",
            hint=f"--method {then.name}, or --method auto:beam",
        )
    run = partial(probed, then=then)
    plain = partial(_unscored, then=then) if then.plain is not None else None
    summary = f"probes, then {then.name} on the rest of the budget, and one vote"
    return Method(f"auto:{then.name}", summary, plain=plain, verified=run, attempts=then.attempts, then=then)


def _unscored(problem: Problem, policy: Policy, meter: Meter, *, seed: int, then: Method) -> Iterator[Event]:
    return probed(problem, policy, None, meter, seed=seed, then=then)
