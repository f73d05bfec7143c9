"""Which shard of the gateway serves with which replicas, and which ones it may borrow."""

from collections.abc import Iterable
from hashlib import blake2b

LEAST_BORROWED = 2
"""Replicas of others that a shard is connected with at least, if there are as many."""


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


def choose_helpers(replicas: Iterable[str], own: Iterable[str], shard: str) -> frozenset[str]:
    """Return the replicas of others from which a shard may borrow: as many as its own, and two at least.

    Clients do not spread evenly over shards. Where a shard gets more than its share of the load, its own
    replicas would fall behind while those of the others have nothing to do.

    Parameters
    ----------
    replicas
        Names of the replicas of one stage.
    own
        Those of the shard.
    shard
        Its name. It takes those for which it has its highest scores.

    Examples
    --------
    >>> len(choose_helpers(["r1", "r2", "r3", "r4", "r5"], ["r1"], "left"))
    2
    """
    mine = set(own)
    ranked = sorted(set(replicas) - mine, key=lambda name: (_score(shard, name), name), reverse=True)
    return frozenset(ranked[: max(len(mine), LEAST_BORROWED)])


def _score(shard: str, replica: str) -> int:
    # Names of pods hold no newline.
    return int.from_bytes(blake2b(f"{shard}\n{replica}".encode(), digest_size=8).digest())
