"""A bench in one call, for programs: the same runs in the same store as `ttc bench` has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ttcli.answers import CHECKER
from ttcli.bench.figures.summary import Summary, summarise
from ttcli.bench.plan import choose_baseline, make_tasks
from ttcli.bench.session import BenchSpec, open_run
from ttcli.bench.store.store import Store
from ttcli.catalog.progress import NoProgress
from ttcli.data.dataset import Row, read_dataset, select
from ttcli.errors import UsageError
from ttcli.files.paths import store_file
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.runtime.settings import Settings


def run(
    data: str | Path | Sequence[Row | tuple[str, str]],
    settings: Settings | str,
    *,
    methods: Sequence[str] = (),
    verifiers: Sequence[str] = (),
    budget: int | str = 16,
    limit: int | None = None,
    sample: int | None = None,
    baseline: str | None = None,
    store: str | Path | None = None,
) -> Summary:
    """Run methods over a data set; what was drawn before is not drawn again.

    Args:
        data: a file as `ttc bench` reads it, rows, or pairs of problem and reference answer.
        settings: of the runs; a text is the name of a model.
        methods: as `--method`; (): majority and best-of-n.
        budget: as `--budget`: 16, "4,16,64", "16/problem".
        store: the file of runs; None: that of the commands.

    Returns:
        All figures: `summary.headline` is the first method at its largest budget, `summary.lines` has all of them.

    Raises:
        UsageError, DatasetError, ModelError, StoreError, GradingError: as `ttc bench` would.
    """
    CHECKER.require()
    settings = Settings(settings) if isinstance(settings, str) else settings
    name, rows = _rows(data, limit)
    rows = select(rows, limit=limit, sample=sample, seed=settings.seed)
    tasks = make_tasks(methods, verifiers, str(budget), profile=settings.profile)
    spec = BenchSpec(settings, tasks, choose_baseline(tasks, baseline), name, rows, ("python",))
    kept = Store(Path(store) if store is not None else store_file())
    with kept, open_run(kept, spec, Interrupt(), NoProgress()) as session:
        for _ in session.go():
            pass
        return summarise(kept, session.run)


def _rows(data: str | Path | Sequence[Row | tuple[str, str]], limit: int | None) -> tuple[str, tuple[Row, ...]]:
    if isinstance(data, str | Path):
        dataset = read_dataset(str(data), limit=limit)
        return dataset.name, dataset.rows
    rows = tuple(_row(each, number) for number, each in enumerate(data, 1))
    if not rows:
        raise UsageError("there are no problems")
    return "python", rows


def _row(given: Row | tuple[str, str], number: int) -> Row:
    if isinstance(given, Row):
        return given
    problem, answer = given
    return Row(Problem(problem, str(number), answer), number, None, None)
