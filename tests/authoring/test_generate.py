"""Files that follow from data are never stale, and the conda environment is that of the lock."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from authoring import generate
from authoring.generate import ROOT
from course_utils import tables
from course_utils.errors import UsageError

LEARNERS_GROUPS = ("versioning", "tracking", "interpretability", "online-training", "serving")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Copy what the generated files are made from."""
    for name in (".python-version", "pyproject.toml", "uv.lock", "README.md", "authoring/conda_names.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def environment() -> dict[str, Any]:
    """Return the committed environment.yml."""
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_nothing_generated_is_stale() -> None:
    """Every committed file that follows from data is what the data says today."""
    assert generate.generate(check=True) == []


def test_a_stale_file_is_named_and_left_alone(course: Path) -> None:
    """With check=True a changed file is named and not touched; without, it is fixed."""
    generate.generate(root=course)
    changed = course / "environment.yml"
    changed.write_text("name: something else\n", encoding="utf-8")
    assert generate.generate(check=True, root=course) == ["environment.yml is stale: run `course generate`"]
    assert changed.read_text(encoding="utf-8") == "name: something else\n"
    assert generate.generate(root=course) == ["wrote environment.yml"]
    assert generate.generate(check=True, root=course) == []


def test_binder_gets_the_same_environment() -> None:
    """binder/environment.yml is environment.yml, byte for byte, and a file of its own."""
    copy = ROOT / "binder" / "environment.yml"
    assert copy.read_bytes() == (ROOT / "environment.yml").read_bytes()
    assert not copy.is_symlink()


def test_the_environment_holds_every_direct_dependency(project: dict[str, Any], environment: dict[str, Any]) -> None:
    """Each dependency of the course and of its lessons' groups is listed, under conda-forge's name or pip's."""
    how = tomllib.loads((ROOT / "authoring" / "conda_names.toml").read_text(encoding="utf-8"))
    listed = _listed(environment)
    wanted = list(project["project"]["dependencies"])
    for group in LEARNERS_GROUPS:
        wanted += project["dependency-groups"][group]
    for name in (canonicalize_name(Requirement(text).name) for text in wanted):
        if name in map(canonicalize_name, how["alone"]):
            assert not set(listed) & {name, name.replace("-", "_")}, "conda would take its dead pin"
        else:
            assert how["names"].get(name, name) in listed


def test_versions_are_those_of_the_lock(environment: dict[str, Any]) -> None:
    """What conda installs is what uv installs on Linux with the pinned Python, down to the version."""
    how = tomllib.loads((ROOT / "authoring" / "conda_names.toml").read_text(encoding="utf-8"))
    pypi = {conda: name for name, conda in how["names"].items()}
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    for name, version in _listed(environment).items():
        if name not in ("python", "pip"):
            assert version in {package["version"] for package in packages if package["name"] == pypi.get(name, name)}
    assert environment["dependencies"][0] == f"python={(ROOT / '.python-version').read_text().strip()}"


def test_one_of_two_locked_versions_is_that_of_linux_and_the_pinned_python(course: Path) -> None:
    """Where the lock holds two versions of a package, the environment takes the one that Linux gets."""
    text = (course / "uv.lock").read_text(encoding="utf-8")
    assert text.count('name = "shap"\nversion = ') > 1, "the lock no longer holds two: choose another package"
    mac = "platform_machine == 'x86_64' and sys_platform == 'darwin'"
    locked = {
        package["version"]: all(mac in marker for marker in package["resolution-markers"])
        for package in tomllib.loads(text)["package"]
        if package["name"] == "shap"
    }
    listed = _listed(yaml.safe_load(generate.environment(course)))
    assert locked[listed["shap"]] is False


def test_a_dependency_that_is_not_locked_is_told(course: Path) -> None:
    """When the lock lags behind, the message says what to run."""
    lock = (course / "uv.lock").read_text(encoding="utf-8")
    (course / "uv.lock").write_text(lock.replace('name = "papermill"\nversion', 'name = "papermole"\nversion'))
    with pytest.raises(UsageError, match=r"uv.lock has no papermill.*uv lock"):
        generate.environment(course)


def test_the_readme_and_binder_install_alone_what_conda_cannot(project: dict[str, Any]) -> None:
    """Both give the one extra step, with the version of pyproject.toml."""
    (pinned,) = (name for name in project["dependency-groups"]["serving"] if name.startswith("clipper_admin"))
    step = f"python -m pip install --no-deps {pinned}"
    for name in ("README.md", "binder/postBuild"):
        assert step in (ROOT / name).read_text(encoding="utf-8").splitlines()


def test_the_readme_lists_every_lesson_and_links_those_that_are_written(course: Path) -> None:
    """Lessons in preparation are in the table too, without a link that would lead nowhere."""
    text = generate.readme(course)
    for lesson in tables.curriculum():
        link = f"(notebooks/{lesson['number']}_{lesson['slug']}.ipynb)"
        assert f"{lesson['number']} · {lesson['title']}" in text
        assert (link in text) is lesson["written"]
    named = [lesson["deck_notebook"] for lesson in tables.curriculum() if lesson["deck_notebook"]]
    assert all(name in text for name in named)


def test_a_readme_without_its_marker_is_told(course: Path) -> None:
    """Whoever deletes a marker learns which one."""
    (course / "README.md").write_text("# Course\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds the marker .*conda.* 0 times"):
        generate.readme(course)


def test_words_around_the_tables_are_kept(course: Path) -> None:
    """Generating changes nothing in the README but what stands between its markers."""
    readme = course / "README.md"
    for folder in ("notebooks", "solutions"):  # the learner's minutes are computed from them
        (course / folder).symlink_to(ROOT / folder)
    text = readme.read_text(encoding="utf-8")
    readme.write_text(text.replace("# Deploying", "# Really deploying", 1), encoding="utf-8")
    assert generate.readme(course) == generate.readme(ROOT).replace("# Deploying", "# Really deploying", 1)


@pytest.mark.slow
def test_a_closure_survives_cloudpickle_where_clipper_admin_is_installed_alone(
    tmp_path: Path, environment: dict[str, Any]
) -> None:
    """A plain venv made as the README says pickles a model closure; with clipper_admin's own pin it cannot."""
    others = _dependencies_of_clipper(environment)
    (alone,) = (step for step in generate.extra_steps() if "clipper" in step)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    installed = _pip(python, others)
    if installed.returncode and "onnection" in installed.stderr:
        pytest.skip("needs a package index, and none can be reached")
    assert installed.returncode == 0, installed.stderr
    assert _pip(python, alone.split("install ")[1].split()).returncode == 0
    proof = tmp_path / "proof.py"
    proof.write_text(_PROOF, encoding="utf-8")
    # clipper_admin leaves what it pickles among the temporary files.
    proving = {"env": os.environ | {"TMPDIR": str(tmp_path)}, "capture_output": True, "text": True, "check": False}
    proven = subprocess.run([python, proof], **proving)
    assert proven.stdout.splitlines()[-1:] == ["['False', 'True']"], proven.stderr
    assert _pip(python, ["cloudpickle==0.5.3"]).returncode == 0
    refused = subprocess.run([python, proof], **proving)
    assert "TypeError" in refused.stderr, "the pin works again: the exception can go"


_PROOF = textwrap.dedent("""\
    import pickle
    from pathlib import Path
    from clipper_admin.deployers.deployer_utils import save_python_function

    def closure(threshold):
        def predict(scores):
            return [str(score > threshold) for score in scores]
        return predict

    saved = Path(save_python_function("late", closure(0.25)))
    print(pickle.loads((saved / "func.pkl").read_bytes())([0.2, 0.3]))
""")


def _pip(python: Path, what: list[str]) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "pip", "install", "--quiet", *what]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _dependencies_of_clipper(environment: dict[str, Any]) -> list[str]:
    """Return clipper_admin's other dependencies as pip names, in the versions of environment.yml."""
    how = tomllib.loads((ROOT / "authoring" / "conda_names.toml").read_text(encoding="utf-8"))
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    (clipper,) = (package for package in packages if package["name"] == "clipper-admin")
    listed = _listed(environment)
    names = [entry["name"] for entry in clipper["dependencies"]]
    return [f"{name}=={listed[how['names'].get(name, name)]}" for name in names]


def _listed(environment: dict[str, Any]) -> dict[str, str]:
    """Return versions by the name that environment.yml uses."""
    listed = {}
    for entry in environment["dependencies"]:
        if isinstance(entry, dict):
            listed |= dict(line.split("==") for line in entry["pip"])
        else:
            name, _, version = entry.partition("=")
            listed[name] = version
    return listed
