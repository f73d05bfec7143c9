"""Pipeline files: what is accepted, and what an error says."""

import os
from pathlib import Path

import pytest

from ipa.cli.options import OTHER_PIPELINES
from ipa.errors import ConfigError, UnknownNameError
from ipa.paper import PAPER_PIPELINES, published_table
from ipa.pipeline.load import load_pipeline, pipeline_inputs, pipeline_names
from ipa.pipeline.pipeline import Edge
from tests.support.pipeline_files import PIPELINE, PROFILE, changed, error_of, written


def test_a_pipeline_elsewhere_finds_its_profile_beside_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder, PIPELINE)
    monkeypatch.chdir(folder.parent)
    pipeline = load_pipeline(f"{folder.name}/own.yaml")
    assert pipeline.sla_s == 2.5
    assert [variant.base_cores for variant in pipeline.stages[0].variants] == [1, 2]
    assert pipeline.stages[0].variant("small").profile.at(4).throughput_rps == 13


def test_optional_keys_have_defaults(folder: Path) -> None:
    variant = load_pipeline(written(folder, PIPELINE)).stages[0].variants[0]
    assert (variant.start_up_s, variant.enabled, variant.model) == (8.0, True, "")


@pytest.mark.parametrize("path", ["own.yaml", "measured/profile.csv"])
def test_a_changed_file_is_read_again(folder: Path, path: str) -> None:
    file = written(folder, PIPELINE)
    before = load_pipeline(file)
    assert load_pipeline(file) is before
    text = (folder / path).read_text()
    (folder / path).write_text(text.replace("0.10", "0.20").replace("2.5", "3.5"))
    # A change within the resolution of the file system's clock still has to count.
    os.utime(folder / path, ns=(1, 1))
    assert load_pipeline(file) != before


def test_the_inputs_of_a_pipeline_are_its_file_and_its_profiles(folder: Path) -> None:
    file = written(folder, PIPELINE)
    assert pipeline_inputs(file) == (file, folder / "measured" / "profile.csv")


@pytest.mark.parametrize(
    ("content", "key", "problem"),
    [
        pytest.param(PIPELINE + "slo: 3\n", "slo", "allowed: name, sla_s, stages, title", id="pipeline"),
        pytest.param(
            changed("    profile:", "    replicas: 3\n    profile:"),
            "stages[0].replicas",
            "allowed: name, variants, sla_s",
            id="stage",
        ),
        pytest.param(
            changed("profile.csv}", "profile.csv, serie: 3}"),
            "stages[0].profile.serie",
            "allowed: file, stage, series, offered_load_rps",
            id="profile",
        ),
        pytest.param(
            changed("accuracy: 0.9", "acuracy: 0.9, accuracy: 0.9"),
            "stages[0].variants[1].acuracy",
            "allowed: name, accuracy, base_cores, model, start_up_s, enabled",
            id="variant",
        ),
    ],
)
def test_a_wrong_key_at_any_level_names_file_key_and_allowed_keys(
    folder: Path, content: str, key: str, problem: str
) -> None:
    error = error_of(folder, content)
    assert error.file == folder / "own.yaml"
    assert error.key == key
    assert "unknown key" in error.problem
    assert problem in error.problem


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        (
            "accuracy: 0.5",
            "accuracy: 1.5",
            "stages[0].variants[0].accuracy",
            "must lie between 1e-06 and 1, got 1.5",
        ),
        (
            "accuracy: 0.5",
            "accuracy: 0",
            "stages[0].variants[0].accuracy",
            "between 1e-06 and 1, got 0",
        ),
        ("accuracy: 0.5", "accuracy: .nan", "stages[0].variants[0].accuracy", "got nan"),
        ("accuracy: 0.5", "accuracy: high", "stages[0].variants[0].accuracy", "must be a number, got 'high'"),
        (
            "base_cores: 1",
            "base_cores: 0",
            "stages[0].variants[0].base_cores",
            "number between 1 and",
        ),
        ("base_cores: 1", "base_cores: 1.5", "stages[0].variants[0].base_cores", "must be a whole number"),
        (
            "base_cores: 1",
            "base_cores: true",
            "stages[0].variants[0].base_cores",
            "whole number, got True",
        ),
        ("base_cores: 1}", "base_cores: 1, start_up_s: -1}", "stages[0].variants[0].start_up_s", "got -1"),
        ("base_cores: 1}", "base_cores: 1, start_up_s: .inf}", "stages[0].variants[0].start_up_s", "got inf"),
        ("sla_s: 2.5", "sla_s: -2.5", "sla_s", "must lie between 1e-06 and 1e+07 s, got -2.5"),
        ("sla_s: 2.5", "sla_s: .inf", "sla_s", "got inf"),
        ("sla_s: 2.5", "sla_s: 2.5 s", "sla_s", "must be a number, got '2.5 s'"),
        ("sla_s: 2.5\n", "", "sla_s", "is missing; keys here: name, sla_s, stages"),
        ("name: large, ", "", "stages[0].variants[1].name", "is missing; keys here: name, accuracy"),
        ("profile.csv}", "profile.csv, series: 7}", "stages[0].profile.series", "must be a list, got 7"),
        ("profile.csv}", "profile.csv, offered_load_rps: [0]}", "stages[0].profile.offered_load_rps[0]", "0"),
        ("name: large", "name: small", "stages[0].variants", "names must be distinct, got small, small"),
        ("name: own", "name: ''", "name", "at least 1 character"),
        ("name: detect", "name: detects", "stages[0].name", "no stage 'detects'; it has: detect"),
        ("profile.csv}", "profile.csv, stage: x}", "stages[0].profile.stage", "no stage 'x'; it has: detect"),
        ("name: large", "name: huge", "stages[0].variants[1].base_cores", "it has no profile at all"),
        ("base_cores: 2", "base_cores: 4", "stages[0].variants[1].base_cores", "profiled on 2 cores"),
    ],
)
def test_a_value_outside_its_domain_names_key_and_domain(
    folder: Path, old: str, new: str, key: str, problem: str
) -> None:
    error = error_of(folder, changed(old, new))
    assert error.key == key
    assert problem in error.problem


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sla_s: 2.5", "sla_s: {}"),
        ("accuracy: 0.5", "accuracy: {}"),
        ("base_cores: 1", "base_cores: {}"),
        ("base_cores: 1}", "base_cores: 1, start_up_s: {}}}"),
        ("profile.csv}", "profile.csv, offered_load_rps: [{}]}}"),
        ("    profile:", "    sla_s: {}\n    profile:"),
    ],
)
@pytest.mark.parametrize(
    "value", ["yes", "true", "off", '"1"', "'1.0'", "1_000", "0x1", "01", "1:30", "2024-01-01"]
)
def test_no_truth_value_and_no_text_is_a_number(folder: Path, old: str, new: str, value: str) -> None:
    error = error_of(folder, changed(old, new.format(value)))
    assert error.key.split(".")[-1].split("[")[0] in new
    assert error.problem.startswith(("must be a number, got ", "must be a whole number, got "))


@pytest.mark.parametrize("value", ["3", "true", "~", "[a]", '"a\\nb"', "' a'", '"a\\u200bb"', "a" * 201])
def test_a_name_is_a_text_of_one_line(folder: Path, value: str) -> None:
    error = error_of(folder, changed("name: own", f"name: {value}"))
    assert error.key == "name"


@pytest.mark.parametrize("value", ["1", "'yes'", "3.0", "~"])
def test_enabled_is_true_or_false(folder: Path, value: str) -> None:
    error = error_of(folder, changed("base_cores: 1}", f"base_cores: 1, enabled: {value}}}"))
    assert (error.key, error.problem[:21]) == ("stages[0].variants[0].enabled", "must be true or false")


def test_numbers_may_have_an_exponent_without_a_point(folder: Path) -> None:
    assert load_pipeline(written(folder, changed("sla_s: 2.5", "sla_s: 25e-1"))).sla_s == 2.5


def test_all_stages_have_an_sla_or_none(folder: Path) -> None:
    (folder / "measured" / "profile.csv").write_text(
        PROFILE + PROFILE.replace("detect", "sort").split("\n", 1)[1]
    )
    both = PIPELINE + PIPELINE[PIPELINE.index("  - name") :].replace("detect", "sort")
    load_pipeline(written(folder, both))
    error = error_of(folder, both.replace("    profile:", "    sla_s: 1\n    profile:", 1))
    assert (error.key, error.problem) == (
        "stages[1].sla_s",
        "is missing; give an SLA to every stage or to none",
    )


@pytest.mark.parametrize("name", ["../pipelines/video", "./video", "video/", "x" * 300, "a\0b", ""])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(UnknownNameError, match="allowed: video"):
        load_pipeline(name)


def test_two_stages_of_one_name_are_refused(folder: Path) -> None:
    stage = PIPELINE[PIPELINE.index("  - name: detect") :]
    assert error_of(folder, PIPELINE + stage).problem == "names must be distinct, got detect, detect"


def test_a_stage_needs_an_enabled_variant(folder: Path) -> None:
    content = changed("base_cores: 1", "base_cores: 1, enabled: false")
    load_pipeline(written(folder, content))
    error = error_of(folder, content.replace("base_cores: 2", "base_cores: 2, enabled: false"))
    assert (error.key, error.problem) == ("stages[0].variants", "at least one variant must be enabled")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("name: [own\n", id="an open bracket"),
        pytest.param("name: own\n\tsla_s: 2\n", id="a tab"),
    ],
)
def test_a_broken_file_is_not_valid_yaml(folder: Path, content: str | bytes) -> None:
    assert "is not valid YAML" in error_of(folder, content).problem


@pytest.mark.parametrize("content", ["", "- a\n", "3\n"])
def test_a_file_without_a_mapping_lists_the_keys(folder: Path, content: str) -> None:
    assert "must hold a mapping with the keys name, sla_s, stages" in error_of(folder, content).problem


def test_a_missing_pipeline_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load_pipeline(tmp_path / "none.yaml")


def test_a_missing_profile_file_is_named(folder: Path) -> None:
    error = error_of(folder, changed("measured/profile.csv", "other.csv"))
    assert error.file == folder / "other.csv"
    assert "cannot be read: No such file" in error.problem


def test_a_profile_without_batch_size_one_is_refused(folder: Path) -> None:
    (folder / "measured" / "profile.csv").write_text(PROFILE.replace("large,2,1", "large,2,2"))
    error = error_of(folder, PIPELINE)
    assert (error.key, "lacks batch size 1" in error.problem) == ("stages[0].variants[1].base_cores", True)


def test_an_unknown_name_lists_the_pipelines_and_suggests_one() -> None:
    with pytest.raises(UnknownNameError, match=r"allowed: video, .*\.yaml\. Did you mean 'video'"):
        load_pipeline("vidoe")


def test_the_five_pipelines_of_the_paper_come_with_it() -> None:
    assert pipeline_names() == [*PAPER_PIPELINES, *OTHER_PIPELINES]


@pytest.mark.parametrize("name", PAPER_PIPELINES)
def test_a_published_pipeline_has_the_published_stages_and_slas(name: str) -> None:
    pipeline = load_pipeline(name)
    slas = published_table("slas").set_index("pipeline")["sla_table6_s"]
    stages = published_table("pipelines")
    stages = stages[stages["pipeline"] == name]
    assert pipeline.sla_s == float(slas[name])
    assert [stage.name for stage in pipeline.stages] == list(stages["stage"])
    assert [stage.sla_s for stage in pipeline.stages] == [float(sla) for sla in stages["sla_paper_s"]]


# Where the paper's tables and its runs disagree, the runs count (notes in variants.csv).
DIFFERENT_CORES = {
    ("audio-sent", "s2t-large"): 8,
    ("audio-qa", "xlm-roberta-large-squad2"): 2,
    ("sum-qa", "xlm-roberta-large-squad2"): 2,
}


@pytest.mark.parametrize("name", PAPER_PIPELINES)
def test_a_published_pipeline_has_the_published_variants(name: str) -> None:
    table = published_table("variants").set_index(["stage", "variant"])
    for stage in load_pipeline(name).stages:
        for variant in stage.variants:
            row = table.loc[(stage.name, variant.name)]
            cores = DIFFERENT_CORES.get((name, variant.name), row["published_base_cores"] or 1)
            assert variant.accuracy == float(row["accuracy"])
            assert variant.base_cores == int(cores)
            assert variant.enabled == (row["used_in_experiments"] == "yes")
            assert variant.model.split(":")[-1] == row["model_id"].split(":")[-1]


def test_every_published_variant_of_the_runs_is_in_a_pipeline() -> None:
    shipped = {
        (stage.name, variant.name)
        for name in PAPER_PIPELINES
        for stage in load_pipeline(name).stages
        for variant in stage.choices
    }
    table = published_table("variants")
    used = table[table["used_in_experiments"] == "yes"]
    assert shipped == set(zip(used["stage"], used["variant"], strict=True))


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("name: a\nsla_s: 1\nname: b\n")
    with pytest.raises(ConfigError, match="key 'name' stands twice"):
        load_pipeline(file)


def test_a_misspelt_key_is_named_rather_than_the_one_it_leaves_missing(tmp_path: Path) -> None:
    file = tmp_path / "misspelt.yaml"
    file.write_text("name: a\nsla: 1\nstages: []\n")
    with pytest.raises(ConfigError, match=r"misspelt\.yaml: sla: unknown key; allowed: name, sla_s"):
        load_pipeline(file)


GRAPH = """name: graph
sla_s: 2
stages:
  - {name: c, after: [a, b], profile: {file: p.csv}, variants: [{name: v, accuracy: 1, base_cores: 1}]}
  - {name: b, after: {a: 1.5}, profile: {file: p.csv}, variants: [{name: v, accuracy: 1, base_cores: 1}]}
  - {name: a, profile: {file: p.csv}, variants: [{name: v, accuracy: 1, base_cores: 1}]}
"""


@pytest.fixture
def graph_folder(tmp_path: Path) -> Path:
    rows = "".join(f"{stage},v,1,1,0.1,10\n" for stage in "abc")
    (tmp_path / "p.csv").write_text(f"stage,variant,cores,batch,latency_p99_s,throughput_rps\n{rows}")
    return tmp_path


def test_the_stages_of_a_graph_are_put_in_order_and_their_edges_have_rate_factors(graph_folder: Path) -> None:
    pipeline = load_pipeline(written(graph_folder, GRAPH))
    assert [stage.name for stage in pipeline.stages] == ["a", "b", "c"]
    assert pipeline.edges == (Edge("a", "b", 1.5), Edge("a", "c"), Edge("b", "c"))
    assert pipeline.rate_factors() == {"a": 1.0, "b": 1.5, "c": 1.0}
    summed = load_pipeline(written(graph_folder, GRAPH.replace("[a, b]", "[a, b], join: sum")))
    assert summed.rate_factors() == {"a": 1.0, "b": 1.5, "c": 2.5}
    assert pipeline.predecessors() == {"a": (), "b": ("a",), "c": ("a", "b")}


def test_a_chain_that_is_spelt_out_is_a_chain(graph_folder: Path) -> None:
    spelt = GRAPH.replace("after: [a, b]", "after: b").replace("{a: 1.5}", "[a]")
    assert load_pipeline(written(graph_folder, spelt)).edges == ()


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("after: [a, b]", "after: [a, d]", "stages[0].after", "no stage 'd'; stages: a, b, c"),
        ("{name: a,", "{name: a, after: c,", "stages", "form a cycle: "),
        ("{name: a,", "{name: a, after: a,", "stages", "form a cycle: a -> a"),
        ("after: {a: 1.5},", "", "stages", "only the first stage may lack the key after; b, a lack it"),
        ("{a: 1.5}", "{a: 0}", "stages[1].after[0][1]", "must lie between 1e-06 and 1000, got 0"),
        ("[a, b]", "[a, a]", "stages[0].after", "names stage a twice"),
        ("[a, b]", "7", "stages[0].after", "must be"),
        ("[a, b]", "{a: 1, b: 2}", "stages[0].after", "stage c serves a request once"),
        ("[a, b]", "[a, b], join: any", "stages[0].join", "'all' or 'sum'"),
        ("{name: a,", "{name: a, join: all,", "stages[2].join", "has nothing to join"),
    ],
)
def test_what_is_wrong_with_a_graph_is_named(
    graph_folder: Path, old: str, new: str, key: str, problem: str
) -> None:
    assert GRAPH.count(old) == 1
    error = error_of(graph_folder, GRAPH.replace(old, new))
    assert error.key == key
    assert problem in error.problem
