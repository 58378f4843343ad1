"""What `ttc` exits with, besides 0 and the codes that errors carry."""

from __future__ import annotations

FAILED_UNDER = 3  # the headline is below --fail-under
INTERRUPTED = 130  # Ctrl-C, with something left to do
