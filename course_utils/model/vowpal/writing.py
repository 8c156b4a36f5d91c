"""Write a file whole or not at all, and write through what is no file: a pipe, a device or standard output."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from course_utils.errors import DataError, UsageError
from course_utils.model.vowpal.reading import STANDARD

__all__ = ["Sink", "check_target", "open_sink"]

_DESCRIPTOR = re.compile(r"/dev/(?:fd/(\d+)|stdout|stderr)|/proc/self/fd/(\d+)")


class _Writable(Protocol):
    def write(self, text: str, /) -> int: ...

    def close(self) -> None: ...


class Sink:
    """Where lines go: an open `file`, which an error in writing calls by its `name`."""

    def __init__(self, file: _Writable, name: str) -> None:
        self._file, self._name = file, name

    def write(self, text: str) -> None:
        """Write some `text`.

        Raises
        ------
        DataError
            The disk is full, the reader of a pipe is gone, or the like.
        """
        with _located(self._name):
            self._file.write(text)

    def close(self) -> None:
        """Write what is still in memory, and close the file.

        Raises
        ------
        DataError
            As for `write`.
        """
        with _located(self._name):
            self._file.close()


@contextlib.contextmanager
def _located(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        fix = "check the space on the disk, the folder's rights or the program that reads the pipe"
        raise DataError(problem, file=name, fix=fix) from error


def check_target(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Refuse a target that cannot be written, before anything is read.

    Parameters
    ----------
    source, target : path
        The files to read and to write; ``-`` is standard input or output.

    Raises
    ------
    UsageError
        The target is the source, a folder, or in a folder that does not exist.
    """
    if _stream(target):
        return
    path = Path(os.path.realpath(target))
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder for {path.name}", fix=f"create the folder {path.parent} first")
    if path.is_dir():
        raise UsageError(f"{path.name} is a folder", fix="name a file to write")
    if os.fspath(source) != STANDARD and path.is_file() and Path(source).exists() and path.samefile(source):
        raise UsageError(f"{path.name} is both input and output", fix="name another file to write")


@contextlib.contextmanager
def open_sink(target: str | os.PathLike[str]) -> Iterator[Sink]:
    """Open a `target` for a ``with`` statement; a file is replaced only when the whole body has succeeded.

    A pipe, a device or standard output is written as the lines come. A link stays a link: the file that it points to
    is replaced, and a file with several hard links keeps them.

    Raises
    ------
    DataError
        The target cannot be written.
    """
    name = "standard output" if os.fspath(target) == STANDARD else Path(target).name
    if _stream(target):
        with _located(name):
            file = _opened_stream(target)
        with _closing(Sink(file, name)) as sink:
            yield sink
        return
    path = Path(os.path.realpath(target))
    # A name of its own, so that two conversions to one target do not mix their lines.
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    try:
        with _located(name):
            file = scratch.open("w", encoding="utf-8", newline="\n")
        with _closing(Sink(file, name)) as sink:
            yield sink
        with _located(name):
            _replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


@contextlib.contextmanager
def _closing(sink: Sink) -> Iterator[Sink]:
    """Close the sink after the body; the body's own error counts more than one in closing."""
    try:
        yield sink
    except BaseException:
        with contextlib.suppress(DataError):
            sink.close()
        raise
    sink.close()


def _stream(target: str | os.PathLike[str]) -> bool:
    """Return whether the target is written through: neither a file nor a name for a new one."""
    return (
        os.fspath(target) == STANDARD
        or _DESCRIPTOR.fullmatch(os.fspath(target)) is not None
        or (Path(target).exists() and not Path(target).is_file() and not Path(target).is_dir())
    )


def _opened_stream(target: str | os.PathLike[str]) -> IO[str] | _Standard:
    text = os.fspath(target)
    if text == STANDARD:
        return _Standard()
    if found := _DESCRIPTOR.fullmatch(text):
        number = found[1] or found[2] or {"/dev/stdout": 1, "/dev/stderr": 2}[text]
        # The same open file: opening it by name would empty a file that the shell appends to.
        return os.fdopen(os.dup(int(number)), "w", encoding="utf-8", newline="\n")
    return Path(target).open("w", encoding="utf-8", newline="\n")


def _replace(scratch: Path, target: Path) -> None:
    if not target.exists():
        scratch.replace(target)
    elif target.stat().st_nlink > 1:
        shutil.copyfile(scratch, target)  # into the file that the other names share
    else:
        shutil.copymode(target, scratch)
        scratch.replace(target)


class _Standard:
    """Standard output, which is flushed and never closed."""

    def __init__(self) -> None:
        sys.stdout.flush()  # what was printed before comes first

    def write(self, text: str) -> int:
        buffer = getattr(sys.stdout, "buffer", None)
        # UTF-8 as in files, whatever the terminal's encoding is; a notebook's output has no bytes.
        return sys.stdout.write(text) if buffer is None else buffer.write(text.encode())

    def close(self) -> None:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader is gone, as after `| head`. Python flushes again when it ends, and would report it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise
