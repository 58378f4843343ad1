"""`ttc train reviser` and `ttc train prm`: low-rank adapters on a model's own weights."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ttcli.cli import options
from ttcli.cli.exit_codes import INTERRUPTED
from ttcli.cli.options import option
from ttcli.cli.run_options import run_options
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.cli.training import (
    Data,
    DataOptions,
    HeldOut,
    Product,
    StoreFile,
    check_named,
    check_number,
    check_target,
    target_of,
    train_spec,
    usual_name,
)
from ttcli.printable import shell_line
from ttcli.terminal.messages import remark, say, say_json
from ttcli.train.lora.spec import Chaining, Device, Fitting

if TYPE_CHECKING:
    from ttcli.bench.store.store import Store
    from ttcli.runtime.adapters import Kind
    from ttcli.runtime.settings import Settings
    from ttcli.train.lora.spec import LoraSpec

_DEFAULT = Fitting()
_CHAINING = Chaining()
_SHAPED = run_options(
    leave_out=("policy", "reviser", "aggregate", "command_timeout", "answer", "extract", "repair", "prompt", "system"),
    more=("temperature", "max_tokens", "offline"),
    says={"temperature": "Of the solutions.", "threads": "CPU threads, of llama.cpp and of torch."},
)

Samples = Annotated[int, option("--samples", "-k", env=None, says="Solutions of each problem to learn from.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterOptions:
    """What training an adapter can be told, of whatever kind it is."""

    solutions: Annotated[
        Path | None,
        option("--solutions", env=None, says="Take these: problem_index, text, finish; or an export.", more=True),
    ] = None
    held_out: HeldOut = 0.3
    limit: options.Limit = None
    sample: Annotated[
        int | None, option("--sample", env=None, says="So many problems, drawn by the seed.", more=True)
    ] = None
    rank: Annotated[int, option("--rank", env=None, says="Of the change to each matrix.")] = _DEFAULT.rank
    epochs: Annotated[int, option("--epochs", env=None, says="Times that all is gone through, at most.")] = (
        _DEFAULT.epochs
    )
    steps: Annotated[int | None, option("--steps", env=None, says="Of the optimiser, at most.", more=True)] = None
    learning_rate: Annotated[float, option("--learning-rate", env=None, says="At its height.", more=True)] = (
        _DEFAULT.rate
    )
    batch: Annotated[int, option("--batch", env=None, says="Examples of a step.", more=True)] = _DEFAULT.batch
    batch_tokens: Annotated[int, option("--batch-tokens", env=None, says="At once, for want of memory.", more=True)] = (
        _DEFAULT.tokens
    )
    dropout: Annotated[float, option("--dropout", env=None, says="Of what the change is given.", more=True)] = (
        _DEFAULT.dropout
    )
    patience: Annotated[
        int, option("--patience", env=None, says="Looks at other problems without a better one, then stop.", more=True)
    ] = _DEFAULT.patience
    device: Annotated[Device, option("--device", env=None, says="auto: a GPU where torch sees one.")] = "auto"
    output: Annotated[
        str | None, option("--output", "-o", env=None, says="A name, or a path in .gguf; left out: the model's name.")
    ] = None
    force: Annotated[bool, option("--force", env=None, says="Replace an adapter that is there.")] = False
    restart: Annotated[bool, option("--restart", env=None, says="Leave an unfinished training aside.", more=True)] = (
        False
    )
    as_json: Annotated[bool, option("--json", env=None, says="The adapter's card on stdout.", more=True)] = False
    quiet: options.OnlyTables = False
    skip_bad: options.SkipBad = False
    store: StoreFile = None

    @property
    def fitting(self) -> Fitting:
        """How the adapter is fitted; raises UsageError."""
        return Fitting(
            self.rank,
            self.learning_rate,
            self.epochs,
            self.steps,
            self.batch,
            self.batch_tokens,
            self.dropout,
            self.patience,
            self.device,
        )

    def data(self, file: str, samples: int, rollouts: int) -> DataOptions:
        """What the adapter is trained from."""
        return DataOptions(
            file, samples, rollouts, self.solutions, self.held_out, self.limit, self.sample, self.skip_bad
        )


@_SHAPED
def reviser(
    *,
    data: Data,
    settings: Settings,
    samples: Samples = 16,
    chains: Annotated[
        int, option("--chains", env=None, says="Chains of attempts to learn from, of a problem at most.", more=True)
    ] = _CHAINING.chains,
    keep: Annotated[
        float,
        option("--keep", env=None, says="Chance that a chain has a right attempt in view at last, to be kept."),
    ] = _CHAINING.keep,
    verifier: Annotated[
        str | None, option("--verifier", env=None, says="Says which step of an attempt is in doubt.", more=True)
    ] = None,
    tell: Annotated[
        float | None,
        option(
            "--tell",
            env=None,
            says="Show attempts up to the first step that it scores below this, and tell that.",
            more=True,
        ),
    ] = None,
    chosen: AdapterOptions,
) -> int:
    """Train an adapter that writes right solutions with wrong ones in view, from the model's own (Snell et al., s. 6).

    Whatever ends it, the same command goes on where it stopped. Examples:

    ttc train reviser gsm8k_train.jsonl --limit 500 -k 64

    Then: ttc solve "..." --method revise --reviser qwen2.5-coder-0.5b-reviser
    """
    return _go("reviser", settings, chosen.data(data, samples, 0), chosen, Chaining(chains, keep, tell, verifier))


@_SHAPED
def prm(
    *,
    data: Data,
    settings: Settings,
    samples: Samples = 8,
    rollouts: Annotated[int, option("--rollouts", env=None, says="Outcomes that each step is to have, at least.")] = 8,
    chosen: AdapterOptions,
) -> int:
    """Train an adapter that scores every step: how often what stands so far comes to the right answer (s. 3).

    Whatever ends it, the same command goes on where it stopped. Examples:

    ttc train prm gsm8k_train.jsonl --limit 500 --rollouts 8

    Then: ttc solve "..." --method beam --verifier prm:qwen2.5-coder-0.5b-prm
    """
    return _go("prm", settings, chosen.data(data, samples, rollouts), chosen)


def _go(
    kind: Kind, settings: Settings, data: DataOptions, chosen: AdapterOptions, chaining: Chaining = _CHAINING
) -> int:
    """Refuse what cannot be done, before any work; then train."""
    from ttcli.files.paths import adapters_dir
    from ttcli.runtime.adapters import CALLED, SUFFIX
    from ttcli.train.lora.spec import LoraSpec, require_lora

    check_number("--rollouts", data.rollouts, 0, 8)
    fitting = chosen.fitting
    usual = f"{usual_name(settings)}-{kind}"
    adapter = Product("an", "adapter", adapters_dir(), SUFFIX, usual, only=True)
    target = target_of(adapter, chosen.output)
    check_target(target, adapter, force=chosen.force)
    check_number("--samples", data.samples, 2, 16)
    check_named(data.data, "adapter")
    spec = LoraSpec(kind, train_spec(settings, data, CALLED[kind]), fitting, chaining)
    require_lora()
    with options.open_store(chosen.store) as opened:
        return _train(opened, spec, target, chosen)


def _train(store: Store, spec: LoraSpec, target: Path, chosen: AdapterOptions) -> int:
    """Gather, fit, judge, write, tell."""
    from ttcli.interrupt import Interrupt
    from ttcli.terminal.download import download_progress
    from ttcli.terminal.lora import LoraDisplay, adapter_lines
    from ttcli.train.lora.card import TrainedAdapter
    from ttcli.train.lora.gather import gathering
    from ttcli.train.lora.spec import checkpoint_of
    from ttcli.train.lora.train import train_adapter

    interrupt, train = Interrupt(), spec.train
    download = download_progress(quiet=chosen.quiet)
    checkpoint = checkpoint_of(target)
    if chosen.restart:
        checkpoint.unlink(missing_ok=True)
    stream = None if chosen.quiet else sys.stderr
    trained: TrainedAdapter | None = None
    with (
        LoraDisplay(stream, train.task, train.drawn, expected=train.expected) as screen,
        interrupted_by_ctrl_c(interrupt),
    ):
        prepared = None
        with gathering(store, spec, interrupt, download) as gathered:
            for progress in gathered.go():
                screen.show(progress)
            if not interrupt() and gathered.finished:
                prepared = gathered.prepare()
        for told in train_adapter(store, spec, prepared, checkpoint, interrupt, download) if prepared else ():
            if isinstance(told, TrainedAdapter):
                trained = told
            else:
                screen.show(told)
    if trained is None:
        command = tuple(part for part in train.command if part != "--restart")
        remark(f"all that was drawn and trained is kept; go on with: {shell_line(command)}")
        return INTERRUPTED
    trained.write(target)
    checkpoint.unlink(missing_ok=True)
    if chosen.as_json:
        say_json({"version": 1, "adapter": str(target), "card": trained.card})
    else:
        say(*adapter_lines(trained, target))
    return 0
