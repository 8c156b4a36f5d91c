# %% [markdown]
# # Static training with XGBoost
#
# You are the airline's data scientist on a Monday morning. The board wants a first model by Friday, and you want one that
# you can still defend in November.
#
# **After this lesson you can**
#
# - say what a model must beat before it deserves a server;
# - train a model with XGBoost and scikit-learn, stop it in time, and search its settings;
# - choose a split that tells the truth about next month;
# - find out which inputs carry signal three hours ahead;
# - put a dollar figure, with its uncertainty, on a model;
# - hand over a model that another process can load and trust.
#
# *25 minutes in class: baselines 4 · train and stop 5 · two splits 4 · what carries signal 4 · dollars 4 · hand-over 4.*

# %% tags=["setup"]
import pandas as pd

from course_utils.data import datasets, features, splits
from course_utils.exercises import check, quiz
from course_utils.model import metrics, money, training
from course_utils.notebook import claim, open_terminal, plots, show_error, show_table

flights = datasets.load_flights()

# %% [markdown]
# # Part 1 of 3: What a model must beat, and when to stop training
#
# A *static* model is fitted once on past data and then left alone. Most of its faults are decided before it sees its first
# passenger: by what you compare it with, when you stop training, and what you test it on.

# %% [markdown]
# ## Baselines first
#
# Train on January to August, choose on September and October, and test on November and December, which you do not look at
# until the end. A flight is late when it leaves 15 minutes or more behind schedule. Cancelled flights have no label and
# are left out.

# %%
split = splits.split_by_time(flights)
y_train, y_valid, y_test = (
    features.label(part) for part in (split.train, split.validation, split.test)
)
split

# %% [markdown]
# The first baseline is a table: the share of late flights for each airline and scheduled hour. Some cells hold only a few
# flights, so the table is *smoothed*: some flights at the overall rate are added to every cell.
#
# **Guess first:** how good is it? An AUC of one half is a coin; one would be perfect.

# %%
key = flights["UniqueCarrier"].astype(str) + "|" + (flights["CRSDepTime"] // 100).astype(str)
cells = y_train.groupby(key[y_train.index]).agg(["sum", "count"])
base_rate = y_train.mean()
added = 20
rates = (cells["sum"] + added * base_rate) / (cells["count"] + added)
by_table = key[y_test.index].map(rates).fillna(base_rate)
print(f"{len(rates)} cells, {added} flights at a rate of {base_rate:.3f} added to each")

# %%
from sklearn.metrics import log_loss, roc_auc_score

print(f"AUC of the table on the test months: {roc_auc_score(y_test, by_table):.3f}")

# %% [markdown]
# The second baseline is a logistic regression on the timetable. A linear model needs help with the hour of the day, since
# delays rise until the evening and fall at night: `KBinsDiscretizer` cuts each number into bins, and `OneHotEncoder`
# turns bins and categories into columns of 0 and 1.

# %%
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

numbers = make_pipeline(
    SimpleImputer(strategy="median"), KBinsDiscretizer(12, strategy="uniform", subsample=None)
)
encode = make_column_transformer(
    (numbers, make_column_selector(dtype_include="number")),
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
)
logistic = make_pipeline(encode, LogisticRegression(max_iter=200, tol=1e-3))

# %% [markdown]
# The pipeline learns bins, categories and weights from the training rows only, and applies them to any later row.

# %%
timetable = features.schedule(flights)
logistic.fit(timetable.loc[y_train.index], y_train)
by_logistic = logistic.predict_proba(timetable.loc[y_test.index])[:, 1]
print(f"AUC of the logistic regression: {roc_auc_score(y_test, by_logistic):.3f}")

# %% [markdown]
# The course has each of the two in one line, for the lessons to come:

# %%
hours = {"carrier": flights["UniqueCarrier"], "hour": flights["CRSDepTime"] // 100}
table = training.train_rate_table(split, hours).predict(split.test)
linear = training.train_logistic(split, timetable).predict(split.test)

# %% tags=["claim"]
claim("Largest difference between the two tables", abs(table - by_table).max(), always=(0, 1e-12))
claim(
    "Largest difference between the regressions",
    abs(linear - by_logistic).max(),
    always=(0, 1e-9),
)

# %% [markdown]
# ## Train a boosted forest
#
# XGBoost adds small decision trees one by one; each corrects the sum of those before it. The course deck gives it eleven
# schedule columns. Three of them are categories: with a pandas `CategoricalDtype` and `enable_categorical=True`, XGBoost
# splits on groups of carriers, and you need no one-hot columns.
#
# The types come from the training rows. A destination that opens in November becomes a missing value.

# %%
import xgboost as xgb

types = {
    name: pd.CategoricalDtype(sorted(split.train[name].unique()))
    for name in ("UniqueCarrier", "Origin", "Dest")
}
deck = features.deck_columns(flights).astype(types)
train = xgb.DMatrix(deck.loc[y_train.index], label=y_train, enable_categorical=True)
valid = xgb.DMatrix(deck.loc[y_valid.index], label=y_valid, enable_categorical=True)
test = xgb.DMatrix(deck.loc[y_test.index], enable_categorical=True)

# %% [markdown]
# Here is every parameter that this lesson sets; XGBoost has a default for the others.

# %%
parameters = {
    "objective": "binary:logistic",  # predict a probability
    "eval_metric": "logloss",
    "tree_method": "hist",  # put each input into bins, then look for the best split
    "max_bin": 64,
    "max_depth": 6,  # at most six questions in a row
    "min_child_weight": 20,  # no leaf rests on a handful of flights
    "learning_rate": 0.1,  # the part of each tree that is added
    "nthread": 1,  # the same result on every machine
    "seed": 0,
}

# %% [markdown]
# To see what a tree is, train a single one with two questions in a row, and print it:

# %%
one = xgb.train({**parameters, "max_depth": 2}, train, num_boost_round=1)
print(one.get_dump()[0])

# %% tags=["claim"]
nodes = one.trees_to_dataframe()
claim("Leaves of the tree", (nodes["Feature"] == "Leaf").sum(), always=4)
asks = nodes["Feature"].iloc[0]
claim("It first asks for the scheduled departure", asks == "CRSDepTime", nyc2013=True)

# %% [markdown]
# Read it from the top: if the scheduled departure is before that time, go to `yes`, else to `no`. Numbers in braces count
# carriers in the order of `types`. A leaf is what the tree adds to the *log-odds* of being late. The forest is a sum of such
# leaves, turned into a probability.
#
# **Guess first:** the next cell allows far more trees than needed. After how many does the loss on September and October stop
# falling?

# %%
history = {}
on_deck = xgb.train(
    parameters,
    train,
    num_boost_round=300,
    evals=[(train, "train"), (valid, "validation")],
    early_stopping_rounds=20,
    evals_result=history,
    verbose_eval=False,
)
best = on_deck.best_iteration + 1
print(f"best after {best} of {on_deck.num_boosted_rounds()} trees")

# %%
curve = pd.DataFrame({name: scores["logloss"] for name, scores in history.items()})
curve.index += 1

# %% tags=["figure"]
fig = plots.learning_curves(
    {"XGBoost, the deck's columns": curve},
    title="Validation loss turns while training loss falls on",
)
plots.show(
    fig,
    alt="Training loss falls with every tree; validation loss falls, reaches its lowest point, and rises again.",
)

# %% tags=["claim"]
claim("Trees up to the lowest validation loss", best, nyc2013=35)
claim("Trees that were trained after it", on_deck.num_boosted_rounds() - best, nyc2013=20)

# %% [markdown]
# Early stopping waits 20 rounds for a better validation loss, then stops. The booster still holds the trees of that wait, and
# `predict` uses all of them unless you name a range. Forgetting `iteration_range` is a common mistake: nothing warns you.

# %%
by_deck = on_deck.predict(test, iteration_range=(0, best))
all_trees = on_deck.predict(test)
helper = training.train_xgboost(split, deck).predict(split.test)

# %% [markdown]
# The last line is the course's helper: the same parameters, the same early stopping, in one call.

# %% tags=["claim"]
difference = abs(helper - by_deck).max()
claim("Largest difference between the helper's and your own probabilities", difference, always=0)
worse = log_loss(y_test, all_trees) - log_loss(y_test, by_deck)
claim("Log-loss that the superfluous trees add on the test months", worse, nyc2013=(0.001, 0.006))

# %% [markdown]
# ## Does it beat the table?
#
# **Guess first:** which of the models ranks the flights of November and December best?

# %%
timetable_only = deck.drop(columns=["Year", "Month", "DayofMonth"])
no_dates = training.train_xgboost(split, timetable_only).predict(split.test)
raw = key[y_test.index].map(cells["sum"] / cells["count"]).fillna(base_rate)
predictions = {
    "constant": pd.Series(base_rate, index=y_test.index),
    "carrier × hour table": by_table,
    "the same, raw rates": raw,
    "logistic regression": by_logistic,
    "XGBoost, the deck's columns": by_deck,
    "XGBoost, without the date": no_dates,
}

# %%
scores = pd.DataFrame(
    {
        name: {"AUC": roc_auc_score(y_test, p), "log-loss": log_loss(y_test, p)}
        for name, p in predictions.items()
    }
).T.rename_axis("model")
scores.round(4)

# %% tags=["claim"]
bar, boosted, undated = scores.loc[
    ["carrier × hour table", "XGBoost, the deck's columns", "XGBoost, without the date"]
].to_numpy()
claim("The smoothed table reaches an AUC of", bar[0], nyc2013=(0.66, 0.67))
claim(
    "AUC of XGBoost on the deck's columns minus the table's",
    boosted[0] - bar[0],
    nyc2013=(-0.02, 0),
)
claim("The deck model's log-loss minus the table's", boosted[1] - bar[1], nyc2013=(0.005, 0.015))

# %% tags=["claim"]
claim(
    "Log-loss of a table without smoothing minus the deck model's",
    scores.loc["the same, raw rates", "log-loss"] - boosted[1],
    nyc2013=(0.005, 0.02),
)
claim(
    "AUC of XGBoost without the date minus the table's", undated[0] - bar[0], nyc2013=(0, 0.005)
)
claim(
    "Without the date, log-loss minus the table's", undated[1] - bar[1], nyc2013=(-0.002, 0.002)
)

# %% [markdown]
# The table smoothed by 20 flights beats the deck's model in ranking and in log-loss. Two facts belong to that result. With raw
# rates, the table's log-loss is worse than the deck model's. And the deck's model was handicapped: `Month` and `DayofMonth` describe days that
# do not come back. Without them XGBoost draws level with the table.
#
# Level is not enough. A model must beat what a spreadsheet can do before it deserves a server. So the table stays in every
# comparison below.

# %% [markdown] tags=["instructor"]
# Let them commit to a number for the table before the cell runs, and write three guesses on the board. Most guess far too
# low. The point to keep: without the table, no one in the room would have noticed that the boosted model is no gain.

# %% [markdown]
# ## When to stop
#
# The deck's governance run asks for five rounds at a learning rate of 0.01, and for early stopping after 20 rounds without
# progress. **Guess first:** after how many rounds does it stop?

# %%
tiny = xgb.train(
    {**parameters, "learning_rate": 0.01, "base_score": 0.5},
    train,
    num_boost_round=5,
    evals=[(valid, "validation")],
    early_stopping_rounds=20,
)
tiny_scores = tiny.predict(test)

# %% tags=["claim"]
claim("Trees that it kept", tiny.best_iteration + 1, always=5)
claim("The lowest of its probabilities", tiny_scores.min(), always=(0.47, 0.5))
claim("The highest of its probabilities", tiny_scores.max(), always=(0.49, 0.53))

# %% [markdown]
# It cannot stop early: it cannot wait for 20 rounds when there are only five. XGBoost accepts this without a word. The loss was
# still falling, and five small steps left every probability close to one half, where it began. The course's helper refuses
# such settings:

# %%
show_error(lambda: training.train_xgboost(split, deck, rounds=5, early_stopping=20))

# %% [markdown] tags=["exercise"]
# ### Exercise 12.1: early stopping that can act
#
# Choose the three settings so that training can stop by itself, has patience for a noisy round or two, and gives the
# probabilities room to move. Hand in a dict `settings` with three numbers, under XGBoost's own names:
#
# ```python
# settings = {"learning_rate": ..., "num_boost_round": ..., "early_stopping_rounds": ...}
# ```
#
# <details><summary>Hint</summary>The log-odds can move by about learning rate × rounds. Patience is a small part of the rounds.</details>

# %%
settings = {"learning_rate": ..., "num_boost_round": ..., "early_stopping_rounds": ...}
### BEGIN SOLUTION
settings = {"learning_rate": 0.1, "num_boost_round": 300, "early_stopping_rounds": 20}
### END SOLUTION

# %% tags=["check"]
check("12.1", settings)

# %% [markdown]
# # Part 2 of 3: An honest test, and inputs that carry signal
#
# A good score on the wrong test is worse than a bad score on the right one. First choose the test, then look for better
# inputs.

# %% [markdown]
# ## Two ways to hold out a test set
#
# The deck shuffles all rows and keeps a part for testing. The alternative is what you did above: keep the last months.
#
# scikit-learn shuffles with `train_test_split`. XGBoost also comes as a scikit-learn estimator, `XGBClassifier`, with `fit` and
# `predict_proba`. It takes the table itself and makes the `DMatrix` inside.
#
# **Guess first:** which of the two tests will report the higher AUC for the very same eleven columns, and by how much?

# %%
from sklearn.model_selection import train_test_split

departed = features.label(flights).dropna()
learn, held_out = train_test_split(departed, test_size=0.2, random_state=0)
learn, watch = train_test_split(learn, test_size=0.2, random_state=0)

# %%
shuffled = xgb.XGBClassifier(
    n_estimators=300,
    learning_rate=0.1,
    max_bin=64,
    min_child_weight=20,
    early_stopping_rounds=20,
    enable_categorical=True,
    n_jobs=1,
    random_state=0,
)
shuffled.fit(
    deck.loc[learn.index], learn, eval_set=[(deck.loc[watch.index], watch)], verbose=False
)
by_shuffled = shuffled.predict_proba(deck.loc[held_out.index])[:, 1]

# %% [markdown]
# `early_stopping_rounds` belongs to the estimator here, and `eval_set` to `fit`. Unlike the booster, the estimator remembers its
# best round: `predict_proba` uses the trees up to it.

# %% tags=["claim"]
reported = roc_auc_score(held_out, by_shuffled)
claim("The shuffled test set reports an AUC of", reported, nyc2013=(0.76, 0.785))
claim("That is above the AUC of the test months by", reported - boosted[0], nyc2013=(0.1, 0.13))

# %% [markdown]
# Same columns, same algorithm: only the hold-out changed, and nothing about *next month* got better. What did the
# shuffled model learn? Average its predictions over each day of its own test set.

# %%
dates = splits.day(flights)
by_day = pd.DataFrame({"left late": held_out, "predicted": by_shuffled}).groupby(dates).mean()
summer = (
    by_day.loc["2013-06":"2013-07"] if flights.attrs["dataset"] == "nyc2013" else by_day.iloc[:60]
)

# %% tags=["figure"]
fig = plots.lines(
    summer, title="The shuffled model knows every storm of the summer", x="day", y="share late"
)
plots.show(
    fig,
    alt="In June and July the mean predicted delay of each day follows the share that left late, storms included.",
)

# %% tags=["claim"]
claim("Correlation of predicted and actual day means", by_day.corr().iloc[0, 1], nyc2013=(0.9, 1))

# %% [markdown]
# It learned the weather of each day by heart. With `Month` and `DayofMonth` among the columns, a shuffled test set holds
# other flights *of the same storms*. In production, tomorrow's storm is not in the training data.

# %% [markdown] tags=["exercise"]
# ### Exercise 12.2: a fairer shuffle
#
# Keep the shuffle, but keep each day whole. scikit-learn's `GroupShuffleSplit` shuffles *groups* of rows. `days` holds the date of
# every departed flight; cut it into two sides, and hand in `fair`, a pair: the dates of the training flights and those of the
# test flights.
#
# ```python
# cut = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=0)
# for_training, for_testing = next(cut.split(days, groups=...))
# fair = (days.iloc[for_training], days.iloc[for_testing])
# ```
#
# <details><summary>Hint</summary>What must not be divided between the two sides: a flight, or a day?</details>

# %%
from sklearn.model_selection import GroupShuffleSplit

days = dates[departed.index]
fair = ...
### BEGIN SOLUTION
cut = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=0)
for_training, for_testing = next(cut.split(days, groups=days))
fair = (days.iloc[for_training], days.iloc[for_testing])
### END SOLUTION

# %% tags=["check"]
check("12.2", fair)

# %% [markdown]
# A shuffle by day no longer gives away the storm, but the model may still learn from December while it is asked about
# November. Time order is the only hold-out that resembles the job.

# %% [markdown]
# ## Only what was known then
#
# Nothing in the timetable says that a storm is coming. `features.as_of(flights, horizon)` computes what else the airline knew that
# many hours before each departure. It prepares data, so it is the course's; the training below is XGBoost's.
#
# Whether *another* flight is late counts as known 15 minutes after its own scheduled departure. A weather report counts as known
# once it has been observed.

# %%
del train, valid, test  # large, and not needed again
known = features.as_of(flights, horizon=3)
numeric = [name for name in known if name not in types]
known = known.astype({**dict.fromkeys(numeric, "float32"), **types})
{name: len(columns) for name, columns in features.groups(known).items()}

# %% [markdown]
# XGBoost computes in single precision, so `float32` halves the memory and changes no score. Two functions of your own save
# typing:


# %%
def fit(inputs, **changes):
    train = xgb.DMatrix(inputs.loc[y_train.index], label=y_train, enable_categorical=True)
    valid = xgb.DMatrix(inputs.loc[y_valid.index], label=y_valid, enable_categorical=True)
    return xgb.train(
        {**parameters, **changes},
        train,
        num_boost_round=300,
        evals=[(valid, "validation")],
        early_stopping_rounds=20,
        verbose_eval=False,
    )


def probability(booster, inputs):
    rounds = (0, booster.best_iteration + 1)
    return booster.predict(xgb.DMatrix(inputs, enable_categorical=True), iteration_range=rounds)


# %% [markdown]
# **Guess first:** add the groups one by one. Which addition helps most: how punctual airline, airport and route were in the
# last weeks, how today is going, or the weather?

# %%
steps = {"timetable": "schedule", "+ last weeks": "trailing"}
steps |= {"+ today's delays": "airport_today", "+ weather": "weather"}
rungs = {}
for step, last in steps.items():
    inputs = known[features.up_to(known, last)]
    booster = fit(inputs)
    by_course = probability(booster, inputs.loc[y_test.index])
    rungs[step] = roc_auc_score(y_test, by_course)
del inputs

# %%
rungs = pd.Series(rungs, name="AUC")

# %% tags=["figure"]
fig = plots.bars(
    rungs,
    title="Signal is in how the day is going, not in the timetable",
    x="AUC on November and December",
    y="inputs known three hours ahead",
    reference=("carrier × hour table", bar[0]),
    start=0.5,
)
plots.show(
    fig,
    alt="Each group of inputs raises the AUC; today's delays raise it most, and the weather adds a little on top.",
)

# %% tags=["claim"]
gains = rungs.diff()
claim(
    "All inputs known three hours ahead reach an AUC of", rungs.iloc[-1], nyc2013=(0.735, 0.755)
)
claim("Today's delays add the most", gains.idxmax() == "+ today's delays", nyc2013=True)
claim("They add", gains["+ today's delays"], nyc2013=(0.03, 0.06))
claim("On top of them the weather adds", gains["+ weather"], nyc2013=(0, 0.02))

# %% [markdown]
# The timetable alone is the table's equal. The gain comes from the *state of the day*: how late airport and airline have been so
# far. Much of what the weather will do already shows in that queue. This is also an engineering decision: a team has to
# deliver those inputs every hour.
#
# The last of these models is the one that all lessons share. `course_model()` trains it as you just did, and keeps it.

# %%
course = training.course_model(flights).scorer

# %% tags=["claim"]
difference = abs(course.score(known.loc[y_test.index]) - by_course).max()
claim("Largest difference between the course's model and yours", difference, always=0)

# %% [markdown]
# ## Search depth and learning rate
#
# scikit-learn searches settings with `GridSearchCV`. Cross-validation must respect time as well: `TimeSeriesSplit` always
# trains on the past and scores what came next. A sample of the training flights keeps the search short.

# %%
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

sample = y_train.sample(min(20_000, len(y_train)), random_state=0).sort_index()
folds = TimeSeriesSplit(n_splits=4)
for past, future in folds.split(sample):
    until = dates[sample.index[past[-1]]], dates[sample.index[future[-1]]]
    print(
        f"train on {len(past):,} flights to {until[0]:%d %B}, score the next to {until[1]:%d %B}"
    )

# %% [markdown]
# **Guess first:** the sample is small. Will shallow or deep trees win?

# %%
search = GridSearchCV(
    xgb.XGBClassifier(
        n_estimators=60, min_child_weight=20, enable_categorical=True, n_jobs=1, random_state=0
    ),
    {"max_depth": [2, 4, 8], "learning_rate": [0.1, 0.3]},
    scoring="neg_log_loss",
    cv=folds,
)
search.fit(known.loc[sample.index], sample)
print(f"{len(search.cv_results_['params'])} settings, {folds.n_splits} folds each")

# %% [markdown]
# Months differ more than settings do, so compare settings within each fold: how far is each behind the winner on the same
# flights, and how much does that distance vary from fold to fold?

# %%
results = pd.DataFrame(search.cv_results_)
losses = -results.filter(regex="split.*_test_score")
behind = losses - losses.loc[search.best_index_]
found = results[["param_max_depth", "param_learning_rate"]].set_axis(["depth", "rate"], axis=1)
found["log-loss"] = losses.mean(axis=1)
found["behind"], found["spread"] = behind.mean(axis=1), behind.std(axis=1)
show_table(found.sort_values("log-loss"))

# %% tags=["claim"]
ranked = found.sort_values("log-loss")
claim("The winner's depth", search.best_params_["max_depth"], nyc2013=2)
claim(
    "The runner-up's distance is smaller than its spread",
    (ranked["behind"] < ranked["spread"]).iloc[1],
    nyc2013=True,
)
claim(
    "The last's distance is its spread times",
    (ranked["behind"] / ranked["spread"]).iloc[-1],
    nyc2013=(3, 5),
)
claim(
    "The winner's loss varies by month with a spread of",
    losses.loc[search.best_index_].std(),
    nyc2013=(0.02, 0.04),
)

# %% [markdown]
# The first two cannot be told apart: the distance is smaller than its spread. Deep trees with a large learning rate are clearly
# worse. A search on a sample chooses for a sample: lesson 11 showed that deep trees gain from more flights. So before you adopt
# the winner, train the finalists on all rows.

# %% [markdown]
# ## The aircraft, an assumption
#
# A late aircraft makes its next flight late. But its tail number is certain only at departure: airlines plan it hours ahead,
# and swap. So the course's model does without, and states what the knowledge would be worth.

# %%
plane = features.as_of(flights, horizon=3, assume_tail_known=True, only=["plane"])
with_plane = pd.concat([known, plane.astype("float32")], axis=1)
assumed = probability(fit(with_plane), with_plane.loc[y_test.index])
del plane, with_plane

# %% tags=["claim"]
gain = roc_auc_score(y_test, assumed) - rungs.iloc[-1]
claim("Knowing the aircraft three hours ahead would add to the AUC", gain, nyc2013=(0.01, 0.025))

# %% [markdown]
# That is worth a talk with operations, but not a silent guess in a training script. An input that is certain in the data and
# uncertain at the moment of use is a leak that no test set shows.

# %% [markdown]
# # Part 3 of 3: Dollars and hand-over
#
# The board does not buy AUC. It buys fewer stranded passengers, at a price.

# %% [markdown]
# ## Dollars, with an interval
#
# The deck's payoff at 100 dollars gives each of the four outcomes a value. From which probability on does a warning pay?

# %%
payoff = money.payoff("deck_100")
threshold = money.break_even(payoff)
payoff

# %% tags=["claim"]
claim("A warning breaks even at a probability of", threshold, always=0.25)

# %% [markdown]
# **Guess first:** is it better to warn for no flight, or for every flight? And does XGBoost on the deck's columns earn more
# than the table?

# %%
del predictions["constant"], predictions["the same, raw rates"]
predictions["course model, 3 h"] = by_course
warned = {"never": y_test < 0, "always": y_test >= 0}
warned |= {name: p >= threshold for name, p in predictions.items()}

# %%
test_days = dates[y_test.index]
worth = money.policies(y_test, warned, payoff, test_days)
worth

# %% tags=["figure"]
fig = plots.bars(
    worth["dollars"],
    low=worth["low"],
    high=worth["high"],
    title="Only the model that knows the day makes money",
    x="value [$ per 1,000 flights]",
    y="who is warned",
)
plots.show(
    fig,
    alt="Never, always, the table and the schedule models all lose money; the course model alone is above zero.",
)

# %%
gain = money.policies(y_test, warned, payoff, test_days, against="carrier × hour table")
gain

# %% tags=["claim"]
ours, decks = gain.loc["course model, 3 h"], gain.loc["XGBoost, the deck's columns"]
claim("Policies that make money", (worth["dollars"] > 0).sum(), nyc2013=1)
claim(
    "The course model's gain over the table, $ per 1,000 flights",
    ours["dollars"],
    nyc2013=(17000, 23000),
    unit="$",
)
claim("The low end of its interval", ours["low"], nyc2013=(12000, 19000), unit="$")
claim(
    "The interval of the deck's columns includes zero",
    decks["low"] < 0 < decks["high"],
    nyc2013=True,
)

# %% [markdown]
# The intervals come from a *block bootstrap*: it draws whole days again and again, since the flights of one day share its
# weather. Drawing single flights pretends to know far more:

# %%
per_flight = money.dollars_by_flight(y_test, warned["course model, 3 h"], payoff)
by_days, by_flights = (money.bootstrap(per_flight, unit) for unit in (test_days, y_test.index))

# %% tags=["claim"]
claim(
    "The interval by days is wider than the one by flights by a factor of",
    by_days.width / by_flights.width,
    nyc2013=(3, 5),
)

# %% [markdown] tags=["exercise"]
# ### Exercise 12.3: a threshold from the money
#
# Finance objects: only what the warning itself changes should count. A warning that helps is worth 30 dollars, a needless one
# costs 20 dollars, and silence costs nothing either way. From which probability on should the airline warn? Hand in the number
# as `warn_from`, between 0 and 1.
#
# <details><summary>Hint</summary>At break-even, p times what a good warning earns equals (1 − p) times what a needless one
# costs.</details>

# %%
warn_from = ...
### BEGIN SOLUTION
warn_from = 20 / (30 + 20)
### END SOLUTION

# %% tags=["check"]
check("12.3", warn_from)

# %% [markdown]
# ## Hand it over
#
# `save_model` writes trees, parameters, column names, the best round and the names of the categories into one file. The ending
# chooses the format: `.ubj` is compact, `.json` can be read by eye.
#
# The batch job that loads it is another process, perhaps on another machine. It gets a CSV file with 1,000 flights, in which
# the categories are plain text.

# %%
terminal = open_terminal()
booster.save_model(terminal.home / "model.ubj")
some = known.loc[y_test.index[:1000]]
some.to_csv(terminal.home / "rows.csv")
terminal.run("ls")

# %%
terminal.write(
    "score.py",
    """
import pandas as pd
import xgboost as xgb

rows = pd.read_csv("rows.csv", index_col=0)
texts = rows.select_dtypes("object").columns
rows = rows.astype(dict.fromkeys(texts, "category"))

booster = xgb.Booster(model_file="model.ubj")
best = booster.best_iteration + 1
matrix = xgb.DMatrix(rows, enable_categorical=True)
scores = booster.predict(matrix, iteration_range=(0, best))
pd.Series(scores, index=rows.index, name="score").to_csv("scores.csv")
print(f"{len(rows):,} flights scored with {best} trees")
""",
)

# %%
terminal.run("python score.py")
there = pd.read_csv(terminal.home / "scores.csv", index_col=0)["score"].astype("float32")
here = probability(booster, some)

# %% tags=["claim"]
claim("A new process gives the same scores bit for bit", (there == here).all(), always=True)

# %% [markdown]
# The sample does not contain every destination, so pandas numbers its categories differently. XGBoost compares names, not
# numbers, and refuses a name that it has not seen in training; that is why `types` made such values missing.
#
# A common shortcut loses this protection: `booster[:best]` cuts the booster to its best trees, and in this version it drops the
# names. **Guess first:** does the cut booster refuse rows that come from a CSV file, or does it score them?

# %%
names = dict.fromkeys(types, "object"), dict.fromkeys(types, "category")
from_csv = some.astype(names[0]).astype(names[1])
short = booster[: booster.best_iteration + 1]
mistaken = short.predict(xgb.DMatrix(from_csv, enable_categorical=True))

# %% tags=["claim"]
claim(
    "Largest difference with the whole booster",
    abs(probability(booster, from_csv) - here).max(),
    always=0,
)
claim("Largest difference with the cut booster", abs(mistaken - here).max(), nyc2013=(0.1, 0.3))

# %% [markdown]
# It scores them, without a warning, and the probabilities are wrong: it took one airport for another. Save the whole booster,
# and test the file in a new process with rows from the real source, as you did above.
#
# The file says nothing about purpose, data and environment. So the course keeps a *model card* beside each model. It also has
# the hand-over in one line:

# %%
show_table(training.describe(course))
again = training.score_in_new_process(course, some)

# %% tags=["claim"]
claim("Largest difference from your own scores", abs(again - here).max(), always=0)

# %% [markdown]
# **Check what you know**

# %%
quiz("12.1")

# %%
quiz("12.2")

# %% [markdown] tags=["at-work"]
# ## The same at work
#
# The training above needs nothing of the course. Save this as `train.py` beside your own table of flights:
#
# ```python
# import pandas as pd
# import xgboost as xgb
# from sklearn.metrics import roc_auc_score
# from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
#
# flights = pd.read_csv("flights.csv").dropna(subset=["DepDelay"])
# late, month = flights["DepDelay"] >= 15, flights["Month"]
# inputs = flights[["CRSDepTime", "Distance", "UniqueCarrier", "Origin"]]
# inputs = inputs.astype({"UniqueCarrier": "category", "Origin": "category"})
# past, check, last = month <= 8, month.between(9, 10), month >= 11
#
# search = GridSearchCV(
#     xgb.XGBClassifier(n_estimators=50, enable_categorical=True),
#     {"max_depth": [2, 4], "learning_rate": [0.1, 0.3]},
#     scoring="neg_log_loss", cv=TimeSeriesSplit(n_splits=4),
# ).fit(inputs[past], late[past])
# train = xgb.DMatrix(inputs[past], label=late[past], enable_categorical=True)
# valid = xgb.DMatrix(inputs[check], label=late[check], enable_categorical=True)
# booster = xgb.train(
#     {"objective": "binary:logistic", "eval_metric": "logloss", **search.best_params_},
#     train, num_boost_round=300, evals=[(valid, "validation")], early_stopping_rounds=20,
# )
# booster.save_model("model.ubj")
# scores = booster.predict(
#     xgb.DMatrix(inputs[last], enable_categorical=True), iteration_range=(0, booster.best_iteration + 1)
# )
# print(f"AUC {roc_auc_score(late[last], scores):.3f}")
# ```
#
# ```sh
# ls -l model.ubj
# python -c 'import xgboost as xgb; print(xgb.Booster(model_file="model.ubj").best_iteration)'
# ```

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - say what a model must beat before it deserves a server;
# - train a model with XGBoost and scikit-learn, stop it in time, and search its settings;
# - choose a split that tells the truth about next month;
# - find out which inputs carry signal three hours ahead;
# - put a dollar figure, with its uncertainty, on a model;
# - hand over a model that another process can load and trust.
#
# Next: [13 · Dynamic training with Vowpal Wabbit](13_dynamic_training.ipynb)

# %% [markdown] tags=["further"]
# ## Further: can the probabilities be trusted?
#
# A threshold from money only works when predicted probabilities match what happens. Ten equal groups of test flights show
# whether they do.

# %%
table_of_ten = metrics.calibration(y_test, by_course)

# %% tags=["figure"]
fig = plots.calibration(table_of_ten, title="Predicted probabilities match what happens")
plots.show(
    fig,
    alt="In ten groups of test flights the share that left late lies on the diagonal of predicted probabilities.",
)

# %% tags=["claim"]
gap = (table_of_ten["mean score"] - table_of_ten["share late"]).abs().max()
claim("The largest gap between predicted and observed share is", gap, nyc2013=(0, 0.03))

# %% [markdown]
# So the break-even probability needs no tuning. If you tune a weak model's threshold on the validation months instead, it follows
# their base rate, which the test months do not share.

# %%
on_validation = probability(on_deck, deck.loc[y_valid.index])
tuned = money.curve(y_valid, on_validation, payoff).idxmax()
at_tuned, at_even = (
    money.dollars_by_flight(y_test, by_deck >= t, payoff).mean() for t in (tuned, threshold)
)

# %% tags=["claim"]
claim("Base rate of the validation months", y_valid.mean(), nyc2013=0.149)
claim("Base rate of the test months", y_test.mean(), nyc2013=0.218)
claim(
    "Tuning the deck model's threshold loses money on the test months",
    at_tuned < at_even,
    nyc2013=True,
)

# %% [markdown] tags=["further"]
# ## Further: what training never saw
#
# The types hold the categories of the training months only. How many test flights have a value that is missing for this reason?

# %%
(
    flights.loc[y_test.index, list(types)].notna().sum()
    - known.loc[y_test.index, list(types)].notna().sum()
)

# %% [markdown]
# It is worse when a value is present in every training row and missing later. The weather reports end on 30 December; on the
# 31st every flight is without.

# %%
last_day = test_days[test_days == test_days.max()].index
mean_score = probability(booster, known.loc[last_day]).mean()
print(f"mean predicted probability of that day: {mean_score:.3f}")

# %% tags=["claim"]
claim("Share that left late on 31 December", y_test[last_day].mean(), nyc2013=(0.17, 0.18))
claim("The mean prediction for that day", mean_score, nyc2013=(0.25, 0.3))

# %% [markdown]
# There is no error and no warning: the trees send a missing value down a branch that no training row took, and the
# probabilities are far too high. Lesson 10 trains with simulated outages, and lesson 16 raises the alarm.

# %% [markdown] tags=["further"]
# ## Further: one split is one opinion
#
# November and December are one end of one year. Move through the year instead, and test months on a model that knew only what
# came before. Here are two of them.

# %%
from itertools import islice

months = {}
for month in islice(splits.rolling_months(flights), 1, None, 4):
    fitted = training.train_xgboost(month, known, eta=0.3)
    months[month.name] = roc_auc_score(features.label(month.test), fitted.predict(month.test))

# %%
rolling = pd.Series(months)

# %% tags=["figure"]
fig = plots.bars(
    rolling, title="The same recipe, month by month", x="AUC", y="test month", start=0.5
)
plots.show(
    fig,
    alt="The AUC of the same recipe moves by several hundredths from one test month to the next.",
)

# %% tags=["claim"]
claim("The AUC of the worse month", rolling.min(), nyc2013=(0.68, 0.76))
claim("The AUC of the better month", rolling.max(), nyc2013=(0.76, 0.82))

# %% [markdown] tags=["further"]
# ## Further: the deck's own run
#
# The deck trained on its own sample of flights, shuffled without a seed, for 5 rounds. Its figures are kept as data, and a
# test computes them again from the real file where it is available.

# %%
training.deck_run("static")
