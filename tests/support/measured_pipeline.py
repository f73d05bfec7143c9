"""A pipeline file with measured accuracies of all combinations of its variants."""

from pathlib import Path

PROFILE = """stage,variant,cores,batch,latency_p99_s,throughput_rps
detect,small,1,1,0.080,15
detect,large,4,1,0.210,6
read,fast,1,1,0.050,25
read,exact,2,1,0.120,12
"""
STAGES = """name: measured
sla_s: 2.5
stages:
  - name: detect
    profile: {file: profile.csv}
    variants:
      - {name: small, accuracy: 0.61, base_cores: 1}
      - {name: large, accuracy: 0.74, base_cores: 4}
  - name: read
    profile: {file: profile.csv}
    variants:
      - {name: fast, accuracy: 0.9, base_cores: 1}
      - {name: exact, accuracy: 0.95, base_cores: 2}
"""
ACCURACIES = """measured_accuracy:
  - {variants: [small, fast], accuracy: 0.48}
  - {variants: [small, exact], accuracy: 0.63}
  - {variants: [large, fast], accuracy: 0.55}
  - {variants: [large, exact], accuracy: 0.64}
"""


def measured_pipeline(folder: Path, accuracies: str = ACCURACIES, stages: str = STAGES) -> Path:
    """Write the file and its profile."""
    (folder / "profile.csv").write_text(PROFILE, encoding="utf-8")
    file = folder / "measured.yaml"
    file.write_text(stages + accuracies, encoding="utf-8")
    return file
