"""What a TOML beside a model's file tells of how it thinks, where its template and vocabulary do not, or wrongly.

```toml
[thinking]
opening = "<think>"
closing = "</think>"     # or: none = true
```
"""

from __future__ import annotations

from typing import Literal

from ttcli.files.toml import Table
from ttcli.thought import Tags


def read_tags(table: Table) -> Tags | Literal["none"]:
    """The tags that a table [thinking] tells; "none": the model does not think; raises ConfigError."""
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
