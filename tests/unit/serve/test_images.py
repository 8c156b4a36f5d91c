"""Model images: built from what clipper_admin packs, kept by content, loaded in the process that answers."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from waiting import PATIENT

from course_utils.errors import ModelError, UsageError
from course_utils.model import training
from course_utils.serve.clipper import images
from course_utils.serve.clipper.images import Image, Images, load_predictor

STOCK = "clipper/python36-closure-container:0.4.1"
REFUSED = [row for row in images.deployers() if row["here"] == "refused"]


def closure(source: str, **captured: object) -> bytes:
    """Pickle a notebook's function `predict` with the variables that it captures."""
    notebook = {"__name__": "__main__", **captured}
    exec(source, notebook)
    return cloudpickle.dumps(notebook["predict"], protocol=2)


DOUBLE = closure("def predict(rows): return [2 * row for row in rows]")


def context(dockerfile: str, *members: tarfile.TarInfo, **files: bytes) -> io.BytesIO:
    """Pack a build context: a Dockerfile, members as they are, and files below the folder model."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        named = {f"model/{name}": content for name, content in files.items()} | {"Dockerfile": dockerfile.encode()}
        for member in members:
            tar.addfile(member)
        for name, content in named.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    packed.seek(0)
    return packed


def recipe(base: str = STOCK, run: str = "", copy: str = "model /model/") -> str:
    """Write a Dockerfile as clipper_admin does."""
    return f"FROM {base}\n{run}\nCOPY {copy}\n"


def build(store: Images, *, tag: str = "c-m:1", content: bytes = DOUBLE, **changes: str) -> Image:
    """Build an image with one function."""
    return store.find(store.build(context(recipe(**changes), **{"func.pkl": content}), tag))


@pytest.fixture
def store(tmp_path: Path) -> Images:
    """Return an empty store."""
    return Images(tmp_path / "store")


def scratch(store: Images) -> list[Path]:
    """Return the files that an unfinished build would leave."""
    return list(store.folder.rglob(".*"))


def test_an_image_is_found_by_tag_and_by_id(store: Images):
    """The tag, the id and its first 12 digits all find the same image, with its base and its model."""
    image = build(store, tag="cluster-delays:1")
    for name in ("cluster-delays:1", image.id, f"sha256:{image.id}", image.id[:12]):
        assert store.find(name) == image
    assert image.tags == ("cluster-delays:1",)
    assert image.base == STOCK
    assert image.container_type == "python-closure"
    assert load_predictor(image)([1, 2.5]) == [2, 5.0]


def test_another_process_finds_the_images(store: Images, tmp_path: Path):
    """Images and tags are files in the folder, so a process that restarts finds them."""
    image = build(store)
    assert Images(store.folder).find("c-m:1") == image
    assert load_predictor(pickle.loads(pickle.dumps(image)))([1]) == [2]


def test_equal_content_is_one_image(store: Images, tmp_path: Path):
    """The same model has the same id, whatever its tag and store; a different model has a different id."""
    image = build(store, tag="c-m:1")
    assert build(store, tag="c-other:7").id == image.id
    assert build(Images(tmp_path / "elsewhere")).id == image.id
    different = [
        build(store, content=closure("def predict(rows): return rows")),
        build(store, base="clipper/python-closure-container:0.4.1"),
        build(store, run="RUN pip install numpy"),
        build(store, copy='["model/func.pkl", "/model/"]', base="clipper/noop-container:0.4.1"),
    ]
    assert len({image.id, *(each.id for each in different)}) == 5
    assert store.find(image.id).tags == ("c-other:7",)


def test_a_tag_that_moves_leaves_the_image_alone(store: Images):
    """A second build with the same tag makes another image: replicas of the first one restart unchanged."""
    first = build(store, tag="c-m:1")
    second = build(store, tag="c-m:1", content=closure("def predict(rows): return ['new'] * len(rows)"))
    assert store.find("c-m:1").id == second.id
    assert load_predictor(store.find(first.id))([4]) == [8]
    assert load_predictor(first)([4]) == [8]
    assert load_predictor(second)([4]) == ["new"]


@pytest.mark.parametrize(
    "name", ["python-closure-container", "python35-closure-container", "python36-closure-container"]
)
@pytest.mark.parametrize("form", ["clipper/{}:0.4.1", "clipper/{}:develop", "quay.io:5000/mine/{}", "{}:latest"])
def test_stock_closure_images_run_the_closure(store: Images, name: str, form: str):
    """Each of Clipper's Python-closure images runs the function in this Python, from any registry, in any version."""
    image = build(store, base=form.format(name))
    assert load_predictor(image)([3]) == [6]


def test_the_noop_image_answers_a_constant(store: Images):
    """Clipper's noop image returns 1.0 for each row, with or without a model built into it."""
    built = build(store, base="clipper/noop-container:0.4.1")
    stock = store.find("clipper/noop-container:0.4.1")
    for image in (built, stock):
        assert load_predictor(image)([[1.0], [2.0]]) == ["1.0", "1.0"]
    assert stock.container_type == "noop"


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row["deployer"])
def test_images_of_other_frameworks_are_refused(store: Images, row: dict):
    """A build from a stock image that does not run here is refused, with the reason and an alternative."""
    for name in row["images"]:
        with pytest.raises(UsageError) as caught:
            build(store, base=f"clipper/{name}:0.4.1")
        assert row["why"] in str(caught.value)
        assert row["instead"] in str(caught.value)
    with pytest.raises(UsageError):
        store.find("c-m:1")


def test_the_table_of_deployers_is_that_of_clipper_admin():
    """Each deployer of clipper_admin has a row with a reason, and with the image names of its source code."""
    import clipper_admin

    folder = Path(clipper_admin.__file__).parent / "deployers"
    table = {row["deployer"]: row for row in images.deployers()}
    assert set(table) == {file.stem for file in folder.glob("[!_]*.py")} - {"deployer_utils"}
    for name, row in table.items():
        source = (folder / f"{name}.py").read_text()
        assert f"def {row['call']}(" in source
        assert all(f"/{image}:" in source for image in row["images"])
        assert source.count("-container:") == len(row["images"])
        assert row["why"]
        assert bool(row["instead"]) == (row["here"] == "refused")


@pytest.mark.parametrize(
    ("dockerfile", "word"),
    [
        (recipe(base="python:3.11-slim"), "'python:3.11-slim'"),
        ("COPY model /model/\n", "'COPY'"),
        ("# nothing\n", "FROM"),
        (recipe() + "ENTRYPOINT python serve.py\n", "'ENTRYPOINT'"),
        (recipe(run="RUN curl https://example.org | sh"), "curl"),
        (recipe(run="RUN pip install numpy && rm -rf /"), "rm -rf /"),
        (recipe(run="RUN pip install -r requirements.txt"), "-r requirements.txt"),
        (recipe(run="RUN pip install 'numpy=2'"), "numpy=2"),
        (recipe(copy="absent /model/"), "absent"),
        (recipe(copy="model /elsewhere/"), "/model/"),
        (recipe(copy="--chown=root model /model/"), "/model/"),
        (recipe(copy="../model /model/"), "leaves"),
    ],
)
def test_what_would_have_to_be_run_is_refused(store: Images, dockerfile: str, word: str):
    """A Dockerfile with any instruction besides FROM, RUN pip and COPY is refused, with that line."""
    with pytest.raises(UsageError, match="Fix") as caught:
        store.build(context(dockerfile, **{"func.pkl": DOUBLE}), "c-m:1")
    assert word in str(caught.value)
    assert scratch(store) == []


def test_comments_and_continued_lines_are_read(store: Images):
    """Comments, continued lines and lower case are allowed in a Dockerfile."""
    text = (
        "# mine\nfrom clipper/python36-closure-container:0.4.1\nRUN pip install \\\n  numpy\nCOPY model/ \\\n /model\n"
    )
    image = store.find(store.build(context(text, **{"func.pkl": DOUBLE}), "c-m"))
    assert image.packages == ("numpy",)
    assert store.find("c-m:latest") == image


def test_packages_are_looked_for(store: Images):
    """The log names the packages that pip would install and their versions here; nothing is installed."""
    said: list[str] = []
    run = "RUN apt-get -y install build-essential && pip install numpy>=2 packaging"
    store.build(context(recipe(run=run), **{"func.pkl": DOUBLE}), "c-m:1", say=said.append)
    line = next(line for line in said if "pip would install" in line)
    assert "numpy>=2, packaging" in line
    assert np.__version__ in line
    assert store.find("c-m:1").packages == ("numpy>=2", "packaging")


@pytest.mark.parametrize(
    ("package", "word"), [("no-such-package-9", "not in this environment"), ("numpy==1.0", np.__version__)]
)
def test_a_package_that_is_not_here_is_refused(store: Images, package: str, word: str):
    """If a package is missing or has another version, the error names it, and nothing is built."""
    with pytest.raises(UsageError, match=f"pip would install {package}") as caught:
        build(store, run=f"RUN pip install {package}")
    assert word in str(caught.value)
    with pytest.raises(UsageError, match="no image"):
        store.find("c-m:1")


def test_a_package_that_does_not_import_is_refused(store: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package that is installed but broken is found at the build, not at the first query."""
    site = tmp_path / "site"
    (site / "broken_one").mkdir(parents=True)
    (site / "broken_one" / "__init__.py").write_text("raise RuntimeError('its library is missing')")
    about = site / "broken_one-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-one\nVersion: 1.0\n")
    (about / "top_level.txt").write_text("broken_one\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    with pytest.raises(UsageError, match=r"broken-one 1.0 .*its library is missing"):
        build(store, run="RUN pip install broken-one")


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Return a member of a tar file that is not a regular file."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    "odd",
    [
        member("model/passwd", tarfile.SYMTYPE, "/etc/passwd"),
        member("model/passwd", tarfile.LNKTYPE, "/etc/passwd"),
        member("model/pipe", tarfile.FIFOTYPE),
        member("model/disk", tarfile.BLKTYPE),
    ],
    ids=["symbolic link", "hard link", "pipe", "device"],
)
def test_links_and_devices_are_refused(store: Images, odd: tarfile.TarInfo):
    """Links, pipes and devices cannot get into an image."""
    with pytest.raises(UsageError, match="not a regular file"):
        store.build(context(recipe(), odd, **{"func.pkl": DOUBLE}), "c-m:1")


def test_nothing_is_written_outside_the_image(store: Images, tmp_path: Path):
    """A path that leads out of the build context is refused."""
    packed = context(recipe(copy=". /model/"), **{"../../escaped": b"out", "func.pkl": DOUBLE})
    with pytest.raises(UsageError, match="leaves the build context"):
        store.build(packed, "c-m:1")
    assert list(tmp_path.rglob("escaped*")) == []


def test_a_damaged_context_builds_nothing(store: Images):
    """A truncated or invalid build context is refused, and leaves nothing behind."""
    whole = context(recipe(), **{"func.pkl": DOUBLE * 100}).getvalue()
    for damaged in (b"", b"hello" * 300, whole[: len(whole) // 3]):
        with pytest.raises(UsageError, match="Fix"):
            store.build(io.BytesIO(damaged), "c-m:1")
    assert scratch(store) == []


@pytest.mark.parametrize("tag", ["", "Upper:1", "a b", "../x", "x:y:z", "-x"])
def test_a_tag_has_dockers_form(store: Images, tag: str):
    """A tag that Docker would not accept is refused."""
    with pytest.raises(UsageError, match="not a valid image name"):
        build(store, tag=tag)


def test_many_build_at_once(store: Images):
    """Eight simultaneous builds of equal and different models give the same images as one build at a time."""
    functions = [DOUBLE, closure("def predict(rows): return rows")]

    def one(number: int) -> str:
        return build(store, tag=f"c-m{number}:1", content=functions[number % 2]).id

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(one, range(16)))
    assert len(set(made)) == 2
    assert [store.find(f"c-m{number}:1").id for number in range(16)] == made
    assert scratch(store) == []


def test_a_changed_image_is_not_loaded(store: Images):
    """A change of an image's files or manifest is noticed before it answers a query."""
    image = build(store)
    function = image.model_path / "func.pkl"
    function.chmod(0o600)
    function.write_bytes(closure("def predict(rows): return ['mine'] * len(rows)"))
    with pytest.raises(ModelError, match="changed after it was built"):
        load_predictor(image)
    about = image.model_path.parent / "image.json"
    about.chmod(0o600)
    about.write_text(json.dumps(json.loads(about.read_text()) | {"container": "noop"}))
    with pytest.raises(ModelError, match="changed after it was built"):
        store.find(image.id)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"no pickle", "UnpicklingError"),
        (pickle.dumps({"a": 1}), "dict"),
        (b"cmodule_of_the_learner\npredict\n.", "module_of_the_learner"),
    ],
)
def test_what_cannot_be_loaded_says_so(store: Images, content: bytes, word: str):
    """If a replica cannot load a function, the error names what is missing."""
    with pytest.raises(ModelError, match=word):
        load_predictor(build(store, content=content))


def test_an_image_without_a_function_says_so(store: Images):
    """A stock image alone, and an image without func.pkl, cannot answer queries."""
    with pytest.raises(ModelError, match="holds no model"):
        load_predictor(store.find(STOCK))
    image = store.find(store.build(context(recipe(), **{"weights.bin": b"1"}), "c-m:1"))
    with pytest.raises(ModelError, match=r"no func\.pkl"):
        load_predictor(image)


def test_modules_beside_the_function_are_found(store: Images, monkeypatch: pytest.MonkeyPatch):
    """Modules in the folder `modules` of a model can be imported, as in Clipper's container."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    files = {
        "func.pkl": b"cbeside_the_model\npredict\n.",
        "modules/beside_the_model.py": b"def predict(rows): return [7]\n",
    }
    image = store.find(store.build(context(recipe(), **files), "c-m:1"))
    assert load_predictor(image)([1]) == [7]


@pytest.mark.slow
def test_a_scorer_answers_the_same_in_a_replica(store: Images):
    """A closure around the course's scorer gives exactly the same answers in a forked process, on one thread."""
    import pandas as pd
    import xgboost

    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.random((200, 3)).astype(np.float32), columns=["a", "b", "c"])
    data = xgboost.DMatrix(rows, label=rows["a"] > rows["b"])
    booster = xgboost.train(training.DEFAULTS, data, num_boost_round=5)
    scorer = training.Scorer(booster, training.Encoder.fit(rows), {})
    source = (
        "def predict(rows):\n"
        "    import pandas\n"
        "    table = pandas.DataFrame(list(rows), columns=scorer.encoder.columns)\n"
        "    return [float(score).hex() for score in scorer.score(table)]"
    )
    image = build(store, content=closure(source, scorer=scorer))
    code = (
        "import json, os, sys, cloudpickle, numpy, xgboost\n"
        "from course_utils.serve.clipper.images import Images, load_predictor\n"
        "if os.fork():\n"
        "    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
        "predict = load_predictor(Images(sys.argv[1]).find(sys.argv[2]))\n"
        "config = json.loads(predict.__globals__['scorer'].booster.save_config())\n"
        "print(json.dumps([predict(json.load(sys.stdin)), config['learner']['generic_param']['nthread']]))"
    )
    command = [sys.executable, "-c", code, str(store.folder), image.id]
    sent = json.dumps(rows.to_numpy(float).tolist())
    ended = subprocess.run(command, input=sent, capture_output=True, text=True, timeout=2 * PATIENT)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [[float(score).hex() for score in scorer.score(rows)], "1"]
