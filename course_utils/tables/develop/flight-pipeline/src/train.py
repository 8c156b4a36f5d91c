"""Second stage: all months but the last → a model, a rate of delays for each kind of flight."""

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
    prior = settings["prior"]
    rate = (seen["sum"] + prior * overall) / (seen["size"] + prior)
    rates = rate.rename("probability").reset_index().to_dict("records")
    Path("models").mkdir(exist_ok=True)
    model = {"by": settings["by"], "overall": overall, "rates": rates}
    Path("models/model.json").write_text(json.dumps(model))


if __name__ == "__main__":
    main()
