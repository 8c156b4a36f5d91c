"""The command line, and the Makefile that stands before it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from authoring import build, cli, gate, generate, learners, new_exercise, run, surroundings
from authoring.outcomes import Outcome
from course_utils.data import datasets
from course_utils.errors import UsageError


def _course(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["course", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def test_help_names_every_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`course --help` says what there is."""
    assert _course(monkeypatch, "--help") == 0
    text = capsys.readouterr().out
    for command in ("build", "check", "csv2vw", "doctor", "generate", "lab", "new", "reset", "run", "test"):
        assert re.search(rf"^  {command} ", text, re.M)


def test_a_refusal_is_one_readable_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What I typed wrong is said with its fix, without a traceback, and exits 1."""

    def refuse(number: str) -> None:
        raise UsageError(f"there is no lesson {number!r}", fix="choose from 00")

    monkeypatch.setattr(learners, "reset", refuse)
    assert _course(monkeypatch, "reset", "77") == 1
    assert capsys.readouterr().err == "Error: there is no lesson '77'. Fix: choose from 00.\n"


def test_an_unknown_option_exits_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that does not exist is refused."""
    assert _course(monkeypatch, "run", "--fast") == 2
    assert "--fast" in capsys.readouterr().err


def test_lab_can_copy_and_open_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`course lab --copy-only` makes my copies complete and ends: Binder calls it when it builds."""
    monkeypatch.setattr(learners, "changed", lambda: [])
    monkeypatch.setattr(learners, "copy_lessons", lambda: ["00_start_here.ipynb", "12_static_training.ipynb"])
    monkeypatch.setattr(learners, "lab", lambda **options: pytest.fail("JupyterLab was started"))
    assert _course(monkeypatch, "lab", "--copy-only") == 0
    assert capsys.readouterr().out == "my_lessons/ holds every lesson; 2 new.\n"


@pytest.mark.parametrize("options", [(), ("--check",)])
@pytest.mark.parametrize("faults", [[], ["solutions/12_static_training.ipynb, cell 3: NameError"]])
def test_build_exits_1_when_anything_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], faults: list[str]
) -> None:
    """A cell that fails in a build is told, and continuous integration sees it from the exit code."""
    monkeypatch.setattr(build, "build", lambda lessons, check: faults)
    assert _course(monkeypatch, "build", *options) == len(faults)
    assert capsys.readouterr().out.splitlines() == faults


def test_generate_fails_only_when_asked_whether_anything_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing a generated file is no failure; finding a stale one with --check is."""
    monkeypatch.setattr(generate, "generate", lambda check: ["README.md"])
    assert _course(monkeypatch, "generate") == 0
    assert _course(monkeypatch, "generate", "--check") == 1


@pytest.mark.parametrize(("state", "code"), [("passed", 0), ("failed", 1), ("skipped", 0)])
def test_run_exits_1_when_a_lesson_failed(monkeypatch: pytest.MonkeyPatch, state: str, code: int) -> None:
    """Continuous integration sees from the exit code whether a lesson failed."""
    monkeypatch.setattr(run, "choose", lambda wanted, folder: [folder / "00_start_here.ipynb"])
    monkeypatch.setattr(run, "run", lambda *arguments, **options: [Outcome("00_start_here", state)])
    assert _course(monkeypatch, "run") == code


def test_run_says_that_it_was_stopped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """After Ctrl-C the exit code is 130 and no traceback is shown."""

    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "choose", lambda wanted, folder: [folder / "00_start_here.ipynb"])
    monkeypatch.setattr(run, "run", stop)
    assert _course(monkeypatch, "run") == 130
    assert "no lesson is left running" in capsys.readouterr().err


def test_each_run_has_a_folder_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of solutions and of another data set do not overwrite each other."""
    outs = []
    monkeypatch.setattr(run, "choose", lambda wanted, folder: [folder / "00_start_here.ipynb"])
    monkeypatch.setattr(run, "run", lambda notebooks, out, **options: outs.append(out) or [])
    monkeypatch.setattr(cli, "_at_hand", lambda dataset: None)
    for arguments in ((), ("--solutions",), ("--dataset", "allyears2k"), ("--out", "runs/mine")):
        assert _course(monkeypatch, "run", *arguments) == 0
    assert [out.name for out in outs] == ["notebooks", "solutions", "notebooks-allyears2k", "mine"]
    assert {out.parent.name for out in outs} == {"runs"}


def test_i_may_say_how_long_a_cell_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """`course run --cell-limit 900` ends a cell after 900 s; without it the machine decides."""
    limits = []
    monkeypatch.setattr(run, "choose", lambda wanted, folder: [folder / "00_start_here.ipynb"])
    monkeypatch.setattr(run, "run", lambda notebooks, out, *, cell_limit, **options: limits.append(cell_limit) or [])
    assert _course(monkeypatch, "run", "--cell-limit", "900") == _course(monkeypatch, "run") == 0
    assert limits == [900, None]


def test_pytest_is_given_every_notebook_and_further_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """`course test -k words` narrows the run; without a path everything is tested."""
    calls = []
    monkeypatch.setattr(gate, "_call", lambda command: calls.append(command) or 0)
    monkeypatch.setattr(gate, "notebook_folders", lambda: ["notebooks", "solutions"])
    assert _course(monkeypatch, "test", "-k", "words") == 0
    assert calls[0][-5:] == ["-k", "words", "tests", "notebooks", "solutions"]
    assert "--nbval" in calls[0]
    monkeypatch.chdir(surroundings.ROOT)
    assert _course(monkeypatch, "test", "tests/conftest.py") == 0
    assert calls[1][-1] == "tests/conftest.py"


def test_a_failing_test_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`course test` exits nonzero when a test fails."""
    monkeypatch.setattr(gate, "_call", lambda command: 1)
    assert _course(monkeypatch, "test") == 1


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[list[str], dict[str, str]]]:
    """Put something quick in the place of each part of the nightly run; give the pytest commands and variables."""
    calls = []

    def call(command: list[str], **variables: str) -> int:
        calls.append((command, variables))
        junit = next(Path(option.partition("=")[2]) for option in command if option.startswith("--junitxml="))
        junit.write_text('<testsuites><testsuite tests="9" failures="0" errors="0" skipped="2"/></testsuites>')
        return 0

    monkeypatch.setattr(gate, "_runs", lambda: tmp_path)
    monkeypatch.setattr(gate, "_call", call)
    monkeypatch.setattr(gate, "notebook_folders", lambda: ["notebooks", "solutions"])
    monkeypatch.setattr(gate, "determinism", lambda repeats: gate.Part(f"{repeats} times", 0, "8 of 8"))
    monkeypatch.setattr(gate, "_other_dataset", lambda name, folder: gate.Part(f"{folder} on {name}", 0, "4 passed"))
    monkeypatch.setattr(gate, "serving_speed", lambda: gate.Part("speed of serving", 0, "none fell"))
    monkeypatch.setattr(gate, "blind_claims", lambda: gate.Part("claims with spoilt data", 0, "1 of 9 claims"))
    return calls


def test_nightly_runs_all_tests_at_length(
    monkeypatch: pytest.MonkeyPatch, night: list, capsys: pytest.CaptureFixture[str]
) -> None:
    """At night nightly tests run too, the property test tries thousands of examples, and each part is told."""
    assert _course(monkeypatch, "test", "--nightly") == 0
    ((command, variables),) = night
    assert command[-3:] == ["-m", "nightly or not nightly", "tests"]
    assert variables == {"COURSE_EXAMPLES": "5000"}
    said = capsys.readouterr().out
    alike = ("notebooks on allyears2k", "solutions on allyears2k", "speed of serving", "1 of 9 claims")
    for words in ("7 passed, 0 failed, 2 skipped", "5 times", *alike):
        assert words in said


def test_nightly_fails_when_any_part_does(
    monkeypatch: pytest.MonkeyPatch, night: list, capsys: pytest.CaptureFixture[str]
) -> None:
    """A notebook that differed once in five runs fails the night, and the summary says which part failed."""
    monkeypatch.setattr(gate, "determinism", lambda repeats: gate.Part("every notebook", 1, "7 of 8"))
    assert _course(monkeypatch, "test", "--nightly") == 1
    assert re.search(r"every notebook +│ failed +│ 7 of 8", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("code", "state", "says"), [(0, "passed", "no ratio"), (3, "passed", "fell"), (1, "failed", "not")]
)
def test_a_slower_server_is_shown_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, code: int, state: str, says: str
) -> None:
    """The night says which speed fell; it fails only where nothing could be measured."""
    monkeypatch.setattr(gate, "_call", lambda command: code)
    part = gate.serving_speed()
    assert part.state == state
    assert says in part.detail


def test_nightly_on_one_path_is_that_path_alone(monkeypatch: pytest.MonkeyPatch, night: list) -> None:
    """If I name a path, its nightly tests run and nothing else does."""
    monkeypatch.setattr(gate, "determinism", lambda repeats: pytest.fail("notebooks were run"))
    monkeypatch.chdir(surroundings.ROOT)
    assert _course(monkeypatch, "test", "--nightly", "tests/conftest.py") == 0
    assert night[0][0][-1] == "tests/conftest.py"


@pytest.fixture
def no_allyears(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make this a machine without the deck's data; give the folder of its data."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.delenv("COURSE_ALLYEARS2K", raising=False)
    monkeypatch.setattr(gate, "_runs", lambda: tmp_path)
    monkeypatch.setattr(run, "choose", lambda wanted, folder: [folder / "00_start_here.ipynb"])
    return tmp_path


def test_another_data_set_that_is_not_here_is_skipped_and_said_so(no_allyears: Path) -> None:
    """Where the deck's data is not at hand, the night says that lessons were not run on it, and why."""
    part = gate._other_dataset("allyears2k", "notebooks")
    assert (part.state, part.code) == ("skipped", 0)
    assert "not on this machine" in part.detail


def test_another_data_set_that_is_damaged_fails(no_allyears: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is here and is not the published one is a failure, no reason to skip."""
    (no_allyears / "external").mkdir()
    (no_allyears / "external" / "allyears2k.csv").write_text("Year,Month\n")
    part = gate._other_dataset("allyears2k", "notebooks")
    assert (part.state, part.code) == ("failed", 1)
    assert "SHA-256 differs" in part.detail
    (no_allyears / "external" / "allyears2k.csv").unlink()
    monkeypatch.setenv("COURSE_ALLYEARS2K", str(no_allyears / "gone.csv"))
    assert gate._other_dataset("allyears2k", "notebooks").state == "failed"


@pytest.mark.parametrize(
    ("states", "result"),
    [(["passed", "skipped"], "passed"), (["passed", "failed"], "failed"), (["skipped", "skipped"], "failed")],
)
def test_another_data_set_counts_what_ran(
    no_allyears: Path, monkeypatch: pytest.MonkeyPatch, states: list[str], result: str
) -> None:
    """Lessons that a data set cannot serve may be skipped; if none ran at all, nothing was shown."""
    (no_allyears / "external").mkdir()
    (no_allyears / "external" / "allyears2k.csv").touch()
    monkeypatch.setattr(datasets, "load_flights", lambda name: None)
    monkeypatch.setattr(run, "run", lambda *arguments, **options: [Outcome("00", state) for state in states])
    assert gate._other_dataset("allyears2k", "solutions").state == result


def test_determinism_counts_every_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table of the five runs names the cell that differed, and in which run."""
    runs = iter([{"notebooks.00_a": []}, {"notebooks.00_a": ["Cell 3"]}, {"notebooks.00_a": []}])
    monkeypatch.setattr(gate, "notebook_folders", lambda: ["notebooks"])
    monkeypatch.setattr(gate, "_notebooks", lambda folder: [Path("notebooks/00_a.ipynb")])
    monkeypatch.setattr(gate, "_runs", lambda: tmp_path)
    monkeypatch.setattr(gate, "_call", lambda command: 0)
    monkeypatch.setattr(gate, "failures", lambda junit: next(runs))
    assert gate.determinism(3).state == "failed"
    row = next(line for line in capsys.readouterr().out.splitlines() if "notebooks.00_a" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == ["notebooks.00_a", "same", "Cell 3", "same"]
    runs = iter([{"notebooks.00_a": []}] * 2)
    assert gate.determinism(2).state == "passed"
    for incomplete in ([{}, {}], [{"notebooks.00_a": []}, {}], [{"notebooks.01_b": []}] * 2):
        runs = iter(incomplete)
        assert gate.determinism(2).state == "failed"  # it was not compared each time


@pytest.mark.skipif(os.name == "nt", reason="Windows has no make")
def test_make_explains_itself() -> None:
    """`make` alone lists every target with what it does."""
    text = subprocess.run(["make"], cwd=surroundings.ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (surroundings.ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()
    for target in set(targets) - {"ready"}:
        assert re.search(rf"^  {target} +\w", text, re.M), target


@pytest.mark.skipif(os.name == "nt", reason="Windows has no make")
@pytest.mark.parametrize("target", ["lessons", "test", "lab", "check", "build", "generate", "doctor", "nightly"])
def test_every_target_sets_up_first(target: str) -> None:
    """Whichever target I type first, the course is set up before it starts."""
    done = subprocess.run(
        ["make", "-n", target], cwd=surroundings.ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert done[0].endswith("authoring/bootstrap.py")
    assert done[1].startswith(".venv/bin/course ")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no make")
def test_make_lessons_hands_the_cell_limit_on() -> None:
    """`make lessons CELL_LIMIT=900` runs `course run --cell-limit 900`."""
    command = ["make", "-n", "lessons", "CELL_LIMIT=900"]
    done = subprocess.run(command, cwd=surroundings.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == ".venv/bin/course run --cell-limit 900"


def test_continuous_integration_runs_make_test() -> None:
    """What continuous integration runs is what anyone runs."""
    script = (surroundings.ROOT / ".ci" / "run").read_text()
    assert script.splitlines()[-1] == "exec make test"
    assert os.access(surroundings.ROOT / ".ci" / "run", os.X_OK)


# --------------------------------------------------------------------------- csv2vw


def _flights(folder: Path, *labels: str) -> Path:
    path = folder / "flights.csv"
    rows = [f"{530 + place},9E,{20 * place},{label}" for place, label in enumerate(labels)]
    path.write_text("\n".join(["CRSDepTime,UniqueCarrier,DepDelay,IsDepDelayed", *rows]) + "\n")
    return path


def test_csv2vw_writes_what_a_model_may_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`course csv2vw` turns my file into VW's text and says how much there is."""
    source, target = _flights(tmp_path, "NO", "YES"), tmp_path / "flights.vw"
    words = ("csv2vw", str(source), str(target), "--label", "IsDepDelayed", "--map", "YES=1", "--map", "NO=-1")
    assert _course(monkeypatch, *words) == 0
    assert target.read_text() == "-1 |f CRSDepTime:530 UniqueCarrier=9E\n1 |f CRSDepTime:531 UniqueCarrier=9E\n"
    assert capsys.readouterr().out == f"{target}: 2 examples, 4 features of 2 columns\n"
    assert _course(monkeypatch, *words, "--all-columns") == 0
    assert target.read_text().splitlines()[1] == "1 |f CRSDepTime:531 UniqueCarrier=9E DepDelay:20"


def test_csv2vw_takes_the_decks_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No header, tabs, a label by its place, classes, namespaces, texts, weights and tags."""
    source, target = tmp_path / "data.tsv", tmp_path / "data.vw"
    source.write_text("5\tx\tYES\t2\tme\n0\ty\tNO\t1\tyou\n")
    options = "--no-header --label 2 --classes --all-columns --namespace a=1 --namespace b=2 --importance 4 --tag 5"
    assert _course(monkeypatch, "csv2vw", str(source), str(target), *options.split(), "--text", "1") == 0
    assert target.read_text() == "1 2.0 'me |a 1=5 |b 2=x\n2 1.0 'you |a 1=0 |b 2=y\n"
    source.write_text("5;x;-1\n")
    options = "--no-header --label -1 --columns 1 --separator ; --number"
    assert _course(monkeypatch, "csv2vw", str(source), str(target), *options.split()) == 0
    assert target.read_text() == "-1 |f 1:5\n"


def test_csv2vw_refuses_a_row_by_line_and_column_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A third label is told with its line and column; there is no output file, and the exit code is 1."""
    source, target = _flights(tmp_path, "NO", "MAYBE"), tmp_path / "flights.vw"
    words = ("csv2vw", str(source), str(target), "--label", "IsDepDelayed", "--map", "YES=1", "--map", "NO=-1")
    assert _course(monkeypatch, *words) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: flights.csv, column IsDepDelayed, row 1: holds 'MAYBE'") and "(line 3)" in said
    assert [path.name for path in tmp_path.iterdir()] == ["flights.csv"]


def test_csv2vw_maps_a_value_to_no_label(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`--map VALUE=none` leaves a value without label, as None does in Python."""
    source, target = tmp_path / "outcomes.csv", tmp_path / "outcomes.vw"
    source.write_text("miles,outcome\n5,LATE\n6,CANCELLED\n7,EARLY\n")
    words = ("csv2vw", str(source), str(target), "--label", "outcome", "--columns", "miles", "--unlabelled", "skip")
    assert _course(monkeypatch, *words, "--map", "LATE=1", "--map", "EARLY=-1", "--map", "CANCELLED=none") == 0
    assert target.read_text() == "1 |f miles:5\n-1 |f miles:7\n"
    assert "1 row without a label left out" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["YES", "=1", "YES=", "YES=yes"])
def test_csv2vw_refuses_a_map_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, wrong: str
) -> None:
    """A label map has a value, an equals sign and a number."""
    source = _flights(tmp_path, "YES")
    words = ("csv2vw", str(source), str(tmp_path / "out.vw"), "--label", "IsDepDelayed", "--map", wrong)
    assert _course(monkeypatch, *words) == 1
    assert re.match(r"Error: --map '?" + wrong, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("labels", "words", "said"),
    [
        (("NO", "YES"), "", "Fix: type --map YES=1 --map NO=-1; swap the two if NO is what you predict."),
        (("NO", "", "YES"), "", "Fix: type --map YES=1 --map NO=-1 --unlabelled skip; swap the two if NO"),
        (("0", "1"), "", "Fix: type --map 1=1 --map 0=-1; swap"),
        (("on time", "too late"), "", "Fix: type --map 'too late=1' --map 'on time=-1'; swap"),
        (
            ("-1", "1", "0"),
            "",
            "the column holds -1, 0, 1; map each to -1, 1 or none, such as --map 0=-1, or type --classes",
        ),
        (("NO", "NO"), "", "the column holds only 'NO'; map it: --map NO=1 or --map NO=-1"),
        (tuple("ABCDEFG"), "", "name the column that holds the label; or type --number"),
        (("NO", "MAYBE"), "--map YES=1 --map NO=-1", "--map MAYBE=1, --map MAYBE=-1 or --map MAYBE=none (no label)"),
        (
            ("NO", ""),
            "--map YES=1 --map NO=-1",
            "Fix: type --unlabelled skip to leave such rows out, or --unlabelled keep",
        ),
        (("1", "-1"), "--columns DepDelay", "it is included only with --all-columns"),
        (("1", "-1"), "--columns UniqueCarrier --all-columns", "--all-columns and --columns exclude each other"),
        (("1", "-1"), "--horizon -1", "--horizon -1.0 is after departure"),
        (("1", "-1"), "--encoding klingon", "--encoding 'klingon' is unknown"),
        (("1", "-1"), "--separator ::", "--separator '::' cannot separate. Fix: type one character"),
        (("1", "-1"), "--namespace a=CRSDepTime --namespace a=UniqueCarrier", "--namespace names a twice"),
        (("1", "-1"), "--map 1=1 --map 1=-1", "--map names 1 twice"),
        (("1", "-1"), "--columns=", "the file has no column ''"),
        (("1", "-1"), "--importance DepDelay --unlabelled keep", "leave unlabelled rows out: --unlabelled skip"),
    ],
)
def test_csv2vw_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    labels: tuple[str, ...],
    words: str,
    said: str,
) -> None:
    """Whatever csv2vw refuses, it names the flags to type, and no argument of a Python function."""
    source = _flights(tmp_path, *labels)
    code = _course(
        monkeypatch, "csv2vw", str(source), str(tmp_path / "out.vw"), "--label", "IsDepDelayed", *words.split()
    )
    error = capsys.readouterr().err
    assert (code, [path.name for path in tmp_path.iterdir()]) == (1, ["flights.csv"])
    assert said in error
    assert not re.search(r"\b(labels|unlabelled|columns|all_columns|text|kind|encoding|horizon|header)=", error)


def test_csv2vw_reads_a_word_in_a_column_of_numbers_as_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A word where the dictionary wants a number is refused with the flag that reads the column as text."""
    source = tmp_path / "flights.csv"
    source.write_text("CRSDepTime,late\nnoon,1\n")
    words = ("csv2vw", str(source), str(tmp_path / "out.vw"), "--label", "late")
    assert _course(monkeypatch, *words) == 1
    assert "or read the column as text: --text CRSDepTime." in capsys.readouterr().err
    assert _course(monkeypatch, *words, "--text", "CRSDepTime") == 0


@pytest.mark.parametrize("target", ["-", "/dev/stdout"])
def test_csv2vw_is_part_of_a_pipe(tmp_path: Path, target: str) -> None:
    """`-` is standard input and output; the lines alone go there, what else is said goes to standard error."""
    words = f"csv2vw - {target} --label IsDepDelayed --map YES=1 --map NO=-1"
    command = [sys.executable, "-m", "authoring.cli", *words.split()]
    given = _flights(tmp_path, "NO", "YES").read_bytes()
    ended = subprocess.run(command, input=given, capture_output=True, cwd=surroundings.ROOT, check=True)
    assert ended.stdout == b"-1 |f CRSDepTime:530 UniqueCarrier=9E\n1 |f CRSDepTime:531 UniqueCarrier=9E\n"
    assert ended.stderr == b"standard output: 2 examples, 4 features of 2 columns\n"
    with (tmp_path / "log").open("wb") as file:
        file.write(b"kept\n")
        file.flush()
        subprocess.run(command, input=given, stdout=file, stderr=subprocess.DEVNULL, cwd=surroundings.ROOT, check=True)
    assert (tmp_path / "log").read_bytes() == b"kept\n" + ended.stdout
    wrong = subprocess.run(command, input=given + b"1,2\n", capture_output=True, cwd=surroundings.ROOT, check=False)
    assert wrong.returncode == 1 and wrong.stderr.startswith(b"Error: standard input, row 2: has 2 cells")


def test_csv2vw_warns_of_cancelled_flights(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """H2O's file marks cancelled flights YES: the file is converted, and standard error says how many they are."""
    source = tmp_path / "flights.csv"
    source.write_text("CRSDepTime,Cancelled,IsDepDelayed\n530,1,YES\n531,0,NO\n")
    words = ("csv2vw", str(source), str(tmp_path / "out.vw"), "--label", "IsDepDelayed", "--map", "YES=1", "--map")
    assert _course(monkeypatch, *words, "NO=-1") == 0
    error = capsys.readouterr().err
    assert error.startswith("Warning: 1 of 2 labelled rows are cancelled flights (column Cancelled)")
    assert "--unlabelled skip" in error and "unlabelled=" not in error


def test_a_new_exercise_says_which_files_it_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """`course new exercise 11.2` names the files with skeletons, and what to run next."""
    monkeypatch.setattr(new_exercise, "new_exercise", lambda number: ["lessons/11_x.py", "tests/exercises/y.py"])
    assert _course(monkeypatch, "new", "exercise", "11.2") == 0
    said = capsys.readouterr().out
    assert "changed lessons/11_x.py\nchanged tests/exercises/y.py\n" in said
    assert said.endswith("TODO 11.2 ask for, and run: course build 11\n")
