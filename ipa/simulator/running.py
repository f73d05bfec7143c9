"""What is running at an instant, as opposed to what was asked for."""

from dataclasses import dataclass

from ipa.pipeline.plan import Plan, StagePlan


@dataclass(frozen=True, slots=True)
class RunningStage:
    """State of the replicas of one stage.

    Parameters
    ----------
    serving
        The configuration that serves; its replicas are the ready ones.
    target
        The configuration that was asked for last.
    starting
        Replicas that do not serve yet, of either configuration.
    """

    serving: StagePlan
    target: StagePlan
    starting: int

    @property
    def variant(self) -> str:
        """The variant that serves."""
        return self.serving.variant

    @property
    def batch(self) -> int:
        """Batch size in force."""
        return self.serving.batch

    @property
    def ready(self) -> int:
        """Replicas that serve."""
        return self.serving.replicas

    @property
    def settled(self) -> bool:
        """Whether what was asked for is what serves."""
        return self.serving == self.target


@dataclass(frozen=True, slots=True)
class RunningPlan:
    """State of the replicas of a pipeline.

    Parameters
    ----------
    stages
        One entry per stage, in the pipeline's order.
    """

    stages: tuple[RunningStage, ...]

    @property
    def serving(self) -> Plan:
        """The plan in force, with the replicas that are ready."""
        return Plan(tuple(stage.serving for stage in self.stages))

    @property
    def target(self) -> Plan:
        """The plan that was asked for last."""
        return Plan(tuple(stage.target for stage in self.stages))

    @property
    def settled(self) -> bool:
        """Whether what was asked for is what serves, in every stage."""
        return all(stage.settled for stage in self.stages)


@dataclass(frozen=True, slots=True)
class Reconfiguration:
    """What a new plan set off at once.

    Parameters
    ----------
    started
        Replicas that were started.
    stopped
        Replicas that were stopped, cancelled starts included. Those that another variant will replace stop
        later and are not counted.
    switching
        Stages that wait for the replicas of another configuration to become ready.
    pending
        Whether the plan waits for room in the cluster; nothing was started or stopped then.
    """

    started: int
    stopped: int
    switching: tuple[str, ...] = ()
    pending: bool = False
