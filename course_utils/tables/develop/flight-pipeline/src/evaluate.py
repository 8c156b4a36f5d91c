"""Third stage: the model, on the one month that it has not seen → its metrics."""

import json
from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    """Read ``models/model.json`` and ``data/processed/flights.csv``, write ``metrics.json``."""
    model = json.loads(Path("models/model.json").read_text())
    flights = pd.read_csv("data/processed/flights.csv")
    exam = flights[flights["Month"] == flights["Month"].max()]
    scored = exam.merge(pd.DataFrame(model["rates"]), how="left", on=model["by"])
    p = scored["probability"].fillna(model["overall"])
    late = scored["Late"] == 1
    pairs = late.sum() * (~late).sum()
    metrics = {
        "exam_month": int(exam["Month"].max()),
        "auc": round(float((p.rank()[late].sum() - late.sum() * (late.sum() + 1) / 2) / pairs), 3),
        "log_loss": round(float(-np.log(np.where(late, p, 1 - p)).mean()), 3),
    }
    Path("metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")


if __name__ == "__main__":
    main()
