"""Solutions with hidden states at the ends of their steps, in the store: whatever ends this, the next call goes on.

Solutions are drawn as `ttc bench --method majority` draws them, into the same pool, but for those that a file has.
These, and what is there without states, are read by the model: one prefill each, their problem shared. Where nobody
looks at states, nothing is read, and a server may draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from ttcli.bench.execute.runner import WorkProgress
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.store.samples import Facts
from ttcli.bench.store.states import stacked
from ttcli.bench.store.store import Store
from ttcli.catalog.progress import Progress as Download
from ttcli.interrupt import Interrupt
from ttcli.runtime.runtime import Runtime, load_runtime
from ttcli.seams import Interrupted
from ttcli.solution import Prefix
from ttcli.train.drawing import Stage, all_drawn, draw_rollouts, draw_solutions, parts_at_work
from ttcli.train.parts import StoredPart, figures_of
from ttcli.train.rollouts import RolloutStart, chosen_steps
from ttcli.train.spec import TrainSpec

if TYPE_CHECKING:
    from ttcli.verifier.states import StateReader

_DEPTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.85)  # of the layers that are tried, as parts of all


_STEPS = 3  # of a solution, after which rollouts begin where its problem has right and wrong ones; elsewhere one


def _is_mixed(figures: ProblemFigures) -> bool:
    """Whether a problem has right and wrong solutions."""
    samples = figures.samples
    return samples is not None and bool(samples.correct.any()) and not bool(samples.correct.all())


def candidate_layers(layers: int) -> tuple[int, ...]:
    """Layers to try of a model that has so many: spread over its middle."""
    return tuple(sorted({min(max(round(layers * depth), 0), layers - 2) for depth in _DEPTHS}))


@contextmanager
def collecting(store: Store, spec: TrainSpec, interrupt: Interrupt, download: Download) -> Iterator[Collection]:
    """Load the model, and find the runs of a spec or begin them.

    Raises:
        TtcError: as `load_runtime` does; StoreError where another process is at work on one of the runs.
    """
    # llama.cpp: not before it is needed
    from ttcli.policy.local.policy import LocalPolicy
    from ttcli.verifier.states import StateReader

    if not spec.states:
        with (
            load_runtime(spec.settings, interrupt, download, bench=()) as runtime,
            parts_at_work(store, spec, runtime) as parts,
        ):
            yield Collection(store, spec, parts, runtime, None)
        return
    with load_runtime(spec.settings, interrupt, download, bench=(), observe=candidate_layers) as runtime:
        policy = runtime.policy
        assert isinstance(policy, LocalPolicy)  # a spec has refused the others
        layers = candidate_layers(policy.model.layers)
        threads = spec.settings.machine.threads
        reader = StateReader(policy.model, policy.name, policy.encode, layers, threads=threads, interrupted=interrupt)
        with closing(reader), parts_at_work(store, spec, runtime) as parts:
            yield Collection(store, spec, parts, runtime, reader)


class Collection:
    """The solutions of a spec, being gathered."""

    def __init__(
        self,
        store: Store,
        spec: TrainSpec,
        parts: tuple[StoredPart, ...],
        runtime: Runtime,
        reader: StateReader | None,  # None: no states are looked at
    ) -> None:
        self.parts = parts
        self.layers = reader.layers if reader else ()
        self._store = store
        self._spec = spec
        self._runtime = runtime
        self._reader = reader

    def go(self) -> Iterator[WorkProgress | Stage]:
        """Work until all is there, or until the interrupt is requested; everything is in the store before it is told.

        Raises:
            StoreError: the store cannot be written any more.
            BackendError: the engine fails.
        """
        yield from draw_solutions(self._store, self.parts, self._runtime)
        yield from self._read()
        starts = self._starts(self._figures())
        yield from draw_rollouts(self._store, self._runtime, starts, seed=self._spec.settings.seed)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        figures = self._figures()
        return all_drawn(figures, self.parts) and not self._unread(figures) and not self._starts(figures)

    def _figures(self) -> list[ProblemFigures]:
        return figures_of(self._store, self.parts)

    def _unread(self, figures: Sequence[ProblemFigures]) -> list[tuple[ProblemFigures, list[Facts]]]:
        """The samples with an answer whose states are not all there."""
        answered = [(problem, [fact for fact in problem.facts if fact.answer is not None]) for problem in figures]
        known = self._store.states.layers([fact.id for _, facts in answered for fact in facts])
        wanted = set(self.layers)
        missing = [(each, [fact for fact in facts if not wanted <= known[fact.id]]) for each, facts in answered]
        return [(each, facts) for each, facts in missing if facts]

    def _read(self) -> Iterator[Stage]:
        """Have the model read what was drawn without a look at its states."""
        if self._reader is None:
            return
        unread = self._unread(self._figures())
        done, total = 0, sum(len(facts) for _, facts in unread)
        for each, facts in unread:
            problem = each.row.problem
            texts = self._store.samples(each.config).steps([fact.id for fact in facts])
            whole = [Prefix(problem, 0, steps=texts[fact.id], ended=fact.ended) for fact in facts]
            try:
                found = self._reader.read(whole)
            except Interrupted:
                return
            for fact, reading in zip(facts, found, strict=True):
                self._store.states.add(fact.id, stacked(reading.steps))
            self._reader.release([Prefix(problem, 0)])
            done += len(facts)
            yield Stage("solutions read", done, total)

    def _starts(self, figures: Sequence[ProblemFigures]) -> list[RolloutStart]:
        """Where rollouts are to begin that are not there yet."""
        if not self._spec.rollouts:
            return []
        training = [figures[at] for at in self._spec.training]
        mixed = [each for each in training if _is_mixed(each)]  # those tell most, so they come first and oftenest
        others = [each for each in training if not _is_mixed(each)]
        return [
            *(start for each in mixed for start in self._starts_of(each, _STEPS)),
            *(start for each in others for start in self._starts_of(each, 1)),
        ]

    def _starts_of(self, figures: ProblemFigures, count: int) -> list[RolloutStart]:
        problem, seed = figures.row.problem, self._spec.settings.seed
        answered = [fact for fact in figures.facts if fact.answer is not None]
        ids = [fact.id for fact in answered]
        texts = self._store.samples(figures.config).steps(ids)
        known = {(each.sample, each.step, each.number) for each in self._store.states.rollouts(ids)}
        starts = []
        for fact in answered:
            steps = texts[fact.id]
            chosen = chosen_steps(problem, fact.number, len(steps), count=count, seed=seed) if len(steps) > 1 else []
            for at in chosen:
                missing = [n for n in range(self._spec.rollouts) if (fact.id, at, n) not in known]
                if missing:
                    starts.append(RolloutStart(problem, fact.id, fact.number, steps[: at + 1], tuple(missing)))
        return starts
