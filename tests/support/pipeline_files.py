"""Pipeline files to change one thing in, and the error that comes of it."""

from pathlib import Path

import pytest

from ipa.errors import ConfigError
from ipa.pipeline.load import load_pipeline

PROFILE = """stage,variant,cores,batch,latency_p99_s,throughput_rps
detect,small,1,1,0.10,10
detect,small,1,4,0.30,13
detect,large,2,1,0.40,4
"""

PIPELINE = """name: own
sla_s: 2.5
stages:
  - name: detect
    profile: {file: measured/profile.csv}
    variants:
      - {name: small, accuracy: 0.5, base_cores: 1}
      - {name: large, accuracy: 0.9, base_cores: 2}
"""


def written(folder: Path, content: str | bytes) -> Path:
    file = folder / "own.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def changed(old: str, new: str) -> str:
    assert PIPELINE.count(old) == 1
    return PIPELINE.replace(old, new)


def error_of(folder: Path, content: str | bytes) -> ConfigError:
    file = written(folder, content)
    with pytest.raises(ConfigError) as caught:
        load_pipeline(file)
    assert str(caught.value).startswith(f"{caught.value.file}: ")
    return caught.value
