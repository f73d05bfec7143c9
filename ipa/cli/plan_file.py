"""A plan from a file: what ``ipa solve --json`` prints."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ipa.errors import ConfigError, UnreadableFileError
from ipa.limits import YAML_BYTES
from ipa.pipeline.plan import Plan, StagePlan


class _StageEntry(BaseModel):
    model_config = ConfigDict(extra="ignore")
    stage: str
    variant: str
    batch: int
    replicas: int
    cores_per_replica: int
    batch_wait_s: float = 0.0


class _PlanFile(BaseModel):
    model_config = ConfigDict(extra="ignore")
    stages: list[_StageEntry]


def read_plan(file: Path) -> Plan:
    """Return the plan that a file holds.

    Raises
    ------
    UnreadableFileError
        If it cannot be read.
    ConfigError
        If it holds no plan.
    """
    try:
        if file.stat().st_size > YAML_BYTES:
            raise UnreadableFileError(file, "too large for a plan; it takes what ipa solve --json prints")
        found = _PlanFile.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UnreadableFileError(file, f"{error.strerror}; it takes what ipa solve --json prints") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(file, key, f"{first['msg']}; it takes what ipa solve --json prints") from None
    return Plan(
        tuple(
            StagePlan(s.stage, s.variant, s.batch, s.replicas, s.cores_per_replica, s.batch_wait_s)
            for s in found.stages
        )
    )
