"""What mybinder.org would build, asked of its own tool; no image is built."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from authoring.generate import ROOT

pytest.importorskip("repo2docker", reason="jupyter-repo2docker is not installed (group binder)")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy what a clone would hold and go there, since repo2docker looks at the current folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        # Lessons and their outputs say nothing to repo2docker.
        if name and (ROOT / name).is_file() and not name.endswith(".ipynb"):
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_binder_takes_the_conda_environment(clone: Path) -> None:
    """Binder builds from our environment.yml with conda, in the course's Python, and not from pyproject.toml."""
    pack = _build_pack()
    assert type(pack).__name__ == "CondaBuildPack"
    assert pack.binder_dir == "binder"
    assert pack.environment_yaml == yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert pack.python_version == (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert not pack.separate_kernel_env


def test_binder_runs_our_scripts(clone: Path) -> None:
    """The Dockerfile installs our environment, runs postBuild afterwards and wraps sessions in start."""
    dockerfile = _build_pack().render()
    install = dockerfile.index('--file "binder/environment.yml"')
    assert install < dockerfile.index("RUN ./binder/postBuild")
    assert "${REPO_DIR}/binder/start" in dockerfile


def test_binder_scripts_can_be_executed() -> None:
    """Git keeps both scripts executable and bash can read them."""
    for name in ("postBuild", "start"):
        script = ROOT / "binder" / name
        assert script.stat().st_mode & 0o111 == 0o111, name
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_binder_opens_a_copy_that_post_build_makes() -> None:
    """The README sends people to a lesson in my_lessons/, which exists once postBuild has run."""
    assert "lab/tree/my_lessons/00_start_here.ipynb" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "course lab --copy-only" in (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")


def _build_pack() -> Any:
    """Return the first build pack that recognises the current folder, as repo2docker chooses."""
    from repo2docker.app import Repo2Docker

    app = Repo2Docker()
    packs = (pack(app.base_image) for pack in app.buildpacks)
    chosen = next(pack for pack in packs if pack.detect())
    chosen.platform = "linux/amd64"
    return chosen
