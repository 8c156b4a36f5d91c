"""How often the checks of lesson 10 are wrong, and what a fault costs that no one finds.

    uv run python benchmarks/pitfalls.py              # print both tables
    uv run python benchmarks/pitfalls.py --write      # and keep them in course_utils/tables/
    uv run python benchmarks/pitfalls.py --seeds 10   # a quick look

Each seed draws two clean sets of whole days of 2013, of at most 20,000 flights each: a delivery and a reference. The
checks run on the clean delivery (false alarms) and on the same one with each fault planted (power). 100 seeds take
about eight minutes of processor time.
"""

from __future__ import annotations

import argparse
from collections import Counter

import benchmark_io
import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import datasets, dictionary, faults, features
from course_utils.model import money, pitfalls, training

#: Inputs without which no small model does well: calling one of them unnecessary is the check's false alarm.
CARRYING = ("CRSDepTime", "late_28d_flight", "late_28d_carrier", "late_1h_origin", "late_3h_origin")
#: Inputs that are not there yet when the prediction is made: missing in service, whatever training saw.
GONE = ("TailNum", "DepTime", "ArrTime", "ArrDelay", "airport_mood")
COST_SEEDS = 20


def main() -> None:
    """Measure, print and, if asked, keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the tables for the lesson")
    parser.add_argument("--seeds", type=int, default=100)
    options = parser.parse_args()
    flights = datasets.load_flights("nyc2013")
    known = features.as_of(flights, tables.read_toml("constants.toml")["horizon_hours"])
    rates = power(flights, known, range(options.seeds))
    print(rates.to_string(index=False))
    lost = costs(flights, known, range(min(COST_SEEDS, options.seeds)))
    print(lost.to_string(index=False))
    if options.write:
        says = f"{options.seeds} seeds, deliveries of at most 20,000 flights in whole days"
        benchmark_io.keep("pitfalls", benchmark_io.text(rates, says))
        says = "dollars per 1,000 flights, the deck's payoff at $100, mean over seeds"
        benchmark_io.keep("pitfall_costs", benchmark_io.text(lost, says))


def power(flights: pd.DataFrame, known: pd.DataFrame, seeds: range) -> pd.DataFrame:
    """Count in how many seeds a check raises an alarm on clean days, and in how many it finds what was planted."""
    words = dictionary.load()
    horizon = tables.read_toml("constants.toml")["horizon_hours"]
    catalogue = faults.catalogue()
    false, found = Counter(), Counter()
    for seed in seeds:
        clean, reference = pitfalls.example_deliveries(flights, known, seed)
        log = faults.contaminate(clean, seed, [])[0].log
        for check in pitfalls.checks().index:
            alarms = alarmed(pitfalls.detector(check)(clean, reference, words, horizon, log))
            false[check] += any(check != "necessary" or where in CARRYING for _, where in alarms)
        for fault, entry in catalogue.iterrows():
            faulty, truth = faults.contaminate(clean, seed, [fault])
            alarms = alarmed(pitfalls.detector(entry["check"])(faulty, reference, words, horizon))
            found[fault] += any(
                faults.finding_matches(alarm, (entry["check"], truth["where"].item())) for alarm in alarms
            )
    kinds = pitfalls.checks()["kind"]
    rows = [
        {
            "check": check,
            "kind": kinds[check],
            "fault": fault,
            "strength": catalogue.loc[fault, "strength"],
            "false_alarms": false[check] / len(seeds),
            "power": found[fault] / len(seeds),
            "seeds": len(seeds),
        }
        for check in pitfalls.checks().index
        for fault in catalogue.index[catalogue["check"] == check]
    ]
    return pd.DataFrame(rows)


def alarmed(findings: pd.DataFrame) -> list[tuple[str, str]]:
    """Return check and place of the findings that are alarms."""
    alarms = findings[findings["severity"].isin(pitfalls.ALARMS)]
    return list(alarms[["check", "where"]].itertuples(index=False, name=None))


def costs(flights: pd.DataFrame, known: pd.DataFrame, seeds: range) -> pd.DataFrame:
    """Measure what a model loses that learns from a fault, or that is fed with it."""
    payoff = money.payoff("deck_100")
    threshold = money.break_even(payoff)
    lost: dict[str, list[float]] = {}
    for seed in seeds:
        clean, reference = pitfalls.example_deliveries(flights, known, seed)
        good = fit(clean)
        for fault, entry in faults.catalogue().iterrows():
            faulty, _ = faults.contaminate(clean, seed, [fault])
            if entry["when"] == "training":
                there = served(fault, reference, faulty, seed)
                pair = worth(good, reference, payoff, threshold), worth(fit(faulty), there, payoff, threshold)
            else:
                # The same flights, in truth and as they came; a good model of other days scores both.
                other = fit(reference)
                late = clean.rows["DepDelay"]
                rows = faulty.rows.assign(DepDelay=late.reindex(faulty.rows.index))
                there = faults.Delivery(rows, clean.inputs)
                pair = worth(other, clean, payoff, threshold), worth(other, there, payoff, threshold)
            lost.setdefault(fault, []).append(pair[0] - pair[1])
    table = pd.DataFrame(lost).T
    return pd.DataFrame(
        {
            "fault": table.index,
            "when": faults.catalogue().loc[table.index, "when"].to_numpy(),
            "dollars": table.mean(axis=1).round().astype(int).to_numpy(),
            "error": (table.std(axis=1) / np.sqrt(table.shape[1])).round().astype(int).to_numpy(),
        }
    )


def fit(delivery: faults.Delivery) -> training.Scorer:
    """Fit a small model on all that the delivery calls inputs and labels."""
    import xgboost

    rows = delivery.rows[delivery.rows["IsDepDelayed"].notna()]
    late = rows["IsDepDelayed"].astype(object).eq("YES").to_numpy(dtype=float)
    encoder = training.Encoder.fit(rows[list(delivery.inputs)])
    matrix = xgboost.DMatrix(
        encoder.transform(rows), label=late, feature_types=encoder.feature_types, enable_categorical=True
    )
    settings = training.DEFAULTS | {"max_depth": 4, "min_child_weight": 50}
    return training.Scorer(xgboost.train(settings, matrix, num_boost_round=40), encoder)


def served(fault: str, reference: faults.Delivery, faulty: faults.Delivery, seed: int) -> faults.Delivery:
    """Return the flights to come as the model in service sees them: what it was promised, and what is really there."""
    added = [name for name in faulty.inputs if name not in reference.rows.columns or name not in reference.inputs]
    rows = reference.rows
    if added:
        rows = faults.plant(fault, rows, seed + 1)[0]
        rows = rows.assign(**{name: np.nan for name in added if name in GONE})
    return faults.Delivery(rows, faulty.inputs)


def worth(scorer: training.Scorer, delivery: faults.Delivery, payoff: pd.Series, threshold: float) -> float:
    """Return dollars per 1,000 flights that left, by the delay that was recorded."""
    late = features.label(delivery.rows)
    rows = delivery.rows[late.notna()]
    warned = scorer.score(rows) >= threshold
    return float(money.dollars_by_flight(late.dropna(), warned, payoff).mean() * money.PER)


if __name__ == "__main__":
    main()
