"""How a problem is put to an instruct model."""

from __future__ import annotations

from dataclasses import dataclass

from ttcli.problem import Problem

INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."


@dataclass(frozen=True, slots=True)
class Prompt:
    """The words around a problem, and the mark that ends a step of its solution."""

    system: str | None = None  # None: whatever the model's template says by itself
    instruction: str = INSTRUCTION
    step_separator: str = "\n\n"

    def messages(self, problem: Problem) -> list[dict[str, str]]:
        """The chat that asks for a solution."""
        system = [{"role": "system", "content": self.system}] if self.system is not None else []
        return [*system, {"role": "user", "content": f"{problem.text}\n{self.instruction}"}]
