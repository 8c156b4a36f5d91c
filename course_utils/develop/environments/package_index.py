"""A package index of the course's own: a folder with tiny wheels, the same bytes on every machine.

The packages and their release months are in ``tables/develop/environments.toml``.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from course_utils import tables
from course_utils.errors import UsageError

__all__ = ["package_index"]


@contextmanager
def package_index(until: str | None = None, *, swapped: str | None = None) -> Iterator[Path]:
    """Create a temporary folder for a ``with`` block, with wheels in its folder ``packages``.

    Parameters
    ----------
    until : str, optional
        Last month whose releases are included, such as ``"2026-03"``; ``"then"`` and ``"later"`` are months of the
        lesson. Default: the lesson's today.
    swapped : str, optional
        A package whose file is replaced by another one of the same version, as an attacker would.

    Raises
    ------
    UsageError
        `until` is not a month.
    """
    table = tables.read_toml("environments.toml")
    month = table["months"].get(until or "today", until)
    if not re.fullmatch(r"\d{4}-\d\d", str(month)):
        raise UsageError(f"{until!r} is not a month", fix=f"pass one such as {table['months']['then']!r}")
    with tempfile.TemporaryDirectory(prefix="course-environment-", ignore_cleanup_errors=True) as made:
        folder = Path(made).resolve()
        (folder / "packages").mkdir()
        for release in table["release"]:
            if release["released"] <= month:  # as text: year first, two digits for the month
                extra = "# not what was published\n" if release["name"].replace("_", "-") == swapped else ""
                _write_wheel(folder / "packages", release, extra)
        yield folder


def _write_wheel(folder: Path, release: Mapping[str, Any], extra: str = "") -> None:
    """Write a wheel without a build tool, the same bytes each time: a zip of the module and three metadata files."""
    name, version = release["name"], release["version"]
    info = f"{name}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {line}" for line in release.get("requires", ())]
    files = {
        f"{name}.py": release["module"].lstrip() + extra,
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: course\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_record_hash(text)},{len(text.encode())}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w", zipfile.ZIP_STORED) as wheel:
        for path, text in files.items():
            entry = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, on every system: the hash of the wheel must not depend on it
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, text)


def _record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
