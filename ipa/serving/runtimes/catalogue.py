"""The kinds of tasks that model servers of IPA can do."""

from ipa.registry import Registry
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
