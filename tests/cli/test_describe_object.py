"""``ipa describe --as-object`` prints what an engineer applies."""

from pathlib import Path

import pytest
import yaml

from ipa.cluster.resource import read_object
from ipa.pipeline.load import load_pipeline, pipeline_names
from tests.support.command import Ipa

EXAMPLES = Path(__file__).parents[2] / "examples" / "kubernetes"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_an_example_is_what_the_command_prints(ipa: Ipa, file: Path) -> None:
    made = ipa("describe", "--pipeline", file.stem, "--as-object").out
    assert made == file.read_text(encoding="utf-8"), (
        f"ipa describe --pipeline {file.stem} --as-object > {file}"
    )


def test_there_is_an_example_of_every_pipeline_of_the_paper() -> None:
    names = {file.stem for file in EXAMPLES.glob("*.yaml")}
    assert names == {"audio-qa", "audio-sent", "nlp", "sum-qa", "video"}


@pytest.mark.parametrize("name", pipeline_names())
def test_what_is_printed_describes_the_pipeline_with_the_corrected_settings(ipa: Ipa, name: str) -> None:
    thing = yaml.safe_load(ipa("describe", "--pipeline", name, "--as-object").out)
    pipeline, options = read_object(thing)
    assert pipeline == load_pipeline(name)
    assert options.drop.after_s == pytest.approx(2 * pipeline.sla_s)
    if name == "video":
        assert (options.weights.alpha, options.weights.beta) == (2.0, 1.0)


def test_one_form_at_a_time(ipa: Ipa) -> None:
    refused = ipa("describe", "--json", "--as-object")
    assert refused.code == 2
    assert "--json and --as-object exclude each other" in refused.err
