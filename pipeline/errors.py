"""Errors named by what the caller must do about them."""


class NewsfactsError(Exception):
    """Base of every error that this package raises on purpose; its text is fact, value got, next action."""


class ConfigError(NewsfactsError):
    """The call or the configuration is wrong: change it and call again."""


class DataError(NewsfactsError):
    """Labelled data breaks its format: correct the named file and line."""


class ModelError(NewsfactsError):
    """A model folder cannot be used: restore it, train it again or copy it anew."""


class OutputError(NewsfactsError):
    """An output cannot be written: free the place or choose another."""


class WorkerError(NewsfactsError):
    """A process or machine that annotates is lost again and again: give it what it lacks, and run again."""


class InputError(NewsfactsError):
    """One input cannot be used: it is quarantined, and the run goes on; ``reason`` is short and stable."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
