"""What the kernel tells in a container, of both kinds of control groups."""

import math

import pytest

from ipa.profiler.node_counters import COMMAND, NodeCounters

COMMON = """/proc/stat:cpu  1000 50 300 90000 400 0 25 60 7 0
/proc/stat:cpu0 500 25 150 45000 200 0 12 30 3 0
/proc/stat:intr 8:9
/proc/loadavg:4.38 5.73 5.07 7/539 31
/proc/sys/kernel/random/boot_id:8305dd1a-9c6b-4689
/proc/cpuinfo:processor\t: 0
/proc/cpuinfo:model name\t: Some CPU @ 2.1 GHz
"""
V1 = """/sys/fs/cgroup/cpuacct/cpuacct.usage:2500000000
/sys/fs/cgroup/memory/memory.stat:cache 655360
/sys/fs/cgroup/memory/memory.stat:total_rss 9654272
"""
V2 = """/sys/fs/cgroup/cpu.stat:usage_usec 2500000
/sys/fs/cgroup/cpu.stat:user_usec 2000000
/sys/fs/cgroup/memory.stat:anon 9654272
/sys/fs/cgroup/memory.stat:file 655360
"""


@pytest.mark.parametrize("groups", [V1, V2])
def test_node_and_container_are_told_apart(groups: str) -> None:
    found = NodeCounters.parse(groups + COMMON)
    # 1000 user, 50 nice, 300 system and 25 soft interrupts, in hundredths of a second; guests are among user.
    assert found.busy_s == pytest.approx(13.75)
    assert found.stolen_s == pytest.approx(0.6)
    assert found.container_s == pytest.approx(2.5)
    assert found.memory_mb == pytest.approx(9.654272)
    assert found.load_average == (4.38, 5.73, 5.07)
    assert (found.boot_id, found.cpu) == ("8305dd1a-9c6b-4689", "Some CPU @ 2.1 GHz")


def test_what_is_not_told_is_not_known() -> None:
    found = NodeCounters.parse("")
    assert all(map(math.isnan, (found.busy_s, found.stolen_s, found.container_s, found.memory_mb)))
    assert (found.load_average, found.boot_id, found.cpu) == ((), "", "")


def test_the_command_reads_files_and_nothing_else() -> None:
    program, *options = COMMAND
    assert (program, options[:2]) == ("grep", ["-s", ""])
    assert all(name.startswith(("/proc/", "/sys/fs/cgroup/")) for name in options[2:])
