"""A problem within the words of a user's own template."""

from __future__ import annotations

from functools import lru_cache

import jinja2
import jinja2.sandbox

from ttcli.errors import ConfigError
from ttcli.problem import Problem


def around(user: str, problem: Problem) -> str:
    """The words of a template with a problem in its place.

    Raises:
        ConfigError: the template does not compile, or fails.
    """
    try:
        return _compiled(user).render(problem=problem.text)
    except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"the template fails: {str(error).splitlines()[0] if str(error) else error!r}") from error


@lru_cache(maxsize=64)
def _compiled(user: str) -> jinja2.Template:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(user)
