"""The kinds of tasks that model servers of IPA can do."""

from ipa.registry import Registry
from ipa.serving.runtimes.task import Task

TASKS: Registry[Task] = Registry("task")
"""Tasks by the name that a pipeline file gives them; adding one is a module and a line here."""
