"""Which runtime serves a replica."""

from mlserver import MLModel

from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.blocking import BlockingRuntime
from ipa.serving.runtimes.catalogue import task_of
from ipa.serving.runtimes.emulated import EmulatedRuntime


def runtime_of(replica: ReplicaSettings) -> type[MLModel]:
    """Return the class that serves a replica.

    Raises
    ------
    UnknownNameError
        If its weights come from a source that its task does not have, or there is no such task.
    """
    if replica.source == "emulated":
        return EmulatedRuntime
    task_of(replica)
    return BlockingRuntime
