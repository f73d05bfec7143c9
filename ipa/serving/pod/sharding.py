"""Which shard of the gateway serves with which replicas."""

from collections.abc import Iterable
from hashlib import blake2b


def split_replicas(replicas: Iterable[str], shards: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the replicas of each shard: every replica in one, all shards as many as the others or one more.

    Rendezvous hashing with bounded loads: every pair of a shard and a replica has a score, and the pairs are
    taken from the highest on as long as the shard has room. So all shards come to the same result by
    themselves, whatever the order in which they learn of each other, and few replicas move when one comes or
    goes.

    Parameters
    ----------
    replicas
        Names of the replicas of one stage.
    shards
        Names of the shards. Where there are more of them than replicas, each that got none shares the replica
        for which it has its highest score.

    Examples
    --------
    >>> parts = split_replicas(["r1", "r2", "r3"], ["left", "right"])
    >>> sorted(len(part) for part in parts.values())
    [1, 2]
    """
    names, members = sorted(set(replicas)), sorted(set(shards))
    if not names or not members:
        return dict.fromkeys(members, frozenset())
    ranked = sorted(((_score(shard, name), shard, name) for shard in members for name in names), reverse=True)
    low, spare = divmod(len(names), len(members))
    parts: dict[str, set[str]] = {shard: set() for shard in members}
    left = set(names)
    for _, shard, name in ranked:
        load = len(parts[shard])
        if name in left and (load < low or (load == low and spare)):
            spare -= load == low
            parts[shard].add(name)
            left.discard(name)
    for _, shard, name in ranked:
        if not parts[shard]:
            parts[shard].add(name)
    return {shard: frozenset(part) for shard, part in parts.items()}


def _score(shard: str, replica: str) -> int:
    # Names of pods hold no newline.
    return int.from_bytes(blake2b(f"{shard}\n{replica}".encode(), digest_size=8).digest())
