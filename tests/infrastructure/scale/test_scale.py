"""What one controller takes: read from kubelets, for numbers that ascend."""

import argparse
from typing import Any

import pytest

from infrastructure.scale.__main__ import steps
from infrastructure.scale.run import scale_object
from infrastructure.scale.usage import Usage, read_usage
from ipa.cluster.resource import read_object

POD = {"metadata": {"namespace": "ipa", "name": "controller-1"}}


def summary(name: str = "controller-1", **told: Any) -> dict[str, Any]:
    return {"pods": [{"podRef": {"namespace": "ipa", "name": name}, **told}]}


def test_what_a_kubelet_counted_is_read() -> None:
    cpu = {"time": "2026-01-01T00:00:10Z", "usageCoreNanoSeconds": 2_500_000_000}
    usage = read_usage(summary(cpu=cpu, memory={"workingSetBytes": 80_000_000}), POD)
    assert usage == Usage(1_767_225_610_000_000_000, 2.5, 80.0)
    assert usage.cores_since(Usage(usage.at_ns - 10_000_000_000, 2.0, 70.0)) == pytest.approx(0.05)


@pytest.mark.parametrize("told", [summary("another"), summary(), summary(cpu={}, memory={})])
def test_what_is_not_counted_yet_is_nothing(told: dict[str, Any]) -> None:
    assert read_usage(told, POD) is None


def test_a_pipeline_is_one_stage_that_the_object_describes_whole() -> None:
    pipeline, options = read_object(scale_object("p3", "demo", "ipa:1"))
    assert [stage.name for stage in pipeline.stages] == ["only"]
    assert (options.image, options.paused) == ("ipa:1", False)


def test_numbers_of_pipelines_ascend() -> None:
    assert steps("1,10,50") == (1, 10, 50)
    for wrong in ("", "0,1", "5,5", "a"):
        with pytest.raises(argparse.ArgumentTypeError, match="ascending whole numbers"):
            steps(wrong)
