"""From a spec to an adapter with its card: gather, fit, judge; whatever ends it, the next call goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from ttcli.bench.store.store import Store
from ttcli.catalog.progress import Progress as Download
from ttcli.errors import UsageError
from ttcli.interrupt import Interrupt
from ttcli.runtime.width import threads_of
from ttcli.train.drawing import Stage
from ttcli.train.lora.adapter_file import write_adapter
from ttcli.train.lora.card import TrainedAdapter, trained_adapter
from ttcli.train.lora.gather import Prepared
from ttcli.train.lora.judge import Chains, Scored, judge_prm, judge_reviser
from ttcli.train.lora.learning import Fitted, Forecast, Learning
from ttcli.train.lora.loop import fit
from ttcli.train.lora.pool import PooledProblem, read_pool
from ttcli.train.lora.spec import LoraSpec
from ttcli.train.parts import figures_of

_CHAINS = 4  # of a held-out problem
_REVISIONS = 4  # of a chain


def train_adapter(
    store: Store, spec: LoraSpec, prepared: Prepared, checkpoint: Path, interrupt: Interrupt, download: Download
) -> Iterator[Forecast | Learning | Stage | TrainedAdapter]:
    """How it goes, and at last what came of it, unless interrupted.

    Raises:
        TtcError: as `fit` and the engine do.
        UsageError: the held-out problems have no solution to judge by.
    """
    figures = figures_of(store, prepared.parts)
    pool = [each for each in read_pool(store, [figures[at] for at in sorted(spec.train.held_out)]) if each.votes]
    if not any(each.solutions for each in pool):
        raise UsageError(
            f"no solution of the {len(spec.train.held_out)} held-out problems has an answer to judge the adapter by",
            hint="more problems, or a larger --max-tokens",
        )
    settings = spec.train.settings
    configuration = spec.configuration(str(prepared.config.recipe["weights"]), prepared.digest)
    fitted = None
    for progress in fit(
        prepared,
        spec.fitting,
        configuration,
        checkpoint,
        seed=settings.seed,
        threads=threads_of(settings),
        interrupted=interrupt,
    ):
        if isinstance(progress, Fitted):
            fitted = progress
        else:
            yield progress
    if fitted is None:
        return
    for heard in _judge(spec, prepared, fitted, pool, interrupt, download):
        if isinstance(heard, Stage):
            yield heard
        else:
            yield trained_adapter(spec, prepared, fitted, pool, heard)


def _judge(
    spec: LoraSpec,
    prepared: Prepared,
    fitted: Fitted,
    pool: list[PooledProblem],
    interrupt: Interrupt,
    download: Download,
) -> Iterator[Stage | Chains | Scored]:
    """Have llama.cpp work with the adapter on held-out problems."""
    settings = spec.train.settings
    card = {"kind": spec.kind, "model": prepared.config.model, "weights": prepared.config.recipe["weights"]}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "adapter.gguf"
        write_adapter(path, fitted.arrays, card, alpha=spec.fitting.alpha, family=fitted.family)
        if prepared.form is not None:
            yield from judge_prm(settings, path, prepared.form, pool, interrupt=interrupt, download=download)
        else:
            sizes = {"chains": _CHAINS, "length": _REVISIONS}
            yield from judge_reviser(
                settings, path, pool, spec.chaining, **sizes, interrupt=interrupt, download=download
            )
