"""Reads pipelines and profiles from files and says exactly what is wrong with them."""

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ipa.errors import UnknownNameError
from ipa.file_stamps import FileStamp, file_stamp
from ipa.files import resolve_path
from ipa.paper import PAPER_PIPELINES
from ipa.paths import data_dir
from ipa.pipeline.config import PipelineConfig, StageConfig
from ipa.pipeline.from_config import build_pipeline
from ipa.pipeline.parse import parse_pipeline
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.profile_checks import sla_warnings, table_warnings
from ipa.pipeline.profile_table import ProfileSource, read_profile_table
from ipa.strict_yaml import read_yaml

WARNINGS_SHOWN = 5
"""Contradictions that are logged one by one."""

_log = logging.getLogger(__name__)


def pipelines_dir() -> Path:
    """Return the folder of the pipelines that come with IPA."""
    return data_dir() / "pipelines"


def pipeline_names() -> list[str]:
    """Return the names of the pipelines that come with IPA, in the paper's order."""
    order = list(PAPER_PIPELINES)
    found = sorted(path.stem for path in pipelines_dir().glob("*.yaml"))
    return [name for name in order if name in found] + [name for name in found if name not in order]


def load_pipeline(name_or_path: str | Path) -> Pipeline:
    """Load a pipeline by name or from a YAML file.

    Parameters
    ----------
    name_or_path
        A name of ``pipeline_names()``, or the path of a file of the same form.

    Returns
    -------
    Pipeline
        Validated; every enabled variant has a profile for its base allocation.

    Raises
    ------
    ConfigError
        Names the file, the key and the allowed values.
    UnknownNameError
        If it is neither a known name nor a file.

    Examples
    --------
    >>> load_pipeline("video").stage("object-detection").variant("yolov5n").accuracy
    0.457
    """
    path = pipeline_file(name_or_path)
    config = _config(path, file_stamp(path))
    return _pipeline(path, config, tuple(map(file_stamp, _tables(path, config))))


def pipeline_config(name_or_path: str | Path) -> PipelineConfig:
    """Return what a pipeline file says; unlike :func:`load_pipeline` it asks for no measurements."""
    path = pipeline_file(name_or_path)
    return _config(path, file_stamp(path))


def pipeline_file(name_or_path: str | Path) -> Path:
    """Return the YAML file of a pipeline; an unknown name is an UnknownNameError."""
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        return resolve_path(path)
    # A name is compared, not turned into a path, which could lead anywhere.
    if str(name_or_path) not in pipeline_names():
        raise UnknownNameError(
            "pipeline", str(name_or_path), [*pipeline_names(), "a path that ends in .yaml"]
        )
    return pipelines_dir() / f"{name_or_path}.yaml"


def pipeline_warnings(name_or_path: str | Path) -> list[str]:
    """Return what the files of a pipeline say that contradicts itself, with file, line and values.

    :func:`load_pipeline` logs the first of these once.
    """
    path = pipeline_file(name_or_path)
    return _warnings(path, _config(path, file_stamp(path)), load_pipeline(path))


def pipeline_inputs(name_or_path: str | Path) -> tuple[Path, ...]:
    """Return every file that a pipeline is read from: its own, the stages' profiles, its accuracies."""
    path = pipeline_file(name_or_path)
    return (path, *_tables(path, _config(path, file_stamp(path))))


def _tables(path: Path, config: PipelineConfig) -> tuple[Path, ...]:
    profiles = tuple(_profile_file(path, stage) for stage in config.stages)
    measured = config.measured_accuracy
    return profiles if measured is None or not measured.file else (*profiles, _beside(path, measured.file))


def _beside(path: Path, file: str) -> Path:
    return resolve_path(path.parent / file)


def _profile_file(path: Path, stage: StageConfig) -> Path:
    return _beside(path, stage.profile.file)


@lru_cache(maxsize=64)
def _config(path: Path, _stamp: FileStamp) -> PipelineConfig:
    return parse_pipeline(path, read_yaml(path), PipelineConfig)


@lru_cache(maxsize=64)
def _pipeline(path: Path, config: PipelineConfig, _read: tuple[FileStamp, ...]) -> Pipeline:
    measured = config.measured_accuracy
    pipeline = build_pipeline(
        path,
        config,
        [(read_profile_table(_profile_file(path, stage)), _source(stage)) for stage in config.stages],
        _beside(path, measured.file) if measured is not None and measured.file else None,
    )
    _warn(_warnings(path, config, pipeline))
    return pipeline


def _warn(warnings: Sequence[str]) -> None:
    for line in warnings[:WARNINGS_SHOWN]:
        _log.warning("%s", line)
    if len(warnings) > WARNINGS_SHOWN:
        _log.warning("%d more such rows; ipa describe --json lists all", len(warnings) - WARNINGS_SHOWN)


def _warnings(path: Path, config: PipelineConfig, pipeline: Pipeline) -> list[str]:
    found = [f"{path}: {line}" for line in sla_warnings(pipeline)]
    for stage in config.stages:
        table = read_profile_table(_profile_file(path, stage))
        found += table_warnings(table, _source(stage), [variant.name for variant in stage.variants])
    return list(dict.fromkeys(found))


def _source(config: StageConfig) -> ProfileSource:
    return ProfileSource(
        stage=config.profile.stage or config.name,
        series=config.profile.series,
        offered_load_rps=config.profile.offered_load_rps,
    )
