"""A package index of the course's own: a folder with tiny wheels, the same bytes on every machine.

The packages and their release months are in ``tables/develop/environments.toml``.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from course_utils import tables
from course_utils.errors import UsageError

__all__ = ["write_index"]


def write_index(folder: str | Path, until: str = "today") -> None:
    """Write a package index below `folder`, as ``index``: a folder for each package, with its wheels and a page.

    The pages are those of PEP 503, so uv and pip can read the folder like an index on the internet. An index that is
    there already is replaced.

    Parameters
    ----------
    folder : path
        The folder that gets ``index``.
    until : str
        The last month whose releases are included, such as ``"2026-03"``; ``"today"`` and ``"later"`` are months of
        the lesson.

    Raises
    ------
    UsageError
        `until` is not a month.
    """
    table = tables.read_toml("environments.toml")
    month = table["months"].get(until, until)
    if not re.fullmatch(r"\d{4}-\d\d", str(month)):
        raise UsageError(f"{until!r} is not a month", fix=f"pass one such as {table['months']['then']!r}")
    index = Path(folder) / "index"
    shutil.rmtree(index, ignore_errors=True)
    pages: dict[Path, list[str]] = {}
    for release in table["release"]:
        if release["released"] <= month:  # as text: year first, two digits for the month
            package = index / release["name"].replace("_", "-")
            package.mkdir(parents=True, exist_ok=True)
            wheel = _write_wheel(package, release)
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            pages.setdefault(package, []).append(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
    for package, links in pages.items():
        page = "<!DOCTYPE html>\n<html><body>\n" + "\n".join(links) + "\n</body></html>\n"
        (package / "index.html").write_text(page, encoding="utf-8", newline="\n")


def _write_wheel(folder: Path, release: Mapping[str, Any]) -> Path:
    """Write a wheel without a build tool, the same bytes each time: a zip of the module and three metadata files."""
    name, version = release["name"], release["version"]
    info = f"{name}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {line}" for line in release.get("requires", ())]
    files = {
        f"{name}.py": release["module"].lstrip(),
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: course\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_record_hash(text)},{len(text.encode())}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as wheel:
        for path, text in files.items():
            entry = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, on every system: the hash of the wheel must not depend on it
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, text)
    return made


def _record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
