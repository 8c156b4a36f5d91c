"""The set-up, with stand-ins for uv and pip; the real thing is in tests/system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from authoring import bootstrap

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the Makefile's road; Windows uses uv run")

UV = """#!{python}
import os, pathlib, sys
log = pathlib.Path({log!r})
log.open("a").write(" ".join(sys.argv[1:]) + " | " + os.environ.get("VIRTUAL_ENV", "no other environment") + "\\n")
if sys.argv[1] == "--version":
    print("uv {version}")
elif sys.argv[1:3] == ["python", "find"]:
    sys.exit({find})
elif sys.argv[1] == "venv":
    venv = pathlib.Path(sys.argv[-1])
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to({python!r})
elif sys.argv[1] == "sync":
    assert os.environ["UV_PROJECT_ENVIRONMENT"] == str({root!r} + "/.venv")
    course = pathlib.Path({root!r}, ".venv", "bin", "course")
    if {sync} == 0:
        course.write_text("#!" + {root!r} + "/.venv/bin/python")
    sys.exit({sync})
"""


class Clone:
    """A clone with a stand-in for uv on the path."""

    def __init__(self, folder: Path) -> None:
        self.root, self.log = folder / "clone", folder / "uv.log"
        self.root.mkdir()
        (folder / "bin").mkdir()
        self.uv = folder / "bin" / "uv"
        (self.root / "pyproject.toml").write_text("[project]\n")
        (self.root / "uv.lock").write_text('[[package]]\nname = "uv"\nversion = "0.13.1"\n')
        (self.root / ".python-version").write_text(".".join(map(str, sys.version_info[:2])) + "\n")
        self.put_uv()

    def put_uv(self, *, sync: int = 0, find: int = 1, version: str = "0.13.0") -> None:
        """Put the stand-in there: `sync` and `find` are its exit codes."""
        options = {"python": sys.executable, "log": str(self.log), "root": str(self.root), "version": version}
        self.uv.write_text(UV.format(**options, sync=sync, find=find))
        self.uv.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """What uv was asked, without asking for its version."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if not line.startswith("--version")]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """Make a clone whose path holds the stand-in and little else."""
    made = Clone(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere/else")
    return made


def test_first_run_sets_up_second_run_does_nothing(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    """The first command sets the course up; the second starts at once and says nothing."""
    assert bootstrap.main(clone.root) == 0
    assert "set up in .venv" in capsys.readouterr().err
    first = clone.calls
    assert first[-1].startswith("sync --locked --python ")
    assert bootstrap.main(clone.root) == 0
    assert clone.calls == first
    assert capsys.readouterr().err == ""


def test_another_active_environment_is_left_alone(clone: Clone) -> None:
    """The course's own .venv is used even if I am in another environment."""
    bootstrap.main(clone.root)
    assert all(call.endswith("| no other environment") for call in clone.calls)


@pytest.mark.parametrize("name", bootstrap.SOURCES)
def test_a_change_in_what_is_needed_sets_up_again(clone: Clone, name: str) -> None:
    """After a pull that changes the lock, the next command brings the environment up to date."""
    bootstrap.main(clone.root)
    before = len(clone.calls)
    (clone.root / name).write_text((clone.root / name).read_text() + "\n")
    assert bootstrap.main(clone.root) == 0
    assert len(clone.calls) > before


def test_an_interrupted_set_up_begins_anew(clone: Clone) -> None:
    """A set-up that broke off half-way is repaired by the next run: nothing half-made is trusted."""
    clone.put_uv(sync=1)
    assert bootstrap.main(clone.root) == 1
    half = clone.root / ".venv" / "half-installed"
    half.touch()
    clone.put_uv()
    assert bootstrap.main(clone.root) == 0
    assert not half.exists()
    assert bootstrap.Environment(clone.root).ready()


def test_a_failed_set_up_is_not_taken_for_a_good_one(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    """When packages cannot be fetched I read what to do, and the next run tries again."""
    clone.put_uv(sync=1)
    assert bootstrap.main(clone.root) == 1
    assert "HTTPS_PROXY" in capsys.readouterr().err
    assert not bootstrap.Environment(clone.root).ready()


def test_a_moved_clone_is_set_up_again(clone: Clone, tmp_path: Path) -> None:
    """If I move the folder, the environment, whose scripts name the old one, is made anew."""
    bootstrap.main(clone.root)
    (clone.root / ".venv" / "old").touch()
    moved = tmp_path / "moved"
    shutil.move(clone.root, moved)
    clone.root = moved
    clone.put_uv()
    assert bootstrap.main(moved) == 0
    assert not (moved / ".venv" / "old").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(clone: Clone) -> None:
    """After an upgrade of the system's Python the environment is repaired."""
    bootstrap.main(clone.root)
    python = clone.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/no/python/here")
    assert bootstrap.main(clone.root) == 0
    assert python.exists()


def test_without_the_pinned_python_this_one_is_used(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    """If the pinned Python cannot be had, the one that I have does, and I am told what that means."""
    (clone.root / ".python-version").write_text("3.99\n")
    assert bootstrap.main(clone.root) == 0
    assert "Python 3.99 cannot be had here" in capsys.readouterr().err
    asked = [call.split(" | ")[0] for call in clone.calls]
    assert [call for call in asked if call.startswith("python")] == [
        "python find --no-project --system 3.99",
        "python install --no-bin 3.99",
        "python find --no-project --system 3.99",
    ]


def test_an_old_python_is_refused_in_clear_words(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a Python that is too old I read which one I need."""
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    clone.uv.unlink()
    assert bootstrap.main(clone.root) == 1
    error = capsys.readouterr().err
    assert "this is Python 3.9.2, and the course needs 3.11 or newer" in error
    assert "Traceback" not in error


def test_a_python_without_venv_names_the_package(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On Debian without python3-venv I read what to install."""
    clone.uv.unlink()
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    assert bootstrap.main(clone.root) == 1
    assert "sudo apt install python3-venv" in capsys.readouterr().err
    assert not (clone.root / ".venv").exists()


def test_an_old_uv_is_not_used(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A uv that cannot read the lock is passed over for the course's own."""
    clone.put_uv(version="0.4.30")
    assert bootstrap.Environment(clone.root)._uv_at_hand() == ""
    clone.put_uv(version="0.9.1")
    assert bootstrap.Environment(clone.root)._uv_at_hand() == str(clone.uv)


def test_the_lock_says_which_uv_is_brought(clone: Clone) -> None:
    """Where there is no uv, the one of the lock is brought."""
    assert bootstrap.Environment(clone.root).locked_uv() == "0.13.1"


def test_set_up_needs_nothing_but_the_standard_library() -> None:
    """The set-up and the clean-up run on a bare Python, which has nothing of the course."""
    for script in ("bootstrap.py", "clean.py"):
        code = (
            "import runpy, sys; before = set(sys.modules)\n"
            f"runpy.run_path({str(Path(bootstrap.__file__).with_name(script))!r})\n"
            "print(sorted(n for n in set(sys.modules) - before if n.split('.')[0] not in sys.stdlib_module_names))"
        )
        done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"
