"""What tests share: the flights, which tests run by default, and in which order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authoring import patience

if TYPE_CHECKING:
    import pandas as pd

#: Fast ones first, so that a mistake shows early; notebooks before the few long tests of the whole.
ORDER = ("unit", "exercises", "authoring", "lessons", "deck", "notebooks", "solutions", "system")


def pytest_configure(config: pytest.Config) -> None:
    """Leave nightly tests out unless marks are asked for; let Ctrl-C work; measure the machine once for all workers."""
    patience.factor()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # by `&` in a shell; programs that tests interrupt inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not config.option.markexpr:
        config.option.markexpr = "not nightly"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put tests in order, those of a file together as they stand."""

    def place(item: pytest.Item) -> int:
        parts = item.path.relative_to(config.rootpath).parts if item.path.is_relative_to(config.rootpath) else ()
        folder = parts[1] if parts[:1] == ("tests",) else parts[0] if parts else ""
        return ORDER.index(folder) if folder in ORDER else len(ORDER)

    items.sort(key=place)


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    """Load the default data set once."""
    from course_utils.data import datasets

    return datasets.load_flights("nyc2013")


@pytest.fixture(scope="module")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point MLflow to an empty store, as lesson 04 does, and back afterwards; its folder is given."""
    # The course's module first: it switches off telemetry.
    from course_utils.develop import tracking  # noqa: F401

    import mlflow  # isort: skip

    folder = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(f"sqlite:///{folder.as_posix()}/mlflow.db")
    mlflow.create_experiment("flight delays", artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment("flight delays")
    yield folder
    mlflow.set_tracking_uri(before)
    # MLflow has no public function that forgets the experiment.
    mlflow.tracking.fluent._active_experiment_id = None


@pytest.fixture(scope="session")
def write_notebook() -> Callable[..., Path]:
    """Give a function that writes a small notebook: ``write_notebook(folder, "00_name", "1 + 1", …)``."""
    import nbformat
    from nbformat import v4

    def write(
        folder: Path,
        name: str,
        *cells: str,
        outputs: dict[int, list[dict]] | None = None,
        tags: dict[int, list[str]] | None = None,
        run: bool = False,
    ) -> Path:
        code = [v4.new_code_cell(source) for source in cells]
        for number, cell in enumerate(code):
            cell.execution_count = number + 1 if run else None
            cell.outputs = [nbformat.from_dict(output) for output in (outputs or {}).get(number, [])]
            cell.metadata["tags"] = (tags or {}).get(number, [])
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.ipynb"
        nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# Lesson"), *code], metadata=kernel), path)
        return path

    return write


@pytest.fixture
def notebook(write_notebook: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Give `write_notebook` for a folder `notebooks` of this test's own."""
    return partial(write_notebook, tmp_path / "notebooks")
