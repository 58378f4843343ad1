"""What a TOML beside a model's file tells of how it thinks, where its template and vocabulary do not, or wrongly.

```toml
[thinking]
opening = "<think>"
closing = "</think>"     # or: none = true
```
"""

from __future__ import annotations

from typing import Literal

from ttcli.catalog.stored import LocalModel
from ttcli.files.toml import Table, read_table
from ttcli.thought import Tags


def told_tags(model: LocalModel) -> Tags | Literal["none"] | None:
    """The tags that FILE.toml beside FILE.gguf tells; "none": it does not think; None: nothing is told.

    Raises:
        ConfigError: the TOML cannot be read, or its table `thinking` says something else.
    """
    beside = model.path.with_suffix(".toml")
    if not beside.is_file():
        return None
    table = read_table(beside)
    return _tags(table.table("thinking")) if table.has("thinking") else None


def _tags(table: Table) -> Tags | Literal["none"]:
    if table.has("none"):
        table.check("none", table.flag("none"), "must be true, or left out")
        table.close()
        return "none"
    tags = Tags(table.text("opening"), table.text("closing"), table.text_or("mark", ""))
    table.check("opening", tags.opening.strip() != "", "must not be empty")
    table.check("closing", tags.closing.strip() not in ("", tags.opening.strip()), "must be another word than opening")
    table.check("mark", tags.closing.endswith(tags.mark), "must be the end of closing")
    table.close()
    return tags
