"""The definition of the object is that of the models, and one that an API server takes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel, Field

from ipa.cluster.resource import to_object
from ipa.cluster.resource_crd import COLUMNS, crd, crd_yaml, schema_of
from ipa.cluster.resource_spec import PipelineOptions, Weights
from ipa.pipeline.load import load_pipeline, pipeline_names

FILE = Path(__file__).parents[2] / "infrastructure" / "kubernetes" / "base" / "crd.yaml"

ABOVE_0 = {"minimum": 0, "exclusiveMinimum": True}

REMAKE = "python -m ipa.cluster.resource_crd > infrastructure/kubernetes/base/crd.yaml"


def test_the_file_is_what_the_models_give() -> None:
    # Not text by text: libraries differ in the order of keys.
    assert yaml.safe_load(FILE.read_text(encoding="utf-8")) == crd(), f"make it anew: {REMAKE}"


def test_the_command_prints_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ipa.cluster.resource_crd"], capture_output=True, text=True, check=True
    )
    assert done.stdout == crd_yaml()


def schema(part: str) -> dict[str, Any]:
    version = crd()["spec"]["versions"][0]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"][part]
    return found


def parts(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield given
    below = [*given.get("properties", {}).values(), given.get("items"), given.get("additionalProperties")]
    for part in below:
        if part:
            yield from parts(part)


@pytest.mark.parametrize("part", ["spec", "status"])
def test_the_schema_is_structural(part: str) -> None:
    found = list(parts(schema(part)))
    assert len(found) > 20
    for one in found:
        assert "type" in one or one == {"x-kubernetes-preserve-unknown-fields": True}
        assert not one.keys() & {"$ref", "anyOf", "oneOf", "const", "title"}
        assert one.get("allOf", [ABOVE_0]) == [ABOVE_0]
        assert not ("properties" in one and "additionalProperties" in one)
        for key in one.get("x-kubernetes-list-map-keys", ()):
            assert key in one["items"]["required"]


def test_every_key_of_the_spec_is_described() -> None:
    lacking = [
        name
        for part in parts(schema("spec"))
        for name, one in part.get("properties", {}).items()
        if "description" not in one and name not in {"name", "stage", "factor", "variants", "accuracy"}
    ]
    assert lacking == []


@pytest.mark.parametrize("name", pipeline_names())
def test_the_objects_of_all_pipelines_fit(name: str) -> None:
    options = PipelineOptions(weights=Weights(alpha=2.0), interval_s=5.0)
    jsonschema.Draft4Validator(schema("spec")).validate(to_object(load_pipeline(name), options)["spec"])


@pytest.mark.parametrize(
    "change",
    [{"source": "magic"}, {"intervalSeconds": 0}, {"pipeline": {"sla_s": 1}}, {"gateway": {"shards": 0}}],
)
def test_what_is_out_of_range_does_not_fit(change: dict[str, object]) -> None:
    spec = to_object(load_pipeline("video"))["spec"] | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema("spec")).validate(spec)


def test_the_columns_show_what_the_status_holds() -> None:
    known = schema("status")["properties"]
    paths = [path for _, _, path, _ in COLUMNS if path.startswith(".status.")]
    assert all(path.removeprefix(".status.").partition("[")[0] in known for path in paths)
    assert [name for name, *_ in COLUMNS] == ["Rate", "Cores", "PAS", "P99", "Ready", "Age"]


def test_a_status_has_no_defaults() -> None:
    assert not any("default" in part for part in parts(schema("status")))


def test_what_no_structural_schema_says_is_an_error() -> None:
    class Open(BaseModel):
        number: float = Field(gt=0)

    with pytest.raises(ValueError, match="no structural schema says exclusiveMinimum"):
        schema_of(Open)
