"""Decide by rule which model replaces the one in service, and record the reasons in the model registry.

MLflow's registry has an alias for two of the versions: 'champion' is in service, 'challenger' has passed the gate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features
from course_utils.develop import tracking
from course_utils.errors import ModelError, UsageError
from course_utils.model import metrics
from course_utils.wording import counted

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "EVIDENCE",
    "MODEL",
    "candidates",
    "measure_candidates",
    "one_score_gate",
    "promote",
    "promotion_gate",
    "promotion_policy",
    "registry",
]

MODEL = "delays"
CHAMPION = "champion"
CHALLENGER = "challenger"
#: The measurements of a version that a gate decides on; see `measure_candidates`.
EVIDENCE = ("validation_loss", "out_of_time_loss", "known_hours", "carrier_harm", "time_ratio")
_Gate = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], Iterable[str]]


def promotion_policy() -> dict[str, float]:
    """Return the airline's limits for a model that replaces the one in service.

    Examples
    --------
    >>> promotion.promotion_policy()
    {'known_hours': 3, 'carrier_harm': 0.02, 'carrier_flights': 300, 'time_ratio': 3}
    """
    return dict(tables.read_toml("tracking.toml")["policy"])


# --------------------------------------------------------------------------- versions


def candidates(data: tracking.TrainingSnapshot) -> pd.DataFrame:
    """Train and register the model in service, as version 1 and champion, and five candidates.

    Parameters
    ----------
    data : TrainingSnapshot
        The data that the models are trained on, of the open store.

    Returns
    -------
    DataFrame, one row a version
        'name' and 'said of it', a short description.

    Raises
    ------
    ModelError
        No version was registered.
    """
    import mlflow

    table = tables.read_toml("tracking.toml")
    client = mlflow.MlflowClient()
    # Start again, so that running the cell twice does not register everything twice.
    if client.search_registered_models(f"name = '{MODEL}'"):
        client.delete_registered_model(MODEL)
    client.create_registered_model(MODEL, description="Probability that a flight leaves late")
    for entry in (table["champion"], *table["candidate"]):
        if "members" in entry:
            run = _committee(data, entry)
        else:
            run = tracking.log_run(data, entry["name"], **entry["settings"])
        _register(run, entry)
    client.set_registered_model_alias(MODEL, CHAMPION, "1")
    rows = {str(v.version): {"name": v.tags["name"], "said of it": v.tags["note"]} for v in _versions()}
    return pd.DataFrame(rows).T.rename_axis("version")


def _register(run: str, entry: Mapping[str, Any]) -> None:
    import mlflow

    model = mlflow.get_run(run).outputs.model_outputs[0].model_id
    tags = {"name": entry["name"], "note": entry["note"]}
    mlflow.MlflowClient().create_model_version(MODEL, f"models:/{model}", run, tags=tags, model_id=model)


def _committee(data: tracking.TrainingSnapshot, entry: Mapping[str, Any]) -> str:
    """Train several models that differ in their seed, log their mean as one model, and return the run's id."""
    import mlflow

    settings, rows = entry["settings"], data.split.validation
    fits = [tracking.train(data, {**settings, "seed": seed}) for seed in range(entry["members"])]
    with mlflow.start_run(run_name=entry["name"]) as run:
        mlflow.log_input(data.dataset, context="training")
        mlflow.log_params({**settings, "members": entry["members"], "inputs": "all"})
        mean = np.mean([fit.predict(rows) for fit in fits], axis=0)
        mlflow.log_metric("validation_log_loss", metrics.log_loss(features.label(rows), mean))
        tracking.log_model(data, [fit.scorer for fit in fits])
    return run.info.run_id


def _versions() -> list[ModelVersion]:
    """Return the registered versions of the model, the oldest first."""
    import mlflow

    found = mlflow.MlflowClient().search_model_versions(f"name = '{MODEL}'")
    if not found:
        raise ModelError("no version is registered", fix="run promotion.candidates first")
    return sorted(found, key=lambda version: int(version.version))


def registry() -> pd.DataFrame:
    """Return the registry as a table: one row a version, with name, aliases, verdict and reasons.

    Raises
    ------
    ModelError
        Nothing is registered.
    """
    import mlflow

    # The results of a search have no aliases.
    found = [mlflow.MlflowClient().get_model_version(MODEL, version.version) for version in _versions()]
    rows = {
        str(version.version): {
            "name": version.tags["name"],
            "alias": ", ".join(sorted(version.aliases)),
            "verdict": version.tags.get("verdict", ""),
            "reasons": version.description or "",
        }
        for version in found
    }
    return pd.DataFrame(rows).T.rename_axis("version")


# --------------------------------------------------------------------------- evidence


def measure_candidates(data: tracking.TrainingSnapshot) -> pd.DataFrame:
    """Measure each version against the champion, and save the results as tags in the registry.

    Parameters
    ----------
    data : TrainingSnapshot
        The data whose validation and test flights are scored.

    Returns
    -------
    DataFrame, one row a version, by name
        'validation_loss' (log-loss in September and October, by which models were chosen), 'out_of_time_loss' (in
        November and December), 'known_hours' (before departure, when all its inputs are known), 'carrier_harm' (the
        increase of the worst-affected carrier's log-loss over the champion's, out of time), 'worst_carrier' and
        'time_ratio' (latency for one flight, relative to the champion's).

    Raises
    ------
    ModelError
        Nothing is registered.
    """
    import mlflow

    client = mlflow.MlflowClient()
    versions = _versions()
    champion = client.get_model_version_by_alias(MODEL, CHAMPION).version
    models = {v.version: mlflow.pyfunc.load_model(f"models:/{MODEL}/{v.version}") for v in versions}
    inputs = {version: model.metadata.get_input_schema().input_names() for version, model in models.items()}
    # Without MLflow's check of the signature, which takes longer than the prediction for one flight.
    scorers = {version: model.get_raw_model() for version, model in models.items()}
    losses = {version: _losses(data, model, inputs[version]) for version, model in scorers.items()}
    one = data.split.test.head(1)
    seconds = _seconds({version: (model, one[inputs[version]]) for version, model in scorers.items()})
    rows = {}
    for version in versions:
        v = version.version
        validation, test = losses[v]
        worst, harm = _worst_carrier(data, test - losses[champion][1])
        rows[version.tags["name"]] = {
            "validation_loss": float(validation.mean()),
            "out_of_time_loss": float(test.mean()),
            "known_hours": data.known_hours(inputs[v]),
            "carrier_harm": harm,
            "worst_carrier": worst,
            "time_ratio": seconds[v] / seconds[champion],
        }
        for name, value in rows[version.tags["name"]].items():
            client.set_model_version_tag(MODEL, v, name, f"{value:.3g}" if isinstance(value, float) else value)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("version")


def _losses(data: tracking.TrainingSnapshot, model: Any, inputs: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-loss of each flight, of the validation and of the test months."""
    parts = (data.split.validation, data.split.test)
    validation, test = (metrics.log_losses(features.label(rows), model.predict(rows[inputs])) for rows in parts)
    return validation, test


def _worst_carrier(data: tracking.TrainingSnapshot, change: np.ndarray) -> tuple[str, float]:
    """Return the carrier with the largest mean increase of loss, of those with enough flights, and the increase."""
    by = pd.Series(change).groupby(data.split.test["UniqueCarrier"].to_numpy()).agg(["mean", "size"])
    mean = by.loc[by["size"] >= promotion_policy()["carrier_flights"], "mean"]
    return str(mean.idxmax()), float(mean.max())


def _seconds(calls: Mapping[str, tuple[Any, pd.DataFrame]], times: int = 30) -> dict[str, float]:
    """Return the latency of each model for one flight, in seconds."""
    # The minimum of many, with the models in turn: other programs on this machine slow down all of them alike.
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(times):
        for version, (model, row) in calls.items():
            start = time.perf_counter()
            model.predict(row)
            best[version] = min(best[version], time.perf_counter() - start)
    return best


# --------------------------------------------------------------------------- the gate


def one_score_gate(candidate: Mapping[str, Any], champion: Mapping[str, Any], policy: Mapping[str, Any]) -> list[str]:
    """Return why a candidate may not replace the champion, judged by a single score, as in most teams.

    Parameters
    ----------
    candidate, champion : mapping
        As for `promotion_gate`.
    policy : mapping
        As for `promotion_gate`; not used here.

    Returns
    -------
    list of str
        The reasons; empty if it passes.

    See Also
    --------
    promotion_gate : The gate that checks the whole policy.

    Examples
    --------
    >>> champion = {"validation_loss": 0.42}
    >>> promotion.one_score_gate({"validation_loss": 0.45}, champion, {})
    ['no better on the months it was chosen by']
    """
    reasons = []
    if candidate["validation_loss"] >= champion["validation_loss"]:
        reasons.append("no better on the months it was chosen by")
    return reasons


def promotion_gate(candidate: Mapping[str, Any], champion: Mapping[str, Any], policy: Mapping[str, Any]) -> list[str]:
    """Return why a candidate may not replace the champion, judged by the whole policy.

    Parameters
    ----------
    candidate, champion : mapping of str to float
        The measurements of `EVIDENCE` for each. A missing value (NaN) does not pass.
    policy : mapping of str to float
        The limits, as from `promotion_policy`.

    Returns
    -------
    list of str
        The reasons; empty if it passes.

    See Also
    --------
    one_score_gate : A gate that checks one score only.

    Examples
    --------
    >>> champion = dict(validation_loss=0.42, out_of_time_loss=0.5, known_hours=3, carrier_harm=0.0, time_ratio=1.0)
    >>> late = {**champion, "validation_loss": 0.36, "out_of_time_loss": 0.45, "known_hours": -1}
    >>> promotion.promotion_gate(late, champion, promotion.promotion_policy())
    ['looks ahead: an input is known too late']
    """
    reasons = []
    # `not a < b` and not `a >= b`: a comparison with NaN is always false, and what was not measured must not pass.
    for loss, months in (("validation_loss", "months it was chosen by"), ("out_of_time_loss", "later months")):
        if not candidate[loss] < champion[loss]:
            reasons.append(f"no better on the {months}: log-loss {candidate[loss]:.3f}, not under {champion[loss]:.3f}")
    if not candidate["known_hours"] >= policy["known_hours"]:
        reasons.append("looks ahead: an input is known too late")
    if not candidate["carrier_harm"] <= policy["carrier_harm"]:
        carrier = candidate.get("worst_carrier", "one carrier")
        reasons.append(f"harms passengers of {carrier}: log-loss up by {candidate['carrier_harm']:.3f}")
    if not candidate["time_ratio"] <= policy["time_ratio"]:
        reasons.append(f"too slow: more than {counted(policy['time_ratio'], 'time')} the champion's time")
    return reasons


def promote(evidence: pd.DataFrame, gate: _Gate) -> pd.DataFrame:
    """Judge each version except the champion by a gate, and save verdict and reasons in the registry.

    Of the versions that pass, the one with the lowest out-of-time loss gets the alias 'challenger'. The champion stays
    in service until the team moves its alias.

    Parameters
    ----------
    evidence : DataFrame
        Measurements of all versions, as from `measure_candidates`.
    gate : callable
        Takes the measurements of candidate and champion and the policy, and returns reasons, as `promotion_gate` does.

    Returns
    -------
    DataFrame
        The registry, as from `registry`.

    Raises
    ------
    ModelError
        No version is registered.
    UsageError
        A version was not measured, or the gate does not return texts.
    """
    import mlflow

    client = mlflow.MlflowClient()
    versions = _versions()
    champion = client.get_model_version_by_alias(MODEL, CHAMPION)
    passed = []
    for version in versions:
        name = version.tags["name"]
        if name not in evidence.index:
            raise UsageError(f"{name!r} was not measured", fix="measure all versions with promotion.measure_candidates")
        if version.version == champion.version:
            continue
        reasons = gate(evidence.loc[name].to_dict(), evidence.loc[champion.tags["name"]].to_dict(), promotion_policy())
        # A learner's gate may return one text, or None to pass.
        reasons = [reasons] if isinstance(reasons, str) else list(reasons or [])
        if not all(isinstance(reason, str) and reason.strip() for reason in reasons):
            raise UsageError("the gate did not return a list of texts", fix="return a list of reasons, empty to pass")
        client.set_model_version_tag(MODEL, version.version, "verdict", "refused" if reasons else "passed")
        client.update_model_version(MODEL, version.version, "; ".join(reasons))
        if not reasons:
            passed.append((evidence.loc[name, "out_of_time_loss"], version.version))
    if passed:
        client.set_registered_model_alias(MODEL, CHALLENGER, min(passed)[1])
    else:
        client.delete_registered_model_alias(MODEL, CHALLENGER)
    return registry()
