# %% [markdown]
# # Business data analysis
#
# The first model is ready, and your sponsor asks whether the airline should run it. This lesson takes you from the raw
# table to one page with a figure that you can defend.
#
# **After this lesson you can**
#
# - read a data profile as a list of questions, and spot the warnings that mislead;
# - choose the score that answers your question: for two classes, for several, and for minutes;
# - decide which kind of error matters more to the airline, and explain why accuracy hides it;
# - turn a confusion matrix into dollars cell by cell, and find out how a published total misread one;
# - state the uncertainty of a business case, and name the assumptions that would overturn it.
#
# *20 minutes in class: the profile 5 · which score 6 · dollars and their uncertainty 6 · a page for the sponsor 3.*

# %% tags=["setup"]
import pandas as pd

from course_utils.data import datasets, dictionary, features, profiles, reports, splits
from course_utils.exercises import check
from course_utils.model import metrics, money, training
from course_utils.notebook import claim, plots, show_source, show_table

flights = datasets.load_flights()

# %% [markdown]
# # Part 1 of 3: What is in the data
#
# Before you ask what a model is worth, look at its data. A *profiler* describes every column of a table at once. Many
# teams run one, but few know what it computes. (The text describes `nyc2013`, New York's flights of 2013. On another data
# set, read the claims instead: they print what your machine measured.)

# %% [markdown]
# ## A profile in ten lines
#
# A profile needs only ten lines. For each column they give the kind of values, the number of missing, zero and distinct
# values, and the skewness. A column *follows* an earlier one if their correlation is above a limit; `follows` names the
# last such column.

# %%
show_source(profiles.profile)

# %%
found = profiles.profile(flights)
found.drop(columns="skewness")

# %% [markdown]
# The profiler *rejects* a column that never changes or that follows another one. **Guess first:** how many columns of
# this table does it reject?

# %%
summary = profiles.summary(flights, found)
summary

# %% tags=["claim"]
claim("Columns that the profiler rejects", summary["rejected"], nyc2013=15, allyears2k=5)
share = summary["missing cells [%]"]
claim("Share of all cells that are missing", share, nyc2013=25.7, allyears2k=20.57, unit="%")

# %% [markdown]
# So many missing cells sound bad. To see whether they are, look at the warnings for each column. The profiler warns when
# a column exceeds one of these limits:

# %%
profiles.LIMITS

# %%
warned_of = profiles.warnings(found, len(flights))
show_table(warned_of.groupby("warning")["column"].agg(", ".join).to_frame())

# %% tags=["claim"]
constant = found[found["kind"] == "constant"]
empty = (constant["missing"] == len(flights)).sum()
claim("Columns that never change", len(constant), nyc2013=9, allyears2k=0)
claim("Of these, empty", empty, nyc2013=8, allyears2k=0)

# %% [markdown]
# In `nyc2013`, nearly all missing cells are in 8 empty columns, for which this source has no data. So the total says
# little. The list of columns tells you what to ask the owner of the data.

# %% [markdown]
# ## Rejected and kept columns
#
# Here is each column that follows another one, with two entries of the data dictionary: how many hours before departure
# the value is known, and whether a model may use it. The last two columns show the same for the column that is kept.

# %%
rejected = found.loc[found["follows"].notna(), ["follows"]]
columns = dictionary.load()[["known_hours_before", "use"]]
beside = rejected.join(columns).join(columns.add_suffix(" (kept)"), on="follows")
beside

# %% tags=["claim"]
kept = beside.loc["CRSDepTime", "follows"]
claim(
    "The scheduled departure is rejected, and the actual one is kept",
    kept == "DepTime",
    always=True,
)
itself = "DepDelay" in rejected.index
claim("The departure delay is rejected, too", itself, nyc2013=True, allyears2k=False)

# %% [markdown]
# The rule looks only at the order: of two columns it keeps the earlier one. So it keeps `DepTime`, which no one knows
# before departure, and rejects `CRSDepTime`, which is in the schedule months ahead. In `nyc2013` it even rejects
# `DepDelay`, from which the label is made, because the *arrival* delay comes earlier in the table.
#
# Read a profile as a list of questions. If you let it select the columns, it keeps columns that leak the answer.

# %% [markdown] tags=["exercise"]
# ### Exercise 06.1: overrule the profiler
#
# The table above shows the columns that the profiler rejects because they follow another one. Hand in those that a
# model may use three hours before departure, as `overruled`, a list of column names.
#
# <details><summary>Hint</summary>A correlation does not tell you whether a model may use a column. Two entries of its
# row do: is the value known in time, and does the dictionary allow its use?</details>

# %%
overruled = ...
### BEGIN SOLUTION
overruled = [name for name in rejected.index if name in dictionary.admissible(3)]
### END SOLUTION

# %% tags=["check"]
check("06.1", overruled)

# %% [markdown]
# ## The deck's profile, figure by figure
#
# The deck prints a profile of its own data. The ten lines and the limits above reproduce all of its warnings, so you
# can check each of its 44 figures. A test does this on the deck's file, and this table keeps its result. **Guess
# first:** how many of the figures are wrong?

# %%
deck = profiles.deck_figures()
wrong = deck[deck["why they differ"] != ""]
show_table(wrong)

# %% tags=["claim"]
claim("Figures in the deck's profile", len(deck), always=44)
claim("Figures that are wrong", len(wrong), always=5)

# %% [markdown]
# Four are copying errors: the counts next to them are correct. The fifth is harder to notice. The deck counts the
# missing cells without the rejected columns, but divides by the cells of all columns. Check for every share what it is
# a share of.

# %% [markdown]
# ## A maintained profiler
#
# The deck's profiler is no longer maintained. Before you add another one, evaluate it like any other dependency: how
# much does it install, and which versions does it force on your other packages?

# %%
show_table(profiles.profilers())

# %%
counted = profiles.skrub_profile(flights)
same = counted["missing"] == found["missing"].drop("index")

# %% tags=["claim"]
claim("skrub counts the same missing cells in every column", same.all(), always=True)

# %% [markdown]
# skrub's report also shows sample rows, quantiles, and how strongly any two columns are associated. The next cell
# writes it as a page to `data/processed/reports`. Open it in a browser.

# %%
profiles.write_skrub_report(flights)

# %% [markdown] tags=["instructor"]
# Ask who has dropped a column because a profiler marked it in red. The row for `DepDelay` usually gets a laugh. The row
# for `CRSDepTime` usually gets silence, because learners have made this mistake themselves.

# %% [markdown]
# # Part 2 of 3: Which score answers which question
#
# From here on you evaluate the course's model, which lesson 12 builds step by step. It predicts three hours before
# departure. All scores are for the test months, which it has not seen.

# %% [markdown]
# ## Why accuracy misleads
#
# Most flights leave on time. **Guess first:** what is the accuracy of a service that never warns anyone?

# %%
split = splits.split_by_time(flights)
model = training.course_model()
late = features.label(split.test)
probability = model.predict(split.test)

# %%
compared = {
    "never warn": metrics.scores(late, 0 * late),
    "warn from 50%": metrics.scores(late, probability),
    "warn from 25%": metrics.scores(late, probability, threshold=0.25),
}
table = pd.DataFrame(compared).T.drop(columns=["AUC", "log-loss"]).round(3)
table

# %% tags=["claim"]
never, half, quarter = (table.loc[name] for name in table.index)
claim("Accuracy without any warning", never["accuracy"], nyc2013=0.782, allyears2k=0.676)
claim("Accuracy at 50%", half["accuracy"], nyc2013=(0.8, 0.81), allyears2k=(0.73, 0.745))
claim("Accuracy at 25%", quarter["accuracy"], nyc2013=(0.735, 0.75), allyears2k=(0.71, 0.735))
claim(
    "Share of delays missed at 50%",
    half["type II"],
    nyc2013=(0.73, 0.77),
    allyears2k=(0.73, 0.77),
)
claim(
    "Share of delays missed at 25%",
    quarter["type II"],
    nyc2013=(0.42, 0.45),
    allyears2k=(0.4, 0.45),
)

# %% [markdown]
# In `nyc2013`, never warning is correct for 78% of the flights. With a threshold of 50% the model is hardly more
# accurate, and it misses three delays in four. With a threshold of 25% it misses fewer than half of the delays, but its
# accuracy is the *lowest* of the three. Accuracy counts both kinds of error alike, so the larger class dominates it.

# %% [markdown]
# ## Two kinds of error
#
# A *type I* error is a false alarm: a warning without a delay. A *type II* error is a missed delay: a delay without a
# warning. The names depend on the positive class. The deck's positive class is *on time*, so its 'type 1' is the missed
# delay. **Guess first:** with the payoff of the deck's table, which error matters more to the airline?

# %%
payoff = money.payoff("deck_100")
saved = payoff["warned, late"] - payoff["not warned, late"]
wasted = payoff["not warned, on time"] - payoff["warned, on time"]
cells = metrics.confusion(late, probability >= 0.25)
cells

# %% tags=["claim"]
claim("A missed delay costs, compared with a warning", saved, always=600, unit="$")
claim("A false alarm costs, compared with silence", wasted, always=200, unit="$")
claim("False alarms that cost as much as one missed delay", saved / wasted, always=3)

# %% [markdown]
# With this payoff one missed delay costs as much as three false alarms. So the airline should avoid type II errors and
# accept more type I errors. This follows from the payoff, not from statistics. With another payoff the answer may be
# the opposite.

# %% [markdown]
# ## All thresholds at once
#
# You can use one model with many thresholds. The *ROC curve* shows them all: the share of delays that are caught, for
# each share of on-time flights that are warned. The area under the whole curve is the *AUC*. The model's rival is a
# table that anyone can compute: the share of late flights by carrier and hour. The plot leaves out the right end, where
# nearly every flight is warned.

# %%
keys = {"carrier": flights["UniqueCarrier"], "hour": flights["CRSDepTime"] // 100}
today = training.train_rate_table(split, keys)
rivals = {"model": probability, "table": today.predict(split.test)}

# %%
curves = metrics.roc(late, rivals).assign(coin=lambda frame: frame.index)

# %% tags=["figure"]
fig = plots.lines(
    curves.loc[:0.6],
    title="The model catches more delays for the same false alarms",
    x="share of on-time flights that are warned",
    y="share of delays that are caught",
)
plots.show(
    fig,
    alt="Three ROC curves: the model is above the table of carrier and hour everywhere, and both are above the "
    "diagonal of a coin toss.",
)

# %%
area = {name: metrics.auc(late, scored) for name, scored in rivals.items()}

# %% tags=["claim"]
claim("AUC of the model", area["model"], nyc2013=(0.735, 0.76), allyears2k=(0.735, 0.765))
claim("AUC of the table", area["table"], nyc2013=(0.66, 0.67), allyears2k=(0.66, 0.685))

# %% [markdown]
# Where delays are rare, an ROC curve looks good, because it divides the false alarms by the many on-time flights. An
# operator sees the *precision* instead: of the warnings sent, the share that come true.

# %%
curves = metrics.precision_recall(late, rivals)
curves["warn everyone"] = late.mean()

# %% tags=["figure"]
fig = plots.lines(
    curves.loc[0.02:0.9],
    title="The more delays you catch, the fewer warnings come true",
    x="share of delays that are caught",
    y="share of warnings that come true",
)
plots.show(
    fig,
    alt="As more delays are caught, fewer warnings come true, down to the share of late flights; the model is above "
    "the table.",
)

# %% tags=["claim"]
half_caught = curves.loc[0.495:0.505, "model"].item()
claim(
    "Warnings that come true, if half are caught",
    half_caught,
    nyc2013=(0.45, 0.5),
    allyears2k=(0.6, 0.66),
)
claim("Warnings that come true, if all are warned", late.mean(), nyc2013=0.218, allyears2k=0.324)

# %% [markdown]
# ## Is 30% really 30%?
#
# AUC measures only whether the order of the probabilities is right. To multiply probabilities by dollars, you need a
# *calibrated* model: among flights with similar predictions, the share of late flights equals the predicted
# probability. Check this in ten groups of flights:

# %%
groups = metrics.calibration(late, probability)

# %% tags=["figure"]
fig = plots.calibration(groups, title="The higher the prediction, the more flights are late")
plots.show(
    fig,
    alt="In ten groups of flights the share that left late rises with the predicted probability; in nyc2013 it is close "
    "to the diagonal.",
)

# %% tags=["claim"]
gap = (groups["mean score"] - groups["share late"]).abs().max()
loss = compared["warn from 50%"]["log-loss"]
claim(
    "Largest gap between predicted and observed", gap, nyc2013=(0, 0.06), allyears2k=(0.1, 0.25)
)
claim("Log-loss of the model", loss, nyc2013=(0.44, 0.46), allyears2k=(0.54, 0.57))

# %% [markdown]
# In `nyc2013` the gap is small. *Log-loss* combines order and calibration in one number. Use it to compare models, and use the
# plot to see where one of them is wrong.

# %% [markdown]
# ## Three classes
#
# Operations asks for more detail: no delay, 15 to 60 minutes, or over 60 minutes. You train a small model for these
# three classes.
#
# **Guess first:** it is correct for most flights. Which share of the long delays does it find?

# %%
few = splits.smaller(split, 25_000)
classes = metrics.delay_class(flights["DepDelay"])
small = {"rounds": 40, "eta": 0.2}
multi = {"objective": "multi:softprob", "num_class": 3, "eval_metric": "mlogloss"}
three = training.train_xgboost(few, model.inputs, labels=classes.cat.codes, **small, **multi)

# %%
places = three.predict(split.test).argmax(axis=1)
likeliest = pd.Categorical.from_codes(places, dtype=classes.dtype)
scored = metrics.by_class(classes[split.test.index], likeliest)
scored.round(3)

# %% tags=["claim"]
micro, macro = (scored.loc[name, "F1"] for name in ("all flights alike", "mean of classes"))
long_found = scored.loc["over 60", "recall"]
claim("Accuracy, equal to micro F1", micro, nyc2013=(0.775, 0.8), allyears2k=(0.67, 0.71))
claim("Macro F1", macro, nyc2013=(0.35, 0.43), allyears2k=(0.3, 0.4))
claim(
    "Macro F1 relative to micro F1", macro / micro, nyc2013=(0.45, 0.55), allyears2k=(0.45, 0.55)
)
claim("Share of long delays found", long_found, nyc2013=(0.1, 0.22), allyears2k=(0, 0.1))

# %% [markdown]
# *F1* is the harmonic mean of precision and recall. Averaged over *flights* (micro F1), it equals the accuracy and
# looks fine. Averaged over *classes* (macro F1), it is half of that, because the model finds few flights of the two
# delay classes. These are the classes that operations asked for. Always say which average you report.

# %% [markdown]
# ## Minutes
#
# The sponsor may ask for minutes instead. You compare a small regression model with two constants: the mean and the
# median delay of the training months. **Guess first:** which of the three predicts best?

# %%
minutes = flights["DepDelay"]
amount = {"objective": "reg:squarederror", "eval_metric": "rmse"}
forecast = training.train_xgboost(few, model.inputs, labels=minutes, **small, **amount)

# %%
actual, past = minutes[split.test.index], minutes[split.train.index]
forecasts = {
    "model": forecast.predict(split.test),
    "mean": 0 * actual + past.mean(),
    "median": 0 * actual + past.median(),
}
errors = pd.DataFrame(
    {name: metrics.regression(actual, told) for name, told in forecasts.items()}
).T
errors.round(2)

# %% tags=["claim"]
off = ((actual - forecasts["model"]) ** 2).sort_values(ascending=False)
hundredth = off.head(len(off) // 100).sum() / off.sum()
claim("The model has the smallest RMSE", errors["RMSE"].idxmin() == "model", always=True)
by_mae = errors["MAE"].idxmin() == "median"
claim("The median has the smallest MAE", by_mae, always=True)
claim("R² of the model", errors.loc["model", "R²"], nyc2013=(0.09, 0.15), allyears2k=(0.03, 0.12))
claim(
    "Share of the MSE from the worst 1% of flights",
    hundredth,
    nyc2013=(0.4, 0.6),
    allyears2k=(0.35, 0.5),
)

# %% [markdown]
# By RMSE the model is best, by MAE the median is. The two scores answer different questions. RMSE and its square, MSE,
# weigh large errors heavily: one flight in a hundred makes up about half of the MSE. MAE asks about a typical flight,
# and a typical flight leaves on time. R² says that the model explains little of the variance, in `nyc2013` a tenth.

# %% [markdown] tags=["exercise"]
# ### Exercise 06.2: a score for each question
#
# Name the score that answers each question: the dict `chosen` has the questions as keys. Choose from: accuracy, precision, type
# I, type II, AUC, log-loss, macro F1, micro F1, MAE, RMSE, R².
#
# <details><summary>Hint</summary>Several scores count the same flights, but divide by different ones. For each share,
# write down what is counted, and what it is a share of. For the others, decide whether the question is about order,
# probabilities, classes or minutes.</details>

# %%
chosen = {
    "of the warnings sent, how many come true?": ...,
    "of the delays, how many came unannounced?": ...,
    "of the flights on time, how many were warned?": ...,
    "which of two flights is likelier to be late?": ...,
    "are the probabilities true, not only their order?": ...,
    "is it good at rare classes too?": ...,
    "how many minutes is it off on a typical flight?": ...,
}
### BEGIN SOLUTION
chosen = {
    "of the warnings sent, how many come true?": "precision",
    "of the delays, how many came unannounced?": "type II",
    "of the flights on time, how many were warned?": "type I",
    "which of two flights is likelier to be late?": "AUC",
    "are the probabilities true, not only their order?": "log-loss",
    "is it good at rare classes too?": "macro F1",
    "how many minutes is it off on a typical flight?": "MAE",
}
### END SOLUTION

# %% tags=["check"]
check("06.2", chosen)

# %% [markdown]
# # Part 3 of 3: What it is worth, and how sure you are
#
# A score says how good a model is. A payoff says what the model is worth to the airline.

# %% [markdown]
# ## Dollars, cell by cell
#
# Multiply each cell by its payoff and keep the four amounts apart *before* you add them up. The deck sums everything at
# once, so it cannot see which cell the money comes from. The course's function returns the amounts:

# %%
show_source(money.dollars_by_cell)

# %%
book = money.dollars_by_cell(cells, payoff) / cells.sum() * money.PER
book.round().astype(int).rename("$ per 1,000 flights").to_frame()

# %% tags=["claim"]
missed, total = book["not warned, late"], book.sum()
claim(
    "Missed delays, per 1,000 flights",
    missed,
    nyc2013=(-50000, -45000),
    allyears2k=(-75000, -62000),
    unit="$",
)
claim(
    "All four cells, per 1,000 flights",
    total,
    nyc2013=(9000, 13000),
    allyears2k=(-14000, -7000),
    unit="$",
)

# %% [markdown]
# ## How a total was misread
#
# You can misread a two-by-two matrix in three ways. You exchange the right answers, or the mistakes, or both because
# you take the other class as positive. (To transpose the matrix is to exchange the mistakes.) The table shows the total
# of each reading for the deck's matrix: with the deck's two payoffs, and with a payoff of four different values.

# %%
matrix = metrics.from_sklearn([[3768, 3178], [2009, 5558]])
names = ["deck_100", "deck_700", "finance"]
totals = pd.DataFrame({name: money.readings(matrix, money.payoff(name)) for name in names})
show_table(totals.astype(int).rename_axis("the matrix was"))

# %%
found_as = money.matching_readings(4_738_300, matrix, money.payoff("deck_700"))
found_as

# %% tags=["claim"]
rightly = "read correctly" in found_as
seen = totals.nunique()
claim("The deck's 4,738,300 comes from a matrix read correctly", rightly, always=False)
claim("Readings that give this total", len(found_as), always=2)
claim("Different totals with the deck's payoff", seen["deck_700"], always=2)
claim("Different totals with four different values", seen["finance"], always=4)

# %% [markdown]
# Two readings give the published 4,738,300, and both exchange the mistakes. So the deck exchanged the mistakes. You
# cannot tell whether it exchanged the right answers, too, because its payoff is the same for both. To see every
# misreading, test your own code with four different values.

# %% [markdown] tags=["exercise"]
# ### Exercise 06.3: a ledger for any matrix
#
# Write the function `ledger(matrix, payoff)`. It takes a confusion matrix as scikit-learn prints it, and a payoff. (A row
# is what happened: first on time, then late.) It returns the dollars of each cell *by name*, as a dict. The check calls it
# with other matrices, and with payoffs of four different values in any order.
#
# <details><summary>Hint</summary>The matrix and the payoff list the cells in different orders, so do not multiply them
# by position. First give each count its name. The course has a function for this.</details>


# %%
def ledger(matrix, payoff):
    ### BEGIN SOLUTION
    return money.dollars_by_cell(metrics.from_sklearn(matrix), payoff)
    ### END SOLUTION


# %% tags=["check"]
check("06.3", ledger)

# %% [markdown]
# ## The threshold that pays
#
# At a revenue of 100 dollars you warn from a probability of 25%. The *last warning* is the least certain one: it just
# reaches this threshold. **Guess first:** of all warnings together, do 25% come true, or more?

# %%
at = {name: money.break_even(money.payoff(name)) for name in ("deck_100", "deck_700")}
value = money.curve(late, probability, payoff)

# %% tags=["figure"]
fig = plots.value_curve(
    value.loc[:0.9],
    title="The value is highest near the break-even probability",
    x="warn from this probability on",
    y="value [$ per 1,000 flights]",
    mark={"at $100": at["deck_100"], "at $700": at["deck_700"]},
)
plots.show(
    fig,
    alt="Value by threshold: it rises steeply, is highest near the break-even probability, and falls slowly towards "
    "never warning.",
)

# %% tags=["claim"]
right = metrics.precision(cells)
between = 100 * ((probability >= at["deck_100"]) & (probability < at["deck_700"])).mean()
claim("The last warning pays from a probability of", at["deck_100"], always=0.25)
claim("Share of all warnings that come true", right, nyc2013=(0.41, 0.45), allyears2k=(0.55, 0.6))
claim("At $700, the last warning pays from a probability of", at["deck_700"], always=0.4)
claim(
    "Flights between the two thresholds", between, nyc2013=(13, 17), allyears2k=(15, 20), unit="%"
)

# %% [markdown]
# More. The break-even probability applies to the *last* warning only; all other warnings are more certain, so together
# they come true more often. And the deck's two revenues, 100 and 700 dollars, lead to different decisions for many
# flights, in `nyc2013` one in seven.

# %% [markdown]
# ## Compare with the alternatives
#
# A value alone means little. Compare the model with what the airline could do without it: warn no one, warn everyone,
# or use the table by carrier and hour, which it could have today.

# %%
table_says = rivals["table"]
warned = {"never": late < 0, "always": late >= 0, "today's table": table_says >= at["deck_100"]}
warned["model"] = probability >= at["deck_100"]
days = splits.day(split.test)
worth = money.policies(late, warned, payoff, days)
worth

# %% tags=["claim"]
gain = money.policies(late, warned, payoff, days, against="today's table").loc["model"]
won = gain["dollars"]
claim(
    "Gain over today's table, per 1,000 flights",
    won,
    nyc2013=(17000, 25000),
    allyears2k=(40000, 70000),
    unit="$",
)
claim(
    "Low end of its 95% interval",
    gain["low"],
    nyc2013=(12000, 20000),
    allyears2k=(-8000, 8000),
    unit="$",
)

# %% [markdown]
# One figure for all test months can hide a bad one. **Guess first:** does the model earn money in each of them?

# %%
month_of = flights.loc[split.test.index, "Month"]


def of_month(month, against=None):
    there = month_of == month
    two = {name: warned[name][there] for name in ("model", "today's table")}
    return money.policies(late[there], two, payoff, days[there], against=against).loc["model"]


by_month = {
    month: {
        "value of the model": of_month(month)["dollars"],
        "gain over the table": of_month(month, "today's table")["dollars"],
    }
    for month in sorted(month_of.unique())
}
months = pd.DataFrame(by_month).T.rename_axis("month")
months.round(-2).astype(int)

# %% tags=["claim"]
gains, values = months["gain over the table"], months["value of the model"]
claim("The model beats the table in each month", (gains > 0).all(), nyc2013=True)
claim("Months in which it earns money", (values > 0).sum(), nyc2013=1)
claim("Its smallest gain over the table", gains.min(), nyc2013=(12000, 20000), unit="$")

# %% [markdown]
# It beats the table in each month. But only one month earns money: in December even the model's warnings cost more than they
# bring, though far less than the table's. Two months are no year; say so when you present the figure.

# %% [markdown]
# The interval comes from a *bootstrap*: draw days at random, many times, and compute the value each time. It draws
# *days*, not flights, because the flights of one day share its weather. Single flights would give another interval:

# %%
ours, theirs = (
    money.dollars_by_flight(late, warned[name], payoff) for name in ("model", "today's table")
)
by_day, by_flight = (money.bootstrap(ours - theirs, unit) for unit in (days, late.index))
wider = by_day.width / by_flight.width

# %% tags=["claim"]
claim(
    "Width by days, relative to the width by flights", wider, nyc2013=(2, 5), allyears2k=(5, 40)
)

# %%
two = {"never": late < 0, "today's table": table_says >= at["deck_700"]}
other = money.policies(late, two, money.payoff("deck_700"), days, against="never")
other

# %% [markdown]
# In `nyc2013`, single flights give an interval that is about three times too narrow. The model's gain over the table is above
# zero with days, too. The table itself is better than no warnings at a revenue of 100 dollars. At 700 dollars its interval
# contains zero: it may earn no more than a service that is switched off.

# %% [markdown]
# ## A tuned threshold
#
# You could also tune the threshold: take the one with the highest value on the validation months. Try this with the
# table, the weaker of the two rivals. **Guess first:** how much does tuning add on the test months?

# %%
before = features.label(split.validation)
tuned = money.curve(before, today.predict(split.validation), payoff).idxmax()
on_test = money.curve(late, table_says, payoff)

# %% tags=["claim"]
lost = on_test[tuned] - on_test[at["deck_100"]]
claim("Tuned threshold", tuned, nyc2013=(0.36, 0.46), allyears2k=(0.26, 0.32))
claim(
    "Tuning adds, per 1,000 flights",
    lost,
    nyc2013=(-12000, -5000),
    allyears2k=(-30000, -10000),
    unit="$",
)

# %% [markdown]
# Tuning *loses* money. The validation months were calm, so a high threshold with few warnings looked best. The test
# months were stormier. The break-even probability comes from the payoff, so it does not depend on the weather.

# %% [markdown]
# ## What would overturn the decision
#
# These dollars rest on assumptions. To compare a warning with silence, only *differences* within the payoff count: what
# a warning saves on a late flight, and what it loses on an on-time one. With three more assumptions there are five:

# %%
assumed = money.assumptions()
show_table(assumed[["meaning", "unit", "low", "base", "high"]])

# %% [markdown]
# Change one assumption at a time from the low to the high end of its range, and keep the others at their base. **Guess
# first:** which of them can make the model worse than the best of never, always and today's table?

# %%
moved = money.sensitivity(late, probability, table_says)
turned = moved[["flips below", "flips above"]].notna().any(axis=1).sum()

# %% tags=["figure"]
fig = plots.tornado(
    moved.rename(index=assumed["meaning"]),
    title=f"{turned} assumptions can overturn the decision",
    x="the model's advantage [$ per 1,000 flights]",
    y="assumption",
)
plots.show(
    fig,
    alt=f"Five assumptions, each with one bar to its low and one to its high end. {turned} of them reach below zero; in "
    "nyc2013 these are the low ends of what a warning of a real delay saves and of what a false alarm loses.",
)

# %%
moved[["low", "high", "flips below", "flips above"]].round(2)

# %% tags=["claim"]
least = moved["flips below"]
base = moved["at base"].iloc[0]
claim(
    "Advantage at the base values",
    base,
    nyc2013=(15000, 24000),
    allyears2k=(18000, 30000),
    unit="$",
)
claim("Assumptions that can overturn the decision", turned, nyc2013=2, allyears2k=3)
real, vain = least["saved"], least["wasted"]
claim(
    "A warning of a real delay must save", real, nyc2013=(80, 140), allyears2k=(80, 300), unit="$"
)
claim("A false alarm must lose", vain, nyc2013=(30, 65), allyears2k=(80, 150), unit="$")

# %% [markdown]
# If a warning saves hardly anything, warn no one. If a false alarm costs hardly anything, warn everyone; you need no model. In
# `nyc2013`, the running cost and the number of storms matter less. So before the next meeting, do not improve the AUC: find out
# what a warning is worth to a passenger. An A/B test with two groups of passengers measures that.

# %% [markdown]
# ## One page for the sponsor
#
# The sponsor reads one page. It starts with the answer and its interval. Then come the figure, what would overturn the
# answer, and what you do not know. The course fills in a template, so next quarter's page has the same form.

# %%
more, low, high = gain[["dollars", "low", "high"]].round(-2)
verdict = "Yes" if low > 0 else "Not yet"
answer = (
    f"{verdict}. On flights that the model has not seen, warning from {at['deck_100']:.0%} on earns "
    f"${more:,.0f} per 1,000 flights more than today's table (95% interval: ${low:,.0f} to ${high:,.0f}), "
    f"before ${assumed.loc['running', 'base']:,.0f} of running cost."
)
overturn = [
    f"a warning of a real delay saves less than ${real:,.0f} per flight: then warn no one",
    f"a false alarm loses less than ${vain:,.0f} per flight: then warn everyone",
]
unknown = [
    "What a warning is worth to a passenger: all dollars are the deck's. A trial would measure it.",
    "Whether other months are like these: the interval covers chance between days, not between years.",
]

# %%
bars = plots.bars(
    worth["dollars"],
    low=worth["low"],
    high=worth["high"],
    title="The model is worth more than every alternative",
    x="value [$ per 1,000 flights], with 95% intervals",
    y="who is warned",
)

# %%
negative = ", ".join(worth.index[worth["dollars"] < 0])
words = f"Values with intervals of four ways to warn; the model's is the highest. Below zero: {negative}."
page = reports.sponsor_page(
    "Warn passengers about delays three hours ahead?",
    question="Should the airline run the delay model, and which flights should it warn about?",
    answer=answer,
    parts=[
        reports.Part("Compared with what?", figure=plots.as_html(bars, alt=words)),
        reports.Part("We would say no if", points=overturn),
        reports.Part("What we do not know", points=unknown),
    ],
    source="Flights of the test months without cancelled ones; payoff of the course deck at $100.",
)
page.save("sponsor")

# %%
page.show()

# %% tags=["claim"]
claim("Words on the page", page.words, always=(120, 300))
claim("Figures on the page, each with alternative text", page.figures, always=1)

# %% [markdown]
# Notice what is *not* on the page: no AUC, no algorithm, no matrix. Readers who want those get the notebook. The page
# is in `data/processed/reports`, next to the profile, and ready to print.

# %% [markdown] tags=["instructor"]
# Let one half of the room play the sponsor and read only the page. Which question do they ask first? Usually it is 'who
# says that a warning saves 600 dollars?', and that is the right question.

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - read a data profile as a list of questions, and spot the warnings that mislead;
# - choose the score that answers your question: for two classes, for several, and for minutes;
# - decide which kind of error matters more to the airline, and explain why accuracy hides it;
# - turn a confusion matrix into dollars cell by cell, and find out how a published total misread one;
# - state the uncertainty of a business case, and name the assumptions that would overturn it.
#
# Next: [07 · Interpretability with SHAP](07_interpretability.ipynb)

# %% [markdown] tags=["further"]
# ## Further: the deck's profile, one by one
#
# The table shows every figure of the deck's profile next to its correct value. The tail numbers have another pitfall:
# the file marks missing values in two ways, and the profile counts the values `UNKNOW` and `000000` as aircraft.

# %%
deck.drop(columns="why they differ")

# %% [markdown] tags=["further"]
# ## Further: how long is a block?
#
# Storms can last longer than a day. Draw blocks of one, of three and of seven days, and compare the widths of the
# intervals of the gain.

# %%
number = (days - days.min()).dt.days
lengths = {"1 day": 1, "3 days": 3, "7 days": 7}
blocks = {
    name: money.bootstrap(ours - theirs, number // length) for name, length in lengths.items()
}
pd.Series(blocks, name="$ per 1,000 flights").to_frame()

# %% tags=["claim"]
wide = pd.Series({name: estimate.width for name, estimate in blocks.items()})
claim(
    "Widest interval relative to the narrowest",
    wide.max() / wide.min(),
    nyc2013=(1, 1.6),
    allyears2k=(1, 1.6),
)

# %% [markdown]
# All three intervals have nearly the same width. It matters only that the flights of one day stay together.

# %% [markdown] tags=["further"]
# ## Further: when finance counts only what the warning changes
#
# In lesson 12, finance counts a gain of 30 dollars for a warning that helps and a loss of 20 dollars for one that does
# not. Apply both assumptions at once:

# %%
strict = money.payoff("incremental")
values = {"saved": strict["warned, late"], "wasted": -strict["warned, on time"], "running": 1500}
left = money.advantage(late, probability, table_says, **values)

# %% tags=["claim"]
claim(
    "Remaining advantage, per 1,000 flights",
    left,
    nyc2013=(-900, 0),
    allyears2k=(0, 2500),
    unit="$",
)

# %% [markdown]
# In `nyc2013` nothing remains: the gain no longer covers the running cost. Model and flights are the same; only the assumed
# value of a warning has changed.
