"""The two commands on a fresh clone, and JupyterLab as a learner opens it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from waiting import PATIENT, until

from authoring import surroundings

pty = pytest.importorskip("pty", reason="Windows has no make; it uses uv run")


def _fresh_clone(target: Path) -> Path:
    """Copy what Git has or would take, as a clone would bring it."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=surroundings.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (surroundings.ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(surroundings.ROOT / name, target / name)
    return target


@pytest.mark.nightly
def test_a_fresh_clone_sets_itself_up_without_uv(tmp_path: Path) -> None:
    """With git, make and python3 alone, one command sets the course up; the second one only starts."""
    clone = _fresh_clone(tmp_path / "clone")
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    bin_folder = tmp_path / "bin"  # a path with make and Python, and no uv
    bin_folder.mkdir()
    for name, program in (("python3", python), ("make", shutil.which("make")), ("sh", "/bin/sh")):
        (bin_folder / name).symlink_to(program)
    environment = {**os.environ, "PATH": f"{bin_folder}:/usr/bin:/bin", "VIRTUAL_ENV": "/somewhere/else"}
    if shutil.which("uv", path=environment["PATH"]):
        pytest.skip("uv is among the system's own programs")

    def make() -> str:
        command = ["make", "doctor", f"PYTHON={python}"]
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr + done.stdout

    text = make()
    assert "The course is set up in .venv" in text
    assert f"in {clone}/.venv" in text
    assert text.endswith("ready\n")
    assert (clone / ".venv" / "bin" / "uv").exists()
    again = make()
    assert again.endswith("ready\n")
    assert "The course is set up" not in again  # which is said when anything was installed


@pytest.mark.slow
def test_lab_opens_quietly_at_my_copy(tmp_path: Path, write_notebook) -> None:
    """JupyterLab starts at lesson 00 of my copies, sees no other folder, with announcements off; Ctrl-C ends it."""
    for folder in ("notebooks", "solutions"):
        write_notebook(tmp_path / folder, "00_start_here", "1")
    script = (
        "import sys; from pathlib import Path; from authoring import learners\n"
        f"learners.lab(browser=False, root=Path({str(tmp_path)!r}),"
        " options=('--IdentityProvider.token=secret', '--port=0', '--allow-root'))"
    )
    log = tmp_path / "lab.log"
    _, terminal = pty.openpty()
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-c", script], stdin=terminal, stderr=file, stdout=file, start_new_session=True
        )
    try:
        address = re.compile(r"(http://\S+?)/lab/tree/00_start_here\.ipynb")
        found = until(lambda: address.search(log.read_text()) or server.poll() is not None, log.read_text, every=0.2)
        assert server.poll() is None, log.read_text()
        page = urllib.request.urlopen(f"{found[1]}/lab?token=secret", timeout=PATIENT).read().decode()
        config = json.loads(re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)[1])
        assert config["news"] == {"disabled": True}

        def contents(path: str) -> dict:
            address = f"{found[1]}/api/contents/{path}?token=secret"
            return json.load(urllib.request.urlopen(address, timeout=PATIENT))

        assert contents("00_start_here.ipynb")["type"] == "notebook"
        assert [entry["name"] for entry in contents("solutions")["content"]] == ["00_start_here.ipynb"]
        # Nobody keeps root from writing; the solutions are put right at the next start.
        assert contents("solutions/00_start_here.ipynb")["writable"] is (os.geteuid() == 0)
        assert contents("00_start_here.ipynb")["writable"]
        for outside in ("notebooks", "../notebooks", "..%2Fnotebooks"):
            with pytest.raises(urllib.error.HTTPError):
                contents(outside)
        os.killpg(server.pid, signal.SIGINT)  # as a terminal does
        assert server.wait(timeout=PATIENT) == 0
        assert "Warning" not in log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
