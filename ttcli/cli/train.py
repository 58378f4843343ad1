"""`ttc train`: a verifier for a model, from its own solutions of problems whose answers are known."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from ttcli.cli import options
from ttcli.cli.exit_codes import INTERRUPTED
from ttcli.cli.options import option
from ttcli.cli.run_options import run_options
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.cli.train_lora import prm, reviser
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
from ttcli.errors import TtcError
from ttcli.printable import shell_line
from ttcli.terminal.messages import remark, say, say_json

if TYPE_CHECKING:
    from ttcli.bench.store.store import Store
    from ttcli.interrupt import Interrupt
    from ttcli.runtime.settings import Settings
    from ttcli.terminal.train import TrainDisplay
    from ttcli.train.card import Trained
    from ttcli.train.parts import StoredPart
    from ttcli.train.spec import TrainSpec

train_app = typer.Typer(no_args_is_help=True, help="Train a verifier or a reviser for a model, from its own solutions.")
train_app.command()(reviser)
train_app.command()(prm)


@train_app.command()
@run_options(
    leave_out=("reviser", "aggregate", "command_timeout", "answer", "extract", "repair", "prompt", "system"),
    more=("policy", "temperature", "max_tokens", "offline"),
    says={
        "policy": "An OpenAI-compatible server: with --looks-at visible alone.",
        "temperature": "Of the solutions.",
        "seed": "Same seed, same store: the same head.",
    },
)
def verifier(  # over 60 lines: most of them declare an option each
    *,
    data: Data,
    settings: Settings,
    samples: Annotated[int, option("--samples", "-k", env=None, says="Solutions of each problem to draw.")] = 8,
    solutions: Annotated[
        Path | None,
        option("--solutions", env=None, says="Take these: problem_index, text, finish; or an export."),
    ] = None,
    rollouts: Annotated[
        int,
        option(
            "--rollouts", env=None, says="Other ends to draw of each solution, from one of its steps on.", more=True
        ),
    ] = 0,
    looks_at: Annotated[
        Literal["all", "visible"],
        option("--looks-at", env=None, says="visible: no hidden states, so nothing is read, and a server will do."),
    ] = "all",
    held_out: HeldOut = 0.3,
    limit: options.Limit = None,
    sample: options.Sample = None,
    output: Annotated[
        str | None,
        option("--output", "-o", env=None, says="A name, for head:NAME, or a path; the model's name if left out."),
    ] = None,
    force: Annotated[bool, option("--force", env=None, says="Replace a head that is there.")] = False,
    as_json: Annotated[bool, option("--json", env=None, says="The head's card on stdout.")] = False,
    quiet: options.OnlyTables = False,
    skip_bad: options.SkipBad = False,
    store: StoreFile = None,
) -> int:
    """Train a small head that tells right steps from wrong ones by what is seen of them and by hidden states.

    Whatever ends it, the same command goes on where it stopped. Examples:

    ttc train verifier gsm8k_train.jsonl --limit 200

    ttc train verifier gsm8k_train.jsonl --limit 162 --solutions rollouts.jsonl -o gsm8k

    ttc train verifier dev.jsonl --looks-at visible --policy http://localhost:8080/v1 -o mine

    Then: ttc solve "..." --method best-of-n --verifier head:gsm8k
    """
    from ttcli.files.paths import heads_dir
    from ttcli.runtime.heads import SUFFIX
    from ttcli.stats.fitting import require_fitting

    check_number("--samples", samples, 2, 4)
    check_number("--rollouts", rollouts, 0, 4)
    check_named(data, "head")
    require_fitting("a head")
    head = Product("a", "head", heads_dir(), SUFFIX, usual_name(settings))
    target = target_of(head, output)
    check_target(target, head, force=force)
    asked = DataOptions(data, samples, rollouts, solutions, held_out, limit, sample, skip_bad, looks_at == "all")
    spec = train_spec(settings, asked, "head")
    with options.open_store(store) as opened:
        return _train(opened, spec, _TrainOutput(target, as_json, quiet))


@dataclass(frozen=True, slots=True)
class _TrainOutput:
    """Where the head goes, and how all is to be told."""

    target: Path
    as_json: bool
    quiet: bool


def _train(store: Store, spec: TrainSpec, wishes: _TrainOutput) -> int:
    """Collect, fit, write, tell."""
    from ttcli.interrupt import Interrupt
    from ttcli.terminal.train import TrainDisplay, verifier_lines

    interrupt = Interrupt()
    resume = f"go on with: {shell_line(spec.command)}"
    stream = None if wishes.quiet else sys.stderr
    with TrainDisplay(stream, spec.task, spec.drawn, expected=spec.expected) as screen:
        collected = _collect(store, spec, interrupt, screen, quiet=wishes.quiet)
        try:
            trained = _fit(store, spec, collected, screen) if collected else None
        except KeyboardInterrupt:
            trained = None
    if trained is None:
        remark(f"all that was drawn and read is kept; {resume}")
        return INTERRUPTED
    trained.write(wishes.target)
    if wishes.as_json:
        say_json({"version": 1, "head": str(wishes.target), "card": dict(trained.head.card)})
    else:
        say(*verifier_lines(trained, wishes.target))
    return 0


class _Collected(NamedTuple):
    """Solutions with their states, in the store."""

    parts: tuple[StoredPart, ...]
    layers: tuple[int, ...]


def _collect(
    store: Store, spec: TrainSpec, interrupt: Interrupt, screen: TrainDisplay, *, quiet: bool
) -> _Collected | None:
    """Have all solutions and their states in the store; None where somebody stopped that."""
    from ttcli.terminal.download import download_progress
    from ttcli.train.collect import collecting

    begun = False
    try:
        with (
            collecting(store, spec, interrupt, download_progress(quiet=quiet)) as collection,
            interrupted_by_ctrl_c(interrupt),
        ):
            begun = True
            for progress in collection.go():
                screen.show(progress)
            return _Collected(collection.parts, collection.layers) if collection.finished else None
    except TtcError as error:
        if begun:  # what was drawn is kept
            command = shell_line(spec.command)
            error.hint = f"{error.hint}; then {command}" if error.hint else command
        raise


def _fit(store: Store, spec: TrainSpec, collected: _Collected, screen: TrainDisplay) -> Trained:
    from ttcli.train.card import Trained
    from ttcli.train.verifier import train_verifier

    for progress in train_verifier(store, spec, *collected):
        if isinstance(progress, Trained):
            return progress
        screen.show(progress)
    raise RuntimeError("a training came to no end")
