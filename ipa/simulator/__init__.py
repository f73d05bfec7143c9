"""The discrete-event simulator: a pipeline under load, per request, in simulated time.

``PipelineSimulator`` runs a ``Pipeline``, a chain or a graph, under a ``Plan``. ``offer`` it arrival times,
``advance`` the clock, ``reconfigure`` it to another plan, ``drain`` it at the end. ``records`` is the account
of every request (``RequestRecords``, one ``StageRecords`` per stage, ``to_frame`` for a table), ``visits``
that of every visit to a stage, ``counts`` says where all requests are at the moment (``Counts``),
``running_plan`` which replicas serve and which still start (``RunningPlan``, ``RunningStage``),
``running_core_seconds`` what they cost so far. ``collect`` hands over the account of the earliest requests
and forgets them, for runs too long to keep.
``SimulationSettings`` holds the assumptions, ``ClusterSettings`` among them what a real cluster does.

Requests
    A stage has one central first-come-first-served queue and a number of replicas that serve one batch at a
    time. ``ipa.pipeline.batching.BatchPolicy`` says when a free replica takes a batch, and how large. What
    stages serve are visits of requests; in a chain of stages a request visits each one once. A visit goes on
    to the next stage when its batch ends (plus the network delay), in the order in which these batches were
    taken. Within an instant, first everything enters and every replica that finishes becomes free, then
    batches are taken, then visits expire. A batch takes at least one tick of the clock.

Graphs
    After each visit, an edge of factor f sends floor(f) visits to its target, and one more with probability
    f - floor(f), drawn from the seed, the edge and the number of the request: a request has the same
    itinerary under every plan (``ipa.simulator.itinerary``). A stage that joins
    (``ipa.pipeline.pipeline.Stage``) is entered once per request, at the instant at which the last of its
    visits to any stage that leads there has ended; if no edge sends it there, it is not entered. Only then is
    it known what a branch sends, so a branch that will turn out to send nothing is waited for as well. What
    enters at the same instant does so in the order of the stages it comes from. A request is answered when
    all its visits have ended.

    A request is dropped as soon as any of its visits is. Its other visits go on in their branches, for nobody
    recalls them, and take up replicas; no join waits for them any more, and they change nothing about the
    request. On average a stage gets ``Pipeline.rate_factors`` visits per request if nothing is dropped.

Drops
    A visit whose request becomes older (since its arrival at the pipeline) than ``drop_after_s``, or than
    the limit of the stage in ``stage_drop_after_s``, leaves the queue in which it waits at that instant, and
    the request is dropped; one that is too old when it enters a stage is dropped on entry. A visit in service
    is never dropped. Each request ends in exactly one state: ``ok`` or ``dropped`` (reason, stage), or it is
    still ``in-flight``.

Service times
    A batch of k takes a time drawn from the log-normal with the mean and the p99 that the profile of the
    running variant on its cores has for k (or from the exponential with that mean, or the mean itself), times
    ``profile_error`` and the factor of a slow replica, plus ``dispatch_s``. Every stage has its own stream of
    random numbers that depends on the seed and the position of the stage only, one number per batch: the same
    seed gives the same bytes in any process, however the simulated time is cut into steps.

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

    *Stop-start* instead of make before break: the replicas of the old configuration finish their batches and
    stop at once; nobody serves until those of the new one are ready.

    *Core limit*: a plan for which all stages together would hold more cores than there are (replicas that
    finish their last batch left aside, both configurations of a switch counted) stays pending as a whole. It
    starts as soon as the end of a switch makes room for it; the next plan takes its place.

Replicas
    A free replica that has waited longest takes the next batch. Replicas are alike unless some are slow
    (``straggler_share``) or die (``mean_life_s``). One that dies is up again after its start-up time; the
    batch it was serving is served anew by it then. A dead one counts as busy. ``ready`` replicas in
    ``running_plan`` include dead ones, as those of a cluster do until a probe fails.

Engines
    The hot loop exists twice: interpreted, and compiled with numba (extra ``fast``), which gives the same
    bytes. Replicas that are not alike are always simulated by the interpreted one.

Cost
    The cores of every replica count from the moment it is asked for until it is gone: while it starts,
    while it serves, and while it finishes its last batch. The overlap of a switch is thus paid for.

"""

from ipa.results.requests import RequestRecords, StageRecords
from ipa.simulator.running import Reconfiguration, RunningPlan, RunningStage
from ipa.simulator.settings import ClusterSettings, SimulationSettings
from ipa.simulator.simulator import Counts, PipelineSimulator

__all__ = [
    "ClusterSettings",
    "Counts",
    "PipelineSimulator",
    "Reconfiguration",
    "RequestRecords",
    "RunningPlan",
    "RunningStage",
    "SimulationSettings",
    "StageRecords",
]
