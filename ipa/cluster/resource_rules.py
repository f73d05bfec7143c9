"""What the API server refuses of an InferencePipeline though the types of its keys would allow it.

The rules (CEL) are checked before an object is stored, so their cost is bounded. What is too dear for one, as
a stage in ``after`` that does not exist, the controller says in the object's conditions.
"""

from typing import NamedTuple

from pydantic import ConfigDict, JsonValue


class Rule(NamedTuple):
    """A rule, and what is said if an object breaks it."""

    rule: str
    message: str


def config_of(rules: tuple[Rule, ...]) -> ConfigDict:
    """Return what gives the JSON schema of a model its rules."""
    found: list[JsonValue] = [{"rule": one.rule, "message": one.message} for one in rules]
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": found})


VARIANT = (
    Rule(
        "!has(self.profile) || self.profile.exists(r, r.cores == self.base_cores && r.batch == 1)",
        "profile needs a row for batch 1 on as many cores as base_cores says",
    ),
    Rule(
        "!has(self.server) ||"
        " has(self.server.address) != (has(self.server.command) || has(self.server.image))",
        "server takes either an address, or an image or a command or both",
    ),
    Rule(
        "!has(self.server) || !has(self.server.address) ||"
        " !(has(self.server.user) || has(self.server.memory_mb)"
        " || (has(self.server.writable_root) && self.server.writable_root))",
        "user, writable_root and memory_mb of a server are for a container; one with an address runs already",
    ),
)

STAGE = (
    Rule(
        "self.variants.all(v, has(v.profile) != has(self.profile))",
        "measurements stand either in every variant (profile: [rows]), or in a table that the stage names"
        " (profile: {config_map, file})",
    ),
    Rule(
        "self.variants.exists(v, !has(v.enabled) || v.enabled)",
        "at least one variant must be enabled",
    ),
    Rule(
        "!has(self.join) || has(self.after)",
        "join has nothing to join: the stage has no key after",
    ),
    Rule(
        "!has(self.after) || self.after.all(a, a.stage != self.name)",
        "after names the stage itself",
    ),
    Rule(
        "!has(self.after) || (has(self.join) ? self.join == 'sum' : size(self.after) < 2)"
        " || self.after.all(a, a.factor <= 1.0)",
        "a stage that joins serves a request once, so factors above 1 have no meaning; put them on a stage"
        " after this one, or serve every visit on its own (join: sum)",
    ),
)

PIPELINE = (
    Rule(
        "self.stages.all(s, has(s.sla_s)) || self.stages.all(s, !has(s.sla_s))",
        "give an sla_s to every stage or to none",
    ),
    Rule(
        "self.stages.all(s, !has(s.after)) || self.stages.exists_one(s, !has(s.after))",
        "only the first stage may lack the key after",
    ),
    Rule(
        "!has(self.measured_accuracy)"
        " || self.measured_accuracy.all(c, size(c.variants) == size(self.stages))",
        "every entry of measured_accuracy names one variant of each stage, in their order",
    ),
)

SPEC = (
    Rule(
        "self.method != 'rim' || (has(self.fixed) && has(self.fixed.replicas))",
        "method rim needs fixed.replicas, a number for each stage",
    ),
    Rule(
        "!has(self.fixed) ||"
        " ((!has(self.fixed.replicas) || size(self.fixed.replicas) == size(self.pipeline.stages)) &&"
        " (!has(self.fixed.variants) || size(self.fixed.variants) == size(self.pipeline.stages)))",
        "fixed.variants and fixed.replicas have one entry for each stage, in their order",
    ),
    Rule(
        "!has(self.drop) || !has(self.drop.stageAfterSeconds)"
        " || size(self.drop.stageAfterSeconds) == size(self.pipeline.stages)",
        "drop.stageAfterSeconds has one entry for each stage, in their order",
    ),
    Rule(
        "!has(self.limits) || !has(self.limits.variants) ||"
        " self.limits.variants.all(name, self.pipeline.stages.exists(s, s.name == name))",
        "limits.variants names stages of the pipeline",
    ),
    Rule(
        "self.metric != 'measured' || has(self.pipeline.measured_accuracy)",
        "metric measured needs pipeline.measured_accuracy",
    ),
    Rule(
        "self.source == 'emulated' ||"
        " self.pipeline.stages.all(s, has(s.task) || s.variants.all(v, has(v.server)))",
        "a source other than emulated needs a task in every stage, or a server in every variant of it",
    ),
)
