"""The errors a user can meet: what went wrong, where, and what to type next.

```
TtcError
├── UsageError            a wrong argument, budget or setting            exit 2
│   ├── ProblemError      no problem, an unreadable or empty one
│   ├── DatasetError      a file of problems that cannot be used as it is
│   └── ConfigError       a setting that does not parse
├── ModelError            a file that is no usable model
│   ├── PromptTooLong     the prompt and one answer do not fit the context
│   │   └── ContextInUse  they would fit a larger one, which cannot be had while others use it
│   └── DownloadError     a model that could not be fetched or verified
├── GradingError          answers cannot be compared on this machine
├── StoreError            the store of runs cannot be read or written
└── BackendError          llama.cpp or a server failed while working
    └── VerifierError     a check of the user's did what no check does
```
"""


class TtcError(Exception):
    """Base of all errors that ttc reports as `error:` and `hint:`."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(TtcError):
    """What was asked for makes no sense as it stands."""

    exit_code = 2


class ProblemError(UsageError):
    """There is no problem to solve: none given, an empty one, or a file that cannot be read."""


class DatasetError(UsageError):
    """A file of problems that cannot be read, or has a row that cannot be used."""


class ConfigError(UsageError):
    """A configuration file or environment variable does not parse."""


class ModelError(TtcError):
    """A model that cannot be found, loaded or used."""


class PromptTooLong(ModelError):
    """The prompt and one answer do not fit the model's context."""


class ContextInUse(PromptTooLong):
    """The prompt and one answer would fit a larger context, once nobody uses the one that there is."""


class DownloadError(ModelError):
    """A model could not be fetched, or what came was not what was promised."""


class BackendError(TtcError):
    """The engine or a server failed in the middle of its work."""


class VerifierError(BackendError):
    """A program that is to check solutions took too long, or ended otherwise than a check does."""


class GradingError(TtcError):
    """The program that compares answers does not start."""


class StoreError(TtcError):
    """The store of runs cannot be opened, read or written."""
