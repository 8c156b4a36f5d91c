"""What README, CONTRIBUTING and the workflows say is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from authoring.generate import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """No link from one page of the course to another is dead."""
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text(encoding="utf-8")):
        if "://" not in target:
            assert (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    """Every `make …` and `course …` that a page tells somebody to type is there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = r"^```$.*?^```$"
    commands = [line for block in re.findall(blocks, text, re.DOTALL | re.MULTILINE) for line in block.splitlines()]
    commands += re.findall(r"`([^`\n]+)`", re.sub(blocks, "", text, flags=re.DOTALL | re.MULTILINE))
    assert commands or page == "CHANGELOG.md"
    _commands_exist("\n".join(commands))


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_left_to_fill_in(page: str) -> None:
    """No page has a gap that somebody meant to fill."""
    assert not re.findall(r"TODO[\w-]*|FIXME|XXX|OWNER", (ROOT / page).read_text(encoding="utf-8"))


def test_each_kind_of_change_has_its_file() -> None:
    """CONTRIBUTING's table names files that are there."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2] for line in text.split("\n\n")[1].splitlines()[2:]]
    assert len(rows) > 10
    for row in rows:
        for name in re.findall(r"`([^`]+)`", row):
            pattern = name.replace("NN_slug", "[0-9][0-9]_*").replace("NN", "[0-9][0-9]")
            assert list(ROOT.glob(pattern)), name


def test_the_licence_is_the_one_that_the_package_states() -> None:
    """LICENSE holds both licences of pyproject.toml and says whose the deck is."""
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert stated == "MIT AND CC-BY-4.0"
    assert "Permission is hereby granted, free of charge" in text
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in text
    assert "Armen Donigian" in text


def test_the_changelog_names_this_version_or_what_is_to_come() -> None:
    """Whoever updates finds what changed."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings
    assert set(headings[:2]) & {"Unreleased", version}


# --------------------------------------------------------------------------- workflows


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_ask_for_little(path: Path) -> None:
    """A workflow may read the repository and no more; a job that needs more says so, and every job ends some time."""
    workflow = _workflow(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 180, name
        writes = [what for what, access in job.get("permissions", {}).items() if access == "write"]
        assert writes in ([], ["issues"]), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path: Path) -> None:
    """Actions are taken in one major version, not from a moving branch."""
    steps = [step for job in _workflow(path)["jobs"].values() for step in job["steps"]]
    for action in (step["uses"] for step in steps if "uses" in step):
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@v\d+|docker://[\w./-]+:\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_is_there(path: Path) -> None:
    """The scripts, targets and commands of a workflow exist."""
    commands = "\n".join(step.get("run", "") for job in _workflow(path)["jobs"].values() for step in job["steps"])
    _commands_exist(commands)
    for script in re.findall(r"^(\.ci/run|binder/\w+)$", commands, re.MULTILINE):
        assert (ROOT / script).stat().st_mode & 0o111, script


def test_each_kind_of_workflow_is_there() -> None:
    """One proves every push, one tries other systems and Pythons, one runs at night and tells when it breaks."""
    ci, nightly, platforms = (_workflow(path) for path in WORKFLOWS)
    assert ".ci/run" in str(ci["jobs"])
    assert set(platforms["jobs"]["lessons"]["strategy"]["matrix"]["python"]) == {"3.11", "3.12", "3.13"}
    assert set(nightly["jobs"]["report"]["needs"]) == set(nightly["jobs"]) - {"report"}


def _workflow(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _commands_exist(text: str) -> None:
    from authoring.cli import course

    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"^make ([a-z]\w*)", text, re.MULTILINE):
        assert target in targets, f"make {target}"
    for command in re.findall(
        r"^(?:uv run (?:--no-sync )?|docker run --rm course )?course ([a-z]\w*)", text, re.MULTILINE
    ):
        assert command in course.commands, f"course {command}"
