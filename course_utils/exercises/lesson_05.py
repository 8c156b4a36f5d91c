"""Graders of lesson 05, environments and locks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from course_utils.errors import UsageError
from course_utils.exercises.grading import Finding, as_mapping, grader, kind_of, listed, missing, not_a, right, wrong
from course_utils.tables import read_toml

_TABLE = "environments.toml"

# --------------------------------------------------------------------------- 05.1


@grader("05.1")
def causes(answer: Any) -> Sequence[Finding]:
    """Grade a mapping from the three projects to the cause of each."""
    table, hints = read_toml(_TABLE), read_toml("exercises.toml")["05.1"]
    wanted = {case["name"]: case["cause"] for case in table["case"]}
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint=_FILL_IN)]
    if fault := _misnamed(given, wanted):
        return [fault]
    findings = []
    for name, cause in wanted.items():
        said = " ".join(given[name].lower().replace("-", " ").split()) if isinstance(given[name], str) else None
        if said == cause:
            findings.append(right(f"{name}: this is the cause"))
        elif said not in table["causes"]:
            hint = f"copy one of {listed(list(table['causes']))} from the table"
            findings.append(wrong(f"{name}: {given[name]!r} is not a cause in the table", hint=hint))
        else:
            findings.append(wrong(f"{name}: {said} is not why it stops", hint=hints[name][said]))
    return findings


_FILL_IN = "fill in the dict at the start of the cell"


def _misnamed(given: Mapping[Any, Any], wanted: Iterable[str]) -> Finding | None:
    """Return which names of projects a dict lacks, or has too many."""
    hint = "keep the three names of the cell as they are"
    if absent := [name for name in wanted if name not in given]:
        return missing(absent, hint=hint)
    if strange := [name for name in given if name not in wanted]:
        return wrong(f"{listed(strange)} is not a project", hint=hint)
    return None


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
    if fault := _misnamed(given, names):
        return [fault]
    return [_fixed(name, given[name]) for name in names]


def _fixed(name: str, line: Any) -> Finding:
    from course_utils.develop.environments import try_fix

    lines = [line] if isinstance(line, str) else line
    if not isinstance(lines, list | tuple) or not all(isinstance(one, str) for one in lines):
        return wrong(f"{name}: {kind_of(line)} is not a requirement", hint="write one line as text, without `uv add`")
    lines = [one.strip() for one in lines]
    if unread := [one for one in lines if _requirement(one) is None]:
        return wrong(f"{name}: {unread[0]!r} is not a requirement", hint=_notation(unread[0]))
    try:
        today = try_fix(name, lines)
        later = try_fix(name, lines, until="later") if today.works else today
    except UsageError as error:  # no requirements, or uv is not there
        return wrong(f"{name}: {error.problem}", hint=error.fix)
    if not today.resolved:
        hint = "no available versions fit together: look into the index, and read which requirement you can change"
        return wrong(f"{name}: it stops, {today.said}", hint=hint)
    if not today.works:
        missing_package = "ModuleNotFoundError" in today.said
        hint = "which package does the program import?" if missing_package else _RUN_HINTS[name]
        if missing_package and any(_requirement(one).marker for one in lines):
            hint = "nothing was installed: does the part after `;` hold on this system?"
        return wrong(f"{name}: it stops, {today.said}", hint=hint)
    if not later.works:
        hint = "which future releases does your line allow?"
        return wrong(f"{name}: it works today, but a year later it stops, {later.said}", hint=hint)
    return right(f"{name}: it works today and a year later")


def _requirement(line: str) -> Any:
    """Return a line as a `packaging` requirement; None where it is none, or names an address."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        found = Requirement(line)
    except InvalidRequirement:
        return None
    return None if found.url else found


def _notation(line: str) -> str:
    """Return the hint for a line that is no requirement."""
    if not line:
        return "the text is empty: name a package, and say which versions may be installed"
    if line.startswith(("uv ", "pip ")):
        return "hand in the requirement alone, without the command before it"
    if re.match(r"[\w-]+ *= *\[", line):
        return "hand in the requirement alone, without the name of the setting and its brackets"
    if line[0] in "'\"" or line[-1] in "'\"":
        return "your text has quotes inside its quotes: one pair is enough"
    if re.fullmatch(r"[\w.-]+ *=[^=<>!~]+", line):
        return "one `=` is conda's notation: how does a Python requirement say 'exactly this version'?"
    if re.fullmatch(r"[\w.-]+ +v?\d[\w.]*", line):
        return "between the name and the version, say how they compare: which operator do you mean?"
    return "a requirement is a name with a bound, such as `package<3`: which part of your line is neither?"


# --------------------------------------------------------------------------- 05.3

#: A line for conda: channel, name, operator (a blank for 'exactly'), version and build; only the name must be there.
_CONDA_LINE = re.compile(
    r"(?:[\w-]+::)?(?P<name>[\w.-]+)"
    r"(?:\s*(?P<sign>[=<>!~]=|[=<>]|\s)\s*(?P<version>[\d*][\w.*+]*(?:[,|][<>=!]*[\w.*+]+)*)(?:=(?P<build>[\w.*]+))?)?"
)


@grader("05.3")
def portable(answer: Any) -> Sequence[Finding]:
    """Grade the dependencies of an environment.yml: a list with lines for conda and a dict with lines for pip."""
    answer = answer["dependencies"] if isinstance(answer, Mapping) and "dependencies" in answer else answer
    if isinstance(answer, str) or not isinstance(answer, list | tuple):
        hint = "write a list of texts, with a dict for pip at the end"
        return [not_a("a list of dependencies", answer, hint=hint)]
    conda = [line.strip() for line in answer if isinstance(line, str)]
    parts = [part for part in answer if isinstance(part, Mapping)]
    if len(conda) + len(parts) < len(answer) or any(not isinstance(part.get("pip"), list | tuple) for part in parts):
        hint = "each line is a text; the lines for pip are a list under the key 'pip'"
        return [wrong("an item of the list is neither a line nor a dict for pip", hint=hint)]
    if keys := [key for part in parts for key in part if key != "pip"]:
        return [wrong(f"{listed(keys)} is not a tool that conda calls", hint="the dict has one key, 'pip'")]
    pip = [line.strip() if isinstance(line, str) else line for part in parts for line in part["pip"]]
    if unread := _unread(conda, pip):
        return [unread]
    faults = [*_builds(conda), *_listed_names(conda, pip), *_versions(conda, pip)]
    return faults or [
        right("every requested package is there, with its version"),
        right("no line depends on one operating system"),
        right("pip installs what conda's channels do not have"),
    ]


def _unread(conda: Sequence[str], pip: Sequence[Any]) -> Finding | None:
    """Return the first line that its tool cannot read."""
    if "" in (*conda, *pip):
        return wrong("a line is empty", hint="which of the requested packages did you mean to write there?")
    if unread := [line for line in conda if not _CONDA_LINE.fullmatch(line)]:
        hint = "compare it with a line of the export: where do its name and its version end?"
        return wrong(f"{unread[0]!r} is not a name, an operator and a version", hint=hint)
    if unread := [line for line in pip if not isinstance(line, str) or _requirement(line) is None]:
        hint = "pip has its own notation for 'exactly this version', which differs from conda's"
        return wrong(f"pip cannot read {unread[0]!r}", hint=hint)
    return None


def _name(line: str) -> str:
    """Return the name of the package in a line for conda or pip, in lower case."""
    return re.match(r"(?:[\w-]+::)?([\w.-]+)", line)[1].lower()


def _builds(conda: Sequence[str]) -> list[Finding]:
    """Find builds that belong to one system; ``py_0`` and ``pyh…`` are pure Python, and ``*`` is any build."""
    built = {line: _CONDA_LINE.fullmatch(line)["build"] or "" for line in conda}
    bound = [line for line, build in built.items() if build and not re.match(r"pyh|py_|\*$", build)]
    if not bound:
        return []
    hint = "an exported line is name, version and build: which of the three differs from system to system?"
    found = f"{listed(bound)} {'names a build' if len(bound) == 1 else 'name builds'} of one operating system"
    return [wrong(found, hint=hint)]


def _listed_names(conda: Sequence[str], pip: Sequence[str]) -> list[Finding]:
    """Find packages that the project did not request, and those that are there twice."""
    table = read_toml(_TABLE)["exported"]
    names = [_name(line) for line in (*conda, *pip)]
    foreign = [name for name in names if name in table["elsewhere"]]
    unknown = [name for name in names if name not in (*table["elsewhere"], *table["asked"], "pip")]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    findings = []
    if foreign:
        hint = "did the project request it, or was it installed because of the operating system?"
        found = f"{listed(foreign)} {'does' if len(foreign) == 1 else 'do'} not exist for Linux or Windows"
        findings.append(wrong(found, hint=hint))
    if unknown:
        hint = "keep only the packages that the export lists as requested"
        findings.append(wrong(f"not requested: {listed(unknown)}", hint=hint))
    if twice:
        found = f"{listed(twice)} {'is' if len(twice) == 1 else 'are'} there more than once"
        findings.append(
            wrong(found, hint="which of the lines should hold if they differ? One for each package is enough")
        )
    return findings


def _versions(conda: Sequence[str], pip: Sequence[str]) -> list[Finding]:
    """Find requested packages that are missing, installed by the wrong tool or not pinned."""
    table = read_toml(_TABLE)["exported"]
    exported = dict(line.split("=")[:2] for line in table["lines"])
    by_pip = dict(line.split("==") for line in table["pip"])
    found = (
        _pinned_by_pip(name, by_pip[name], conda, pip) if name in by_pip else _pinned(name, exported[name], conda, pip)
        for name in table["asked"]
    )
    return [finding for finding in found if finding]


def _absent(name: str) -> Finding:
    return wrong(f"{name} is missing", hint="compare with the packages that the export lists as requested")


def _pinned_by_pip(name: str, version: str, conda: Sequence[str], pip: Sequence[str]) -> Finding | None:
    """Return what is wrong with a package that only pip can install."""
    if name in map(_name, conda):
        return wrong(f"conda cannot find {name}", hint="which tool installed it before the export?")
    line = next((line for line in pip if _name(line) == name), None)
    if line is None:
        return _absent(name)
    requirement = _requirement(line)
    if requirement.marker:
        found = f"{line!r} holds for some systems only"
        return wrong(found, hint="every system needs this package: what does the part after `;` say?")
    specifiers = list(requirement.specifier)
    if len(specifiers) == 1 and specifiers[0].operator in ("==", "===") and specifiers[0].version == version:
        return None
    return wrong(f"for pip, {line!r} does not mean the exported version", hint=_PIN)


_PIN = "to get the same environment again, pin the exact version that was exported"


def _pinned(name: str, version: str, conda: Sequence[str], pip: Sequence[str]) -> Finding | None:
    """Return what is wrong with a package that conda installs; for Python, major and minor number are enough."""
    line = next((line for line in conda if _name(line) == name), None)
    if line is None and name in map(_name, pip):
        hint = "let conda install what it has: it also installs the system libraries that a package needs"
        return wrong(f"{name} was moved to pip", hint=hint)
    if line is None:
        return _absent(name)
    sign, given = _CONDA_LINE.fullmatch(line).group("sign", "version")
    sign = "==" if sign and sign.isspace() else sign
    minor = version.rpartition(".")[0]
    if (sign in ("=", "==") and given == version) or (sign == "=" and given == f"{version}.*"):
        return None
    if name == "python" and (sign, given) in (("=", minor), ("=", f"{minor}.*"), ("==", f"{minor}.*")):
        return None
    if name == "python" and (sign, given) == ("==", minor):
        return wrong(
            f"for conda, {line!r} means the release {minor}.0", hint="which operator allows every release of it?"
        )
    if sign not in (None, "=", "=="):
        hint = "which versions does this operator allow? You want one"
        return wrong(f"{line!r} allows other versions than the exported one", hint=hint)
    if given and not version.startswith(f"{given.removesuffix('.*')}."):
        return wrong(f"{line!r} names another version", hint=f"which version of {name} does the export list?")
    return wrong(f"{line!r} does not pin the exported version", hint=_PIN)
