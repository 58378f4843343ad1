"""How verifiers that are models want a solution put: what their entries, or the TOMLs beside them, tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ttcli.files.toml import Table


@dataclass(frozen=True, slots=True)
class PrmForm:
    """How a process reward model wants a solution put, and which two tokens it scores a step by."""

    form: Literal["step-tag", "step-turn"]  # a tag ends each step; each step is a turn of the user
    good: str  # label of a right step
    bad: str  # label of a wrong one
    # the rest is of step-tag
    tag: str | None = None  # white space at its front is its own; without any, a space is put before it
    before_problem: str = ""  # in a chat, the message of the system
    after_problem: str = " "  # in a chat, what the turn of the solution begins with
    between: str = "\n"  # a tag and the next step
    chat: bool = False  # problem and solution are two turns of the user in the model's own template, else plain text


@dataclass(frozen=True, slots=True)
class CritiqueForm:
    """How a generative verifier is asked for a critique, and by which words its verdict is read."""

    form: Literal["critique", "critique-steps"]  # of the whole solution; of each step, in a turn of its own
    ask: str  # turn of the user: {problem} and {solution}, or {problem} and {step}
    begin: str  # the critique's own beginning, in which {number} is that of the step
    stops: tuple[str, ...]  # where the critique is cut off, {next} being the number of a step too many
    verdict: str  # what is put behind the critique, to have the label said
    good: str
    bad: str
    ask_next: str = "{step}"  # of critique-steps: the turn of every later step
    close: str = ""  # of critique-steps: what ends the turn behind the label
    system: str | None = None  # None: no message of the system
    chains: int = 1  # critiques whose verdicts are averaged
    tokens: int = 1024  # of a critique, at most
    temperature: float = 0.6


VerifierForm = PrmForm | CritiqueForm


def verifier_form(table: Table) -> VerifierForm:
    """The form that a table [verifier] tells; raises ConfigError."""
    kind = table.text("kind")
    table.check("kind", kind in {"prm", "judge"}, "must be 'prm' or 'judge'")
    good, bad = table.text("good"), table.text("bad")
    form = _prm(table, good, bad) if kind == "prm" else _critique(table, good, bad)
    table.check("bad", "" not in (good, bad) and good != bad, "and good must be two different words")
    table.close()
    return form


def _prm(table: Table, good: str, bad: str) -> PrmForm:
    match table.text("form"):
        case "step-tag":
            default = PrmForm("step-tag", good, bad)
            form = PrmForm(
                "step-tag",
                good,
                bad,
                table.text("tag"),
                table.text_or("before_problem", default.before_problem),
                table.text_or("after_problem", default.after_problem),
                table.text_or("between", default.between),
                table.truth_or("chat", default.chat),
            )
            table.check("tag", form.tag != "", "must not be empty")
            return form
        case "step-turn":
            return PrmForm("step-turn", good, bad)
    raise table.error("form", "must be 'step-tag' or 'step-turn'")


def _critique(table: Table, good: str, bad: str) -> CritiqueForm:
    stepwise = {"critique": False, "critique-steps": True}.get(told := table.text("form"))
    if stepwise is None:
        raise table.error("form", f"must be 'critique' or 'critique-steps', not {told!r}")
    default = CritiqueForm("critique", "", "", (), "", good, bad)
    form = CritiqueForm(
        form="critique-steps" if stepwise else "critique",
        ask=table.text("ask"),
        begin=table.text_or("begin", default.begin),
        stops=table.texts("stops"),
        verdict=table.text("verdict"),
        good=good,
        bad=bad,
        ask_next=table.text_or("ask_next", default.ask_next) if stepwise else default.ask_next,
        close=table.text_or("close", default.close) if stepwise else default.close,
        system=table.text_or("system", default.system),
        chains=table.positive("chains") if table.has("chains") else default.chains,
        tokens=table.positive("tokens") if table.has("tokens") else default.tokens,
        temperature=table.number("temperature") if table.has("temperature") else default.temperature,
    )
    shown = "{step}" if stepwise else "{solution}"
    table.check("ask", shown in form.ask and "{problem}" in form.ask, f"must have {{problem}} and {shown} in it")
    table.check("ask_next", "{step}" in form.ask_next, "must have {step} in it")
    table.check("stops", "" not in form.stops, "must not hold an empty text")
    table.check("temperature", 0 <= form.temperature <= 2, f"must be from 0 to 2, not {form.temperature:g}")
    return form
