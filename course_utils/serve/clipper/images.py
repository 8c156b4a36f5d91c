"""Model images of a local cluster: built from the packages of clipper_admin, addressed by content, never changed.

clipper_admin packs a model into a tar file with a Dockerfile of three lines: ``FROM`` a stock image, perhaps ``RUN``
pip, ``COPY`` the model. Docker would run it; here it is only read. The stock image decides how the model is loaded, the
Python packages must be installed already, and the model's files are stored under a hash of everything that decides
its answers. A tag may move to another image, as in Docker, but an image never changes, so a replica that was killed
restarts with the same model.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import pickle
import posixpath
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote

from course_utils import tables
from course_utils.errors import ModelError, UsageError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["Image", "Images", "deployers", "load_predictor"]

#: The output of Clipper's noop image for any row.
_NOOP_ANSWER = "1.0"

#: The largest Dockerfile that is read, in bytes.
_DOCKERFILE_BYTES = 64 * 1024
_MANIFEST = "image.json"
_MODEL = "model"
_FUNCTION = "func.pkl"
#: Docker's grammar of image names, without upper case, and of ids.
_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::\d+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?")
_HEX = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


@dataclass(frozen=True)
class Image:
    """A model with everything that decides its answers; immutable.

    Attributes
    ----------
    id : str
        64 hexadecimal digits: a hash of base, packages and files, or of the name of a stock image.
    tags : tuple of str
        The names that point at it now.
    base : str
        The stock image from which it was built, such as 'clipper/python36-closure-container:0.4.1'.
    model_path : Path, optional
        The folder that would be ``/model`` in a container; None for a stock image.
    container_type : str
        How to load it: 'python-closure' or 'noop'.
    packages : tuple of str
        The packages that pip would have installed.
    """

    id: str
    tags: tuple[str, ...]
    base: str
    model_path: Path | None
    container_type: str
    packages: tuple[str, ...] = ()


# --------------------------------------------------------------------------- stock images


def deployers() -> list[dict[str, Any]]:
    """Return clipper_admin's deployers: which ones run here, which ones are refused, and why.

    Returns
    -------
    list of dict
        'deployer', 'call', 'here' ('runs' or 'refused'), 'why', 'instead', 'container' (the type of its images) and
        'images' (the names of its stock images, without registry and version).
    """
    return tables.read_toml("clipper_deployers.toml")["deployer"]


@cache
def _stock() -> dict[str, dict[str, Any]]:
    """Return the row of the table for each stock image, by its name."""
    rows = [*deployers(), *tables.read_toml("clipper_deployers.toml")["image"]]
    return {name: row for row in rows for name in row["images"]}


def _stock_row(name: str) -> dict[str, Any] | None:
    """Return the row of a stock image, whatever its registry and version, or None."""
    return _stock().get(name.rpartition("/")[2].partition("@")[0].partition(":")[0])


def _container_type(base: str) -> str:
    """Return how an image is loaded, which its stock image decides."""
    row = _stock_row(base)
    if row is None:
        choices = ", ".join(name for name, known in _stock().items() if known["here"] == "runs")
        raise UsageError(
            f"there is no image {base!r} here, and none is downloaded", fix=f"use one of these base images: {choices}"
        )
    if row["here"] != "runs":
        raise UsageError(f"images built from {base!r} do not run here: {row['why']}", fix=row["instead"])
    return row["container"]


# --------------------------------------------------------------------------- the store


class Images:
    """The images of one cluster, in a folder that several processes may use at the same time.

    Parameters
    ----------
    folder : path
        Created if it does not exist, for its owner only: a user who can write there can run code in the replicas.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._images = self.folder / "images"
        self._tags = self.folder / "tags"
        for made in (self._images, self._tags):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)

    def build(
        self,
        context_tar: BinaryIO,
        tag: str,
        *,
        say: Callable[[str], object] = lambda line: None,
    ) -> str:
        """Build an image from the build context of clipper_admin, set its tag, and return its id.

        Parameters
        ----------
        context_tar : file
            An open, uncompressed tar file with a Dockerfile and the files that it copies; read from its position.
        tag : str
            Name and version, such as 'default-cluster-delays:1'; without a version it gets ':latest'.
        say : callable, optional
            Called with each line of the build's log, in Docker's words; by default there is no log.

        Raises
        ------
        UsageError
            The tag is invalid, the context is damaged, the Dockerfile has an instruction that would have to be run, its
            stock image does not run here, a package is not installed, or a file to copy is missing or not regular.
        """
        tag = _full_tag(tag)
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=self._images))
        try:
            made = scratch / "image"
            model = made / _MODEL
            model.mkdir(parents=True)
            try:
                with tarfile.open(fileobj=context_tar, mode="r:") as context:
                    base, packages = _apply_dockerfile(context, model, say)
            except (tarfile.TarError, EOFError) as error:
                raise UsageError(
                    "the build context is not a complete tar file", fix="deploy the model again"
                ) from error
            manifest = {
                "base": base,
                "container": _container_type(base),
                "packages": packages,
                "files": {name: _sha256(model / name) for name in _files(model)},
            }
            text = json.dumps(manifest, sort_keys=True, indent=1).encode()
            image_id = hashlib.sha256(text).hexdigest()
            (made / _MANIFEST).write_bytes(text)
            for name in _files(made):
                (made / name).chmod(0o400)
            try:
                made.rename(self._images / image_id)
            except OSError:
                if not (self._images / image_id / _MANIFEST).is_file():
                    raise
                # The folder exists: the same content was built before, and stays.
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        self._set_tag(tag, image_id)
        say(f"Successfully built {image_id[:12]}\n")
        say(f"Successfully tagged {tag}\n")
        return image_id

    def find(self, name_or_id: str) -> Image:
        """Return an image by its tag, its id or the beginning of it (12 digits or more), or a stock image by its name.

        Parameters
        ----------
        name_or_id : str
            The tag, id or name; an id may begin with 'sha256:'.

        Raises
        ------
        UsageError
            There is no such image, or it is a stock image that does not run here.
        ModelError
            The image's manifest was changed after it was built.
        """
        image_id = self._tagged_ids().get(_full_tag(name_or_id)) if _NAME.fullmatch(name_or_id) else None
        match = _HEX.fullmatch(name_or_id)
        if image_id is None and match:
            found = [entry.name for entry in self._images.iterdir() if entry.name.startswith(match[1])]
            image_id = found[0] if len(found) == 1 else None
        if image_id is not None:
            return self._read(image_id)
        if _stock_row(name_or_id):
            container = _container_type(name_or_id)
            stock_id = hashlib.sha256(name_or_id.encode()).hexdigest()
            return Image(stock_id, (name_or_id,), name_or_id, None, container)
        raise UsageError(
            f"there is no image {name_or_id!r}", fix="build it with build_model, and use the name it returns"
        )

    def _read(self, image_id: str) -> Image:
        text = (self._images / image_id / _MANIFEST).read_bytes()
        if hashlib.sha256(text).hexdigest() != image_id:
            raise ModelError(f"image {image_id[:12]} was changed after it was built", fix="deploy the model again")
        manifest = json.loads(text)
        tags = tuple(sorted(tag for tag, pointed in self._tagged_ids().items() if pointed == image_id))
        path = self._images / image_id / _MODEL
        return Image(image_id, tags, manifest["base"], path, manifest["container"], tuple(manifest["packages"]))

    def _tagged_ids(self) -> dict[str, str]:
        """Return the id that each tag points at."""
        return {unquote(file.name): file.read_text() for file in self._tags.iterdir() if not file.name.startswith(".")}

    def _set_tag(self, tag: str, image_id: str) -> None:
        """Let a tag point at an image: a file that holds the id, replaced atomically."""
        with tempfile.NamedTemporaryFile("w", prefix=".", dir=self._tags, delete=False) as file:
            file.write(image_id)
        Path(file.name).replace(self._tags / quote(tag, safe=""))


def _full_tag(tag: str) -> str:
    """Return a tag with its version, ':latest' if it has none."""
    if not _NAME.fullmatch(tag):
        raise UsageError(f"{tag!r} is not a valid image name", fix="write it as name:version, in lower case")
    return tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"


def _files(folder: Path) -> list[str]:
    """Return the relative paths of all files in a folder and below, sorted, with '/' as separator."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


# --------------------------------------------------------------------------- the Dockerfile


def _apply_dockerfile(context: tarfile.TarFile, model: Path, say: Callable[[str], object]) -> tuple[str, list[str]]:
    """Execute the instructions of a Dockerfile that need no container; return its base image and its packages."""
    members = {posixpath.normpath(member.name).lstrip("/"): member for member in context.getmembers()}
    steps = list(_instructions(_read_dockerfile(context, members)))
    base, packages = "", []
    for number, (instruction, rest) in enumerate(steps, start=1):
        say(f"Step {number}/{len(steps)} : {instruction} {rest}\n")
        if instruction == "FROM" and not base:
            base = rest
            say(f" ---> {_container_type(base)}\n")
        elif instruction == "RUN":
            wanted = _parse_run(rest)
            say(f" ---> not run here: {_check_packages(wanted)}\n")
            packages += wanted
        elif instruction == "COPY" and base:
            _copy(context, members, rest, model)
            say(f" ---> copied {', '.join(_files(model))}\n")
        else:
            raise UsageError(
                f"the Dockerfile has the instruction {instruction!r}, but nothing is run here",
                fix="use only FROM a stock image, RUN pip install and COPY to /model/, or build with Docker",
            )
    if not base:
        raise UsageError("the Dockerfile does not begin with FROM", fix="begin it with FROM and a stock image")
    return base, packages


def _read_dockerfile(context: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> str:
    member = members.get("Dockerfile")
    file = context.extractfile(member) if member is not None and member.isreg() else None
    if member is None or file is None or member.size > _DOCKERFILE_BYTES:
        raise UsageError("the build context has no usable Dockerfile", fix="add one of at most 64 kB")
    return file.read().decode("utf-8", "replace")


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the instruction and the rest of each line: comments removed, continued lines joined."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\[ \t]*\n", " ", kept).splitlines():
        if line.strip():
            instruction, _, rest = line.strip().partition(" ")
            yield instruction.upper(), rest.strip()


def _parse_run(command: str) -> list[str]:
    """Return the packages of ``RUN pip install``, the only command that is supported."""
    wanted: list[str] = []
    for part in command.split("&&"):
        words = shlex.split(part)
        if words[:3] == ["apt-get", "-y", "install"]:
            continue  # the client adds compilers for packages that pip builds
        if words[:2] != ["pip", "install"] or any(word.startswith("-") for word in words[2:]):
            raise UsageError(
                f"the Dockerfile runs {part.strip()!r}, but nothing is run here",
                fix="pass the packages as pkgs_to_install=[...], or build with Docker",
            )
        wanted += words[2:]
    return wanted


def _check_packages(wanted: Sequence[str]) -> str:
    """Return a line for the log, after checking that each package is installed and can be imported."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirements = [Requirement(text) for text in wanted]
    except InvalidRequirement as error:
        raise UsageError(f"pip does not accept the package {error}", fix="write it as name==version") from error
    for requirement in requirements:
        _check_package(requirement)
    if not requirements:
        return "there is nothing to install"
    here = ", ".join(f"{each.name} {importlib.metadata.version(each.name)}" for each in requirements)
    return f"pip would install {', '.join(wanted)}; {here}: in this environment, and importable"


def _check_package(requirement: Requirement) -> None:
    """Raise an error unless a package is installed in a matching version and can be imported."""
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError as error:
        raise UsageError(
            f"pip would install {requirement}, but it is not in this environment, and nothing is downloaded",
            fix=f"install {requirement.name} in the course's environment, then deploy again",
        ) from error
    if not requirement.specifier.contains(version, prereleases=True):
        raise UsageError(
            f"pip would install {requirement}, but this environment has {version}",
            fix=f"ask for {requirement.name}=={version}, or install the other version here",
        )
    names = _modules(requirement.name)
    # In another process: an import that fails half-way would leave its traces in this one.
    reason = None if all(name in sys.modules for name in names) else _import_error(names)
    if reason is not None:
        raise UsageError(
            f"{requirement.name} {version} is installed but cannot be imported: {reason}",
            fix=f"install {requirement.name} again",
        )


@cache
def _modules(package: str) -> tuple[str, ...]:
    """Return the names of the modules that an installed package provides."""
    from packaging.utils import canonicalize_name

    wanted = canonicalize_name(package)
    found = importlib.metadata.packages_distributions().items()
    return tuple(
        sorted(name for name, owners in found if name.isidentifier() and wanted in map(canonicalize_name, owners))
    )


@cache
def _import_error(modules: tuple[str, ...]) -> str | None:
    """Import modules in a new Python process; return the last line of the error, or None."""
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    ended = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return None
    return (ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"])[-1]


def _copy(context: tarfile.TarFile, members: dict[str, tarfile.TarInfo], rest: str, model: Path) -> None:
    """Copy a file, or the content of a folder, from the build context to the model's folder."""
    words = json.loads(rest) if rest.startswith("[") else rest.split()
    if len(words) != 2 or words[0].startswith("--") or posixpath.normpath(words[1]) != "/model":
        raise UsageError(
            f"COPY {rest} in the Dockerfile is not supported", fix="copy one file or one folder to /model/"
        )
    source = posixpath.normpath(words[0]).lstrip("/")
    if ".." in source.split("/"):
        raise UsageError(f"COPY {words[0]} leaves the build context", fix="name the model's folder by its full path")
    within = {
        name: member
        for name, member in members.items()
        if name == source or source == "." or name.startswith(f"{source}/")
    }
    for name, member in within.items():
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise UsageError(
                f"{name} in the build context is not a regular file", fix="replace a link by the file itself"
            )
        inner = posixpath.basename(name) if name == source else posixpath.relpath(name, source)
        if inner.startswith(("..", "/")):
            raise UsageError(f"{name} leaves the build context", fix="name the model's folder by its full path")
        target = model / inner
        target.parent.mkdir(parents=True, exist_ok=True)
        file = context.extractfile(member)
        assert file is not None  # it is a regular file
        with target.open("wb") as opened:
            shutil.copyfileobj(file, opened)
    if not any(member.isreg() for member in within.values()):
        raise UsageError(
            f"COPY {words[0]}: there is no such file in the build context", fix="name a folder that holds the model"
        )


# --------------------------------------------------------------------------- from image to answers


def load_predictor(image: Image) -> Callable[[list], list]:
    """Return the function that answers the queries of an image.

    It is unpickled here, so call this in the process that will answer the queries.

    Parameters
    ----------
    image : Image
        An image as from `Images.find`.

    Returns
    -------
    callable
        Takes a list of rows and returns one answer for each.

    Raises
    ------
    ModelError
        The image holds no model, or was changed after it was built, or its function cannot be loaded.
    """
    if image.container_type == "noop":
        return lambda rows: [_NOOP_ANSWER] * len(rows)
    if image.model_path is None:
        raise ModelError(f"image {image.base} holds no model", fix="build an image from it with build_and_deploy_model")
    _verify(image)
    function = image.model_path / _FUNCTION
    if not function.is_file():
        raise ModelError("the image has no func.pkl", fix="deploy a function with deploy_python_closure")
    modules = image.model_path / "modules"
    if modules.is_dir():
        sys.path.append(os.fspath(modules))  # as Clipper's container does
    try:
        with function.open("rb") as file:
            predictor = pickle.load(file)
    except Exception as error:
        raise ModelError(
            f"the function cannot be loaded in a replica: {type(error).__name__}: {error}",
            fix="define everything that it uses in the notebook, or in a package that is installed",
        ) from error
    if not callable(predictor):
        raise ModelError(f"func.pkl holds a {type(predictor).__name__}, not a function", fix="deploy a function")
    return predictor


def _verify(image: Image) -> None:
    """Raise an error if the files of an image differ from the hashes in its manifest."""
    assert image.model_path is not None  # the caller has checked it
    manifest = json.loads((image.model_path.parent / _MANIFEST).read_bytes())
    if manifest["files"] != {name: _sha256(image.model_path / name) for name in _files(image.model_path)}:
        raise ModelError(f"image {image.id[:12]} was changed after it was built", fix="deploy the model again")
