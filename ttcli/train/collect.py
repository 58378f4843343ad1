"""Solutions with hidden states at the ends of their steps, in the store: whatever ends this, the next call goes on.

Solutions are drawn as `ttc bench --method majority` draws them, into the same pool. Those that are there without
states, and those of a file, are read by the model: one prefill each, their problem shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ttcli.bench.config import RunConfig
from ttcli.bench.dataset import Row, select
from ttcli.bench.figures import ProblemFigures, load_figures
from ttcli.bench.runner import Progress, Runner, open_tasks
from ttcli.bench.sample import Sample, SampleKey
from ttcli.bench.samples import Facts
from ttcli.bench.sitting import Order
from ttcli.bench.sitting import config_of as bench_config
from ttcli.bench.states import stacked
from ttcli.bench.store import Run, Store
from ttcli.bench.task import Task
from ttcli.bench.worker import Description, describe, engine
from ttcli.catalog.progress import Progress as Download
from ttcli.cost import Budget
from ttcli.engine.job import split_steps
from ttcli.errors import UsageError
from ttcli.interrupt import Interrupt
from ttcli.policy.protocol import Extension
from ttcli.problem import Problem
from ttcli.settings import Settings
from ttcli.solve import SCRIPTED, Workbench, workbench
from ttcli.train.fit import FOLDS
from ttcli.train.given import Solutions
from ttcli.train.rollouts import Resuming, Start, chosen_step, roll_out
from ttcli.tree import Prefix, Step
from ttcli.verifier.protocol import Interrupted

if TYPE_CHECKING:
    from ttcli.verifier.states import Reading

_DEPTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.85)  # of the layers that are tried, as parts of all


class Stage(NamedTuple):
    """How far some part of the work has come, other than the drawing of samples."""

    what: str
    done: int
    total: int


class Source(NamedTuple):
    """A data set, as a card names it."""

    name: str  # of the file, without its folder
    sha256: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a user asked for.

    Raises:
        UsageError: a policy whose hidden states cannot be seen.
    """

    settings: Settings
    data: Source
    rows: tuple[Row, ...]
    samples: int  # per problem
    held_out: frozenset[int]  # positions of the problems that are kept for judging
    command: tuple[str, ...]
    rollouts: int = 0  # besides, of each solution to train on
    solutions: Solutions | None = None  # instead of drawing any

    def __post_init__(self) -> None:
        settings = self.settings
        scripted = settings.model is not None and settings.model.startswith(SCRIPTED)
        if settings.policy is not None or scripted:
            who = "a script" if scripted else "a server"
            raise UsageError(f"{who} shows no hidden states", hint="--model, a GGUF on this machine, and no --policy")

    @property
    def training(self) -> list[int]:
        """Positions of the problems that are trained on."""
        return [at for at in range(len(self.rows)) if at not in self.held_out]

    @property
    def task(self) -> Task:
        """That draws the solutions, or would have drawn those of a file."""
        numbers = (number for _, number, _ in self.solutions.of(self.rows)) if self.solutions else ()
        return Task("majority", "", Budget(max((number + 1 for number in numbers), default=self.samples)))


def split(rows: Sequence[Row], part: float, *, seed: int) -> frozenset[int]:
    """Positions of the problems to hold out: about this part of them, chosen by the seed and their texts alone.

    Raises:
        UsageError: that leaves nothing to train on, or nothing to judge by.
    """
    if not 0 < part < 1:
        raise UsageError(f"--held-out must be between 0 and 1, not {part:g}", hint="--held-out 0.3")
    number = round(part * len(rows))
    if not number or len(rows) - number < FOLDS:
        raise UsageError(
            f"of {len(rows)} problems {number} would be held out to judge the head by, and {len(rows) - number} are "
            f"left to train on: it takes 1 and {FOLDS}",
            hint="more problems: a larger --limit or --sample",
        )
    chosen = {row.line for row in select(rows, sample=number, seed=seed)}
    return frozenset(at for at, row in enumerate(rows) if row.line in chosen)


def candidate_layers(layers: int) -> tuple[int, ...]:
    """Layers to try of a model that has so many: spread over its middle."""
    return tuple(sorted({min(max(round(layers * depth), 0), layers - 2) for depth in _DEPTHS}))


@contextmanager
def collecting(store: Store, lesson: Lesson, interrupt: Interrupt, download: Download) -> Iterator[Collection]:
    """Load the model, and find the run of a lesson or begin it.

    Raises:
        TtcError: as `workbench` does; StoreError where another process is at work on the run.
    """
    # llama.cpp: not before it is needed
    from ttcli.policy.local import LocalPolicy
    from ttcli.verifier.states import StateReader

    with workbench(lesson.settings, interrupt, download, bench=(), observe=candidate_layers) as rig:
        policy = rig.policy
        assert isinstance(policy, LocalPolicy)  # a lesson has refused the others
        layers = candidate_layers(policy.model.layers)
        threads = lesson.settings.machine.threads
        reader = StateReader(policy.model, policy.name, policy.encode, layers, threads=threads, interrupted=interrupt)
        run = store.begin(config_of(lesson, describe(rig)), lesson.rows)
        with closing(reader), store.working_on(run):
            hands = Hands(policy, reader, lambda text: len(policy.model.tokenize(text, special=False)))
            yield Collection(store, lesson, run, rig, hands)


def config_of(lesson: Lesson, description: Description) -> RunConfig:
    """The run that holds the solutions of a lesson; those of a file are of a source of their own."""
    if lesson.solutions is not None:
        own = {key: value for key, value in description.recipe.items() if key not in ("sampler", "max_tokens")}
        description = replace(description, recipe={**own, "solutions": lesson.solutions.sha256})
    tasks = (lesson.task,)
    order = Order(lesson.settings, tasks, tasks[0].name, lesson.data.name, lesson.rows, lesson.command)
    return bench_config(order, description)


class Reader(Protocol):
    """Reads solutions with the model that is to get a head; `StateReader` is one."""

    layers: tuple[int, ...]

    def read(self, prefixes: Sequence[Prefix]) -> Sequence[Reading]:
        """The states of every step of these.

        Raises:
            Interrupted: it was called off.
        """
        ...

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Forget prefixes, and under a root all that grew from it."""
        ...


class Hands(NamedTuple):
    """What a collection works with, besides its workbench."""

    policy: Resuming  # that of the workbench
    reader: Reader
    length: Callable[[str], int]  # of a text in tokens


class Collection:
    """The solutions of a lesson, being gathered."""

    def __init__(self, store: Store, lesson: Lesson, run: Run, rig: Workbench, hands: Hands) -> None:
        self.run = run
        self.layers = hands.reader.layers
        self._store = store
        self._lesson = lesson
        self._rig = rig
        self._hands = hands

    def go(self) -> Iterator[Progress | Stage]:
        """Work until all is there, or until the interrupt is requested; everything is in the store before it is told.

        Raises:
            StoreError: the store cannot be written any more.
            BackendError: the engine fails.
        """
        if self._lesson.solutions is None:
            yield from Runner(self._store, self.run).go(engine(self._rig))
        else:
            self._take_over(self._lesson.solutions)
        yield from self._read()
        yield from self._roll_out()

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        figures = self._figures()
        drawn = self._lesson.solutions is not None or not any(open_tasks(each) for each in figures)
        return drawn and not self._unread(figures) and not self._starts(figures)

    def _figures(self) -> list[ProblemFigures]:
        return load_figures(self._store, self.run)

    def _take_over(self, solutions: Solutions) -> None:
        """Put the solutions of a file into the store, as samples that this model might have drawn."""
        config = self.run.config
        separator = config.recipe["prompt"]["step_separator"]
        for position, number, given in solutions.of(self._lesson.rows):
            problem = self._lesson.rows[position].problem
            steps = tuple(Step(part, self._hands.length(part), None) for part in split_steps(given.text, separator))
            whole = Prefix(problem, 0, steps=steps, ended=given.ended)
            key = SampleKey(config.temperature, config.seed, number)
            self._store.samples(config).add(problem.text, Sample.of(key, Extension(0, whole, whole.tokens, 0)))

    def _unread(self, figures: Sequence[ProblemFigures]) -> list[tuple[Problem, list[Facts]]]:
        """The samples with an answer whose states are not all there."""
        answered = [(each.row.problem, [fact for fact in each.facts if fact.answer is not None]) for each in figures]
        known = self._store.states.layers([fact.id for _, facts in answered for fact in facts])
        wanted = set(self.layers)
        missing = [(problem, [fact for fact in facts if not wanted <= known[fact.id]]) for problem, facts in answered]
        return [(problem, facts) for problem, facts in missing if facts]

    def _read(self) -> Iterator[Stage]:
        """Have the model read what was drawn without a look at its states."""
        unread = self._unread(self._figures())
        done, total = 0, sum(len(facts) for _, facts in unread)
        for problem, facts in unread:
            texts = self._store.samples(self.run.config).steps([fact.id for fact in facts])
            whole = [Prefix(problem, 0, steps=texts[fact.id], ended=fact.ended) for fact in facts]
            try:
                found = self._hands.reader.read(whole)
            except Interrupted:
                return
            for fact, reading in zip(facts, found, strict=True):
                self._store.states.add(fact.id, stacked(reading.steps))
            self._hands.reader.release([Prefix(problem, 0)])
            done += len(facts)
            yield Stage("solutions read", done, total)

    def _starts(self, figures: Sequence[ProblemFigures]) -> list[Start]:
        """Where rollouts are to begin that are not there yet."""
        if not self._lesson.rollouts:
            return []
        training = [figures[at] for at in self._lesson.training]
        answered = [(each, fact) for each in training for fact in each.facts if fact.answer is not None]
        ids = [fact.id for _, fact in answered]
        texts = self._store.samples(self.run.config).steps(ids)
        known = {(each.sample, each.number) for each in self._store.states.rollouts(ids)}
        starts = []
        for each, fact in answered:
            missing = [number for number in range(self._lesson.rollouts) if (fact.id, number) not in known]
            steps, seed = texts[fact.id], self.run.config.seed
            if missing and len(steps) > 1:
                at = chosen_step(each.row.problem, fact.number, len(steps), seed=seed)
                starts.append(Start(each.row.problem, fact.id, fact.number, steps[: at + 1], tuple(missing)))
        return starts

    def _roll_out(self) -> Iterator[Stage]:
        """Draw other ends of the solutions to train on."""
        starts = self._starts(self._figures())
        total = sum(len(start.missing) for start in starts)
        if starts:
            rolled = roll_out(self._hands.policy, starts, seed=self.run.config.seed)
            for done, rollout in enumerate(rolled, 1):
                self._store.states.add_rollout(rollout)
                yield Stage("rollouts drawn", done, total)
