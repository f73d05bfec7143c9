"""The CustomResourceDefinition of InferencePipeline, made from the models that read pipelines.

``python -m ipa.cluster.resource_crd`` prints it; ``infrastructure/kubernetes/base/crd.yaml`` holds what it
prints, and a test that both are the same.
"""

import sys
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from ipa.cluster.names import GROUP, KIND, PLURAL, VERSION
from ipa.cluster.resource_spec import PipelineSpec
from ipa.cluster.resource_status import PipelineStatus

SHORT_NAME = "ipl"

Schema = dict[str, Any]

COLUMNS = (
    ("Rate", "number", ".status.rateRps", "Requests per second that arrive."),
    ("Cores", "integer", ".status.cores", "Cores of the plan."),
    ("PAS", "number", ".status.pas", "Accuracy of the plan."),
    ("P99", "number", ".status.p99Seconds", "99th percentile of the latency in seconds."),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether all stages serve."),
    ("Age", "date", ".metadata.creationTimestamp", ""),
)
"""What ``kubectl get`` shows: name, type, where it is, and what it means."""

MOST_EXACT = 2**53
"""Largest whole number up to which a float counts every one."""

KEPT = frozenset(
    {"description", "enum", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength"}
    | {"minimum", "pattern", "required", "type", "x-kubernetes-list-map-keys", "x-kubernetes-list-type"}
    | {"x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"}
)
"""What of a JSON schema the API server takes as it is."""

NESTED = frozenset({"properties", "items", "additionalProperties"})

LEFT_OUT = frozenset({"$defs", "title", "format"})
"""What says nothing more to it."""


def crd() -> dict[str, Any]:
    """Return the definition of the object."""
    properties = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": schema_of(PipelineSpec),
        "status": _without_defaults(schema_of(PipelineStatus)),
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(*column) for column in COLUMNS],
        "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": properties}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "ipa", "app.kubernetes.io/managed-by": "ipa"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": [SHORT_NAME],
                "categories": ["all"],
            },
            "versions": [version],
        },
    }


def crd_yaml() -> str:
    """Return the definition as the text of its file."""
    head = "# Made by `python -m ipa.cluster.resource_crd`; a test fails where the two differ.\n"
    return head + yaml.safe_dump(crd(), sort_keys=False, width=110, allow_unicode=True)


def schema_of(model: type[BaseModel]) -> Schema:
    """Return the structural schema of a model: no references, one type everywhere.

    Raises
    ------
    ValueError
        If the model says something that such a schema cannot; it would be lost in silence.
    """
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(whole, whole.get("$defs", {}))


def _without_defaults(schema: Schema) -> Schema:
    """Return the schema of what programs write, who do not leave anything out."""
    found = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in found:
        found["properties"] = {name: _without_defaults(one) for name, one in found["properties"].items()}
    if "items" in found:
        found["items"] = _without_defaults(found["items"])
    return found


def _column(name: str, kind: str, path: str, text: str) -> dict[str, str]:
    return {"name": name, "type": kind, "jsonPath": path} | ({"description": text} if text else {})


def _structural(given: Schema, known: Mapping[str, Schema]) -> Schema:
    schema = _resolved(given, known)
    unknown = schema.keys() - KEPT - LEFT_OUT - NESTED - {"default", "const"}
    if unknown:
        raise ValueError(f"no structural schema says {', '.join(sorted(unknown))}: {schema}")
    found = {key: value for key, value in schema.items() if key in KEPT} | _nested(schema, known)
    if "const" in schema:
        found["enum"] = [schema["const"]]
    # A text, list or mapping that is left out is empty; a server that wrote that down would only add noise.
    default = schema.get("default")
    if isinstance(default, bool | int | float) or (default and isinstance(default, str)):
        found["default"] = default
    if found.get("type") == "integer":
        found["format"] = "int64"
        # The API server keeps bounds as floats, and one beyond what they count exactly turns into nonsense.
        if found.get("maximum", 0) > MOST_EXACT:
            del found["maximum"]
    if found.get("type") == "number" and 0 < found.get("minimum", 0) < 1:
        # The API server cuts a bound to a whole number where the value is one, and would let 0 pass.
        found["allOf"] = [{"minimum": 0, "exclusiveMinimum": True}]
    if "description" in found:
        found["description"] = " ".join(found["description"].split())
    return found


def _nested(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    found: Schema = {}
    if "properties" in schema:
        found["properties"] = {name: _structural(one, known) for name, one in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        # That others are refused is what it means anyway that only these are named: False.
        if isinstance(schema.get(key), dict):
            found[key] = _structural(schema[key], known)
    return found


def _resolved(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    """Follow references, and take the one alternative that there is beside nothing at all."""
    if "$ref" in schema:
        target = known[schema["$ref"].rpartition("/")[2]]
        return _resolved(target | {key: value for key, value in schema.items() if key != "$ref"}, known)
    if "anyOf" in schema:
        (alternative,) = (one for one in schema["anyOf"] if one.get("type") != "null")
        own = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return _resolved(alternative | own, known)
    return schema


def main() -> None:
    """Print the definition."""
    sys.stdout.write(crd_yaml())


if __name__ == "__main__":
    main()
