"""Files of figures: written whole, the same bytes for the same figure, named by what they show."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from ipa.errors import ResultsError
from ipa.figures import draw_adaptation, draw_end_to_end, file_name, save_figure
from ipa.report.notebooks import ForecastParameters, check_parameters
from ipa.results.file_names import safe_name
from tests.support.tidy_frames import WORKLOADS, all_steps, averages_of, load_of, steps_of


def small_figure() -> Figure:
    return draw_adaptation(steps_of(), load_of("bursty"))


def places(figure: Figure) -> list[tuple[float, ...]]:
    return [axes.get_position().bounds for axes in figure.axes]


def test_save_writes_the_same_bytes_for_the_same_figure(tmp_path: Path) -> None:
    files = [save_figure(small_figure(), tmp_path / folder, "run") for folder in ("a", "b")]
    assert [file.name for file in files[0]] == ["run.pdf", "run.png"]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    assert sorted(path.name for path in (tmp_path / "a" / "figures").iterdir()) == ["run.pdf", "run.png"]
    assert b"CreationDate" not in files[0][0].read_bytes()


def test_a_figure_is_laid_out_once_for_all_that_it_is_drawn_on(tmp_path: Path) -> None:
    figure = draw_end_to_end(all_steps(), averages_of("corrected"), load_of(*WORKLOADS))
    dpi, before = figure.get_dpi(), places(figure)
    save_figure(figure, tmp_path, "run")
    saved = places(figure)
    assert saved != before
    figure._repr_png_()
    save_figure(figure, tmp_path, "again")
    assert places(figure) == saved
    assert figure.get_dpi() == dpi
    names = [tmp_path / "figures" / f"{name}.{form}" for form in ("pdf", "png") for name in ("run", "again")]
    contents = [name.read_bytes() for name in names]
    assert contents[0] == contents[1]
    assert contents[2] == contents[3]


def test_file_names_tell_editions_traces_and_seeds_apart() -> None:
    assert file_name("figure-8", averages_of("corrected")) == "figure-8-corrected-synthetic-seed3"
    assert file_name("x", averages_of("a", "b").assign(seed=0)) == "x-a-b-synthetic"


def test_file_names_tell_every_parameter_that_differs_from_its_default() -> None:
    given = check_parameters(
        {
            "trace": "real", "seed": 4, "jobs": 1, "results_dir": "r", "workloads": ["bursty", "constant-7"],
            "forecasters": ["quantile-0.9"],
        },
        ForecastParameters,
    )  # fmt: skip
    assert given.changed() == {"workloads": ["bursty", "constant-7"], "forecasters": ["quantile-0.9"]}
    assert given.changed("workloads") == {"forecasters": ["quantile-0.9"]}
    frame = pd.DataFrame({"trace": ["real"], "seed": [4]})
    assert file_name("figure-7", frame, given.changed()) == (
        "figure-7-real-seed4-workloads=bursty+constant-7-forecasters=quantile-0.9"
    )


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "a/b", ".", "..", "", "a b", "x" * 500, "\udc80", "é\n", "-x", "a\0b"]
)
def test_no_name_leaves_the_folder_of_figures(name: str) -> None:
    written = file_name(name, None, {"pipeline": name, "variants": [name, name]})
    assert "/" not in written
    assert not written.startswith((".", "-"))
    assert len(written) <= 120
    assert written.isascii()
    assert written.isprintable()


def test_two_files_of_the_same_stem_have_figures_of_their_own() -> None:
    assert safe_name("mine/load.txt") != safe_name("yours/load.txt")


def test_a_figure_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "run.pdf").mkdir()
    with pytest.raises(ResultsError, match=r"figure run cannot be written to .*choose another folder"):
        save_figure(small_figure(), tmp_path, "run")
    (tmp_path / "in-the-way").write_text("")
    with pytest.raises(ResultsError, match="cannot be written"):
        save_figure(small_figure(), tmp_path / "in-the-way", "run")
