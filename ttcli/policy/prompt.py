"""How a problem is put to an instruct model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ttcli.catalog.template import STEP, Content
from ttcli.problem import AnswerForm, Problem
from ttcli.solution import Attempt

INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."
_INSTRUCTIONS: Mapping[AnswerForm, str] = {  # behind a problem of which no short answer is wanted
    "text": "",
    "none": "",
    "last-line": "\nPlease reason step by step, and put your final answer alone on the last line.",
    "code": "\nPut all of the code into one block between ``` and ```.",
}
_WHOLE = {"text", "code", "none"}  # forms of which a revision is the whole again
_REVISE_WHOLE = (  # likewise
    "This may be wrong or not good enough. Look for what is wrong with it, and then write all of it again, corrected."
)
_AGAIN = "What is the final answer of this solution? Say nothing but that, within \\boxed{}."
REVISE = (
    "This solution may be wrong. Look for its first mistake, and then write the corrected solution in full, "
    "step by step, with the final answer within \\boxed{}."
)
DOUBT = f"This step seems to be wrong:\n\n{STEP}\n\n"


class Example(NamedTuple):
    """A problem that has been solved, to be shown before another one."""

    problem: str
    solution: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The words around a problem, and the mark that ends a step of its solution."""

    system: str | None = None  # None: whatever the model's template says by itself
    instruction: str = INSTRUCTION  # behind a problem that wants a short answer; "": nothing
    step_separator: str = "\n\n"
    revise: str = REVISE  # what is said to a solution, to have another one
    doubt: str = DOUBT  # what is said before that where a step is in doubt, which stands in the place of {step}
    step_content: Content = "any"  # that a step of a search must hold; without it the next one belongs to it
    user: str | None = None  # a Jinja template around every problem; None: the words that its form asks for
    examples: tuple[Example, ...] = ()

    @property
    def recipe(self) -> Mapping[str, object]:
        """What of it has a part in a solution that is drawn in one go, and no revision."""
        told: dict[str, object] = {
            "system": self.system,
            "instruction": self.instruction,
            "step_separator": self.step_separator,
        }
        if self.user not in (None, f"{{{{ problem }}}}\n{self.instruction}"):  # the same words, the same solutions
            told["user"] = self.user
        return {**told, "examples": [each._asdict() for each in self.examples]} if self.examples else told

    @property
    def revisions(self) -> dict[str, object]:
        """What of it has a part in a revision besides."""
        return {"revise": self.revise, "doubt": self.doubt}

    def again(self, problem: Problem, solution: str) -> list[dict[str, str]]:
        """The chat that asks a solution for its answer."""
        asked = [{"role": "assistant", "content": solution}, {"role": "user", "content": _AGAIN}]
        return [*self.messages(problem), *asked]

    def messages(self, problem: Problem, attempts: Sequence[Attempt] = ()) -> list[dict[str, str]]:
        """The chat that asks for a solution, or for another one after these attempts."""
        before = [{"role": turn.role, "content": turn.text} for turn in problem.before]
        instructed = any(turn.role == "system" for turn in problem.before)
        system = [{"role": "system", "content": self.system}] if self.system is not None and not instructed else []
        revise = _REVISE_WHOLE if problem.bare or problem.form in _WHOLE else self.revise
        shown = [] if problem.bare else self._shown
        chat = [*system, *before[:instructed], *shown, *before[instructed:], self._asked(problem)]
        for attempt in attempts:
            doubt = "" if attempt.doubt is None else self.doubt.replace(STEP, attempt.doubt.strip())
            said = attempt.text or attempt.doubt or ""  # no turn is empty whose first step is in doubt
            chat += [{"role": "assistant", "content": said}, {"role": "user", "content": doubt + revise}]
        return chat

    def _asked(self, problem: Problem) -> dict[str, str]:
        """A problem as the user puts it."""
        if problem.bare:
            return {"role": "user", "content": problem.text}
        if self.user is not None:
            from ttcli.policy.wording import around  # Jinja: not before it is needed

            return {"role": "user", "content": around(self.user, problem)}
        if problem.form.startswith("regex:"):
            return {"role": "user", "content": problem.text}
        instruction = f"\n{self.instruction}" if self.instruction else ""
        return {"role": "user", "content": problem.text + _INSTRUCTIONS.get(problem.form, instruction)}

    @property
    def _shown(self) -> list[dict[str, str]]:
        """The examples as turns of the chat."""
        turns = []
        for example in self.examples:
            turns += [self._asked(Problem(example.problem)), {"role": "assistant", "content": example.solution}]
        return turns
