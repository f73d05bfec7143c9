"""The discrete-event simulator: a pipeline under load, per request, in simulated time.

``PipelineSimulator`` runs a ``Pipeline`` under a ``Plan``. ``offer`` it arrival times, ``advance`` the
clock, ``reconfigure`` it to another plan, ``drain`` it at the end. ``records`` is the account of every
request (``RequestRecords``, one ``StageRecords`` per stage, ``to_frame`` for a table), ``counts`` says
where all requests are at the moment (``Counts``), ``running_plan`` which replicas serve and which still
start (``RunningPlan``, ``RunningStage``), ``running_core_seconds`` what they cost so far.
``SimulationSettings`` holds the assumptions.

Requests
    A pipeline is a chain of stages, each with one central first-come-first-served queue and a number of
    replicas that serve one batch at a time. ``ipa.batching.BatchPolicy`` says when a free replica takes a
    batch, and how large. Requests enter a stage when the batch they were in at the stage before ends (plus
    the network delay), in the order in which these batches were taken. Within an instant, first everything
    enters and every replica that finishes becomes free, then batches are taken, then requests expire.

Drops
    A request whose age since its arrival at the pipeline exceeds ``drop_after_s`` leaves the queue in which
    it waits at that instant; one that is too old when it enters a stage is dropped on entry. A request in
    service is never dropped. Each request ends in exactly one state: ``ok`` or ``dropped`` (reason, stage),
    or it is still ``in-flight``.

Service times
    A batch of k takes a time drawn from the log-normal with the mean and the p99 that the profile of the
    running variant on its cores has for k. Every stage has its own stream of random numbers that depends on
    the seed and the position of the stage only, one number per batch: the same seed gives the same bytes in
    any process, however the simulated time is cut into steps.

Reconfiguration
    *Same variant and cores:* batch size and waiting time change at once. Additional replicas serve after
    the variant's start-up time. Surplus ones stop: first those that still start, newest first; then idle
    ones; then those whose batch ends first, each after that batch. A replica that was told to stop does not
    come back.

    *Another variant or other cores* (make before break): all replicas of the new configuration start, while
    the old one (replicas, batch size, waiting time) keeps serving. The moment the last new replica is
    ready, the new ones take over; the old ones finish their batches and stop. Until then, a plan for the
    same new configuration adjusts batch, waiting time and number and leaves the replicas that start already
    as they are (fewer: newest first); a plan for a third configuration cancels them and starts its own; a
    plan for the running configuration cancels them.

Cost
    The cores of every replica count from the moment it is asked for until it is gone: while it starts,
    while it serves, and while it finishes its last batch. The overlap of a switch is thus paid for.

"""

from ipa.simulator.records import RequestRecords, StageRecords
from ipa.simulator.running import Reconfiguration, RunningPlan, RunningStage
from ipa.simulator.settings import SimulationSettings
from ipa.simulator.simulator import Counts, PipelineSimulator

__all__ = [
    "Counts",
    "PipelineSimulator",
    "Reconfiguration",
    "RequestRecords",
    "RunningPlan",
    "RunningStage",
    "SimulationSettings",
    "StageRecords",
]
