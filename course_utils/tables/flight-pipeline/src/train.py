"""Second stage: all months but the last → a model, the table of lesson 12: a rate of delays for each kind of flight."""

import json
from pathlib import Path

import pandas as pd
import yaml


def main() -> None:
    """Read ``data/processed/flights.csv``, write ``models/model.json``."""
    settings = yaml.safe_load(Path("params.yaml").read_text())["train"]
    flights = pd.read_csv("data/processed/flights.csv")
    past = flights[flights["Month"] < flights["Month"].max()]
    overall = past["Late"].mean()
    seen = past.groupby(settings["by"])["Late"].agg(["sum", "size"])
    # A kind that was seen seldom is drawn towards the rate of all flights.
    rate = (seen["sum"] + settings["prior"] * overall) / (seen["size"] + settings["prior"])
    rates = rate.rename("probability").reset_index().to_dict("records")
    Path("models").mkdir(exist_ok=True)
    Path("models/model.json").write_text(json.dumps({"by": settings["by"], "overall": overall, "rates": rates}))


if __name__ == "__main__":
    main()
