"""The kinds of tasks that model servers of IPA can do."""

from collections.abc import Iterable

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.registry import Registry
from ipa.serving.replica import ReplicaSettings, Source
from ipa.serving.runtimes.image_classification import IMAGE_CLASSIFICATION
from ipa.serving.runtimes.object_detection import OBJECT_DETECTION
from ipa.serving.runtimes.ocr_tasks import OCR_DETECTION, OCR_RECOGNITION
from ipa.serving.runtimes.question_answering import QUESTION_ANSWERING
from ipa.serving.runtimes.speech_recognition import SPEECH_RECOGNITION
from ipa.serving.runtimes.task import Task
from ipa.serving.runtimes.text_classification import TEXT_CLASSIFICATION
from ipa.serving.runtimes.text_generation import TEXT_GENERATION

TASKS: Registry[Task] = Registry("task")
"""Tasks by the name that a pipeline file gives them; adding one is a module and a line here."""

TASKS.register("object-detection", OBJECT_DETECTION)
TASKS.register("image-classification", IMAGE_CLASSIFICATION)
TASKS.register("speech-recognition", SPEECH_RECOGNITION)
TASKS.register("question-answering", QUESTION_ANSWERING)
TASKS.register("sentiment-analysis", TEXT_CLASSIFICATION)
TASKS.register("language-identification", TEXT_CLASSIFICATION)
TASKS.register("translation", TEXT_GENERATION)
TASKS.register("summarisation", TEXT_GENERATION)
TASKS.register("ocr-detection", OCR_DETECTION)
TASKS.register("ocr-recognition", OCR_RECOGNITION)


def task_of(replica: ReplicaSettings) -> Task:
    """Return the task of a replica.

    Raises
    ------
    InvalidValueError
        If its stage has no task.
    UnknownNameError
        If there is no such task, or no such source of weights for it.
    """
    if not replica.task:
        raise InvalidValueError(
            f"has no task; give its stage one in the pipeline file (key task: {', '.join(TASKS)}), or the"
            " variant a server of its own (key server), or emulate it"
        )
    task = TASKS[replica.task]
    if replica.source not in task.sources:
        raise UnknownNameError(f"source of weights for task {replica.task}", replica.source, task.sources)
    return task


def libraries_of(tasks: Iterable[str], source: Source) -> tuple[str, ...]:
    """Return the modules that a template should import before it forks replicas.

    Parameters
    ----------
    tasks
        Names of the tasks of a pipeline's stages; those that are not known need nothing.
    source
        Where weights come from.
    """
    if source == "emulated":
        return ()
    known = (TASKS[name] for name in tasks if name in TASKS)
    return tuple(dict.fromkeys(module for task in known for module in task.libraries))
