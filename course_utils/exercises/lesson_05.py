"""Graders of lesson 05, environments and locks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.errors import UsageError
from course_utils.exercises.grading import Finding, as_mapping, grader, kind_of, listed, missing, not_a, right, wrong
from course_utils.tables import read_toml

_TABLE = "environments.toml"

# --------------------------------------------------------------------------- 05.1

#: The hint for each project.
_CAUSE_HINTS = {
    "clock": "in March it worked with the same files: what has the index got since then, and what chose the version?",
    "closure": "no version was chosen: read which two requirements the resolver cannot meet at the same time",
    "model": "its versions were chosen by a person: compare them with the model card",
}


@grader("05.1")
def causes(answer: Any) -> Sequence[Finding]:
    """Grade a mapping from the three projects to the cause of each."""
    table = read_toml(_TABLE)
    wanted = {case["name"]: case["cause"] for case in table["case"]}
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint=_FILL_IN)]
    if faults := _absent(given, wanted):
        return faults
    findings = []
    for name, cause in wanted.items():
        said = " ".join(given[name].lower().replace("-", " ").split()) if isinstance(given[name], str) else None
        if said == cause:
            findings.append(right(f"{name}: this is the cause"))
        elif said not in table["causes"]:
            hint = f"copy one of {listed(list(table['causes']))} from the table"
            findings.append(wrong(f"{name}: {given[name]!r} is not a cause in the table", hint=hint))
        else:
            findings.append(wrong(f"{name}: this is not why it stops", hint=_CAUSE_HINTS[name]))
    return findings


_FILL_IN = "fill in the dict at the start of the cell"


def _absent(given: Mapping[Any, Any], wanted: Mapping[str, Any]) -> list[Finding]:
    absent = [name for name in wanted if name not in given]
    return [missing(absent, hint="keep the three names of the cell as they are")] if absent else []


# --------------------------------------------------------------------------- 05.2

#: The hint for each project whose environment was built, but whose program does not run in it.
_RUN_HINTS = {
    "clock": "it was built with a version that its program cannot use: which version did the program work with?",
    "closure": "it was built, but its program cannot use the installed versions: what does the project itself ask for?",
    "model": "it was built, but the model does not work with the installed version: which version was it trained with?",
}


@grader("05.2")
def fixed(answer: Any) -> Sequence[Finding]:
    """Grade a mapping from the three projects to the line that fixes each: build and run it, today and a year later."""
    names = [case["name"] for case in read_toml(_TABLE)["case"]]
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint=_FILL_IN)]
    if faults := _absent(given, dict.fromkeys(names)):
        return faults
    return [_fixed(name, given[name]) for name in names]


def _fixed(name: str, line: Any) -> Finding:
    from course_utils.develop.environments import try_fix

    lines = [line] if isinstance(line, str) else line
    if not isinstance(lines, list | tuple) or not all(isinstance(one, str) for one in lines):
        return wrong(f"{name}: {kind_of(line)} is not a requirement", hint="write one line as text, without `uv add`")
    try:
        today = try_fix(name, [one.strip() for one in lines])
        later = try_fix(name, [one.strip() for one in lines], until="later") if today.works else today
    except UsageError as error:
        hint = "a requirement is a name with a version or a bound, in quotes, without `uv add`"
        return wrong(f"{name}: {error.problem}", hint=hint)
    if not today.resolved:
        hint = "no available versions fit together: look into the index, and read which requirement you can change"
        return wrong(f"{name}: it stops, {today.said}", hint=hint)
    if not today.works:
        missing_package = "ModuleNotFoundError" in today.said
        hint = "which package does the program import?" if missing_package else _RUN_HINTS[name]
        return wrong(f"{name}: it stops, {today.said}", hint=hint)
    if not later.works:
        hint = "which future releases does your line allow?"
        return wrong(f"{name}: it works today, but a year later it stops, {later.said}", hint=hint)
    return right(f"{name}: it works today and a year later")


# --------------------------------------------------------------------------- 05.3


@grader("05.3")
def portable(answer: Any) -> Sequence[Finding]:
    """Grade the dependencies of an environment.yml: a list with lines for conda and a dict with lines for pip."""
    table = read_toml(_TABLE)["exported"]
    answer = answer["dependencies"] if isinstance(answer, Mapping) and "dependencies" in answer else answer
    if isinstance(answer, str) or not isinstance(answer, list | tuple):
        hint = "write a list of texts, with a dict for pip at the end"
        return [not_a("a list of dependencies", answer, hint=hint)]
    conda = [line.strip() for line in answer if isinstance(line, str)]
    parts = [part for part in answer if isinstance(part, Mapping)]
    if len(conda) + len(parts) < len(answer) or any(not isinstance(part.get("pip"), list | tuple) for part in parts):
        hint = "each line is a text; the lines for pip are a list under the key 'pip'"
        return [wrong("an item of the list is neither a line nor a dict for pip", hint=hint)]
    pip = [line.strip() if isinstance(line, str) else "" for part in parts for line in part["pip"]]
    faults = [*_builds(conda), *_not_requested(conda, pip, table), *_versions(conda, pip, table)]
    return faults or [
        right("every requested package is there, with its version"),
        right("no line depends on one operating system"),
        right("pip installs what conda's channels do not have"),
    ]


def _builds(conda: Sequence[str]) -> list[Finding]:
    built = [line for line in conda if re.fullmatch(r"[\w.-]+=[^=]+=[^=]+", line)]
    if not built:
        return []
    hint = "an exported line is name, version and build: which of the three differs from system to system?"
    found = f"{listed(built)} {'names a build' if len(built) == 1 else 'name builds'} of one operating system"
    return [wrong(found, hint=hint)]


def _not_requested(conda: Sequence[str], pip: Sequence[str], table: Mapping[str, Any]) -> list[Finding]:
    names = [_name(line) for line in (*conda, *pip)]
    foreign = [name for name in names if name in table["elsewhere"]]
    unknown = [name for name in names if name not in (*table["elsewhere"], *table["asked"], "pip")]
    findings = []
    if foreign:
        hint = "did the project request it, or was it installed because of the operating system?"
        found = f"{listed(foreign)} {'does' if len(foreign) == 1 else 'do'} not exist for Linux or Windows"
        findings.append(wrong(found, hint=hint))
    if unknown:
        hint = "keep only the packages that the export lists as requested"
        findings.append(wrong(f"not requested: {listed(unknown)}", hint=hint))
    return findings


def _versions(conda: Sequence[str], pip: Sequence[str], table: Mapping[str, Any]) -> list[Finding]:
    exported = dict(line.split("=")[:2] for line in table["lines"])
    by_pip = dict(line.split("==") for line in table["pip"])
    findings = []
    for name in table["asked"]:
        lines = [line for line in conda if _name(line) == name]
        pips = [line for line in pip if _name(line) == name]
        if not lines and not pips:
            hint = "compare with the packages that the export lists as requested"
            findings.append(wrong(f"{name} is missing", hint=hint))
        elif name in by_pip and lines:
            findings.append(wrong(f"conda cannot find {name}", hint="which tool installed it before the export?"))
        elif name in by_pip and not any(re.fullmatch(rf"{name}\s*==\s*{re.escape(by_pip[name])}", one) for one in pips):
            hint = "pip has its own notation for 'exactly this version', which differs from conda's"
            findings.append(wrong(f"for pip, {pips[0]!r} does not mean the exported version", hint=hint))
        elif name in exported and not lines:
            hint = "let conda install what it has: it also installs the system libraries that a package needs"
            findings.append(wrong(f"{name} was moved to pip", hint=hint))
        elif name in exported and not any(_is_pinned(line, exported[name]) for line in lines):
            hint = "to get the same environment again, pin the exact version that was exported"
            findings.append(wrong(f"{lines[0]!r} does not pin the exported version", hint=hint))
    return findings


def _name(line: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", line)
    return found[0].lower() if found else line


def _is_pinned(line: str, version: str) -> bool:
    """Return whether a line pins this version for conda; for Python, major and minor number are enough."""
    name, _, rest = line.partition("=")
    given = rest.lstrip("=").split("=")[0].strip().removesuffix(".*")
    short = version.rpartition(".")[0]
    return given == version or (name.strip() == "python" and given == short)
