"""Graders of lesson 05, environments and locks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_mapping, grader, listed, right, wrong
from course_utils.tables import read_toml

_TABLE = "environments.toml"

# --------------------------------------------------------------------------- 05.1

# Where to look again, for each project.
_LOOK = {
    "clock": "it worked in March with the same files: compare the versions that were chosen then and now, and ask who "
    "chose them",
    "closure": "nothing was chosen at all: read the two things that the resolver cannot have at the same time",
    "model": "its versions were chosen by hand: hold them against what the model's card says",
}


@grader("05.1")
def causes(answer: Any) -> Sequence[Finding]:
    """Grade a mapping from the three projects to the cause of each."""
    table = read_toml(_TABLE)
    wanted = {case["name"]: case["cause"] for case in table["case"]}
    given = as_mapping(answer)
    if given is None:
        return [
            wrong(f"a {type(answer).__name__} names no projects", hint="fill in the dict that the cell begins with")
        ]
    if faults := _names(given, wanted):
        return faults
    findings = []
    for name, cause in wanted.items():
        said = " ".join(given[name].lower().replace("-", " ").split()) if isinstance(given[name], str) else None
        if said == cause:
            findings.append(right(f"{name}: {table['causes'][cause]}"))
        elif said not in table["causes"]:
            hint = f"copy one of {listed(list(table['causes']))} as it stands in the table"
            findings.append(wrong(f"{name}: {given[name]!r} is no cause of the table", hint=hint))
        else:
            findings.append(wrong(f"{name}: that is not what stops it", hint=_LOOK[name]))
    return findings


def _names(given: Mapping[Any, Any], wanted: Mapping[str, Any]) -> list[Finding]:
    absent = [name for name in wanted if name not in given]
    if not absent:
        return []
    hint = "keep the three names of the cell as they are"
    return [wrong(f"{listed(absent)} {'is' if len(absent) == 1 else 'are'} missing", hint=hint)]


# --------------------------------------------------------------------------- 05.2

_HINTS = {
    "resolve": "the shelf has no versions that fit together: which of the two sides can you give another line?",
    "install": "uv could not install what was chosen: read what it says",
    "fit": "the model could not be fitted again with what was chosen: the version must still have what fitting needs",
}
_RUN = {
    "clock": "it was built, and got a version that its program does not understand: which one did it understand?",
    "closure": "it was built, and its program still cannot use what it got: what does the project itself ask for?",
    "model": "it was built, and the model does not get on with what was installed: what was it fitted with?",
}


@grader("05.2")
def fixed(answer: Any) -> Sequence[Finding]:
    """Grade a mapping from the three projects to what became of each when it was built and run again."""
    names = [case["name"] for case in read_toml(_TABLE)["case"]]
    given = as_mapping(answer)
    if given is None:
        return [
            wrong(f"a {type(answer).__name__} names no projects", hint="fill in the dict that the cell begins with")
        ]
    if faults := _names(given, dict.fromkeys(names)):
        return faults
    return [_fixed(name, given[name]) for name in names]


def _fixed(name: str, outcome: Any) -> Finding:
    if not all(hasattr(outcome, part) for part in ("case", "works", "step", "said", "pins", "later")):
        hint = f"a line alone fixes nothing: give it to {name}.fix, which builds and runs"
        return wrong(f"{name}: a {type(outcome).__name__} was not built", hint=hint)
    if outcome.case != name:
        return wrong(f"{name}: this is {outcome.case}, fixed", hint=f"ask {name} itself to fix")
    if not outcome.works:
        hint = _HINTS.get(outcome.step) or _RUN[name]
        return wrong(f"{name}: it stops, {outcome.said}", hint=hint)
    if outcome.later is None:
        hint = f"use {name}.fix, which also builds it a year later"
        return wrong(f"{name}: it works, as far as today goes", hint=hint)
    if not outcome.later.works:
        hint = "which releases, not there yet today, does your line let in?"
        return wrong(f"{name}: it works today, and in a year it stops, {outcome.later.said}", hint=hint)
    chosen = ", ".join(f"{package} {version}" for package, version in outcome.pins.items())
    return right(f"{name}: it works with {chosen}, and in a year it works too")


# --------------------------------------------------------------------------- 05.3


@grader("05.3")
def portable(answer: Any) -> Sequence[Finding]:
    """Grade the dependencies of an environment.yml: a list of conda's lines, and a dict with pip's."""
    table = read_toml(_TABLE)["exported"]
    answer = answer["dependencies"] if isinstance(answer, Mapping) and "dependencies" in answer else answer
    if isinstance(answer, str) or not isinstance(answer, list | tuple):
        hint = "write a list of texts, with a dict for pip at its end"
        return [wrong(f"a {type(answer).__name__} is no list of dependencies", hint=hint)]
    conda = [line.strip() for line in answer if isinstance(line, str)]
    parts = [part for part in answer if isinstance(part, Mapping)]
    if len(conda) + len(parts) < len(answer) or any(not isinstance(part.get("pip"), list | tuple) for part in parts):
        hint = "each line is a text; pip's lines are a list under the key 'pip'"
        return [wrong("something in the list is neither a line nor pip's part", hint=hint)]
    pip = [line.strip() if isinstance(line, str) else "" for part in parts for line in part["pip"]]
    faults = [*_builds(conda), *_strangers(conda, pip, table), *_versions(conda, pip, table)]
    return faults or [
        right("every package that was asked for is there, in its version"),
        right("nothing in it belongs to one system"),
        right("pip installs what conda's channels do not have"),
    ]


def _builds(conda: Sequence[str]) -> list[Finding]:
    built = [line for line in conda if re.fullmatch(r"[\w.-]+=[^=]+=[^=]+", line)]
    if not built:
        return []
    hint = "an exported line is name, version and build: which of the three differs from system to system?"
    return [wrong(f"{listed(built)} {'names a build' if len(built) == 1 else 'name builds'} of one system", hint=hint)]


def _strangers(conda: Sequence[str], pip: Sequence[str], table: Mapping[str, Any]) -> list[Finding]:
    names = [_name(line) for line in (*conda, *pip)]
    foreign = [name for name in names if name in table["elsewhere"]]
    unknown = [name for name in names if name not in (*table["elsewhere"], *table["asked"], "pip")]
    findings = []
    if foreign:
        hint = "was it asked for, or did it come along because of the system?"
        findings.append(wrong(f"{listed(foreign)} cannot be had on Linux or Windows", hint=hint))
    if unknown:
        findings.append(wrong(f"nobody asked for {listed(unknown)}", hint="keep to what the export says was asked for"))
    return findings


def _versions(conda: Sequence[str], pip: Sequence[str], table: Mapping[str, Any]) -> list[Finding]:
    exported = dict(line.split("=")[:2] for line in table["lines"])
    by_pip = dict(line.split("==") for line in table["pip"])
    findings = []
    for name in table["asked"]:
        lines = [line for line in conda if _name(line) == name]
        pips = [line for line in pip if _name(line) == name]
        if not lines and not pips:
            findings.append(wrong(f"{name} is missing", hint="compare with what the export says was asked for"))
        elif name in by_pip and lines:
            findings.append(wrong(f"conda would look for {name} in vain", hint="who installed it before the export?"))
        elif name in by_pip and not any(re.fullmatch(rf"{name}\s*==\s*{re.escape(by_pip[name])}", one) for one in pips):
            hint = "pip has its own way of writing 'exactly this version', which is not conda's"
            findings.append(wrong(f"pip reads another version than the exported one from {pips[0]!r}", hint=hint))
        elif name in exported and not lines:
            hint = "leave to conda what conda has: it also brings the libraries beneath"
            findings.append(wrong(f"{name} was moved to pip", hint=hint))
        elif name in exported and not any(_is_pinned(line, exported[name]) for line in lines):
            hint = "to get the same again, the version must be there, neither open nor another one"
            findings.append(wrong(f"{lines[0]!r} does not fix the version that was exported", hint=hint))
    return findings


def _name(line: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", line)
    return found[0].lower() if found else line


def _is_pinned(line: str, version: str) -> bool:
    """Say whether conda gets this version from a line; Python's last number may be left open, as patches are fixed."""
    name, _, rest = line.partition("=")
    given = rest.lstrip("=").split("=")[0].strip().removesuffix(".*")
    short = version.rpartition(".")[0]
    return given == version or (name.strip() == "python" and given == short)
