"""What FILE.toml beside FILE.gguf tells of a model, where neither the catalog nor the GGUF does, or does so wrongly.

```toml
[template]                # each of these may be left out
system = "You calculate."
instruction = "Put the answer behind ####."
step_separator = "\\n\\n"
step_content = "equation"
revise = "Once more."
doubt = "Wrong: {step}"

[thinking]                # see thinking.py

[verifier]                # see forms.py
```

A file with none of these tables is somebody else's, and says nothing; one with any of them has nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ttcli.catalog.forms import VerifierForm, verifier_form
from ttcli.catalog.template import Template, read_template
from ttcli.catalog.thinking import read_tags
from ttcli.files.toml import read_table
from ttcli.thought import Tags

_TABLES = ("template", "thinking", "verifier")


@dataclass(frozen=True, slots=True)
class Beside:
    """What it tells; None: nothing."""

    template: Template | None = None
    thinking: Tags | Literal["none"] | None = None  # "none": the model does not think
    verifier: VerifierForm | None = None


def read_beside(model: Path, usual: Template) -> Beside:
    """What the TOML beside a GGUF tells; of `usual` is what its table `template` leaves out.

    Raises:
        ConfigError: it cannot be read, or says what it cannot mean.
    """
    path = model.with_suffix(".toml")
    if not path.is_file():
        return Beside()
    table = read_table(path)
    if not any(table.has(name) for name in _TABLES):
        return Beside()
    told = Beside(
        template=read_template(table.table("template"), usual) if table.has("template") else None,
        thinking=read_tags(table.table("thinking")) if table.has("thinking") else None,
        verifier=verifier_form(table.table("verifier")) if table.has("verifier") else None,
    )
    table.close()
    return told
