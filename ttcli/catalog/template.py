"""How a model is put a problem: the table [template] of an entry, or of a TOML beside a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ttcli.files.toml import Table

Content = Literal["any", "number", "equation"]  # of a step that states something
STEP = "{step}"  # in the words of a template: what is in doubt
CONTENTS: tuple[Content, ...] = get_args(Content)


@dataclass(frozen=True, slots=True)
class Template:
    """How a problem becomes a prompt, and where a solution's steps end."""

    rule: str = "gguf"  # the GGUF's own chat template, the only rule so far
    system: str | None = None  # None: no system message of ours
    step_separator: str = "\n\n"
    revise: str | None = None  # what is said to a solution, to have another one; None: the usual words
    doubt: str | None = None  # what is said before that of a step in doubt, with {step} for it; None: the usual words
    step_content: Content = "number"  # that a step of a search must hold: any, number or equation
    instruction: str | None = None  # what is said behind a problem, in a line of its own; None: the usual words


def read_template(table: Table, usual: Template) -> Template:
    """What a table [template] tells, and where it is silent what is usual; raises ConfigError."""
    content = table.text_or("step_content", usual.step_content)
    template = Template(
        rule=table.text_or("rule", usual.rule),
        system=table.text_or("system", usual.system),
        step_separator=table.text_or("step_separator", usual.step_separator),
        revise=table.text_or("revise", usual.revise),
        doubt=table.text_or("doubt", usual.doubt),
        step_content=next((each for each in CONTENTS if each == content), usual.step_content),
        instruction=table.text_or("instruction", usual.instruction),
    )
    table.check("rule", template.rule == "gguf", "must be 'gguf'")
    table.check("step_separator", template.step_separator != "", "must not be empty")
    table.check("step_content", content in CONTENTS, f"must be one of {', '.join(CONTENTS)}")
    table.check("revise", template.revise is None or template.revise.strip() != "", "must not be empty")
    table.check("doubt", template.doubt is None or STEP in template.doubt, f"must have {STEP} in it")
    table.close()
    return template
