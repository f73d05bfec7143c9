"""What is written into a ConfigMap is what a pod reads."""

import json
import math

import pytest

from ipa.errors import PodSettingsError
from ipa.pipeline.load import load_pipeline
from ipa.serving.gateway.settings import ServedPipeline
from ipa.serving.pod.settings import decode, encode
from ipa.serving.replica import ReplicaSettings

REPLICA = '{"name": "r", "model": "m", "variant": "v"'


@pytest.mark.parametrize("name", ["video", "audio-qa", "audio-sent", "sum-qa", "nlp", "ocr", "traffic"])
def test_a_gateway_reads_what_was_written(name: str) -> None:
    pipeline = load_pipeline(name)
    limits_s = (1.5, *[math.inf] * (len(pipeline.stages) - 1))
    served = ServedPipeline(pipeline, name, drop_after_s=limits_s, queue_limit=7, hang_after_s=3.0)
    text = encode(served)
    assert decode(ServedPipeline, text) == served
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_a_replica_reads_what_was_written() -> None:
    for stage in load_pipeline("ocr").stages:
        for variant in stage.variants:
            told = ReplicaSettings(
                *("", stage.name, variant.name, 1, stage.task, "packaged", variant.base_cores, 8),
                profile=variant.profile.points,
                settings={**dict(variant.settings), "flag": True, "share": 0.5, "count": 3},
            )
            read = decode(ReplicaSettings, encode(told))
            assert read == told
            assert [type(value) for value in read.settings.values()] == [
                type(value) for value in told.settings.values()
            ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "no ReplicaSettings: the file: Invalid JSON"),
        ('{"name": "r", "model": "m"}', "no ReplicaSettings: variant: Field required"),
        (f'{REPLICA}, "cores": "many"}}', "cores: Input should be a valid integer"),
        (f'{REPLICA}, "source": "magic"}}', "source: Input should be 'emulated'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(PodSettingsError, match=problem) as error:
        decode(ReplicaSettings, text)
    assert "\n" not in str(error.value)


def test_a_limit_that_is_not_allowed_is_refused() -> None:
    served = ServedPipeline(load_pipeline("video"), "video", queue_limit=7)
    with pytest.raises(PodSettingsError, match="queue_limit is 0; it must be at least 1"):
        decode(ServedPipeline, encode(served).replace('"queue_limit": 7', '"queue_limit": 0'))
