"""What a run of lessons shows: progress while it runs, then failures and a table."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from authoring.outcomes import Outcome

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table


@contextlib.contextmanager
def progress(console: Console, outcomes: list[Outcome]) -> Iterator[Callable[[], None]]:
    """Show progress: a live table in a terminal, a line at each start and end elsewhere."""
    if console.is_terminal:
        from rich.live import Live

        with Live(console=console, refresh_per_second=5, transient=True) as live:
            yield lambda: live.update(_table(outcomes))
        return

    seen = {outcome.slug: "waiting" for outcome in outcomes}

    def show() -> None:
        for outcome in outcomes:
            if outcome.state == seen[outcome.slug]:
                continue
            seen[outcome.slug] = outcome.state
            if outcome.state == "running":
                expected = f", about {outcome.expected:.0f} s" if outcome.expected else ""
                console.print(f"{outcome.slug}: started{expected}", highlight=False)
            else:
                what = f"{outcome.state}, {outcome.seconds:.1f} s" if outcome.state != "skipped" else "skipped"
                console.print(f"{outcome.slug}: {what}", highlight=False)

    yield show


def _table(outcomes: list[Outcome]) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (("lesson", "left"), ("", "left"), ("cell", "right"), ("elapsed", "right"), ("last", "right")):
        table.add_column(name, justify=justify)
    for outcome in outcomes:
        if outcome.state == "running":
            bar: RenderableType = ProgressBar(total=outcome.cells or 1, completed=outcome.cell, width=24)
            cell = f"{outcome.cell}/{outcome.cells}" if outcome.cells else "starting"
            elapsed = f"{outcome.seconds:.0f} s"
        else:
            bar, cell = _coloured(outcome.state), ""
            elapsed = f"{outcome.seconds:.0f} s" if outcome.seconds else ""
        expected = f"{outcome.expected:.0f} s" if outcome.expected else ""
        table.add_row(outcome.slug, bar, cell, elapsed, expected)
    return table


def _coloured(state: str) -> str:
    colour = {"passed": "green", "failed": "bold red", "skipped": "yellow"}.get(state, "dim")
    return f"[{colour}]{state}[/]"


def summary(outcomes: Sequence[Outcome]) -> Table:
    """Return a table: lesson, result, seconds, peak memory, and why a lesson was skipped."""
    from rich.table import Table

    table = Table(title="Lessons", title_justify="left", header_style="bold")
    table.add_column("lesson")
    table.add_column("result")
    table.add_column("seconds", justify="right")
    table.add_column("peak memory", justify="right")
    if any(outcome.reason for outcome in outcomes):
        table.add_column("why")
    for outcome in outcomes:
        seconds = f"{outcome.seconds:.1f}" if outcome.seconds else ""
        row = [outcome.slug, _coloured(outcome.state), seconds, outcome.peak]
        table.add_row(*row, *([outcome.reason] if len(table.columns) > len(row) else []))
    return table


def report(console: Console, outcomes: list[Outcome], out: Path) -> None:
    """Print each failure with its cell, then the table and the count, and where the executed notebooks are."""
    from rich.markup import escape

    for outcome in outcomes:
        if not outcome.failure:
            continue
        failure = outcome.failure
        prompt = f", In [{failure['prompt']}]" if failure["prompt"] else ""
        where = f"cell {failure['cell']} of {outcome.cells}{prompt}" if failure["cell"] else "before its first cell"
        console.print(f"\n[bold red]{outcome.slug} failed[/] in {where}", highlight=False)
        for line in failure["source"].splitlines():
            console.print(f"    {escape(line)}", highlight=False, soft_wrap=True)
        for line in failure["error"]:
            console.print(f"  [red]{escape(line)}[/]", highlight=False, soft_wrap=True)
        if outcome.result:
            console.print(f"  The notebook as far as it ran: {escape(_shown(outcome.result))}", soft_wrap=True)
    console.print()
    console.print(summary(outcomes))
    counts = {state: sum(outcome.state == state for outcome in outcomes) for state in ("passed", "failed", "skipped")}
    text = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    console.print(f"{text}. Executed notebooks: {escape(_shown(out))}", highlight=False, soft_wrap=True)


def _shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
