"""Panels and dashboards, the same in the notebook and in Grafana.

Both are made from tables/operate/panels.toml: `panel_lines` for the notebook, `dashboard` for Grafana.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from course_utils import tables
from course_utils.errors import UsageError
from course_utils.operate.telemetry.exposition import metric_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["dashboard", "panel_lines", "panels"]

_TABLE = "panels.toml"
_WIDTH, _HEIGHT = 12, 8  # of a panel; Grafana's grid is 24 columns wide
_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_GRAFANA_UNITS = {"seconds": "s", "queries a second": "reqps", "share": "percentunit"}


def panels(board: str | None = None) -> pd.DataFrame:
    """Return the panels of a dashboard, or of both.

    Parameters
    ----------
    board : {'flights', 'service'}, optional
        The dashboard about the flights of each day, or the one about Clipper; by default both.

    Returns
    -------
    DataFrame, one row a panel, index 'name'
        'dashboard', 'title' and 'unit'.

    Examples
    --------
    >>> telemetry.panels("service")["unit"].to_dict()["latency"]
    'seconds'
    """
    import pandas as pd

    found = pd.DataFrame(tables.read_toml(_TABLE)["panel"])[["name", "dashboard", "title", "unit"]].set_index("name")
    return found if board is None else found[found["dashboard"] == board]


def panel_lines(panel: str) -> dict[str, str]:
    """Return the query of each line of a `panel`, by the line's name; the panel is one of `panels`, by name.

    Raises
    ------
    UsageError
        There is no such panel.
    """
    return _lines(_panel(panel))


def _panel(name: str) -> dict[str, Any]:
    """Return the row of panels.toml of a panel."""
    found = {one["name"]: one for one in tables.read_toml(_TABLE)["panel"]}
    if name not in found:
        raise UsageError(f"there is no panel {name!r}", fix=f"choose one of {', '.join(found)}")
    return found[name]


def _lines(panel: Mapping[str, Any]) -> dict[str, str]:
    """Return the query of each line of a panel, given its row of panels.toml."""
    if "lines" in panel:
        return dict(panel["lines"])
    window = panel.get("mean_over")
    names = {signal: metric_name(signal) for signal in panel["signals"]}
    return {signal: f"avg_over_time({name}[{window}])" if window else name for signal, name in names.items()}


def _limits(panel: Mapping[str, Any]) -> list[float]:
    """Return the limits that all signals of a panel share, from low to high; none if they differ."""
    signals = {one["name"]: one for one in tables.read_toml("drift.toml")["signal"]}
    found: set[tuple[float, ...]] = set()
    for name in panel.get("signals", ()):
        signal = signals[name]
        if "limit" not in signal:
            return []
        limit = signal["limit"]
        lowest = {"both": (-limit,), "outside": (signal.get("low"),)}.get(signal["side"], ())
        found.add((*lowest, limit))
    return list(found.pop()) if len(found) == 1 else list(panel.get("limits", ()))


def dashboard(board: str) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it from JSON; `board` is 'flights' or 'service'.

    Raises
    ------
    UsageError
        There is no such dashboard.
    """
    table = tables.read_toml(_TABLE)
    if board not in table["dashboard"]:
        raise UsageError(f"there is no dashboard {board!r}", fix=f"choose one of {', '.join(table['dashboard'])}")
    about = table["dashboard"][board]
    shown = [panel for panel in table["panel"] if panel["dashboard"] == board]
    return {
        "uid": board,
        "title": about["title"],
        "tags": ["deploying-ml-models"],
        "timezone": about["timezone"],
        "time": {"from": about["from"], "to": about["to"]},
        "refresh": about["refresh"],
        "schemaVersion": 39,
        "panels": [_grafana(panel, place, about["interval"]) for place, panel in enumerate(shown)],
    }


def _grafana(panel: Mapping[str, Any], place: int, interval: str) -> dict[str, Any]:
    """Return a panel as Grafana reads it, at its place on a grid with two panels a row."""
    limits = _limits(panel)
    lines = enumerate(_lines(panel).items())
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": panel["title"],
        "datasource": _SOURCE,
        "interval": interval,
        "gridPos": {"x": place % 2 * _WIDTH, "y": place // 2 * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {
            "defaults": {
                "unit": _GRAFANA_UNITS.get(panel["unit"], "none"),
                "custom": {"axisLabel": panel["unit"], "thresholdsStyle": {"mode": "line" if limits else "off"}},
                "thresholds": {
                    "mode": "absolute",
                    "steps": [
                        {"color": "transparent", "value": None},
                        *({"color": "red", "value": limit} for limit in limits),
                    ],
                },
            },
            "overrides": [],
        },
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": query, "legendFormat": name}
            for number, (name, query) in lines
        ],
    }
