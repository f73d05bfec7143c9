"""Every error IPA raises on purpose; the command line prints them without a traceback and exits with 2.

A message says what was given, what is allowed and what to do next.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


def brief(value: object, length: int = 40) -> str:
    """Return a value as it may stand in a message: cut where it is long."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except ValueError:  # a whole number of too many digits for Python to print
        return "a number of thousands of digits"
    return text if len(text) <= length else f"{text[:length]}... ({len(text)} characters)"


class IpaError(Exception):
    """Base class of all errors that a user can act on; each can be sent from a worker process."""


class UnreadableFileError(IpaError):
    """A file is missing, no regular file, too large, damaged or no text.

    Parameters
    ----------
    file
        The file that was to be read.
    problem
        What is wrong and what to do.
    """

    def __init__(self, file: Path | str, problem: str) -> None:
        self.file, self.problem = Path(file), problem
        super().__init__(f"{file}: {problem}")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.file, self.problem)


class ConfigError(IpaError):
    """A configuration file holds something that IPA cannot use.

    Parameters
    ----------
    file
        The file that was read.
    key
        Dotted path of the offending key, for example ``stages[0].variants[2].accuracy``.
    problem
        What is wrong with the value and what would be allowed.
    """

    def __init__(self, file: Path | str, key: str, problem: str) -> None:
        self.file, self.key, self.problem = Path(file), key, problem
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.file, self.key, self.problem)


class UnknownNameError(IpaError):
    """A name is not one of those registered.

    Parameters
    ----------
    kind
        What the name stands for, for example ``solver``.
    given
        The name that was asked for.
    allowed
        The names there are.
    """

    def __init__(self, kind: str, given: str, allowed: Iterable[str]) -> None:
        self.kind, self.given, self.allowed = kind, given, tuple(allowed)
        shown = brief(given, 200)
        close = get_close_matches(shown, self.allowed, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        quoted = repr(shown) if isinstance(given, str) else shown
        super().__init__(f"unknown {kind} {quoted}; allowed: {', '.join(self.allowed)}.{hint}")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.kind, self.given, self.allowed)


class InvalidValueError(IpaError, ValueError):
    """An argument lies outside its domain, for example a negative arrival rate."""


class TensorError(InvalidValueError):
    """A tensor does not hold together, or tensors do not make a batch."""


class ReplicasNeededError(InvalidValueError):
    """A method keeps the replicas of every stage fixed and was not told how many."""


class MissingExtraError(IpaError, ImportError):
    """An optional dependency is not installed; the message holds the install line.

    Parameters
    ----------
    feature
        What needs the dependency.
    extra
        The extra of the ``ipa`` distribution that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra
        super().__init__(f'{feature} is not installed; install it, in the clone: pip install -e ".[{extra}]"')

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.feature, self.extra)


class SolverUnavailableError(IpaError):
    """A solver is installed but cannot be used here: no licence, or the model exceeds its size limit."""


class ServerStartError(IpaError):
    """A server could not be brought up."""


class TraceError(IpaError):
    """The load trace is missing, unreadable or not the one that was expected."""


class WeightsError(IpaError):
    """Pretrained weights are missing, damaged or cannot be downloaded."""


class ResultsError(IpaError):
    """A results folder is missing, incomplete or was written by something else."""


class GatewayError(IpaError):
    """The gateway of a live pipeline cannot be reached, or refuses what it was told."""


class PodSettingsError(IpaError):
    """A pod was not told, or cannot read, what it is to serve."""


class EndpointError(IpaError):
    """An endpoint that is to take a load does not answer, or has no such model."""


class PayloadError(IpaError):
    """What requests are to carry cannot be made, or does not fit the inputs of the model."""


class LivePipelineError(IpaError):
    """A pipeline on this machine cannot be started, found or kept up."""


class ProfilerError(IpaError):
    """A replica could not be measured: it did not start, or does not answer as a model has to."""


class ClusterError(IpaError):
    """A Kubernetes cluster cannot be reached, or refuses what it was asked for.

    Parameters
    ----------
    problem
        What was asked for, what came back, and what to do.
    status
        HTTP status of the answer; 0 if none came.
    """

    def __init__(self, problem: str, status: int = 0) -> None:
        self.problem, self.status = problem, status
        super().__init__(problem)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.problem, self.status)


class MonitoringError(IpaError):
    """Prometheus does not answer, or not what it was asked.

    Parameters
    ----------
    url
        Where it is.
    problem
        What is wrong.
    """

    def __init__(self, url: str, problem: str) -> None:
        self.url, self.problem = url, problem
        super().__init__(f"Prometheus at {url}: {problem}")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.url, self.problem)
