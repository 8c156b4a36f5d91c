# %% [markdown]
# # Under- and overfitting
#
# A model can fail in two ways: it can be too simple to see the pattern, or so flexible that it learns the noise by heart.
# Both show as 'a bad score', and they need opposite remedies.
#
# **After this lesson you can**
#
# - read under- and overfitting off a pair of learning curves;
# - sweep depth, rounds and sample size, and see which one the model is short of;
# - choose a model by validation loss and defend it on months it has never seen.
#
# *10 minutes in class: the two ends 2 · depth and rounds 3 · how many flights 2 · choose and defend 3.*

# %% tags=["setup"]
from itertools import product

import numpy as np
import pandas as pd
import xgboost as xgb

from course_utils.data import datasets, features, splits
from course_utils.exercises import check, quiz
from course_utils.model import money, training
from course_utils.notebook import claim, plots

flights = datasets.load_flights()
known = features.as_of(flights, horizon=3)
full = splits.split_by_time(flights)
split = splits.smaller(full, rows=30_000)

# %% [markdown]
# ## The two ends
#
# Train on a sample of January to August, validate on September and October, test on November and December. XGBoost reads its data
# from a `DMatrix`. Make one for each part, once, and use it for every model below. The categories are those of the training
# flights.

# %%
types = {
    name: pd.CategoricalDtype(sorted(split.train[name].unique()))
    for name in ("UniqueCarrier", "Origin", "Dest")
}
known = known.astype(types)


# %%
def matrix(part, label=None):
    label = features.label(part) if label is None else label
    return xgb.DMatrix(known.loc[part.index], label=label, enable_categorical=True)


train, validation, test = matrix(split.train), matrix(split.validation), matrix(split.test)

# %% [markdown]
# Every model is between two ends: one that says the same for every flight, and one that can repeat whatever it was shown. To see
# the second end alone, train on labels that mean nothing: the true ones, shuffled among the training flights.
#
# **Guess first:** how far can a deep model get on pure noise, on the flights that it trains on?

# %%
parameters = {"objective": "binary:logistic", "eval_metric": "logloss", "tree_method": "hist"}
parameters |= {"max_bin": 64, "min_child_weight": 20, "learning_rate": 0.1}
parameters |= {"nthread": 1, "seed": 0}  # the same result on every machine

# %%
from sklearn.utils import shuffle

noise = matrix(split.train, shuffle(train.get_label(), random_state=0))

# %%
history = {}
by_heart = xgb.train(
    {**parameters, "max_depth": 10, "min_child_weight": 1},
    noise,
    num_boost_round=100,
    evals=[(noise, "train"), (validation, "validation")],
    evals_result=history,
    verbose_eval=False,
)

# %% [markdown]
# `evals` names the sets whose loss XGBoost measures after each round, and `evals_result` is the dict that it fills: the *learning
# curves*. For the other end, scikit-learn has a model that always says the same.

# %%
noise_curve = pd.DataFrame({name: losses["logloss"] for name, losses in history.items()})
noise_curve.index += 1

# %%
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss, roc_auc_score

constant = DummyClassifier(strategy="prior")
constant.fit(split.train[["Distance"]], train.get_label())
always_the_same = constant.predict_proba(split.validation[["Distance"]])[:, 1]

# %% tags=["figure"]
fig = plots.learning_curves(
    {"random labels, depth 10": noise_curve}, title="Noise can be learned by heart"
)
plots.show(
    fig,
    alt="With random labels the training loss falls far, round by round, while the validation loss stays level.",
)

# %% tags=["claim"]
late = validation.get_label()
claim("Training log-loss ends at", noise_curve["train"].iloc[-1], nyc2013=(0.15, 0.25))
by_noise = roc_auc_score(late, by_heart.predict(validation))
claim("AUC on the validation months", by_noise, nyc2013=(0.47, 0.53))
claim("The constant model's AUC", roc_auc_score(late, always_the_same), always=0.5)

# %% [markdown]
# The model knows its training flights almost by heart and nothing at all about others. So a training loss says how flexible a
# model is, never how good. The constant model is the other end: it cannot even see what is there.

# %% [markdown]
# ## Depth and rounds
#
# Back to true labels. Deeper trees and more rounds both add flexibility. One function of your own trains a model and returns it
# with its learning curves; the test months are watched too, to look at afterwards.
#
# **Guess first:** which of the four depths will show a validation curve that turns up again?


# %%
def watch(data, depth, **options):
    history = {}
    booster = xgb.train(
        {**parameters, "max_depth": depth},
        data,
        evals=[(data, "train"), (test, "test"), (validation, "validation")],
        evals_result=history,
        verbose_eval=False,
        **options,
    )
    curve = pd.DataFrame({name: losses["logloss"] for name, losses in history.items()})
    return booster, curve.set_index(curve.index + 1)


# %%
fits = {f"depth {depth}": watch(train, depth, num_boost_round=200) for depth in (1, 3, 6, 10)}
curves = {name: curve for name, (_, curve) in fits.items()}
# %%
seen = {name: curve[["train", "validation"]] for name, curve in curves.items()}

# %% tags=["figure"]
fig = plots.learning_curves(seen, title="Shallow trees fall together, deep ones turn back")
plots.show(
    fig,
    alt="At depth 1 both losses still fall together at the end. The deeper the trees, the sooner the validation loss turns "
    "up while the training loss falls on.",
)

# %%
best = pd.Series({name: int(curve["validation"].idxmin()) for name, curve in seen.items()})
sweep = pd.DataFrame({name: curve.loc[best[name]] for name, curve in seen.items()}).T
sweep["best round"] = best
sweep["validation at the end"] = [curve["validation"].iloc[-1] for curve in seen.values()]
sweep.round(4).astype({"best round": int})

# %% tags=["claim"]
claim("The best round of depth 1 is one of its last", best["depth 1"], nyc2013=(190, 200))
claim("Deeper trees reach their best round sooner", best.is_monotonic_decreasing, nyc2013=True)
lowest = sweep["validation"].idxmin()
claim("The lowest validation loss is reached by depth 3", lowest == "depth 3", nyc2013=True)

# %% [markdown]
# Read the pair, not one curve. Both still fall, side by side: *underfitting*, give the model more. Training falls while validation
# rises: *overfitting*, stop earlier or use less depth. Do not compare the height of the two curves: the validation months had
# fewer delays, so even a poor model loses less on them.
#
# The course's helper draws the same curve, in one line:

# %%
deep = training.train_xgboost(split, known, max_depth=10, rounds=200, early_stopping=None)

# %% tags=["claim"]
own = curves["depth 10"][["train", "validation"]]
claim(
    "Largest difference between its curve and yours",
    (deep.curve - own).abs().max().max(),
    always=0,
)

# %% [markdown] tags=["instructor"]
# Ask for a show of hands for each depth before the picture. Then cover the training curves with your hand and ask whether one
# can still see what is wrong: one cannot, and that is the lesson.

# %% [markdown]
# ## How many flights?
#
# The third lever is more rows. Train one shallow and two deep models on samples of growing size, each with early stopping, and keep
# each at the round that validation chose. `loss_of_each` returns the log-loss of every single flight.
#
# **Guess first:** which of the three still gain when the sample grows from 10,000 to 30,000 flights?


# %%
def loss_of_each(data, booster, rounds):
    late, p = data.get_label(), booster.predict(data, iteration_range=(0, rounds))
    return -np.log(np.where(late == 1, p, 1 - p))


# %%
stop = {"num_boost_round": 300, "early_stopping_rounds": 20}
sizes = (1_000, 3_000, 10_000, 30_000)
samples = {size: matrix(splits.smaller(full, rows=size).train) for size in sizes}
losses = {}
for size, depth in product(sizes, (1, 6, 10)):
    booster, _ = watch(samples[size], depth, **stop)
    chosen = loss_of_each(validation, booster, booster.best_iteration + 1)
    losses[size, f"depth {depth}"] = chosen

# %%
by_size = pd.Series({key: loss.mean() for key, loss in losses.items()}).unstack()
by_size = by_size[["depth 1", "depth 6", "depth 10"]].rename_axis("training flights")
by_size.round(4)

# %% tags=["figure"]
fig = plots.lines(
    by_size,
    title="The deep models still gain from more flights, the shallow one has stopped",
    x="training flights [count]",
    y="validation log-loss [nats per flight]",
)
plots.show(
    fig,
    alt="All validation losses fall as training flights grow in number; the line of depth 1 is flat between the two "
    "largest samples, those of depths 6 and 10 still fall.",
)

# %% [markdown]
# Are these differences more than chance? The flights of one day share its weather, so draw whole *days* again and again, and see
# how much the mean difference varies. `money.bootstrap` does this; lesson 12 uses it for dollars. Its unit is per 1,000 flights.


# %%
def gain(before, after, part):
    found = money.bootstrap(before - after, splits.day(part))
    return {"gain": found.mean, "low": found.low, "high": found.high}


# %%
depths = list(by_size)
steps = [(1_000, 10_000), (10_000, 30_000)]
gains = {
    (f"{few:,} to {many:,}", depth): gain(
        losses[few, depth], losses[many, depth], split.validation
    )
    for (few, many), depth in product(steps, depths)
}
gains = pd.DataFrame(gains).T
gains.round(1)

# %% tags=["claim"]
first, last = gains.loc["1,000 to 10,000"], gains.loc["10,000 to 30,000"]
claim("From 1,000 to 10,000 flights, the smallest gain", first["gain"].min(), nyc2013=(3.5, 5.5))
claim("All of these intervals are above zero", (first["low"] > 0).all(), nyc2013=True)
claim("From 10,000 to 30,000 flights depth 1 gains", last["gain"]["depth 1"], nyc2013=(-0.5, 1))
claim(
    "Its interval includes zero",
    last["low"]["depth 1"] < 0 < last["high"]["depth 1"],
    nyc2013=True,
)
claim("Depth 6 gains", last["gain"]["depth 6"], nyc2013=(3, 5))
claim("Depth 10 gains", last["gain"]["depth 10"], nyc2013=(1.5, 3.5))
claim(
    "The intervals of both are above zero",
    (last["low"][["depth 6", "depth 10"]] > 0).all(),
    nyc2013=True,
)

# %% [markdown]
# Up to 10,000 flights all three gain. From there to 30,000, depth 1 has learned what it can express within its rounds: it underfits,
# and no gain can be told from zero. Depths 6 and 10 overfit, and both still gain. So the curves also answer the question that every
# project gets: would more data help?

# %% [markdown]
# ## Choose and defend
#
# Validation chooses, so it cannot judge as well: the winner's validation loss is a little too good to be true. Judge on the
# months that had no say: November and December, *out of time*. Judge each model at the round that validation chose for it.

# %%
truth = test.get_label()
judged, at_best, at_end = {}, {}, {}
for name, (booster, _) in fits.items():
    chosen = booster.predict(test, iteration_range=(0, int(best[name])))
    every = booster.predict(test)
    at_best[name] = loss_of_each(test, booster, int(best[name]))
    at_end[name] = loss_of_each(test, booster, 200)
    judged[name] = {"AUC": roc_auc_score(truth, chosen), "log-loss": log_loss(truth, chosen)}
    judged[name]["log-loss after all 200 rounds"] = log_loss(truth, every)

# %%
judged = pd.DataFrame(judged).T
judged.round(4)

# %% tags=["figure"]
judging = {name: curve[["validation", "test"]] for name, curve in curves.items()}
fig = plots.learning_curves(
    judging, title="Out of time, deep models do worst when they train too long"
)
plots.show(
    fig,
    alt="The test loss lies above the validation loss everywhere, and turns up sooner and more steeply with depth.",
)

# %% [markdown]
# How much better is depth 3, each at its chosen round, and how sure is that? The last row is depth 10 after all its rounds.

# %%
ours = at_best["depth 3"]
ahead = {
    name: gain(at_best[name], ours, split.test) for name in ("depth 1", "depth 6", "depth 10")
}
ahead["depth 10, all rounds"] = gain(at_end["depth 10"], ours, split.test)
ahead = pd.DataFrame(ahead).T.rename_axis("depth 3 against")
ahead.round(1)

# %% tags=["claim"]
claim("Against depth 1 depth 3 gains", ahead["gain"]["depth 1"], nyc2013=(-0.8, 0.8))
unsure = (ahead["low"] < 0) & (ahead["high"] > 0)
claim("Depths that it cannot be told from", int(unsure.sum()), nyc2013=2)
claim("Against depth 10 it gains", ahead["gain"]["depth 10"], nyc2013=(2.5, 5))
claim("The low end of that interval", ahead["low"]["depth 10"], nyc2013=(0.5, 3))
claim(
    "Against depth 10 after all rounds it gains",
    ahead["gain"]["depth 10, all rounds"],
    nyc2013=(20, 27),
)

# %% [markdown]
# Validation's favourite, depth 3, holds up: on months that no model has seen it cannot be told from depths 1 and 6, and it beats
# depth 10, even at the round that validation chose for that. Stopping in time saves most of the damage. The model that *training*
# loss would have chosen, depth 10 after all rounds, does worst by far.

# %% [markdown] tags=["exercise"]
# ### Exercise 11.1: choose a model, and defend it
#
# Train your own choice with `xgb.train` on `train`, and let `evals` watch `train` and `validation` under these names. Then hand in
# a dict `choice`: `history`, the dict that XGBoost filled; `rounds`, how many trees you keep; and `because`, what chose them:
# `"lowest training loss"`, `"lowest validation loss"`, `"lowest test loss"` or `"smallest gap"`.
#
# ```python
# booster = xgb.train({**parameters, "max_depth": ...}, train, num_boost_round=..., evals_result=history, ...)
# choice = {"history": history, "rounds": ..., "because": "..."}
# ```
#
# Then defend it before the board in two sentences. No check reads them; mark them yourself with the rubric.
#
# <details><summary>Hint</summary>Which flights may choose? And has the curve shown its lowest point?</details>
#
# <details><summary>Rubric for your defence</summary>It says on which flights the model was chosen, and that it was not trained on
# them. It says how far the training loss lies ahead, and why that does not worry you. It gives a result on months that had no say,
# with its uncertainty.</details>

# %%
history = {}
choice = {"history": history, "rounds": ..., "because": ...}
### BEGIN SOLUTION
booster = xgb.train(
    {**parameters, "max_depth": 3},
    train,
    num_boost_round=300,
    evals=[(train, "train"), (validation, "validation")],
    early_stopping_rounds=30,
    evals_result=history,
    verbose_eval=False,
)
choice = {
    "history": history,
    "rounds": booster.best_iteration + 1,
    "because": "lowest validation loss",
}
### END SOLUTION

# %% tags=["check"]
check("11.1", choice)

# %% [markdown]
# **Check what you know**

# %%
quiz("11.1")

# %%
quiz("11.2")

# %% [markdown] tags=["at-work"]
# ## The same at work
#
# Outside the course, this prints the learning curves of three depths, beside a table of flights:
#
# ```python
# import pandas as pd
# import xgboost as xgb
#
# flights = pd.read_csv("flights.csv").dropna(subset=["DepDelay"])
# late, month = flights["DepDelay"] >= 15, flights["Month"]
# inputs = flights[["CRSDepTime", "Distance", "UniqueCarrier", "Origin"]]
# inputs = inputs.astype({"UniqueCarrier": "category", "Origin": "category"})
# past, later = month <= 8, month.between(9, 10)
# train = xgb.DMatrix(inputs[past], label=late[past], enable_categorical=True)
# valid = xgb.DMatrix(inputs[later], label=late[later], enable_categorical=True)
# for depth in (1, 3, 10):
#     history = {}
#     xgb.train(
#         {"objective": "binary:logistic", "eval_metric": "logloss", "max_depth": depth},
#         train, num_boost_round=50, evals=[(train, "train"), (valid, "validation")],
#         evals_result=history, verbose_eval=False,
#     )
#     curve = pd.DataFrame({name: losses["logloss"] for name, losses in history.items()})
#     print(f"depth {depth}: best round {curve['validation'].idxmin() + 1}")
#     print(curve.iloc[[0, 9, 49]].round(3))
# ```

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - read under- and overfitting off a pair of learning curves;
# - sweep depth, rounds and sample size, and see which one the model is short of;
# - choose a model by validation loss and defend it on months it has never seen.
#
# Next: [12 · Static training with XGBoost](12_static_training.ipynb)
