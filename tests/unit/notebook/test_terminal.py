"""A terminal in a notebook: the line that I typed, what was printed, and nothing added to it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from course_utils.errors import UsageError
from course_utils.notebook.terminal import Terminal, open_terminal

PYTHON = f'"{sys.executable}" -c'


@pytest.fixture
def shell():
    opened = open_terminal()
    yield opened
    opened.close()


def test_a_command_is_printed_with_its_real_output(shell: Terminal, capsys: pytest.CaptureFixture[str]):
    """I read the line and what the program wrote, on both streams and in its order."""
    shell.run("echo one; echo two >&2")
    assert capsys.readouterr().out == "$ echo one; echo two >&2\none\ntwo\n"


def test_folder_and_variables_last_from_cell_to_cell(shell: Terminal, capsys: pytest.CaptureFixture[str]):
    """`cd` and `export` hold for later commands, as in a terminal, and are printed as one would type them."""
    shell.run("mkdir delays")
    shell.cd("delays")
    shell.export(CARRIER="UA")
    capsys.readouterr()
    shell.run(f"{PYTHON} \"import os; print(os.environ['CARRIER'], os.getcwd())\"")
    assert capsys.readouterr().out.endswith("UA ~/delays\n")
    shell.export(CARRIER="")
    assert capsys.readouterr().out == "$ unset CARRIER\n"
    shell.export(HOME=str(shell.home))
    assert capsys.readouterr().out == "$ export HOME=~\n"
    assert shell.output(f"{PYTHON} \"import os; print('CARRIER' in os.environ)\"") == "False\n"
    shell.cd("~")
    assert shell.folder == shell.home == shell.where()


def test_nothing_is_added_to_the_environment(shell: Terminal, monkeypatch: pytest.MonkeyPatch):
    """A program sees my own variables and the terminal's; only PATH leads to this Python's programs first."""
    monkeypatch.setenv("MINE", "yes")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    code = "import os; print(*sorted(os.environ), sep=chr(10))"
    seen = set(shell.output(f'{PYTHON} "{code}"').split())
    assert "MINE" in seen and "MPLBACKEND" not in seen
    assert seen - set(os.environ) <= {"PYTHONIOENCODING", "PWD", "LC_CTYPE", "OLDPWD", "SHLVL", "_"}
    assert shell.output(f"{PYTHON} \"import shutil; print(bool(shutil.which('jupyter')))\"") == "True\n"


def test_a_failure_stops_the_notebook_unless_it_is_meant(shell: Terminal, capsys: pytest.CaptureFixture[str]):
    """A command that fails raises after its output was shown; one that is meant to fail goes on, and must fail."""
    with pytest.raises(UsageError, match="ended with exit code 3"):
        shell.run("echo no; exit 3")
    assert capsys.readouterr().out == "$ echo no; exit 3\nno\n"
    shell.run("exit 3", fails=True)
    with pytest.raises(UsageError, match=r"exit code 0.*meant to fail"):
        shell.run("exit 0", fails=True)
    with pytest.raises(UsageError, match="exit code 4: gone"):
        shell.output("echo gone; exit 4")


def test_a_program_that_asks_does_not_wait(shell: Terminal):
    """A question reads the end of its input: the notebook does not hang."""
    assert shell.output(f'{PYTHON} "import sys; print(sys.stdin.read())"') == "\n"


def test_progress_bars_colours_and_paths_are_shown_as_on_a_screen(shell: Terminal, capsys: pytest.CaptureFixture[str]):
    """What was written over is gone, colours too, and the scratch folder is the same on every machine."""
    shell.write("draw.py", "print('10%\\r100%')\nprint('\\x1b[31mred\\x1b[0m', __file__)")
    capsys.readouterr()
    shell.run(f'"{sys.executable}" ~/draw.py'.replace("~", str(shell.home)))
    assert capsys.readouterr().out.splitlines()[1:] == ["100%", "red ~/draw.py"]


def test_a_long_output_can_be_cut_and_says_so(shell: Terminal, capsys: pytest.CaptureFixture[str]):
    """I see the end of a long output, and how much was left out."""
    shell.run(f'{PYTHON} "print(*range(50), sep=chr(10))"', last=2)
    assert capsys.readouterr().out.splitlines()[1:] == ["… (48 lines before these)", "48", "49"]


def test_files_are_written_and_shown_whole(shell: Terminal, capsys: pytest.CaptureFixture[str]):
    """A file appears with its name and content, and is on the disk as shown."""
    shell.write("src/train.py", "\nprint(1)\n")
    assert capsys.readouterr().out == "# src/train.py\nprint(1)\n"
    assert (shell.home / "src/train.py").read_bytes() == b"print(1)\n"
    shell.show("src/train.py")
    assert capsys.readouterr().out == "# src/train.py\nprint(1)\n"
    with pytest.raises(UsageError, match=r"train\.txt cannot be read"):
        shell.show("train.txt")


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x"])
def test_nothing_outside_the_scratch_folder_is_touched(shell: Terminal, name: str):
    """A slip in a path cannot write among my own files."""
    with pytest.raises(UsageError, match="outside the scratch folder"):
        shell.write(name, "x")
    with pytest.raises(UsageError, match=r"outside the scratch folder|no folder"):
        shell.cd("..")


def test_the_scratch_folder_goes_with_the_terminal(capsys: pytest.CaptureFixture[str]):
    """Write-protected files too, as Git and DVC keep them; a closed terminal says what to do."""
    shell = open_terminal()
    shell.write("kept/object", "x")
    (shell.home / "kept/object").chmod(0o400)
    (shell.home / "kept").chmod(0o500)
    home: Path = shell.home
    shell.close()
    shell.close()
    assert not home.exists()
    with pytest.raises(UsageError, match=r"closed.*opens it again"):
        shell.run("echo x")


def test_no_such_folder_is_named(shell: Terminal):
    """A misspelt folder is refused where I am."""
    with pytest.raises(UsageError, match="no folder 'nowhere'"):
        shell.cd("nowhere")
