# %% [markdown]
# # Static training with XGBoost
#
# You are the airline's data scientist on a Monday morning. The board wants a first model by Friday, and you would like it
# to be one that you can still defend in November.
#
# **After this lesson you can**
#
# - say what a model must beat before it deserves a server;
# - choose a split that tells the truth about next month;
# - find out which inputs carry signal three hours ahead;
# - put a dollar figure, with its uncertainty, on a model;
# - hand over a model with a card that another process can load and trust.
#
# *25 minutes in class: baselines 4 · when to stop 4 · two splits 5 · what carries signal 4 · dollars 5 · hand-over 3.*

# %% tags=["setup"]
from course_utils.data import datasets, features, splits
from course_utils.exercises import check, quiz
from course_utils.model import metrics, money, training
from course_utils.notebook import claim, plots, show_error, show_source, show_table

flights = datasets.load_flights()

# %% [markdown]
# # Part 1 of 3: What a model must beat, and how you would know
#
# A *static* model is fitted once on the past and then left alone. Everything about it that can go wrong can go wrong
# before it meets its first passenger: in what you compare it with, in when you stop, and in what you test it on.

# %% [markdown]
# ## Baselines first
#
# Train on January to August, choose on September and October, and test on November and December, which nobody looks at
# until the end. A flight is late when it leaves 15 minutes or more behind schedule; cancelled flights have no label.

# %%
split = splits.split_by_time(flights)
split

# %% [markdown]
# **Guess first:** how good is a table that knows nothing but the airline and the scheduled hour? An AUC of one half is a
# coin; one would be perfect.

# %%
hour = flights["CRSDepTime"] // 100
carrier = flights["UniqueCarrier"]
baselines = {
    "constant": training.train_rate_table(split),
    "hour table": training.train_rate_table(split, {"hour": hour}),
    "carrier × hour table": training.train_rate_table(split, {"carrier": carrier, "hour": hour}),
}

# %% [markdown]
# Two models of the schedule join them: a logistic regression, and XGBoost on the eleven schedule columns of the course
# deck. The deck compares its model with nothing.

# %%
deck = features.deck_columns(flights)
on_deck = training.train_xgboost(split, deck)
models = baselines | {
    "logistic regression": training.train_logistic(split, features.schedule(flights))
}
models = models | {"XGBoost, the deck's columns": on_deck}

# %%
scores = training.compare(models, split.test)
scores

# %% tags=["claim"]
table, boosted = (scores.loc["carrier × hour table"], scores.loc["XGBoost, the deck's columns"])
claim("The carrier × hour table reaches an AUC of", table["AUC"], nyc2013=(0.66, 0.67))
claim("XGBoost's AUC minus the table's is", boosted["AUC"] - table["AUC"], nyc2013=(-0.03, 0))
claim(
    "XGBoost's log-loss is the worse one", boosted["log-loss"] > table["log-loss"], nyc2013=True
)

# %% [markdown]
# A spreadsheet beats the boosted forest in ranking *and* in log-loss. A model that cannot beat a table which anyone can
# compute, and nobody has to deploy, does not deserve a server. Keep the table: it is the bar for all that follows.

# %% [markdown] tags=["instructor"]
# Let them commit to a number for the table before the cell runs, and write three guesses on the board. Most guess far too
# low. The point that stays: nobody in the room would have noticed that the boosted model is no gain, had the table not
# been there.

# %% [markdown]
# ## When to stop
#
# The deck's governance run asks for five rounds at a learning rate (`eta`) of 0.01, and for early stopping after 20
# rounds without progress. **Guess first:** after how many rounds does it stop?

# %%
show_error(lambda: training.train_xgboost(split, deck, rounds=5, eta=0.01, early_stopping=20))

# %% [markdown]
# It never stops early: it cannot wait for 20 rounds when there are five. Switched off, the five small steps leave all
# scores almost where they began, at one half.

# %%
tiny = training.train_xgboost(
    split, deck, rounds=5, eta=0.01, early_stopping=None, base_score=0.5
)
tiny_scores = tiny.predict(split.test)

# %% tags=["claim"]
claim("The lowest of its scores is", tiny_scores.min(), always=(0.47, 0.5))
claim("The highest of its scores is", tiny_scores.max(), always=(0.49, 0.53))

# %% [markdown] tags=["exercise"]
# ### Exercise 12.1: early stopping that can act
#
# Choose `eta`, `rounds` and `early_stopping` so that training can stop by itself, has patience for a noisy round or two,
# and gives scores room to move.
#
# <details><summary>Hint</summary>A score can move about eta × rounds. Patience is a small part of the rounds.</details>

# %%
settings = {"eta": ..., "rounds": ..., "early_stopping": ...}
### BEGIN SOLUTION
settings = {"eta": 0.1, "rounds": 300, "early_stopping": 20}
### END SOLUTION

# %% tags=["check"]
check("12.1", settings)

# %% [markdown]
# ## Two ways to hold out a test set
#
# The deck shuffles all rows and keeps a third for testing. The alternative is what you did above: keep the last months.
#
# **Guess first:** which of the two will report the higher AUC for the very same eleven columns, and by how much?

# %%
shuffled_split = splits.split_at_random(flights, seed=0)
shuffled = training.train_xgboost(shuffled_split, deck, rounds=1000, eta=0.3)

# %%
reported = training.compare({"shuffled": shuffled}, shuffled_split.test)["AUC"].item()
happened = training.compare({"in time order": on_deck}, split.test)["AUC"].item()

# %% tags=["claim"]
claim("The shuffled test set reports an AUC of", reported, nyc2013=(0.76, 0.785))
claim("It flatters the model by", reported - happened, nyc2013=(0.1, 0.13))

# %% [markdown]
# Same columns, same algorithm: only the hold-out changed, and nothing about *next month* got better. So what did the
# shuffled model learn? Look at the days of its own test set.

# %%
late = features.label(shuffled_split.test)
days = splits.day(shuffled_split.test)
both = late.to_frame("left late").assign(predicted=shuffled.predict(shuffled_split.test))
by_day = both.groupby(days).mean()
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
# It learnt the weather of each day by heart. With `Month` and `DayofMonth` among the columns, a shuffled test set holds
# other flights *of the same storms*. In production, tomorrow's storm is not in the training data.

# %% [markdown] tags=["exercise"]
# ### Exercise 12.2: a fairer shuffle
#
# Keep the shuffle, but make it impossible for one day to be on two sides. Which one argument of
# `splits.split_at_random` do you add?
#
# <details><summary>Hint</summary>What is the unit that must not be torn apart: a flight, or a day?</details>

# %%
fair = ...
### BEGIN SOLUTION
fair = splits.split_at_random(flights, seed=0, by="day")
### END SOLUTION

# %% tags=["check"]
check("12.2", fair)

# %% [markdown]
# A shuffle by day no longer hands out the storm, though it still lets the model see December while it is asked about
# November. Time order is the only hold-out that resembles the job.

# %% [markdown]
# # Part 2 of 3: What carries signal, hours ahead
#
# Nothing in the timetable says that a storm is coming. What else does the airline know three hours before departure?

# %% [markdown]
# ## Only what was known then
#
# `features.as_of(flights, horizon)` computes, for each flight, what was known that many hours before it was due to leave.
# Whether *another* flight is late counts as known 15 minutes after its own schedule; weather, once it is observed.

# %%
known = features.as_of(flights, horizon=3)
groups = features.groups(known)
{name: len(columns) for name, columns in groups.items()}

# %% [markdown]
# **Guess first:** add the groups one by one. Which addition helps most: how punctual airline, airport and route were in the
# last weeks, how today is going, or the weather?

# %%
steps = {"timetable": "schedule", "+ last weeks": "trailing", "+ today's delays": "airport_today"}
ladder = {}
for step, last in steps.items():
    columns = features.up_to(known, last)
    ladder[step] = training.train_xgboost(split, known[columns])

# %% [markdown]
# With the weather it is the one model of this course, which all lessons share: `course_model()` fits it on first use, just as the
# loop above does, and keeps it.

# %%
model = training.course_model(flights)
ladder["+ weather"] = model

# %%
rungs = training.compare(ladder, split.test)
rungs

# %% tags=["figure"]
fig = plots.bars(
    rungs["AUC"],
    title="Signal lies in how the day is going, not in the timetable",
    x="AUC on November and December",
    y="inputs known three hours ahead",
    reference=("carrier × hour table", table["AUC"]),
    start=0.5,
)
plots.show(
    fig,
    alt="Each group of inputs raises the AUC; today's delays raise it most, and the weather adds a little on top.",
)

# %% tags=["claim"]
gains = rungs["AUC"].diff()
claim(
    "All inputs known three hours ahead reach an AUC of",
    rungs["AUC"].iloc[-1],
    nyc2013=(0.735, 0.755),
)
claim("Today's delays add the most", gains.idxmax() == "+ today's delays", nyc2013=True)
claim("They add", gains["+ today's delays"], nyc2013=(0.03, 0.06))
claim("On top of them the weather adds", gains["+ weather"], nyc2013=(0, 0.02))

# %% [markdown]
# The timetable alone is the table's equal. What lifts the model is the *state of the day*: how late airport and airline have been so
# far. Much of what the weather will do shows in that queue already. And it is an engineering decision: somebody has to deliver
# those inputs every hour.

# %% [markdown]
# ## The aircraft, an assumption
#
# A late aircraft makes its next flight late. Its tail number is certain only at departure: airlines plan it hours ahead,
# and swap. So the course's model does without, and states what knowing it would be worth.

# %%
with_plane = features.as_of(flights, horizon=3, assume_tail_known=True)
assumed = training.train_xgboost(split, with_plane, eta=0.2)
gain = training.compare({"plane": assumed}, split.test)["AUC"].item() - rungs["AUC"].iloc[-1]

# %% tags=["claim"]
claim("Knowing the aircraft three hours ahead would add to the AUC", gain, nyc2013=(0.01, 0.025))

# %% [markdown]
# Worth a talk with operations, not worth a silent guess in a training script. An input that is certain in the data and
# uncertain at the moment of use is the quietest of all leaks.

# %% [markdown]
# # Part 3 of 3: Dollars and hand-over
#
# The board does not buy AUC. It buys fewer stranded passengers, at a price.

# %% [markdown]
# ## Dollars, with an interval
#
# The deck's payoff at 100 dollars: what each thing that can happen is worth. From which probability on does a warning pay?

# %%
payoff = money.payoff("deck_100")
threshold = money.break_even(payoff)
payoff

# %% tags=["claim"]
claim("A warning breaks even at a probability of", threshold, always=0.25)

# %% [markdown]
# **Guess first:** is it better to warn nobody, or everybody? And does XGBoost on the deck's columns earn more than the
# table?

# %%
late = features.label(split.test)
rivals = {**models, "course model, 3 h": model}
warned = {"never": late < 0, "always": late >= 0}
warned |= {name: rival.predict(split.test) >= threshold for name, rival in rivals.items()}
warned.pop("constant")

# %%
days = splits.day(split.test)
worth = money.policies(late, warned, payoff, days)
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
    alt="Never, always, the tables and the schedule models all lose money; the course model alone is above zero.",
)

# %%
gain = money.policies(late, warned, payoff, days, against="carrier × hour table")
gain

# %% tags=["claim"]
ours, decks = gain.loc["course model, 3 h"], gain.loc["XGBoost, the deck's columns"]
claim(
    "The course model's gain over the table, $ per 1,000 flights",
    ours["dollars"],
    nyc2013=(17000, 23000),
    unit="$",
)
claim("The low end of its interval", ours["low"], nyc2013=(12000, 19000), unit="$")
claim(
    "The deck's columns gain nothing that one can tell from zero",
    decks["low"] < 0 < decks["high"],
    nyc2013=True,
)

# %% [markdown]
# The intervals come from drawing whole *days* again and again, since the flights of one day share its weather. Drawing
# single flights pretends to know far more:

# %%
per_flight = money.dollars_by_flight(late, warned["course model, 3 h"], payoff)
by_day, by_row = (money.bootstrap(per_flight, blocks) for blocks in (days, late.index))

# %% tags=["claim"]
claim(
    "The interval by days is wider than the one by flights by a factor of",
    by_day.width / by_row.width,
    nyc2013=(3, 5),
)

# %% [markdown] tags=["exercise"]
# ### Exercise 12.3: a threshold from the money
#
# Finance objects: only what the warning itself changes should count. A warning that helps is worth \$30, a needless one costs
# \$20, and silence costs nothing either way. From which probability on should the airline warn?
#
# <details><summary>Hint</summary>At break-even, p times what a good warning earns equals (1 − p) times what a needless one
# costs.</details>

# %%
warn_from = ...
### BEGIN SOLUTION
warn_from = money.break_even(money.payoff("incremental"))
### END SOLUTION

# %% tags=["check"]
check("12.3", warn_from)

# %% [markdown]
# ## Hand it over
#
# A model file alone is a riddle. The course saves each model with a card: what it is for and not for, which data it saw,
# which inputs it wants, and in which environment it was made.

# %%
show_table(training.describe(model.scorer))

# %% [markdown]
# Whoever loads it, the batch job or the server, asks it through one road, `Scorer`. Here a new Python process does:

# %%
show_source(training.Scorer)

# %%
sample = known.loc[split.test.index[:1000]]
there = training.score_in_new_process(model.scorer, sample)

# %% tags=["claim"]
claim(
    "A fresh process gives the same scores bit for bit",
    (there == model.scorer.score(sample)).all(),
    always=True,
)

# %% [markdown]
# **Check what you know**

# %%
quiz("12.1")

# %%
quiz("12.2")

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - say what a model must beat before it deserves a server;
# - choose a split that tells the truth about next month;
# - find out which inputs carry signal three hours ahead;
# - put a dollar figure, with its uncertainty, on a model;
# - hand over a model with a card that another process can load and trust.
#
# Next: [13 · Dynamic training with Vowpal Wabbit](13_dynamic_training.ipynb)

# %% [markdown] tags=["further"]
# ## Further: can the probabilities be trusted?
#
# A threshold from money only works where predicted probabilities are what happens. Ten equal groups of test flights say whether it does.

# %%
table_of_ten = metrics.calibration(late, model.predict(split.test))

# %% tags=["figure"]
fig = plots.calibration(table_of_ten, title="Predicted probabilities are what happens")
plots.show(
    fig,
    alt="In ten groups of test flights the share that left late lies on the diagonal of predicted probabilities.",
)

# %% tags=["claim"]
gap = (table_of_ten["mean score"] - table_of_ten["share late"]).abs().max()
claim("The largest gap between predicted and observed share is", gap, nyc2013=(0, 0.03))

# %% [markdown]
# So the break-even probability needs no tuning. Tuned on the validation months instead, the threshold of a weak model follows
# their base rate, which the test months do not share.

# %%
validation_late = features.label(split.validation)
tuned = money.curve(validation_late, on_deck.predict(split.validation), payoff).idxmax()
at_tuned, at_even = (
    money.dollars_by_flight(late, on_deck.predict(split.test) >= t, payoff).mean()
    for t in (tuned, threshold)
)

# %% tags=["claim"]
claim("Base rate of the validation months", validation_late.mean(), nyc2013=0.149)
claim("Base rate of the test months", late.mean(), nyc2013=0.218)
claim(
    "Tuning the deck model's threshold loses money on the test months",
    at_tuned < at_even,
    nyc2013=True,
)

# %% [markdown] tags=["further"]
# ## Further: what training never saw
#
# The encoder knows the categories of the training months only. A destination that opens in November is a missing value to it.

# %%
model.scorer.encoder.unseen(known.loc[split.test.index])

# %% [markdown]
# Worse is what is present in every training row and missing later. The weather reports end on 30 December; on the 31st
# every flight is without.

# %%
last_day = split.test[days == days.max()]
outage = training.compare({"the last day": model}, last_day)
outage

# %% tags=["claim"]
truth = features.label(last_day).mean()
claim("Share that left late on 31 December", truth, nyc2013=(0.17, 0.18))
claim("The mean score of that day", outage["mean score"].item(), nyc2013=(0.25, 0.3))

# %% [markdown]
# No error, no warning: the trees send a missing value down a branch that no training row chose, and the scores are far too
# high. Lesson 10 trains with simulated outages, and lesson 16 raises the alarm.

# %% [markdown] tags=["further"]
# ## Further: one split is one opinion
#
# November and December are one end of one year. Move through it instead, and test months on a model that knew only what came
# before. Here are two of them.

# %%
months = {}
for month in list(splits.rolling_months(flights))[1::4]:
    fitted = training.train_xgboost(month, known, eta=0.3)
    months[month.name] = training.compare({month.name: fitted}, month.test)["AUC"].item()

# %%
import pandas as pd

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
# test recomputes them from the real file wherever that is at hand.

# %%
training.deck_run("static")
