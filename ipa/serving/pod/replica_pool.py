"""The replicas that the gateway is connected with: each comes and goes by itself."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ipa.serving.gateway.description import Description
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.grpc_link import GrpcLink
from ipa.serving.gateway.messages import ReplicaAddress
from ipa.serving.gateway.replica_links import shake_hands
from ipa.serving.gateway.tasks import Tasks

HANDSHAKE_S = 5.0
"""Time that a replica has to say that it is ready and who it is."""

PAUSE_S = 1.0
"""Between two attempts to connect one that did not."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Member:
    """A replica that is wanted, or that the engine still uses."""

    replica: ReplicaAddress
    place: int
    connecting: asyncio.Task[None] | None = None
    link: GrpcLink | None = None
    wanted: bool = True
    used: bool = False


class ReplicaPool:
    """Keeps a connection to every replica that is wanted.

    One that cannot be connected is tried again and again, and keeps nobody waiting.

    Parameters
    ----------
    engine
        Serves with them.
    description
        Learns what their models tell.
    tasks
        Own the attempts and the calls.
    changed
        Called when another one is connected.
    """

    def __init__(
        self, engine: Engine, description: Description, tasks: Tasks, changed: Callable[[], None]
    ) -> None:
        self._engine, self._description, self._tasks = engine, description, tasks
        self._changed = changed
        self._members: dict[str, _Member] = {}
        self.problems: dict[str, str] = {}
        """Why replicas that are wanted are not connected, by name."""

    def want(self, replicas: Mapping[str, tuple[int, ReplicaAddress]]) -> None:
        """Connect these replicas, given by name with the place of their stage, and let go of all others."""
        for name in [name for name in self._members if name not in replicas]:
            self._unwant(name)
        for name, (place, replica) in replicas.items():
            member = self._members.get(name)
            if member and member.replica != replica:
                # The same pod in a new sandbox has another address; what the engine uses goes first.
                self._unwant(name)
            elif member:
                member.wanted = True
            if name not in self._members:
                self._add(name, place, replica)

    def connected(self, names: Collection[str]) -> dict[str, GrpcLink]:
        """Return those of some replicas that are connected, by name."""
        found = ((name, self._members.get(name)) for name in sorted(names))
        return {name: member.link for name, member in found if member and member.wanted and member.link}

    def used(self, names: Collection[str]) -> None:
        """Take note that the engine has these, and closes them when it needs them no more."""
        for name in names:
            self._members[name].used = True

    def _add(self, name: str, place: int, replica: ReplicaAddress) -> None:
        member = self._members[name] = _Member(replica, place)
        member.connecting = self._tasks.start(self._connect(member))

    def _unwant(self, name: str) -> None:
        member = self._members[name]
        member.wanted = False
        self.problems.pop(name, None)
        if member.connecting:
            member.connecting.cancel()
        if not member.used:
            del self._members[name]
            if member.link:
                member.link.close()

    async def _connect(self, member: _Member) -> None:
        name = member.replica.name
        needed = self._engine.needed_outputs(member.place)
        while True:
            link = GrpcLink(member.replica, needed, self._tasks, self._forget)
            try:
                async with asyncio.timeout(HANDSHAKE_S):
                    await shake_hands(link)
                break
            except TimeoutError:
                link.close()
                self._tell(name, f"was not ready within {HANDSHAKE_S:g} s")
            except Exception as error:
                # Whatever it was: nobody else would try again.
                link.close()
                self._tell(name, str(error) or type(error).__name__)
            except BaseException:
                link.close()
                raise
            await asyncio.sleep(PAUSE_S)
        self.problems.pop(name, None)
        member.link, member.connecting = link, None
        self._description.learn(member.place, link.told)
        self._changed()

    def _tell(self, name: str, problem: str) -> None:
        if self.problems.get(name) != problem:
            _log.warning("replica %s is left out: %s", name, problem)
        self.problems[name] = problem

    def _forget(self, name: str) -> None:
        """Take note that the engine has let go of a replica, or an attempt to connect it is over."""
        member = self._members.get(name)
        if member and member.used:
            del self._members[name]
            self._changed()
