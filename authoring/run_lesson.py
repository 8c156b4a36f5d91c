"""Run one notebook with papermill and tell on stdout, one line of JSON for each event, how it goes.

`authoring.run` starts one such process for each lesson: ``python -m authoring.run_lesson SOURCE TARGET CELL_LIMIT``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError

from authoring import patience

#: How many lines of an error are shown.
LAST_LINES = 6


def tell(**event: Any) -> None:
    """Write one event."""
    print(json.dumps(event), flush=True)


class TellingEngine(NBClientEngine):
    """Papermill's engine, telling which cell it is at."""

    cell = 0

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any) -> Any:
        """Execute the notebook; before each cell, tell its number."""
        start = nb_man.cell_start

        def cell_start(cell: NotebookNode, cell_index: int | None = None, **more: Any) -> None:
            cls.cell = (cell_index or 0) + 1
            tell(event="cell", cell=cls.cell, of=len(nb_man.nb.cells))
            start(cell, cell_index, **more)

        nb_man.cell_start = cell_start
        return super().execute_managed_notebook(nb_man, kernel_name, **options)


def run(source: Path, target: Path, cell_limit: int) -> bool:
    """Execute `source` into `target` and say whether every cell ran.

    Parameters
    ----------
    source, target : Path
        Notebooks. The target appears under its name when the run is over; it is kept when the run failed too.
    cell_limit : int
        Seconds after which one cell counts as hanging and is ended.
    """
    papermill_engines.register("telling", TellingEngine)
    running = target.with_suffix(".running.ipynb")
    try:
        papermill.execute_notebook(
            source,
            running,
            engine_name="telling",
            kernel_name="python3",
            progress_bar=False,
            start_timeout=patience.whole_seconds(patience.KERNEL),
            execution_timeout=cell_limit,
            iopub_timeout=patience.whole_seconds(patience.KERNEL),  # its 4 s are short on a busy machine
            cwd=target.parent,
            skip_cells_with_tag="live",  # nobody watches, and what they measure here is not compared
        )
    except PapermillExecutionError as error:
        lines = [line for line in str(error.evalue).strip().splitlines() if line.strip()]
        tell(
            event="failed",
            cell=error.cell_index + 1,
            prompt=error.exec_count,
            source=error.source,
            error=[f"{error.ename}: {lines[0] if lines else ''}".rstrip(": "), *lines[1:][-LAST_LINES:]],
        )
        return False
    except (CellTimeoutError, DeadKernelError) as error:
        late = isinstance(error, CellTimeoutError)
        cell = papermill.iorw.load_notebook_node(str(source)).cells[TellingEngine.cell - 1]
        what = (
            _how_to_wait(source, cell_limit)
            if late
            else "the kernel died while this cell ran: most often the machine is out of memory"
        )
        tell(event="failed", cell=TellingEngine.cell, prompt=None, source=cell.source, error=[what])
        return False
    finally:
        if running.exists():
            running.replace(target)
    tell(event="done")
    return True


def _how_to_wait(source: Path, cell_limit: int) -> str:
    """Say that a cell was ended, and what to type if it only needs longer."""
    twice, solutions = 2 * cell_limit, "--solutions " if source.parent.name == "solutions" else ""
    return (
        f"this cell still ran after {cell_limit} s and was ended. Fix: if it only needs longer, "
        f"run `course run {source.stem[:2]} {solutions}--cell-limit {twice}` or `make lessons CELL_LIMIT={twice}`"
    )


if __name__ == "__main__":
    sys.exit(0 if run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])) else 1)
