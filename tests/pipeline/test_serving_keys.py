"""Keys of a pipeline file that say how its stages are served."""

from dataclasses import replace
from pathlib import Path

import pytest

from ipa.errors import InvalidValueError
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.stage_inputs import StageInput
from tests.support import toys
from tests.support.pipeline_files import PIPELINE, changed, error_of, written


def stage_keys(*lines: str) -> str:
    return changed("    profile:", "".join(f"    {line}\n" for line in lines) + "    profile:")


def small_keys(keys: str) -> str:
    return changed("base_cores: 1}", f"base_cores: 1, {keys}}}")


def test_keys_for_serving_have_defaults(folder: Path) -> None:
    stage = load_pipeline(written(folder, PIPELINE)).stages[0]
    assert (stage.task, stage.inputs) == ("", ())
    assert (stage.variants[0].settings, stage.variants[0].server) == ((), None)


def test_settings_of_a_variant_are_plain_values_by_name(folder: Path) -> None:
    text = small_keys("settings: {width: 320, file: det.onnx, scale: 0.5, mirrored: true}")
    variant = load_pipeline(written(folder, text)).stages[0].variants[0]
    assert dict(variant.settings) == {"width": 320, "file": "det.onnx", "scale": 0.5, "mirrored": True}
    assert [name for name, _ in variant.settings] == ["file", "mirrored", "scale", "width"]
    assert hash(variant) == hash(load_pipeline(written(folder, text)).stages[0].variants[0])


def test_a_variant_may_be_served_by_any_server(folder: Path) -> None:
    text = small_keys('server: {model: det, command: [tritonserver, "--grpc-port={port}"]}')
    server = load_pipeline(written(folder, text)).stages[0].variants[0].server
    assert server is not None
    assert server.command_on(8123, 8124, 8125) == ["tritonserver", "--grpc-port=8123"]
    assert (server.has_http, server.has_metrics) == (False, False)
    for address in ("gpu-box:8001", "[::1]:8001"):
        text = small_keys(f'server: {{model: det, address: "{address}"}}')
        assert load_pipeline(written(folder, text)).stages[0].variants[0].server == ExternalServer(
            "det", address=address
        )


def test_a_server_is_told_all_the_ports_that_it_asks_for() -> None:
    words = ("serve", "--ports={port},{http_port},{metrics_port}", "$HOME/{x}")
    server = ExternalServer("m", words)
    assert server.command_on(1, 2, 3) == ["serve", "--ports=1,2,3", "$HOME/{x}"]
    assert (server.has_http, server.has_metrics) == (True, True)


@pytest.mark.parametrize(
    ("server", "has_http"),
    [
        (ExternalServer("m", image="i"), True),
        (ExternalServer("m", ("x", "{port}"), image="i"), False),
        (ExternalServer("m", address="a:1"), False),
    ],
)
def test_an_image_that_is_run_by_its_own_command_has_the_doors_of_a_pod(
    server: ExternalServer, has_http: bool
) -> None:
    assert server.has_http is has_http


@pytest.mark.parametrize(
    ("keys", "key", "message"),
    [
        ("settings: {width: [1]}", "settings[0]", "width must be true, false, a finite number or a text"),
        ("settings: {width: .nan}", "settings[0]", "width must be true, false, a finite number or a text"),
        ("settings: 3", "settings", "must be a mapping, got 3"),
        ("server: {model: m}", "server", "takes either an address, or a command or an image or both"),
        (
            "server: {model: m, command: [x], address: 'a:1'}",
            "server",
            "takes either an address, or a command or an image or both",
        ),
        ("server: {model: m, command: [run, it]}", "server", "its command must hold {port}"),
        ("server: {model: m, address: 'http://a:1'}", "server", "its address must be HOST:PORT"),
        ("server: {model: m, address: 'a:70000'}", "server", "its address must be HOST:PORT"),
        ("server: {adress: 'a:1'}", "server.adress", "unknown key; allowed: model, command, address"),
        ("server: {model: m, image: i, user: 0}", "server.user", "must be a whole number between 1 and"),
        ("server: {model: m, image: i, memory_mb: 8}", "server.memory_mb", "between 64 and 16,777,216 MB"),
        ("server: {model: m, address: 'a:1', user: 7}", "server", "user is for a container, and the server"),
        (
            "server: {model: m, address: 'a:1', writable_root: true}",
            "server",
            "writable_root is for a container, and the server at a:1 runs already",
        ),
        ("server: {address: 'a:1'}", "server.model", "is missing"),
    ],
)
def test_wrong_keys_for_serving_are_named(folder: Path, keys: str, key: str, message: str) -> None:
    error = error_of(folder, small_keys(keys))
    assert error.key == f"stages[0].variants[0].{key}"
    assert message in error.problem


def with_task(task: str, keys: str = "") -> str:
    text = stage_keys(f"task: {task}")
    return text.replace("base_cores: 1}", f"base_cores: 1, {keys}}}") if keys else text


@pytest.mark.parametrize(
    ("task", "settings", "key", "message"),
    [
        ("nope", "", "task", "unknown task 'nope'; allowed: object-detection, image-classification, "),
        ("object-detecton", "", "task", "Did you mean 'object-detection'?"),
        ("object-detection", "pixles: 320", "settings", "unknown setting of task object-detection 'pixles'"),
        ("object-detection", "pixels: 3.5", "settings", "pixels must be a whole number between 32 and 4,096"),
        ("translation", "new_tokens: 0", "settings", "new_tokens must be a whole number between 1 and"),
        ("ocr-detection", "weights: none", "settings", "unknown value of the setting weights 'none'"),
        ("ocr-recognition", "weights: ppocrv6-tiny-rec", "settings", "width_px must be a whole number"),
    ],
)
def test_a_task_and_its_settings_are_known_before_anything_is_served(
    folder: Path, task: str, settings: str, key: str, message: str
) -> None:
    error = error_of(folder, with_task(task, f"settings: {{{settings}}}" if settings else ""))
    assert error.key == f"stages[0].{key if key == 'task' else f'variants[0].{key}'}"
    assert message in error.problem


def test_a_server_of_somebody_elses_may_be_told_anything(folder: Path) -> None:
    text = with_task("object-detection", 'settings: {theirs: 1}, server: {model: m, address: "a:1"}')
    assert load_pipeline(written(folder, text)).stages[0].variants[0].settings == (("theirs", 1),)


SECOND = """  - name: classify
    profile: {file: measured/profile.csv, stage: detect}
    inputs: {image: detect.crops, language: request.language}
    variants:
      - {name: small, accuracy: 0.5, base_cores: 1}
"""


def test_inputs_come_from_the_request_or_from_stages_before(folder: Path) -> None:
    stage = load_pipeline(written(folder, PIPELINE + SECOND)).stages[1]
    assert stage.inputs == (StageInput("image", "detect", "crops"), StageInput("language", "", "language"))


def test_inputs_come_from_every_stage_that_leads_there(folder: Path) -> None:
    second = SECOND.replace("    inputs", "    after: detect\n    inputs")
    third = second.replace("name: classify", "name: third").replace("after: detect", "after: classify")
    other = second.replace("name: classify", "name: other")
    pipeline = load_pipeline(written(folder, PIPELINE + second + other + third))
    assert pipeline.stage("third").inputs[0].stage == "detect"
    assert pipeline.ancestors()["third"] == ("detect", "classify")
    error = error_of(folder, PIPELINE + second + other + third.replace("detect.crops", "other.crops"))
    assert error.problem.endswith("allowed: request.NAME, detect.NAME, classify.NAME")


@pytest.mark.parametrize("source", ["classify.label", "crops", "detect.", "detect", "request.", "''"])
def test_an_input_from_nowhere_is_refused(folder: Path, source: str) -> None:
    error = error_of(folder, PIPELINE + SECOND.replace("detect.crops", source))
    assert "stages[1].inputs" in error.key
    assert source.strip("'") in str(error)


def test_a_stage_named_request_makes_sources_ambiguous(folder: Path) -> None:
    error = error_of(
        folder,
        changed("name: detect", "name: request").replace("profile.csv}", "profile.csv, stage: detect}")
        + SECOND.replace("detect.crops", "request.crops"),
    )
    assert "rename the stage" in error.problem


def test_a_pipeline_built_in_python_is_checked_too() -> None:
    stages = toys.pipeline(2).stages
    with pytest.raises(InvalidValueError, match="comes from stage-2, which does not lead to it"):
        Pipeline("own", (replace(stages[0], inputs=(StageInput("x", "stage-2", "y"),)), stages[1]), 1.0)
    assert Pipeline("own", (stages[0], replace(stages[1], inputs=(StageInput("x", "stage-1", "y"),))), 1.0)
