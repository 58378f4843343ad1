"""`ttc train reviser` and `ttc train prm`: how the work goes on stderr, and what came of it as tables on stdout."""

from __future__ import annotations

from pathlib import Path

from ttcli.bench.execute.runner import WorkProgress
from ttcli.bench.figures.numbers import percent, points, points_between, short
from ttcli.runtime.adapters import revising
from ttcli.terminal import words
from ttcli.terminal.columns import Column, table
from ttcli.terminal.marks import UNICODE, Marks
from ttcli.terminal.runs import stdout_marks, stdout_width
from ttcli.terminal.tables import WIDTH
from ttcli.terminal.train import EVERY, TrainDisplay, apart, header_lines, judgement_parts
from ttcli.train.drawing import Stage
from ttcli.train.lora.card import TrainedAdapter
from ttcli.train.lora.learning import Forecast, Learning
from ttcli.train.lora.transitions import Change, Revising


class LoraDisplay(TrainDisplay):
    """Besides: a forecast before the training, and a line with the loss now and then."""

    _last: float | None = None  # when a line about a step was written
    _looks = 0  # that were taken by then

    def show(self, progress: WorkProgress | Stage | Forecast | Learning) -> None:
        """Take note of what happened, and tell it if it is time to."""
        if isinstance(progress, Forecast):
            self._line(forecast(progress))
        elif isinstance(progress, Learning):
            looks = len(progress.progress.looks)
            due = self._last is None or self._clock() - self._last >= EVERY
            if due or looks > self._looks or progress.progress.step == progress.steps:
                self._last, self._looks = self._clock(), looks
                self._line(learning(progress))
        else:
            super().show(progress)


def forecast(told: Forecast) -> str:
    """What is to come, before it begins."""
    gone = f", {told.done:,} of them done," if told.done else ""
    return (
        f"training {short(told.parameters)} parameters on {told.device}: at most {words.counted(told.steps, 'step')}"
        f"{gone} of about {told.tokens:,} tokens, from {words.counted(told.examples, 'example')}; "
        f"{told.stopping:,} more tell when to stop; about {words.duration(told.seconds)}"
    )


def learning(told: Learning) -> str:
    """How far it has come."""
    progress = told.progress
    loss = "-" if progress.loss is None else f"{progress.loss:.4f}"
    looks = progress.looks
    best = progress.best
    others = f", on other problems {looks[-1][1]:.4f} (best {best[1]:.4f} at step {best[0]:,})" if best else ""
    left = "" if progress.done else f"; about {words.duration(told.seconds)} left"
    return f"step {progress.step:,} of {told.steps:,}: loss {loss}{others}{left}"


def adapter_lines(trained: TrainedAdapter, path: Path) -> list[str]:
    """A trained adapter: what it was made from, how the training went, what it is worth on held-out problems."""
    width, marks = stdout_width(), stdout_marks()
    judgement = trained.judgement
    if isinstance(judgement, Revising):
        parts = [step_table(judgement, width=width, marks=marks), revision_verdict(judgement)]
    else:
        parts = judgement_parts(judgement, quarter_lines(trained), width=width, marks=marks)
    return apart(header(trained, path, marks=marks), *parts, [usage(trained, path)])


def header(trained: TrainedAdapter, path: Path, *, marks: Marks = UNICODE) -> list[str]:
    """What the adapter is for, where it is, and on what it stands."""
    card, progress = trained.card, trained.progress
    best, problems = progress.best, card["problems"]
    stopped = f"loss on other problems {best[1]:.4f} at step {best[0]:,}, which was taken" if best else "no look taken"
    fitting = card["fitting"]
    facts = {
        "adapter": str(path),
        "model": f"{card['model']}, rank {fitting['rank']}, {short(card['parameters'])} parameters",
        "data": f"{card['data']['name']}, {words.counted(problems['trained'], 'problem')}"
        + (f", {card['rollouts']:,} rollouts" if card["rollouts"] else ""),
        "trained": f"{words.counted(progress.step, 'step')}, {progress.tokens:,} tokens, "
        f"{words.duration(progress.seconds)}; {stopped}",
        "held out": words.counted(problems["held_out"], "problem"),
    }
    return header_lines(facts, marks)


def step_table(found: Revising, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """Every revision of a chain against draws of the same adapter that see no attempt."""
    steps = found.steps
    names = [f"{step.step}" for step in steps]
    rights, wrongs = [step.to_right for step in steps], [step.to_wrong for step in steps]
    columns = [
        Column("revision", [*names, "all"]),
        Column("right", [*(percent(step.right) for step in steps), ""]),
        Column("alone", [*(percent(step.alone) for step in steps), ""]),
        Column("wrong to right", [_share(each.revised) for each in (*rights, found.to_right)]),
        Column("alone", [_share(each.alone) for each in (*rights, found.to_right)]),
        Column("right to wrong", [_share(each.revised) for each in (*wrongs, found.to_wrong)]),
        Column("alone", [_share(each.alone) for each in (*wrongs, found.to_wrong)]),
    ]
    title = (
        f"{words.counted(found.chains, 'chain')} of {words.counted(found.problems, 'held-out problem')}; "
        f"alone: drawn by the same adapter, seeing no attempt"
    )
    return [title, "", *table(columns, width, marks)]


def revision_verdict(found: Revising) -> list[str]:
    """Whether the adapter revises."""
    right = _against(found.to_right)
    if found.revises is True:
        first = f"it revises: wrong attempts become right more often than draws that see none would: {right}"
    elif found.worse:
        first = f"it does worse than resample: wrong attempts become right less often than without them: {right}"
    elif found.keeps and found.gain_interval.low > 0:
        first = f"it keeps what is right, and only draws anew what is wrong: wrong to right {right}"
    elif found.revises is False:
        first = f"it only resamples: wrong attempts become right no more often than draws that see none: {right}"
    else:
        first = f"it does not clearly do more than resample: wrong to right {right}"
    kept = f": right ones are {'kept' if found.keeps else 'not kept'}" if found.to_wrong.attempts else ""
    last = f"{points(found.gain)} points ({points_between(found.gain_interval)})"
    alone = f"{points(found.alone_gain)} points ({points_between(found.alone_gain_interval)})"
    heart = "; it has learned by heart: more problems would help" if found.alone_gain_interval.high < 0 else ""
    return [
        first,
        f"right to wrong, against such draws: {_against(found.to_wrong)}{kept}",
        f"the last revision against such draws: {last}",
        f"such draws against the model's own samples: {alone}{heart}",
    ]


def quarter_lines(trained: TrainedAdapter) -> list[str]:
    """The AUC within problems down to each quarter of the steps."""
    told = ", ".join("-" if auc is None else f"{auc:.3f}" for auc in trained.quarters)
    return [f"AUC within a problem at 25, 50, 75, 100 % of the steps: {told}"]


def usage(trained: TrainedAdapter, path: Path) -> str:
    """How to use it."""
    from ttcli.files.paths import adapters_dir

    name = path.stem if path.parent == adapters_dir() else str(path)
    use = (
        f"{revising(trained.card)} --reviser {name}"
        if trained.form is None
        else f"--method best-of-n --verifier prm:{name}"
    )
    return f"use it: ttc solve ... {use}"


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _against(change: Change) -> str:
    if change.revised is None or change.alone is None or change.interval is None or change.difference is None:
        return "none seen"
    between = f"{points(change.difference)} points ({points_between(change.interval)})"
    return f"{percent(change.revised)} of {change.attempts:,} against {percent(change.alone)}, {between}"
