# %% [markdown]
# # Under- and overfitting
#
# A model can fail in two ways: it can be too simple to see the pattern, or so flexible that it learns the noise by heart.
# Both look like 'a bad score' from afar, and they need opposite cures.
#
# **After this lesson you can**
#
# - read under- and overfitting off a pair of learning curves;
# - sweep depth, rounds and sample size, and see which one the model is short of;
# - choose a model by validation loss and defend it on months it has never seen.
#
# *10 minutes in class: the two ends 2 · depth and rounds 3 · how many flights 2 · choose and defend 3.*

# %% tags=["setup"]
from course_utils.data import datasets, features, splits
from course_utils.exercises import check, quiz
from course_utils.model import metrics, training
from course_utils.notebook import claim, plots

flights = datasets.load_flights()
known = features.as_of(flights, horizon=3)
full = splits.split_by_time(flights)
split = splits.smaller(full, rows=30_000)

# %% [markdown]
# ## The two ends
#
# Every model lies between two ends: one that says the same for every flight, and one that can repeat whatever it was shown.
# To see the second end alone, give it labels that mean nothing: the true ones, shuffled among the training flights.
#
# **Guess first:** how far can a deep model get on pure noise, on the flights that it trains on?

# %%
constant = training.train_rate_table(split)
nonsense = training.shuffle_labels(split, seed=0)
by_heart = training.train_xgboost(
    split,
    known,
    labels=nonsense,
    max_depth=10,
    min_child_weight=1,
    rounds=100,
    early_stopping=None,
)

# %% tags=["figure"]
fig = plots.learning_curves(
    {"random labels, depth 10": by_heart.curve}, title="Noise can be learnt by heart"
)
plots.show(
    fig,
    alt="With random labels the training loss falls far, round by round, while the validation loss stays level.",
)

# %% tags=["claim"]
late = features.label(split.validation)
claim(
    "Training log-loss on random labels ends at",
    by_heart.curve["train"].iloc[-1],
    nyc2013=(0.15, 0.25),
)
claim(
    "AUC on the validation months",
    metrics.auc(late, by_heart.predict(split.validation)),
    nyc2013=(0.47, 0.53),
)
claim(
    "The constant model's AUC", metrics.auc(late, constant.predict(split.validation)), always=0.5
)

# %% [markdown]
# The model knows its training flights almost by heart and nothing at all about others. So a training loss says how flexible a
# model is, never how good. The constant model is the other end: it cannot even see what is there.

# %% [markdown]
# ## Depth and rounds
#
# Back to true labels. Deeper trees and more rounds both add flexibility.
#
# **Guess first:** which of the four depths will show a validation curve that turns up again?

# %%
fits = {}
for depth in (1, 3, 6, 10):
    settings = {"max_depth": depth, "rounds": 200, "early_stopping": None, "watch_test": True}
    fits[f"depth {depth}"] = training.train_xgboost(split, known, **settings)

# %%
curves = {name: fit.curve for name, fit in fits.items()}
seen = {name: curve[["train", "validation"]] for name, curve in curves.items()}

# %% tags=["figure"]
fig = plots.learning_curves(seen, title="Shallow trees stay short, deep ones turn back")
plots.show(
    fig,
    alt="At depth 1 both losses still fall together at the end. The deeper the trees, the sooner the validation loss turns "
    "up while the training loss falls on.",
)

# %%
sweep = training.best_rounds(curves)
sweep

# %% tags=["claim"]
best = sweep["best round"]
claim("The best round of depth 1 is one of its last", best["depth 1"], nyc2013=(190, 200))
claim("Deeper trees reach their best round sooner", best.is_monotonic_decreasing, nyc2013=True)
claim(
    "The lowest validation loss is reached by depth 3",
    sweep["validation"].idxmin() == "depth 3",
    nyc2013=True,
)

# %% [markdown]
# Read the pair, not one curve. Both still fall, side by side: *underfitting*, give it more. Training falls while validation rises:
# *overfitting*, stop earlier or take less depth. How high a curve lies says nothing here: the validation months had fewer
# delays, so that even a poor model loses less on them.

# %% [markdown] tags=["instructor"]
# Ask for a show of hands for each depth before the picture. Then cover the training curves with your hand and ask whether one
# can still tell what is wrong: one cannot, and that is the lesson.

# %% [markdown]
# ## How many flights?
#
# The third lever costs nothing but patience: more rows. Each model below stops at its own best round.

# %%
sizes = {}
for rows in (1_000, 3_000, 10_000, 30_000):
    fewer = training.train_xgboost(splits.smaller(full, rows=rows), known)
    sizes[rows] = fewer.curve.loc[fewer.rounds]

# %%
import pandas as pd

by_size = pd.DataFrame(sizes).T.rename_axis("training flights")

# %% tags=["figure"]
fig = plots.lines(
    by_size,
    title="More flights close the gap",
    x="training flights [count]",
    y="log-loss [nats per flight]",
)
plots.show(
    fig,
    alt="As training flights grow in number, the training loss rises, the validation loss falls, and they close in.",
)

# %% tags=["claim"]
gain = by_size["validation"].loc[3_000] - by_size["validation"].loc[30_000]
claim("Ten times the flights lower the validation loss by", gain, nyc2013=(0.001, 0.008))

# %% [markdown]
# More flights help an overfitting model and hardly an underfitting one. So the curves also answer the question that
# every project gets: would more data help?

# %% [markdown]
# ## Choose and defend
#
# Validation chooses, so it cannot judge as well: the winner's validation loss is a little too good to be true. Judge on the
# months that had no say: November and December, out of time.

# %% tags=["figure"]
judging = {name: curve[["validation", "test"]] for name, curve in curves.items()}
fig = plots.learning_curves(judging, title="Out of time, the deep models do worst")
plots.show(
    fig,
    alt="The test loss lies above the validation loss everywhere, and turns up sooner and more steeply with depth.",
)

# %%
judged = training.compare(fits, split.test)
judged

# %% tags=["claim"]
claim(
    "On the test months the log-loss rises with depth",
    judged["log-loss"].is_monotonic_increasing,
    nyc2013=True,
)
cost = judged["log-loss"]["depth 3"] - judged["log-loss"].min()
claim("What validation's favourite loses to the best of them", cost, nyc2013=(0, 0.005))

# %% [markdown]
# Validation's favourite is not quite the winner here, and it need not be: it is close, and it was chosen without looking. The
# models that training loss would have chosen are the ones that do worst.

# %% [markdown] tags=["exercise"]
# ### Exercise 11.1: choose a model, and defend it
#
# Train your own choice on `split` and `known` with `max_depth`, `rounds` and, if you like, `early_stopping`. Then say in a
# sentence or two why you would put this one before the board.
#
# <details><summary>Hint</summary>Which flights may choose? And has the curve shown its lowest point?</details>

# %%
choice = {"fit": ..., "because": ...}
### BEGIN SOLUTION
choice = {
    "fit": training.train_xgboost(split, known, max_depth=3, rounds=300, early_stopping=30),
    "because": "Its validation loss is the lowest of the sweep, it stops where that curve turns, and the gap to the "
    "training loss stays small.",
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
