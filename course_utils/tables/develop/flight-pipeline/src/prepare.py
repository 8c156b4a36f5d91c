"""First stage: flights as delivered → flights that departed, each with its hour and whether it left late."""

from pathlib import Path

import pandas as pd
import yaml


def main() -> None:
    """Read ``data/raw/flights.csv``, write ``data/processed/flights.csv``."""
    late_minutes = yaml.safe_load(Path("params.yaml").read_text())["prepare"]["late_minutes"]
    flights = pd.read_csv("data/raw/flights.csv").dropna(subset=["DepDelay"])
    flights["Hour"] = flights["CRSDepTime"] // 100
    flights["Late"] = (flights["DepDelay"] >= late_minutes).astype(int)
    columns = ["Month", "DayOfWeek", "Hour", "UniqueCarrier", "Origin", "Dest", "Late"]
    Path("data/processed").mkdir(parents=True, exist_ok=True)
    flights[columns].to_csv("data/processed/flights.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
