"""What repair would make of the samples of a run: does it help this model?

Samples that state a false equation are cut at its result, put right and gone on with; the others would be what they
are. So it takes a small part of what it would to draw all of them with repair.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from ttcli.answers import is_correct
from ttcli.answers.final import answer_of
from ttcli.bench.figures.problem import load_figures
from ttcli.bench.store.store import Run, Store
from ttcli.policy.mend import Cut, cut, go_on
from ttcli.seams import BatchPolicy, Repairer
from ttcli.solution import Ended, Prefix

MOST = 64  # samples that are gone on with


class Flawed(NamedTuple):
    """A sample that states something false."""

    cut: Cut
    number: int  # which sample of its problem
    right: bool  # as the model wrote it


class Tried(NamedTuple):
    """How far it is."""

    done: int
    total: int
    before: int  # of those done right as the model wrote them
    after: int  # right when they were mended and gone on with


def flawed(store: Store, run: Run, repairer: Repairer, *, most: int = MOST) -> list[Flawed]:
    """Samples of a run to try repair on, those of a problem beside each other; no problem has more than its share."""
    found: list[list[Flawed]] = []
    for each in load_figures(store, run):
        if each.samples is None:
            continue
        problem = each.row.problem
        texts = store.samples(each.config).steps([fact.id for fact in each.facts])
        own = []
        for fact in each.facts:
            steps = texts.get(fact.id)  # none where the row cannot be read
            part = cut(Prefix(problem, 0, steps=steps, ended=fact.ended), repairer) if steps else None
            if part is not None:
                own.append(Flawed(part, fact.number, bool(each.samples.correct[fact.number])))
        found.append(own)
    turns = [one for turn in zip_longest(*found) for one in turn if one is not None][:most]
    order = {one.cut.solution.problem: at for at, one in reversed([*enumerate(turns)])}
    return sorted(turns, key=lambda one: (order[one.cut.solution.problem], one.number))


def try_repair(policy: BatchPolicy, repairer: Repairer, samples: list[Flawed], *, seed: int) -> Iterator[Tried]:
    """Go on with these, and tell after each; what an interrupt breaks off does not count.

    Args:
        policy: one that does not mend by itself, and can go on from a text that has been changed.
        seed: of the run.
    """
    done = before = after = 0
    seeds = [(seed, one.cut.solution.problem.key, one.number) for one in samples]
    for number, extension in go_on(policy, repairer, [one.cut for one in samples], seeds):
        if extension.prefix.ended is Ended.CUT:
            continue
        reference = extension.prefix.problem.answer or ""
        done += 1
        before += samples[number].right
        after += is_correct(answer_of(extension.prefix), reference)
        yield Tried(done, len(samples), before, after)
