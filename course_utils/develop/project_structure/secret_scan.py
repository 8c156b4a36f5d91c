"""Find keys and passwords with detect-secrets: in files, in the Git history, and before each commit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.develop.project_structure.project import REFUSED, Project, put_file, run_git

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_staged", "detectors", "install_secret_hook", "secrets", "secrets_in_history"]

#: Detectors left out: they report hashes, ids and the bytes of pictures, of which notebooks are full.
_TOO_SENSITIVE = ("Base64HighEntropyString", "HexHighEntropyString")


def secrets(project: Project) -> pd.DataFrame:
    """Scan the files of `project` with detect-secrets; no key is tried out, so nothing is sent anywhere.

    Returns
    -------
    DataFrame, one row a secret
        'file', 'where' (cell or line), 'kind' and 'begins' (its first four characters: the table must not leak it).

    Raises
    ------
    UsageError
        A file or folder at the top of the project has a colon in its name, which `Project.write` refuses.
    """
    from detect_secrets.core.scan import scan_file

    found = []
    with detectors():
        for file in project.files:
            for secret in sorted(scan_file(str(project._path(file))), key=lambda secret: secret.line_number):
                cell = _cell(project.read(file), secret.secret_value) if file.endswith(".ipynb") else ""
                found.append((file, cell or f"line {secret.line_number}", secret.type, _first(secret.secret_value)))
    return _table(found, ["file", "where", "kind", "begins"])


def secrets_in_history(project: Project) -> pd.DataFrame:
    """Scan what each commit of `project` added, with detect-secrets.

    Returns
    -------
    DataFrame, one row a secret and commit
        'commit' (its message), 'file', 'kind' and 'begins'.

    Raises
    ------
    UsageError
        Git is not installed.
    """
    found = []
    for number in run_git(project, "rev-list", "--reverse", "HEAD").split():
        message = run_git(project, "log", "-1", "--format=%s", number).strip()
        diff = run_git(project, "show", "--format=", "--no-color", "--unified=0", number)
        found += [(message, *secret) for secret in _added_secrets(diff, on_disk=False)]
    return _table(found, ["commit", "file", "kind", "begins"])


def install_secret_hook(project: Project) -> None:
    """Install a Git hook in `project` that scans staged changes and refuses a commit that adds a secret."""
    hook = project._folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    # Git runs hooks in its own shell on every system, and that shell expects / in paths.
    python = Path(sys.executable).as_posix()
    put_file(hook, f'#!/bin/sh\nexec "{python}" -c "from {__name__} import check_staged; check_staged()"\n')
    hook.chmod(0o755)


def check_staged() -> None:
    """Scan the staged changes of the working folder, print each secret, and exit with 1 if there is one.

    `install_secret_hook` makes Git call this before each commit.
    """
    command = ["git", "diff", "--cached", "--no-color", "--unified=0"]
    staged = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    found = sorted({(file, kind) for file, kind, _ in _added_secrets(staged, on_disk=True)})
    for file, kind in found:
        print(f"{REFUSED}: {kind} in {file}")
    raise SystemExit(bool(found))


@contextmanager
def detectors(*, on_disk: bool = True) -> Iterator[None]:
    """Choose detect-secrets' detectors for a ``with`` block; no filter asks the issuer whether a key is valid.

    Parameters
    ----------
    on_disk : bool
        Whether the scanned files exist on disk. False for files of the history, which would be skipped otherwise.
    """
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.settings import transient_settings

    known = {plugin.__name__ for plugin in get_mapping_from_secret_type_to_class().values()}
    chosen = [{"name": name} for name in sorted(known - {*_TOO_SENSITIVE})]
    with transient_settings({"plugins_used": chosen}) as settings:
        if not on_disk:
            settings.disable_filters("detect_secrets.filters.common.is_invalid_file")
        yield


def _added_secrets(diff: str, *, on_disk: bool) -> list[tuple[str, str, str]]:
    """Return file, kind and first characters of each secret that a diff adds; those that it removes do not count."""
    from detect_secrets.core.scan import scan_diff

    with detectors(on_disk=on_disk):
        # A commit that removes a key must not be refused.
        added = [secret for secret in scan_diff(diff) if secret.is_added]
    added.sort(key=lambda secret: (secret.filename, secret.line_number))
    return [(secret.filename, secret.type, _first(secret.secret_value)) for secret in added]


def _cell(notebook: str, secret: str) -> str:
    """Return the number of the cell that has a secret, and whether it is in code or output; '' for none."""
    for number, cell in enumerate(json.loads(notebook)["cells"], start=1):
        if secret in "".join(cell["source"]):
            return f"cell {number}, code"
        if secret in json.dumps(cell.get("outputs", [])):
            return f"cell {number}, output"
    return ""


def _first(secret: str) -> str:
    return f"{secret[:4]}…"


def _table(rows: list[tuple[str, ...]], columns: list[str]) -> pd.DataFrame:
    """Return rows as a table, each of them once: several detectors may report the same key."""
    import pandas as pd

    return pd.DataFrame(list(dict.fromkeys(rows)), columns=columns)
