# %% [markdown]
# # Business data analysis
#
# The first model is there, and your sponsor asks whether the airline should run it. This lesson takes you from the raw
# table to one page with a figure that survives questions.
#
# **After this lesson you can**
#
# - read a data profile as a list of questions, and say which of its warnings mislead;
# - choose a score by the question that it answers, for two classes, for several, and for minutes;
# - say which kind of error the airline should care for, and why accuracy hides it;
# - turn a matrix into dollars cell by cell, and find out how somebody else misread one;
# - give a money case its uncertainty, and name the assumption that would overturn it.
#
# *20 minutes: the profile 5 · which score 6 · dollars and their uncertainty 6 · a page for the sponsor 3.*

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
# Before you ask what a model is worth, ask what the data are worth. A profiler does it for every column at once, and
# everybody runs one; few know what it computes.

# %% [markdown]
# ## A profile in ten lines
#
# For each column: its kind, its missing and zero cells, its distinct values, its skewness, and the last column before
# it that it follows (a correlation above a limit). That is all:

# %%
show_source(profiles.profile)

# %%
found = profiles.profile(flights)
found.drop(columns="skewness")

# %% [markdown]
# **Guess first:** the profiler *rejects* a column that never changes, or that follows another one. How many of these
# will it throw out?

# %%
summary = profiles.summary(flights, found)
summary

# %% tags=["claim"]
claim("Columns that a profiler would reject", summary["rejected"], nyc2013=15, allyears2k=5)
share = summary["missing cells [%]"]
claim("Missing of all cells", share, nyc2013=25.7, allyears2k=20.57, unit="%")

# %% [markdown]
# A quarter of all cells is missing, which sounds bad. Is it? Warnings column by column tell more; each has its limit.

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
# Nearly all of the missing cells are those of 8 empty columns, which this source never had. The total says little; the
# list says which question to ask whom.

# %% [markdown]
# ## What it rejects, and what it keeps
#
# Here are the columns that follow another one. Beside them, the data dictionary: how many hours before departure a
# value is known, and whether a model may use it.

# %%
rejected = found.loc[found["follows"].notna(), ["follows"]]
columns = dictionary.load()[["known_hours_before", "use"]]
beside = rejected.join(columns).join(columns.add_suffix(" (kept)"), on="follows")
beside

# %% tags=["claim"]
kept = beside.loc["CRSDepTime", "follows"]
claim("The scheduled departure is rejected for the actual one", kept == "DepTime", always=True)
itself = "DepDelay" in rejected.index
claim("The delay itself is rejected too", itself, nyc2013=True, allyears2k=False)

# %% [markdown]
# The rule is blind: what stands further left stays. So it keeps `DepTime`, which nobody knows before departure, and
# rejects `CRSDepTime`, which was printed months ahead. It even rejects `DepDelay`, from which the label is made,
# because the delay on *arrival* happens to stand before it.
#
# A profile is a list of questions. Whoever lets it choose columns has chosen a leak.

# %% [markdown] tags=["exercise"]
# ### Exercise 06.1: overrule the profiler
#
# Of the columns that it rejected because they follow another one, list those that a model may use three hours before
# departure.
#
# <details><summary>Hint</summary>Two columns of the table above decide: is the value known in time, and what does the
# dictionary say of its use?</details>

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
# The deck prints a profile of its own data. The ten lines and the limits above give all of its warnings again, so each
# figure can be checked. A test does that on the deck's file; its result is kept here as a table. **Guess
# first:** how many of its figures are wrong?

# %%
deck = profiles.deck_figures()
wrong = deck[deck["why they differ"] != ""]
show_table(wrong)

# %% tags=["claim"]
claim("Figures of the deck's profile", len(deck), always=44)
claim("Figures that differ", len(wrong), always=5)

# %% [markdown]
# Four are slips of the pen: the counts beside them are right. The fifth is worse, since it looks right: the share of
# missing cells leaves out what it rejected, yet divides by everything. A headline needs its denominator.

# %% [markdown]
# ## A maintained profiler
#
# The deck's profiler has ended. Before you add one, weigh it like any other dependency: how much does it bring along,
# and what does it force upon the rest?

# %%
show_table(profiles.profilers())

# %%
counted = profiles.skrub_profile(flights)
same = counted["missing"] == found["missing"].drop("index")
claim("Both count the same missing cells in every column", same.all(), always=True)

# %% [markdown]
# skrub's report has what ten lines lack: a sample, quantiles, and how strongly any two columns hang together. It is a
# page of its own, in `data/processed/reports`: open it in a browser.

# %%
profiles.write_skrub_report(flights)

# %% [markdown] tags=["instructor"]
# Ask who has dropped a column because a profiler marked it in red. The row for `DepDelay` usually gets a laugh, the one
# for `CRSDepTime` a silence: that is the mistake people have made.

# %% [markdown]
# # Part 2 of 3: Which score answers which question
#
# Everything from here on is about the months that the course's model has not seen, three hours before departure: the
# model that lesson 12 builds step by step.

# %% [markdown]
# ## Why accuracy misleads
#
# **Guess first:** what is the accuracy of a service that never warns anybody?

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
claim("Accuracy of silence", never["accuracy"], nyc2013=0.782, allyears2k=0.676)
claim("Accuracy at 50%", half["accuracy"], nyc2013=(0.8, 0.81), allyears2k=(0.73, 0.745))
claim("Accuracy at 25%", quarter["accuracy"], nyc2013=(0.735, 0.75), allyears2k=(0.71, 0.735))
claim("Delays missed at 50%", half["type II"], nyc2013=(0.73, 0.77), allyears2k=(0.73, 0.77))
claim("Delays missed at 25%", quarter["type II"], nyc2013=(0.42, 0.45), allyears2k=(0.4, 0.45))

# %% [markdown]
# Doing nothing is right for 78% of the flights. The model at 50% is hardly better, and misses three delays in four; at
# 25% it misses fewer than half of them, and its accuracy is the *worst* of the three. Accuracy counts both kinds of
# error alike, and the commoner class decides.

# %% [markdown]
# ## Two kinds of error
#
# A *type I* error is a warning in vain, a *type II* error a delay that comes unannounced. The names depend on which
# class one looks for: the deck looks for flights *on time*, and so its 'type 1' is the missed delay. **Guess first:**
# which of the two should the airline care for?

# %%
payoff = money.payoff("deck_100")
saved = payoff["warned, late"] - payoff["not warned, late"]
wasted = payoff["not warned, on time"] - payoff["warned, on time"]
cells = metrics.confusion(late, probability >= 0.25)
cells

# %% tags=["claim"]
claim("A missed delay costs, against a warning", saved, always=600, unit="$")
claim("A warning in vain costs, against silence", wasted, always=200, unit="$")
claim("Warnings in vain that weigh one missed delay", saved / wasted, always=3)

# %% [markdown]
# At the deck's payoff a missed delay is as dear as three warnings in vain: the airline should care for type II, and put
# up with type I. That comes from the payoff, not from statistics. Under another one the answer may turn round.

# %% [markdown]
# ## All thresholds at once
#
# A threshold is a decision; the model behind it has many. The ROC curve shows them all: how many delays are caught, for
# how many on-time flights disturbed; the area under all of it is the AUC. Beside the model, the table that anyone can
# compute: the share late by carrier and hour. The right end, where nearly everybody is warned, is left out.

# %%
keys = {"carrier": flights["UniqueCarrier"], "hour": flights["CRSDepTime"] // 100}
today = training.train_rate_table(split, keys)
rivals = {"model": probability, "table": today.predict(split.test)}

# %%
curves = metrics.roc(late, rivals).assign(coin=lambda frame: frame.index)
fig = plots.lines(
    curves.loc[:0.6],
    title="The model catches more delays for the same false alarms",
    x="share of on-time flights that are warned",
    y="share of delays that are caught",
)
plots.show(
    fig,
    alt="Three ROC curves: the model lies above the table of carrier and hour everywhere, and both lie above the diagonal of a coin.",
)

# %%
area = {name: metrics.auc(late, scored) for name, scored in rivals.items()}
claim("AUC of the model", area["model"], nyc2013=(0.735, 0.76), allyears2k=(0.735, 0.765))
claim("AUC of the table", area["table"], nyc2013=(0.66, 0.67), allyears2k=(0.66, 0.685))

# %% [markdown]
# ROC looks good where delays are rare, for there are many on-time flights to be right about. What an operator sees is
# precision: of the warnings sent out, how many come true?

# %%
curves = metrics.precision_recall(late, rivals)
curves["warn of all"] = late.mean()
fig = plots.lines(
    curves.loc[0.02:0.9],
    title="Whoever wants to catch every delay cries wolf",
    x="share of delays that are caught",
    y="share of warnings that come true",
)
plots.show(
    fig,
    alt="As more delays are caught, fewer warnings come true, down to the share of late flights; the model lies above the table.",
)

# %% tags=["claim"]
half_caught = curves.loc[0.495:0.505, "model"].item()
claim("Come true, if half are caught", half_caught, nyc2013=(0.45, 0.5), allyears2k=(0.6, 0.66))
claim("Come true, if all are warned", late.mean(), nyc2013=0.218, allyears2k=0.324)

# %% [markdown]
# ## Is 30% really 30%?
#
# AUC only asks for the right order. Whoever multiplies probabilities by dollars needs them to be true. In ten groups of
# flights:

# %%
groups = metrics.calibration(late, probability)
fig = plots.calibration(groups, title="Predicted probabilities are close to what happens")
plots.show(
    fig,
    alt="In ten groups of flights the share that left late lies close to the diagonal of predicted probabilities.",
)

# %% tags=["claim"]
gap = (groups["mean score"] - groups["share late"]).abs().max()
loss = compared["warn from 50%"]["log-loss"]
claim("Largest gap, predicted to observed", gap, nyc2013=(0, 0.06), allyears2k=(0.1, 0.25))
claim("Log-loss of the model", loss, nyc2013=(0.44, 0.46), allyears2k=(0.54, 0.57))

# %% [markdown]
# The gap is small. Log-loss sums up order and calibration in one number: use it to compare models, and the picture to see
# what is wrong with one.

# %% [markdown]
# ## Three classes
#
# Operations asks for more: no delay, 15 to 60 minutes, or over 60. A small model of its own learns the three.
#
# **Guess first:** it is right for nearly four flights in five. How many of the long delays does it find?

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
claim("Accuracy, the micro F1", micro, nyc2013=(0.775, 0.8), allyears2k=(0.67, 0.71))
claim("Macro F1", macro, nyc2013=(0.35, 0.43), allyears2k=(0.3, 0.4))
claim("Macro F1 over micro F1", macro / micro, nyc2013=(0.45, 0.55), allyears2k=(0.45, 0.55))
claim("Long delays found", long_found, nyc2013=(0.1, 0.22), allyears2k=(0, 0.1))

# %% [markdown]
# F1 is the harmonic mean of precision and recall. Averaged over *flights* it is the accuracy, and looks fine. Averaged
# over *classes* it is half of that, since the two classes that anyone asked for are hardly found. Say which average you
# mean: the difference is the whole story.

# %% [markdown]
# ## Minutes
#
# Somebody will ask for minutes instead. A small regression against two constants: the mean and the median delay of the
# training months. **Guess first:** which of the three is best?

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
claim("MSE from the worst hundredth", hundredth, nyc2013=(0.4, 0.6), allyears2k=(0.35, 0.5))

# %% [markdown]
# By RMSE the model is best, by MAE the median, and both are right. RMSE (and MSE, its square) punishes large errors, and one flight in a hundred makes up about half of
# it; MAE asks about a typical flight, and a typical flight leaves on time. R² says that a tenth of the variance is
# explained. The score *is* the question.

# %% [markdown] tags=["exercise"]
# ### Exercise 06.2: a score for each question
#
# Choose from: accuracy, precision, type I, type II, AUC, log-loss, macro F1, micro F1, MAE, RMSE, R².
#
# <details><summary>Hint</summary>For the shares, write down what is counted and of what it is a share. For the others, ask
# whether order, probability, class or minutes is meant.</details>

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
# A score says how good a model is. A payoff says what that is good for.

# %% [markdown]
# ## Dollars, cell by cell
#
# Multiply each cell by its payoff *before* you add up. The deck adds at once, and so sees a total and not where it
# comes from.

# %%
show_source(money.dollars_by_cell)

# %%
book = money.dollars_by_cell(cells, payoff) / cells.sum() * money.PER
book.round().astype(int).rename("$ per 1,000 flights").to_frame()

# %% tags=["claim"]
missed, total = book["not warned, late"], book.sum()
claim("Missed delays", missed, nyc2013=(-50000, -45000), allyears2k=(-75000, -62000), unit="$")
claim("All four together", total, nyc2013=(9000, 13000), allyears2k=(-14000, -7000), unit="$")

# %% [markdown]
# ## Reading somebody's total backwards
#
# There are three ways to misread a two-by-two matrix: exchange the right answers, exchange the mistakes, or both, by
# looking for the other class. (Transposing a matrix *is* exchanging the mistakes.) Each leads to a total of its own.
# Here they are for the deck's matrix, in its own two payoffs and in one of four different values.

# %%
matrix = metrics.from_sklearn([[3768, 3178], [2009, 5558]])
names = ["deck_100", "deck_700", "finance"]
totals = pd.DataFrame({name: money.readings(matrix, money.payoff(name)) for name in names})
show_table(totals.astype(int).rename_axis("the matrix was"))

# %%
found_as = money.matching_readings(4_738_300, matrix, money.payoff("deck_700"))
found_as

# %% tags=["claim"]
rightly = "read rightly" in found_as
seen = totals.nunique()
claim("The deck's 4,738,300 comes of a matrix read rightly", rightly, always=False)
claim("Readings that lead to it", len(found_as), always=2)
claim("Totals that differ at the deck's payoff", seen["deck_700"], always=2)
claim("Totals that differ with four different values", seen["finance"], always=4)

# %% [markdown]
# The published 4,738,300 gives itself away: it is the total of exchanged mistakes. Whether the right answers were
# exchanged as well, nobody can tell, for the deck pays the same for both. Test your own code with four different
# values.

# %% [markdown] tags=["exercise"]
# ### Exercise 06.3: a ledger from anybody's matrix
#
# Write a function that takes a matrix as scikit-learn prints it (rows: what happened, first on time, then late) and a
# payoff, and returns the dollars of each cell *by name*. The check tries it with four different counts and four
# different values.
#
# <details><summary>Hint</summary>First give each of the four counts its name. The course has a function for it.</details>


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
# **Guess first:** how many warnings have to come true for the service to pay at the deck's \$100? And is it the same
# for the last warning as for all of them?

# %%
at = {name: money.break_even(money.payoff(name)) for name in ("deck_100", "deck_700")}
value = money.curve(late, probability, payoff)
fig = plots.value_curve(
    value.loc[:0.9],
    title="The curve is highest near the break-even probability",
    x="warn from this probability on",
    y="value [$ per 1,000 flights]",
    mark={"at $100": at["deck_100"], "at $700": at["deck_700"]},
)
plots.show(
    fig,
    alt="Value by threshold: a steep climb, a top near the break-even probability of the payoff, and a slow fall towards never warning.",
)

# %% tags=["claim"]
right = metrics.precision(cells)
between = 100 * ((probability >= at["deck_100"]) & (probability < at["deck_700"])).mean()
claim("The last warning pays from a probability of", at["deck_100"], always=0.25)
claim("All warnings: share that come true", right, nyc2013=(0.41, 0.45), allyears2k=(0.55, 0.6))
claim("At $700, the last warning pays from", at["deck_700"], always=0.4)
claim("Flights in dispute", between, nyc2013=(13, 17), allyears2k=(15, 20), unit="%")

# %% [markdown]
# The break-even precision belongs to the *last* warning, the least certain one; all of them together are right more
# often. And the deck's slip about revenue, \$100 or 700, changes the decision for one flight in seven.

# %% [markdown]
# ## Against doing nothing, and against today's table
#
# A value alone means little: compared with what? With never warning, with always warning, and with the table that the
# airline could have today.

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
claim("Gain on the table", won, nyc2013=(17000, 25000), allyears2k=(40000, 70000), unit="$")
claim("Its low end", gain["low"], nyc2013=(12000, 20000), allyears2k=(-8000, 8000), unit="$")

# %% [markdown]
# The interval comes from drawing *days* again and again, since the flights of a day share its weather. What if you drew
# flights?

# %%
ours, theirs = (
    money.dollars_by_flight(late, warned[name], payoff) for name in ("model", "today's table")
)
by_day, by_flight = (money.bootstrap(ours - theirs, unit) for unit in (days, late.index))
wider = by_day.width / by_flight.width
claim("Wider by days than by flights, ratio", wider, nyc2013=(2, 5), allyears2k=(5, 40))

# %%
two = {"never": late < 0, "today's table": table_says >= at["deck_700"]}
other = money.policies(late, two, money.payoff("deck_700"), days, against="never")
other

# %% [markdown]
# Drawn by flights, the interval would be about three times too narrow. The model's gain over the table holds by days as
# well. The table, in turn, beats silence at \$100 and gains nothing at \$700: it earns no more than a service that is
# switched off.

# %% [markdown]
# ## A tuned threshold
#
# Why not choose the threshold that did best on the validation months? Try it on the weaker of the two. **Guess first:**
# what does the tuning add on the test months?

# %%
before = features.label(split.validation)
tuned = money.curve(before, today.predict(split.validation), payoff).idxmax()
on_test = money.curve(late, table_says, payoff)

# %% tags=["claim"]
lost = on_test[tuned] - on_test[at["deck_100"]]
claim("Tuned threshold", tuned, nyc2013=(0.36, 0.46), allyears2k=(0.26, 0.32))
claim("It adds", lost, nyc2013=(-12000, -5000), allyears2k=(-30000, -10000), unit="$")

# %% [markdown]
# Tuning *loses* money: the calm months of validation taught the table to keep silent, and the test months were
# stormier. The break-even probability comes from the payoff and does not follow the weather.

# %% [markdown]
# ## What would overturn it
#
# All that rests on assumptions. For silence against a warning only *differences* of the payoff count, so there are five:

# %%
assumed = money.assumptions()
show_table(assumed[["meaning", "unit", "low", "base", "high"]])

# %% [markdown]
# **Guess first:** move one at a time through its range, the others at their base. Which of them, if any, make the model
# worse than the best of never, always and today's table?

# %%
moved = money.sensitivity(late, probability, table_says)
fig = plots.tornado(
    moved.rename(index=assumed["meaning"]),
    title="Two assumptions can overturn the decision",
    x="the model's advantage [$ per 1,000 flights]",
    y="assumption",
)
plots.show(
    fig,
    alt="Five assumptions, each with a bar to its low and to its high end: only the low ends of what a warning saves and of what a "
    "needless one loses reach below zero.",
)

# %%
moved[["low", "high", "flips below", "flips above"]].round(2)

# %% tags=["claim"]
least = moved["flips below"]
turned = moved[["flips below", "flips above"]].notna().any(axis=1).sum()
base = moved["at base"].iloc[0]
claim("Advantage at the base", base, nyc2013=(15000, 24000), allyears2k=(18000, 30000), unit="$")
claim("Assumptions that can overturn it", turned, nyc2013=2, allyears2k=3)
real, vain = least["saved"], least["wasted"]
claim("A true warning must save", real, nyc2013=(80, 140), allyears2k=(80, 300), unit="$")
claim("A needless one must lose", vain, nyc2013=(30, 65), allyears2k=(80, 150), unit="$")

# %% [markdown]
# If a warning saves hardly anything, silence wins; if a needless one costs hardly anything, warn everybody, and no
# model is needed. Neither the running cost nor the storms matter as much. So you know what to find out before the next
# meeting: not a better AUC, but what a warning is worth to a passenger. A trial with two groups would tell.

# %% [markdown]
# ## One page for the sponsor
#
# The sponsor reads one page: the answer first, with its interval; then the picture; then what would overturn it, and
# what you do not know. A template fills it, so that next quarter's page is made in the same way.

# %%
more, low, high = gain[["dollars", "low", "high"]].round(-2)
verdict = "Yes" if low > 0 else "Not yet"
answer = (
    f"{verdict}. On flights that the model had not seen, warning from {at['deck_100']:.0%} on brings "
    f"${more:,.0f} per 1,000 flights more than today's table (95%: ${low:,.0f} to ${high:,.0f}), "
    f"before ${assumed.loc['running', 'base']:,.0f} of running cost."
)
overturn = [
    f"a warning of a real delay saves less than ${real:,.0f} a flight: then warn nobody",
    f"a needless one loses less than ${vain:,.0f} a flight: then warn everybody",
]
unknown = [
    "What a warning is worth to a passenger: all dollars are the deck's. A trial would tell.",
    "Whether other months are like these: the intervals hold the luck of days, not of years.",
]

# %%
bars = plots.bars(
    worth["dollars"],
    low=worth["low"],
    high=worth["high"],
    title="The model is worth more than what we could do without it",
    x="value [$ per 1,000 flights], with 95% intervals",
    y="who is warned",
)

# %%
words = "Never, always and today's table all lose money; the model alone is worth more than zero."
page = reports.sponsor_page(
    "Warn passengers of delays three hours ahead?",
    question="Should the airline run the delay model, and which flights should it warn of?",
    answer=answer,
    parts=[
        reports.Part("Compared with what?", figure=plots.as_html(bars, alt=words)),
        reports.Part("We would say no if", points=overturn),
        reports.Part("What we do not know", points=unknown),
    ],
    source="Flights of the test months, cancelled ones left out; payoff of the course deck at $100.",
)
page.save("sponsor")

# %%
page.show()

# %% tags=["claim"]
claim("Words on the page", page.words, always=(120, 300))
claim("Figures on the page, each with words for those who do not see it", page.figures, always=1)

# %% [markdown]
# Notice what is *not* on it: no AUC, no algorithm, no matrix. Whoever wants those gets the notebook. The page itself
# lies beside the profile, ready to be printed.

# %% [markdown] tags=["instructor"]
# Let one half of the room play the sponsor and read only the page: which question do they ask first? Usually 'who says
# that a warning saves \$600?'. That is the right one.

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - read a data profile as a list of questions, and say which of its warnings mislead;
# - choose a score by the question that it answers, for two classes, for several, and for minutes;
# - say which kind of error the airline should care for, and why accuracy hides it;
# - turn a matrix into dollars cell by cell, and find out how somebody else misread one;
# - give a money case its uncertainty, and name the assumption that would overturn it.
#
# Next: [07 · Interpretability with SHAP](07_interpretability.ipynb)

# %% [markdown] tags=["further"]
# ## Further: the deck's profile, one by one
#
# Every figure that the deck prints, and what it is. Its tail numbers hide one more trap: 'missing' is written in two
# ways, and the values `UNKNOW` and `000000` are counted as aircraft.

# %%
deck.drop(columns="why they differ")

# %% [markdown] tags=["further"]
# ## Further: how long is a block?
#
# Storms last longer than a day. Draw blocks of one, of three and of seven days, and compare how wide the interval of
# the gain becomes.

# %%
number = (days - days.min()).dt.days
blocks = {
    f"{length} days": money.bootstrap(ours - theirs, number // length) for length in (1, 3, 7)
}
pd.Series(blocks, name="$ per 1,000 flights").to_frame()

# %% tags=["claim"]
wide = pd.Series({name: estimate.width for name, estimate in blocks.items()})
claim(
    "The widest of the three over the narrowest",
    wide.max() / wide.min(),
    nyc2013=(1, 1.6),
    allyears2k=(1, 1.6),
)

# %% [markdown]
# The three tell the same: what matters is that flights of a day stay together.

# %% [markdown] tags=["further"]
# ## Further: when finance counts only what the warning changes
#
# Lesson 12's finance counts \$30 for a warning that helps and \$20 for one that does not. Both assumptions at once:

# %%
strict = money.payoff("incremental")
values = {"saved": strict["warned, late"], "wasted": -strict["warned, on time"], "running": 1500}
left = money.advantage(late, probability, table_says, **values)

# %% tags=["claim"]
claim(
    "What is left of the advantage, $ per 1,000 flights",
    left,
    nyc2013=(-900, 0),
    allyears2k=(0, 2500),
    unit="$",
)

# %% [markdown]
# Nothing: what it wins no longer pays for those who run it. The same model, the same flights; another idea of what a
# warning is worth.
