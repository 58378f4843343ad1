"""What fits models to data is an extra: scikit-learn and SciPy take more room than all else that solving needs."""

from __future__ import annotations

from importlib.util import find_spec

from ttcli.errors import UsageError


def require_fitting(what: str) -> None:
    """Make sure, before any work, that `what` can be fitted at its end.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    if find_spec("sklearn") is None:
        raise UsageError(f"{what} needs the package scikit-learn", hint="pip install 'ttcli[train]'")
