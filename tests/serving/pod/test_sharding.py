"""Every replica belongs to one shard, shards have as many as each other, and little moves."""

from statistics import fmean

from hypothesis import given
from hypothesis import strategies as st

from ipa.serving.pod.sharding import choose_helpers, split_replicas

names = st.sets(st.text("abcdefghij0123456789-", min_size=1, max_size=12), max_size=24)
some_names = st.sets(st.text("abcdefghij0123456789-", min_size=1, max_size=12), min_size=1, max_size=8)


@given(replicas=names, shards=some_names)
def test_every_replica_is_in_one_shard_and_no_shard_has_two_more_than_another(
    replicas: set[str], shards: set[str]
) -> None:
    parts = split_replicas(replicas, shards)
    assert set(parts) == shards
    assert set().union(*parts.values()) == replicas
    sizes = [len(part) for part in parts.values()]
    assert max(sizes) - min(sizes) <= 1
    if len(replicas) >= len(shards):
        assert sum(sizes) == len(replicas)


@given(replicas=some_names, shards=some_names)
def test_a_shard_is_never_without_a_replica_where_there_is_one(replicas: set[str], shards: set[str]) -> None:
    assert all(split_replicas(replicas, shards).values())


@given(replicas=names, shards=some_names, data=st.data())
def test_the_order_in_which_they_become_known_does_not_matter(
    replicas: set[str], shards: set[str], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(sorted(replicas))), data.draw(st.permutations(sorted(shards)))
    assert split_replicas(*shuffled) == split_replicas(replicas, shards)


@given(replicas=names, shards=some_names)
def test_a_shard_borrows_from_others_only_and_not_from_all_of_them(
    replicas: set[str], shards: set[str]
) -> None:
    for shard, own in split_replicas(replicas, shards).items():
        helpers = choose_helpers(replicas, own, shard)
        assert helpers <= replicas - own
        assert len(helpers) == min(len(replicas - own), max(len(own), 2))


def test_without_shards_nobody_serves() -> None:
    assert split_replicas(["r"], []) == {}


def _owner(parts: dict[str, frozenset[str]]) -> dict[str, str]:
    return {name: shard for shard, part in parts.items() for name in part}


def test_few_replicas_move_when_one_comes_or_a_shard_goes() -> None:
    replicas = [f"video--detect--{number:04x}" for number in range(40)]
    shards = [f"video-gateway-{letter}" for letter in "abcd"]
    moved_by_growth = []
    for count in range(4, 40):
        before = _owner(split_replicas(replicas[:count], shards))
        after = _owner(split_replicas(replicas[: count + 1], shards))
        moved_by_growth.append(sum(after[name] != shard for name, shard in before.items()))
    assert fmean(moved_by_growth) < 2
    before, after = _owner(split_replicas(replicas, shards)), _owner(split_replicas(replicas, shards[:3]))
    stayed = [name for name, shard in before.items() if shard != shards[3]]
    assert sum(after[name] != before[name] for name in stayed) <= len(stayed) / 4
