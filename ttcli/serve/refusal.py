"""What a client is told when it does not get what it asked for, in the form of OpenAI's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ttcli.errors import BackendError, PromptTooLong, TtcError, UsageError


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        param: the field of the request that is at fault; None: none is.
        code: what programs go by; None: the status says it all.
        retry_after: seconds after which it may be tried again; None: not said.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """The object that OpenAI's clients know."""
        return {"error": {"message": self.message, "type": self._type, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> Mapping[str, str]:
        """What of it goes into headers."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return {**headers, "WWW-Authenticate": "Bearer"} if self.status == 401 else headers

    @property
    def _type(self) -> str:
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        return kinds.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")


def bad(message: str, param: str | None = None) -> Refusal:
    """A request that makes no sense as it stands."""
    return Refusal(400, message, param=param)


def refusal_of(error: TtcError) -> Refusal:
    """What an error of ttc comes to for the client whose request met it."""
    if isinstance(error, PromptTooLong):
        return Refusal(400, str(error), param="messages", code="context_length_exceeded")
    if isinstance(error, UsageError):
        return bad(str(error))
    return Refusal(502 if isinstance(error, BackendError) else 500, str(error))
