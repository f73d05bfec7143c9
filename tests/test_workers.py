"""Workers and interrupts: they end with the job that was interrupted, and the pool knows that they have."""

import signal
import subprocess
import sys
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest

from ipa import workers
from ipa.workers import worker_pool

SCRIPT = """
import os, signal
from ipa.workers import worker_pool

# Whatever runs the tests may ignore interrupts, which is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
if __name__ != "__main__":
    # A worker, which imports the script: Ctrl-C reaches it before it could leave interrupts to its parent.
    os.kill(os.getpid(), signal.SIGINT)


def answer():
    return 42


if __name__ == "__main__":
    with worker_pool(1) as pool:
        print(pool.submit(answer).result())
"""


ENDLESS = """
import os, subprocess
from ipa.workers import worker_pool


def work():
    child = subprocess.Popen(["sleep", "600"])
    print(os.getpid(), child.pid, flush=True)
    child.wait()


if __name__ == "__main__":
    with worker_pool(1) as pool:
        pool.submit(work).result()
"""


def blocked() -> list[int]:
    return [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())]


def test_a_worker_that_is_interrupted_while_it_starts_works_on_in_silence(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)


def test_a_worker_and_what_it_started_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(ENDLESS)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        left = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
        _, alive = psutil.wait_procs(left, timeout=30)
    assert len(left) == 2
    assert alive == []


def test_neither_a_worker_nor_its_parent_blocks_interrupts_of_what_they_start() -> None:
    with worker_pool(1) as pool:
        assert signal.SIGINT not in pool.submit(blocked).result()
    assert signal.SIGINT not in blocked()


def test_workers_that_were_ended_are_known_to_have_ended_and_what_they_started_too() -> None:
    spawn = get_context("spawn")
    idle = spawn.Process(target=time.sleep, args=(60,))
    busy = spawn.Process(target=subprocess.run, args=(["sleep", "60"],))
    for worker in (idle, busy):
        worker.start()
    asked = psutil.Process(busy.pid)
    while not asked.children(recursive=True):
        assert busy.is_alive()
    (started,) = asked.children(recursive=True)
    workers._end([idle, busy])
    # What multiprocessing has not waited for itself counts as alive for ever, and a pool then never ends.
    assert idle.exitcode is not None
    assert busy.exitcode is not None
    assert not started.is_running() or started.status() == psutil.STATUS_ZOMBIE


def _interrupt_a_pool_with_a_full_queue() -> None:
    with worker_pool(2) as pool:
        futures = [pool.submit(time.sleep, 60) for _ in range(20)]
        while not any(future.running() for future in futures):
            assert not any(future.done() for future in futures)
        raise KeyboardInterrupt


def test_an_interrupted_pool_ends_while_its_queue_is_full() -> None:
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        _interrupt_a_pool_with_a_full_queue()
    # The interpreter waits for the pool's own thread when it exits.
    of_the_pool = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in of_the_pool:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in of_the_pool)
