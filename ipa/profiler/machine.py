"""What a measurement belongs to besides its code: the machine, and what else it did."""

import json
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from ipa.profiler.target import usable_cores
from ipa.results.provenance import environment, package_version

LIBRARIES = ("grpcio", "mlserver", "numpy", "onnxruntime", "opencv-python-headless", "torch", "transformers")
"""Distributions that take part in serving a model."""

IDENTITY = ("cpu", "cores", "memory_gb")
"""Facts in which two machines differ whose measurements do not belong into one profile."""

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def machine_facts() -> dict[str, Any]:
    """Return what identifies this machine and the software on it.

    The governor of the clock frequency is empty where the system does not tell, as in most virtual machines.
    """
    known = environment()
    return {
        "cpu": known["cpu"],
        "cores": psutil.cpu_count() or 1,
        "usable_cores": usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "governor": _governor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in LIBRARIES if (found := package_version(name))},
        "commit": known["commit"],
    }


def same_machine(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two sets of facts are of one machine, as far as measurements are concerned."""
    return all(one.get(fact) == other.get(fact) for fact in IDENTITY)


def moment() -> dict[str, Any]:
    """Return when it is, and how much there is to do on this machine (means over 1, 5 and 15 minutes)."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average": [round(load, 2) for load in psutil.getloadavg()],
    }


def _governor() -> str:
    try:
        return _GOVERNOR.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


if __name__ == "__main__":
    # Asked for in a container: what it tells is of the node that it runs on.
    sys.stdout.write(json.dumps(machine_facts()))
