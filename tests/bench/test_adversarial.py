"""Hard problems from recipes, and the climb that looks for them."""

import json
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from ipa.bench.adversarial import climb
from ipa.bench.hard_problems import Recipe, random_recipe, read_recipe, store_recipe, vary
from ipa.cli.app import app
from ipa.errors import InvalidValueError

pytestmark = pytest.mark.slow


def test_a_recipe_gives_the_same_problem_and_survives_a_file(tmp_path: Path) -> None:
    recipe = random_recipe(Random(3))
    store_recipe(tmp_path / "hard.json", recipe)
    assert read_recipe(tmp_path / "hard.json") == recipe
    assert read_recipe(tmp_path / "hard.json").problem() == recipe.problem()


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"stages": 3, "colour": "red"}))
    with pytest.raises(InvalidValueError, match="holds no recipe"):
        read_recipe(tmp_path / "other.json")


def test_variations_stay_within_the_sizes_and_repeat() -> None:
    def walk() -> list[Recipe]:
        random = Random(1)
        recipes = [random_recipe(random)]
        for _ in range(300):
            recipes.append(vary(recipes[-1], random))
        return recipes

    recipes = walk()
    assert recipes == walk()
    assert all(2 <= recipe.stages <= 40 and 2 <= recipe.options <= 60 for recipe in recipes)
    assert len(set(recipes)) > 250


def test_a_climb_reports_the_worst_of_what_it_tried() -> None:
    found = climb(seconds=1.0, seed=2, deadline_s=0.02)
    assert found.trials >= found.unproven >= 1
    gaps = {what: trial.relative_gap for what, trial in found.worst.items()}
    assert gaps["largest gap"] > 0
    assert all(row["what"] in gaps for row in found.rows())


def test_the_command_keeps_what_it_found(tmp_path: Path) -> None:
    arguments = ["bench", "decision", "--adversarial", "--seconds", "1", "--deadline", "0.02"]
    ran = CliRunner().invoke(app, [*arguments, "--keep", str(tmp_path), "--json"])
    assert ran.exit_code == 0, ran.output
    report = json.loads(ran.stdout)
    assert report["problems"] >= 1
    assert report["memory_mb"] >= 0
    assert {file.name for file in tmp_path.iterdir()} >= {"longest-0.json"}
    assert read_recipe(tmp_path / "longest-0.json").problem().options
