"""Write the year of lesson 16, day by day, as OpenMetrics: what compose.yaml's `history` puts into Prometheus.

uv run python deploy/history.py
"""

from __future__ import annotations

from pathlib import Path

from course_utils.data import datasets
from course_utils.operate import backtest, drift, telemetry

TARGET = Path(__file__).resolve().parent.parent / "build" / "history" / "flights.om"


def main() -> None:
    """Measure every day of the year, and write it."""
    machine = backtest.Backtest(datasets.load_flights("nyc2013"))
    daily = drift.daily_signals(machine, drift.reference(machine))
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    made = TARGET.with_suffix(".new")
    made.write_text(telemetry.expose(daily), encoding="utf-8")
    made.replace(TARGET)
    print(f"{len(daily)} days, {daily.shape[1]} signals: build/history/{TARGET.name}")


if __name__ == "__main__":
    main()
