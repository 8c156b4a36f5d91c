"""The project template of lesson 02, and its tables."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from course_utils import tables
from course_utils.develop import project_structure
from course_utils.errors import UsageError


@pytest.fixture
def scaffold(tmp_path):
    """Return a function that fills in a copy of the template, as `cookiecutter` in a terminal does."""
    import json

    from cookiecutter.main import cookiecutter

    project_structure.copy_template(tmp_path)
    settings = tmp_path / "settings.json"  # cookiecutter expects YAML, of which JSON is a part
    folders = {"cookiecutters_dir": str(tmp_path / "templates"), "replay_dir": str(tmp_path / "replay")}
    settings.write_text(json.dumps(folders), encoding="utf-8")

    def fill_in(**answers):
        made = cookiecutter(
            str(tmp_path / "template"),
            no_input=True,
            extra_context=answers,
            output_dir=str(tmp_path),
            config_file=str(settings),
        )
        return Path(made)

    return fill_in


def files(project):
    return {path.relative_to(project).as_posix() + "/" * path.is_dir() for path in project.rglob("*")}


def test_a_new_project_has_every_place_of_the_layout(scaffold):
    """What the deck draws is there, but for setup.py, which pyproject.toml replaces; and what the course adds."""
    places = tables.read_toml("structure.toml")["place"]
    project = scaffold()
    assert {place["path"] for place in places} <= files(project)
    assert len([place for place in places if place["deck"]]) == 21
    assert [place["path"] for place in places if place.get("replaces") == "setup.py"] == ["pyproject.toml"]
    assert "setup.py" not in files(project)
    assert len(list(project.rglob(".gitkeep"))) == 9


def test_the_name_is_filled_in(scaffold):
    """My project's name is in its folder, its package and its README."""
    project = scaffold(name="Late-night flights", author="Zoë O'Hara")
    assert project.name == "late_night_flights"
    texts = {file: (project / file).read_text("utf-8") for file in files(project) if not file.endswith("/")}
    assert 'name = "late_night_flights"' in texts["pyproject.toml"]
    assert texts["README.md"].startswith("# Late-night flights\n")
    assert "Zoë O'Hara" in texts["LICENSE"]
    assert not [file for file, text in texts.items() if "cookiecutter" in file + text]


def test_the_template_installs_as_a_package(scaffold):
    """`pip install -e .` would find the package and its parts."""
    from setuptools import find_packages

    found = find_packages(str(scaffold()), include=["src*"])
    assert {"src", "src.data", "src.features", "src.models", "src.visualization"} == set(found)


def test_git_ignores_data_and_keys(scaffold):
    """The template's .gitignore names the data folders and .env."""
    ignored = (scaffold() / ".gitignore").read_text("utf-8").splitlines()
    assert {"/data/*/*", "!.gitkeep", ".env"} <= set(ignored)


def test_the_template_is_copied_once(tmp_path):
    """A template that I have changed is not overwritten, and a folder that does not exist is not created."""
    project_structure.copy_template(str(tmp_path))
    assert (tmp_path / "template" / "cookiecutter.json").is_file()
    with pytest.raises(UsageError, match="cannot be copied"):
        project_structure.copy_template(tmp_path)
    with pytest.raises(UsageError, match="cannot be copied"):
        project_structure.copy_template(tmp_path / "absent")


def test_tables_name_the_six_roles_the_places_and_five_ways():
    """Each role's folders are in the layout, and each alternative has the day on which it was looked up."""
    roles, ways, layout = project_structure.roles(), project_structure.alternatives(), project_structure.layout()
    assert len(roles) == 6
    places = {path.rstrip("/") for path in layout.index} | {"reports"}
    assert {place for where in roles["where"] for place in where.split(", ")} <= places
    assert layout["holds"].str.len().gt(0).all()
    assert list(ways.index[:4]) == ["Cookiecutter Data Science", "MLflow", "Pachyderm", "ModelDB"]
    assert pd.to_datetime(ways["checked"]).notna().all()


def test_the_items_to_place_are_those_of_the_lesson():
    """The check knows each item that the lesson asks about, and each of its folders is in the layout."""
    items = tables.read_toml("structure.toml")["02.2"]["thing"]
    lesson = tables.checkout() / "lessons" / "02_project_structure.py"
    asked = re.findall(r'^    "(.+)": \.\.\.,$', lesson.read_text("utf-8"), re.MULTILINE)
    assert asked == [item["thing"] for item in items]
    places = {path.rstrip("/") for path in project_structure.layout().index} | {".env"}
    assert {folder for item in items for folder in item["folders"]} <= places
