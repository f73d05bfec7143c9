"""Workers and interrupts (how a pool ends is tested where pools are used)."""

import signal
import subprocess
import sys
from pathlib import Path

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


def blocked() -> list[int]:
    return [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())]


def test_a_worker_that_is_interrupted_while_it_starts_works_on_in_silence(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)


def test_neither_a_worker_nor_its_parent_blocks_interrupts_of_what_they_start() -> None:
    with worker_pool(1) as pool:
        assert signal.SIGINT not in pool.submit(blocked).result()
    assert signal.SIGINT not in blocked()
