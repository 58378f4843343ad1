"""What an adapter is trained from, in the store: solutions as `ttc bench` draws them, and rollouts from their steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, cast

from ttcli.bench.execute.runner import WorkProgress
from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.states import Rollout
from ttcli.bench.store.store import Store
from ttcli.catalog.forms import PrmForm
from ttcli.catalog.progress import Progress as Download
from ttcli.errors import UsageError
from ttcli.interrupt import Interrupt
from ttcli.runtime.runtime import Runtime, load_runtime
from ttcli.seams import Interrupted
from ttcli.solution import Attempt
from ttcli.train.drawing import Stage, all_drawn, draw_rollouts, draw_solutions, parts_at_work
from ttcli.train.lora.encoding import Example, Probe, choose_form, encode_trajectories, encode_values, probe
from ttcli.train.lora.pool import PooledProblem, read_pool, rollout_starts
from ttcli.train.lora.spec import LoraSpec, digest
from ttcli.train.lora.telling import Telling
from ttcli.train.lora.trajectories import trajectories
from ttcli.train.lora.values import valued
from ttcli.train.parts import StoredPart, figures_of
from ttcli.train.rollouts import RolloutStart

if TYPE_CHECKING:
    from pathlib import Path

    from ttcli.policy.local.policy import LocalPolicy


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """All that training takes, llama.cpp left behind."""

    weights: Path  # the GGUF
    config: RunConfig  # of the solutions
    parts: tuple[StoredPart, ...]
    examples: list[Example]
    stopping: list[Example]  # of other problems: they tell when to stop
    problems: tuple[int, int]  # that these are of
    rollouts: int  # that they go by
    form: PrmForm | None  # of a process reward model
    labels: tuple[int, int] | None  # likewise: the token of a right step, that of a wrong one
    probe: Probe

    @property
    def digest(self) -> str:
        """A hash of what is learned from."""
        return digest([[astuple(each) for each in own] for own in (self.examples, self.stopping)])


@contextmanager
def gathering(store: Store, spec: LoraSpec, interrupt: Interrupt, download: Download) -> Iterator[Gathering]:
    """Load the model, and find the runs of a spec or begin them.

    Raises:
        TtcError: as `load_runtime` does; StoreError where another process is at work on one of the runs.
        UsageError: the model thinks before it answers, and what it thought is not kept with its solutions.
    """
    from ttcli.policy.local.policy import LocalPolicy  # llama.cpp: not before it is needed

    scorers = [] if spec.chaining.scorer is None else [spec.chaining.scorer]
    with load_runtime(spec.train.settings, interrupt, download, bench=scorers) as runtime:
        policy = runtime.policy
        assert isinstance(policy, LocalPolicy)  # a spec has refused the others
        if policy.thought_tokens:
            raise UsageError(
                f"{policy.name} thinks before it answers, and an adapter is trained on answers alone",
                hint="--think off",
            )
        with parts_at_work(store, spec.train, runtime) as parts:
            yield Gathering(store, spec, parts, runtime)


class Gathering:
    """The solutions of a spec, and what else an adapter of its kind goes by, being gathered."""

    def __init__(self, store: Store, spec: LoraSpec, parts: tuple[StoredPart, ...], runtime: Runtime) -> None:
        self.parts = parts
        self._store = store
        self._spec = spec
        self._runtime = runtime
        self._told: dict[int, dict[str, Attempt]] = {}  # by position and text
        self._all_told = False

    def go(self) -> Iterator[WorkProgress | Stage]:
        """Work until all is there, or an interrupt is requested; what is drawn is in the store before it is told.

        What a verifier says of solutions is not kept there: where it is to tell what it doubts, it is asked again.

        Raises:
            StoreError: the store cannot be written any more.
            BackendError: the engine fails.
        """
        yield from draw_solutions(self._store, self.parts, self._runtime)
        starts = [] if self._runtime.interrupt() else self._starts()
        yield from draw_rollouts(self._store, self._runtime, starts, seed=self._spec.train.settings.seed)
        yield from self._tell()

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        if not all_drawn(figures_of(self._store, self.parts), self.parts) or self._starts():
            return False
        return self._spec.chaining.tell is None or self._all_told

    def prepare(self) -> Prepared:
        """What was gathered as tokens.

        Raises:
            UsageError: there is nothing to learn from.
        """
        spec, policy = self._spec, cast("LocalPolicy", self._runtime.policy)
        pool = self._pool(spec.train.training)
        prompt = self.parts[0].run.config.recipe["prompt"]
        chosen = choose_form(policy.model, prompt["step_separator"]) if spec.kind == "prm" else None
        rollouts = self._rollouts(pool) if spec.kind == "prm" else []
        by_sample = {sample: [*own] for sample, own in groupby(rollouts, key=lambda each: each.sample)}
        encoded: dict[int, list[Example]] = {}
        if chosen is None:
            for chain in trajectories(pool, spec.chaining, self._told, seed=spec.train.settings.seed):
                encoded.setdefault(chain.position, []).extend(encode_trajectories(policy, [chain]))
        else:
            for each in pool:
                values = valued(
                    each, [own for solution in each.solutions for own in by_sample.get(solution.sample, [])]
                )
                encoded[each.position] = encode_values(policy.model, chosen.form, each.problem, values)
        fitted, kept = spec.dealt([at for at, own in encoded.items() if own])
        _check(spec, pool, fitted)
        examples, stopping = ([example for at in part for example in encoded[at]] for part in (fitted, kept))
        local = policy.model.path
        return Prepared(
            weights=local,
            config=self.parts[0].run.config,
            parts=self.parts,
            examples=examples,
            stopping=stopping,
            problems=(len(fitted), len(kept)),
            rollouts=len(rollouts),
            form=chosen.told if chosen else None,
            labels=chosen.form.labels if chosen else None,
            probe=probe(policy.model, examples[0]),
        )

    def _tell(self) -> Iterator[Stage]:
        """Have the verifier say what it doubts, until the interrupt is requested."""
        chaining = self._spec.chaining
        if chaining.tell is None:
            return
        telling = Telling(self._runtime.verifiers[str(chaining.scorer)], chaining.tell)
        pool = [] if self._runtime.interrupt() else self._pool(self._spec.train.training)
        taught = [each for each in pool if any(solution.correct for solution in each.solutions)]
        for done, each in enumerate(taught, 1):
            try:
                self._told[each.position] = telling.of(each)
            except Interrupted:
                return
            yield Stage("problems whose solutions are scored", done, len(taught))
            if self._runtime.interrupt():
                return
        self._all_told = True

    def _pool(self, positions: Sequence[int]) -> list[PooledProblem]:
        figures = figures_of(self._store, self.parts)
        return read_pool(self._store, [figures[at] for at in positions])

    def _rollouts(self, pool: Sequence[PooledProblem]) -> list[Rollout]:
        """Those that count: an earlier call may have asked for more."""
        known = self._store.states.rollouts([each.sample for pooled in pool for each in pooled.solutions])
        return [each for each in known if each.number < self._spec.train.rollouts]

    def _starts(self) -> list[RolloutStart]:
        """Where rollouts are to begin that are not there yet."""
        if self._spec.kind == "reviser" or not self._spec.train.rollouts:
            return []
        pool = self._pool(self._spec.train.training)
        return rollout_starts(pool, self._rollouts(pool), self._spec.train.rollouts)


def _check(spec: LoraSpec, pool: Sequence[PooledProblem], fitted: Sequence[int]) -> None:
    """Raise UsageError where there is nothing to learn from."""
    right = sum(each.correct for pooled in pool for each in pooled.solutions)
    total = sum(len(pooled.solutions) for pooled in pool)
    hint = "more --samples, more problems, or such as the model gets right now and then"
    if not total:
        raise UsageError(f"no solution of {len(pool)} problems has an answer", hint="a larger --max-tokens")
    if not right:
        raise UsageError(f"none of {total:,} solutions to train on is right: there is nothing to learn from", hint=hint)
    if right == total:
        raise UsageError(f"all {total:,} solutions to train on are right: there is nothing to learn from", hint=hint)
    if not fitted:
        kind = "a right solution" if spec.kind == "reviser" else "a solution"
        raise UsageError(
            f"fewer than two problems have {kind} that fits the model's context: one to train on, and one to tell "
            "when to stop",
            hint=hint,
        )
