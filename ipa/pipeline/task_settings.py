"""The kinds of tasks that stages can have, and what the settings of their variants may be."""

from collections.abc import Mapping
from dataclasses import dataclass

from ipa.errors import InvalidValueError, UnknownNameError, brief
from ipa.limits import Range
from ipa.pipeline.pipeline import Setting
from ipa.registry import Registry


@dataclass(frozen=True, slots=True)
class WholeSetting:
    """A setting that is a whole number.

    Parameters
    ----------
    allowed
        Smallest and largest value.
    default
        What it is if nobody says anything; None: it has to be given.
    step
        It has to be a multiple of this.
    """

    allowed: Range
    default: int | None = None
    step: int = 1

    def check(self, name: str, value: Setting | None) -> int:
        """Return a value, or raise an InvalidValueError that says what is allowed."""
        if not isinstance(value, int) or isinstance(value, bool) or not self.allowed.holds(value):
            raise InvalidValueError(f"setting {name} must {self.allowed}, not {_given(value)}")
        if value % self.step:
            raise InvalidValueError(f"setting {name} must be a multiple of {self.step}, not {value}")
        return value


@dataclass(frozen=True, slots=True)
class NameSetting:
    """A setting that is one of several names.

    Parameters
    ----------
    names
        Those that there are.
    """

    names: tuple[str, ...]
    default: None = None

    def check(self, name: str, value: Setting | None) -> str:
        """Return a value, or raise an UnknownNameError."""
        if value not in self.names:
            raise UnknownNameError(f"value of the setting {name}", str(value or ""), self.names)
        return str(value)


TaskSettings = Mapping[str, WholeSetting | NameSetting]
"""The settings of a task by name."""

STRIDE_PX = 32
"""Detectors of text take pictures whose sides are multiples of this."""


def _pixels(default: int) -> TaskSettings:
    return {"pixels": WholeSetting(Range(32, 4096, "pixels", whole=True), default)}


def _tokens(**defaults: int) -> TaskSettings:
    ranges = {
        "max_tokens": Range(8, 100_000, "tokens", whole=True),
        "new_tokens": Range(1, 10_000, "tokens", whole=True),
    }
    return {name: WholeSetting(ranges[name], default) for name, default in defaults.items()}


TASK_SETTINGS: Registry[TaskSettings] = Registry("task")
"""What the settings of a variant may be, by the name of its stage's task; ``ipa.serving`` has the models."""

TASK_SETTINGS.register("object-detection", _pixels(512))
TASK_SETTINGS.register("image-classification", _pixels(224))
TASK_SETTINGS.register("speech-recognition", _tokens(new_tokens=20))
TASK_SETTINGS.register("question-answering", _tokens(max_tokens=256))
TASK_SETTINGS.register("sentiment-analysis", _tokens(max_tokens=256))
TASK_SETTINGS.register("language-identification", _tokens(max_tokens=256))
TASK_SETTINGS.register("translation", _tokens(max_tokens=256, new_tokens=20))
TASK_SETTINGS.register("summarisation", _tokens(max_tokens=256, new_tokens=20))
TASK_SETTINGS.register(
    "ocr-detection",
    {
        "weights": NameSetting(("ppocrv6-tiny-det", "ppocrv3-det", "ppocrv5-det")),
        "side_px": WholeSetting(Range(STRIDE_PX, 2048, "pixels", whole=True), step=STRIDE_PX),
    },
)
TASK_SETTINGS.register(
    "ocr-recognition",
    {
        "weights": NameSetting(("ppocrv6-tiny-rec", "ppocrv6-small-rec")),
        "width_px": WholeSetting(Range(32, 3200, "pixels", whole=True)),
    },
)


def read_settings(task: str, given: Mapping[str, Setting]) -> dict[str, int | str]:
    """Return all settings of a variant, those that are not given with their defaults.

    Parameters
    ----------
    task
        Name of the task of its stage.
    given
        What the pipeline file says.

    Raises
    ------
    UnknownNameError
        If there is no such task, or the task has no such setting.
    InvalidValueError
        If a value is not allowed, or one is missing that has no default.

    Examples
    --------
    >>> read_settings("translation", {"new_tokens": 50})
    {'max_tokens': 256, 'new_tokens': 50}
    """
    known = TASK_SETTINGS[task]
    for name in given:
        if name not in known:
            raise UnknownNameError(f"setting of task {task}", name, known)
    return {name: setting.check(name, given.get(name, setting.default)) for name, setting in known.items()}


def _given(value: Setting | None) -> str:
    return "left out" if value is None else brief(value)
