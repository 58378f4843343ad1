"""How a problem is put to an instruct model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ttcli.problem import AnswerForm, Problem

INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."
_INSTRUCTIONS: Mapping[AnswerForm, str] = {  # behind a problem of which no short answer is wanted
    "text": "",
    "code": "\nPut all of the code into one block between ``` and ```.",
}
_REVISE_WHOLE = (  # likewise
    "This may be wrong or not good enough. Look for what is wrong with it, and then write all of it again, corrected."
)
_AGAIN = "What is the final answer of this solution? Say nothing but that, within \\boxed{}."
REVISE = (
    "This solution may be wrong. Look for its first mistake, and then write the corrected solution in full, "
    "step by step, with the final answer within \\boxed{}."
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The words around a problem, and the mark that ends a step of its solution."""

    system: str | None = None  # None: whatever the model's template says by itself
    instruction: str = INSTRUCTION
    step_separator: str = "\n\n"
    revise: str = REVISE  # what is said to a solution, to have another one

    @property
    def recipe(self) -> Mapping[str, object]:
        """What of it has a part in a solution that is no revision."""
        return {"system": self.system, "instruction": self.instruction, "step_separator": self.step_separator}

    def again(self, problem: Problem, solution: str) -> list[dict[str, str]]:
        """The chat that asks a solution for its answer."""
        asked = [{"role": "assistant", "content": solution}, {"role": "user", "content": _AGAIN}]
        return [*self.messages(problem), *asked]

    def messages(self, problem: Problem, attempts: Sequence[str] = ()) -> list[dict[str, str]]:
        """The chat that asks for a solution, or for another one after these attempts."""
        before = [{"role": turn.role, "content": turn.text} for turn in problem.before]
        instructed = any(turn.role == "system" for turn in problem.before)
        system = [{"role": "system", "content": self.system}] if self.system is not None and not instructed else []
        instruction = "" if problem.bare else _INSTRUCTIONS.get(problem.form, f"\n{self.instruction}")
        revise = _REVISE_WHOLE if problem.bare or problem.form in _INSTRUCTIONS else self.revise
        chat = [*system, *before, {"role": "user", "content": problem.text + instruction}]
        for attempt in attempts:
            chat += [{"role": "assistant", "content": attempt}, {"role": "user", "content": revise}]
        return chat
