"""The part of the gateway that decides: queues, batches, routes and books, without a network or a thread.

``Engine`` is told what happens (a request came, a replica answered, a plan changed) and tells its links what
to send. It knows time only through a ``Clock`` and replicas only through a ``Link``, so that a test can drive
it on simulated time and hold it against the simulator request by request: what ``ipa.simulator`` says of
queues, batches, drops, graphs and switches holds here too.
"""

from ipa.serving.gateway.engine.clock import Clock, Order, Timer
from ipa.serving.gateway.engine.engine import Engine
from ipa.serving.gateway.engine.replica import Batch, Fault, Link, Replica, Result
from ipa.serving.gateway.engine.request import Request, Visit

__all__ = [
    "Batch",
    "Clock",
    "Engine",
    "Fault",
    "Link",
    "Order",
    "Replica",
    "Request",
    "Result",
    "Timer",
    "Visit",
]
