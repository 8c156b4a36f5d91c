# %% [markdown]
# # Dynamic training with Vowpal Wabbit
#
# Lesson 12 fitted a model to the past and hoped that the months to come would be like it. Here you train one that learns from
# every flight, and find out when that pays and how it can go wrong overnight.
#
# **After this lesson you can**
#
# - turn a table into VW's text, and say what VW makes of a careless one without a word;
# - tell a leak from a skill in a progressive loss;
# - pair namespaces, and save, resume and read an online learner;
# - say when a dynamic model beats a static one, and when dynamic inputs make up for it;
# - choose settings for labels that arrive late, and guard a learner against poisoned ones.
#
# *25 minutes in class: a line of text 5 · a leak 3 · one at a time 3 · pairs and weights 4 · the year 4 · late labels 3 · a guard 3.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import datasets
from course_utils.exercises import check, quiz
from course_utils.model import metrics, online_learning, vowpal
from course_utils.notebook import claim, plots, show_error, show_source, show_table

flights = datasets.load_flights()

# %% [markdown]
# # Part 1 of 3: What VW is told
#
# Vowpal Wabbit, `vw` for short, learns from a stream of lines and never holds them in memory. It is fast, famous, and
# trusts you completely.

# %% [markdown]
# ## A line of text
#
# An example is one line: a label of 1 or −1, a bar, a namespace, and features. `name:3.5` is a number, `name=text` a word.
# `csv2vw` writes such lines from a table; at a shell it is `course csv2vw flights.csv flights.vw --label IsDepDelayed`. The
# labels of our flights are YES and NO.

# %%
some = flights.head(30_000)
show_error(lambda: vowpal.from_frame(some, label="IsDepDelayed"))

# %% [markdown]
# It will not guess. Told what the two words mean, and to skip flights that never left, it writes what the data dictionary
# admits, and says how much that is.

# %%
task = {"label": "IsDepDelayed", "labels": {"YES": 1, "NO": -1}, "unlabelled": "skip"}
honest = vowpal.from_frame(some, **task)
print(honest, honest.lines[0], sep="\n")

# %% [markdown]
# **Guess first:** VW is handed the lines below: a missing number, an empty one, a thousands separator, a word for a label, a bar
# and a colon inside values, a hexadecimal code, a label that touches the bar. How many of them does it refuse?

# %%
careless = ["1 |f delay:NA miles:7", "1 |f delay: miles:7", "1 |f delay:1,400 miles:7"]
careless += ["YES |f miles:7", "1 |f gate=A|B miles:7", "1 |f note=late:2", "1 |f code:0x10"]
careless += ["1|f miles:7", "1 |f delay:inf"]
seen = vowpal.parse_with_vw(*careless)
show_table(seen[["label", "features", "values"]])

# %% tags=["claim"]
claim("Lines that VW refused", len(careless) - len(seen), always=0)
claim(
    "Lines of two features in which it saw one", int((seen["features"][:3] == 1).sum()), always=2
)
claim("The label YES is read as", seen["label"].iloc[3], always=0)

# %% [markdown]
# None. A missing delay became a delay of one minute, an empty one swallowed the miles, YES became 0, a legal label that logistic
# loss misreads, and where the label touched the bar the example has none. The infinite value would ruin every weight it
# meets. So the converter has to decide what a cell means, and escape what VW would cut at:

# %%
show_source(vowpal.format_feature)

# %%
cells = ["NA", "", "1,400", "A|B", "late:2", "0x10", "New York", "3.5", "0"]
written = {repr(cell): vowpal.format_feature("cell", cell) for cell in cells}
written

# %%
back = vowpal.parse_with_vw(*(f"1 |f {text} miles:7" for text in written.values()))

# %% tags=["claim"]
claim(
    "Of these cells, VW now sees one feature each, but for the zero",
    (back["features"] == 2).sum(),
    always=8,
)

# %% [markdown]
# A zero says nothing to a linear model, and VW drops it. An infinite number, a third label or a torn row is refused with its
# line and column, and no file is left behind.

# %%
broken = some.assign(
    Distance=some["Distance"].astype(object).where(some.index != some.index[7], "far")
)
show_error(lambda: vowpal.from_frame(broken, **task))

# %% [markdown] tags=["exercise"]
# ### Exercise 13.1: write the label map
#
# A partner's file tells each flight's outcome in a column with four values: LATE, ON TIME, EARLY and CANCELLED. Write the map
# that gives `csv2vw` a label for each, for the question that this course asks.
#
# <details><summary>Hint</summary>Which of the four are no delay, and which is neither a delay nor its opposite?</details>

# %%
labels = {"LATE": ..., "ON TIME": ..., "EARLY": ..., "CANCELLED": ...}
### BEGIN SOLUTION
labels = {"LATE": 1, "ON TIME": -1, "EARLY": -1, "CANCELLED": None}
### END SOLUTION

# %% tags=["check"]
check("13.1", labels)

# %% [markdown]
# ## A loss too good to be true
#
# On the deck's own sample its online learner misjudged far fewer flights than its XGBoost, with one pass and no tuning.

# %%
vowpal.deck_run()[["examples", "features", "average_loss"]]

# %% [markdown]
# **Guess first:** the deck's file holds *every* column of the table but the label. Which of them would you, as a learner,
# listen to?

# %%
leaky = vowpal.from_frame(some, all_columns=True, **task)
logistic = "--loss_function logistic"
told = vowpal.run(leaky.lines, logistic, names=True)
asked = vowpal.run(honest.lines, logistic)
told.weights.head(4)

# %% tags=["claim"]
claim("Log-loss with every column", told.loss, nyc2013=(0.22, 0.26), allyears2k=(0.35, 0.45))
claim(
    "Log-loss with what is known beforehand",
    asked.loss,
    nyc2013=(0.42, 0.47),
    allyears2k=(0.58, 0.65),
)
claim(
    "The heaviest weight tells how the flight arrived",
    "IsArrDelayed" in told.weights.index[0],
    nyc2013=True,
)

# %% [markdown]
# The learner reads off whether the flight *arrived* late, which nobody knows before it leaves. The deck's loss measures a leak,
# and cannot be compared with that of a model that is asked beforehand. `csv2vw` takes such a column only when you insist:

# %%
show_error(lambda: vowpal.from_frame(some, columns=["Origin", "DepDelay"], **task))

# %% [markdown] tags=["instructor"]
# Ask who would have noticed the leak from the number alone. The two tells worth repeating: a loss far below that of any model
# seen before, and a heaviest weight on something that happens after the event.

# %% [markdown]
# # Part 2 of 3: Learning one flight at a time
#
# From here on every learner gets the same inputs: the timetable, with clock times as hours, each input in a namespace of its own.

# %% [markdown]
# ## First a guess, then a lesson
#
# VW predicts each flight *before* it learns from it, and averages those losses: *progressive validation*. Each flight is a test
# first and a lesson after. **Guess first:** what is the loss on the very first flight, when it knows nothing at all?

# %%
timetable = online_learning.timetable(flights)
stream = online_learning.stream(online_learning.every_nth_flight(flights, 80_000), timetable)
print(stream, stream.lines[0], online_learning.OPTIONS, sep="\n")

# %%
plain = vowpal.run(stream.lines, online_learning.OPTIONS)
plain.progress.iloc[::3]

# %% tags=["claim"]
progress = plain.progress["average loss"]
claim("The first loss is the logarithm of two", progress.iloc[0], always=0.693)
claim(
    "After all flights the average is", plain.loss, nyc2013=(0.475, 0.49), allyears2k=(0.46, 0.48)
)

# %% [markdown]
# It starts as a coin and learns fast; then the average follows the seasons, since it is a loss of all days and not of a finished
# model. No part of the data had to be set aside, provided that the label of each flight *is* known before the next one is
# predicted. Keep that proviso in mind.

# %% [markdown]
# ## A table of weights, and who shares one
#
# The file with all columns has some thousand different features, and VW keeps no list of them. Each feature's name is hashed to a place in a table of $2^b$ weights, with b from `-b`: memory
# is bounded, whatever comes, and two features may meet in one place.

# %%
names = vowpal.vocabulary(leaky.lines)
collisions = vowpal.collisions(names, bits=[8, 10, 12, 14, 18])
collisions

# %% tags=["claim"]
claim("Different features", len(names), nyc2013=(3000, 4000), allyears2k=(2000, 4000))
claim("Of which share a weight at 10 bits", collisions.loc[10, "share"], always=(0.9, 1))
claim("And at VW's default of 18 bits", collisions.loc[18, "share"], always=(0.003, 0.06))

# %% [markdown]
# **Guess first:** what does a table of `-b 6` cost the timetable's learner? It has fewer places than there are airports.

# %%
tiny = vowpal.run(stream.lines, f"{online_learning.OPTIONS} -b 6")

# %% tags=["claim"]
claim("It adds to the loss", tiny.loss - plain.loss, always=(0.005, 0.02))

# %% [markdown]
# Little enough: rare features share with common ones, and the common ones rule. Collisions cost something only when the
# table is tiny, which is why VW can promise bounded memory.

# %% [markdown]
# ## Pairs
#
# A linear model adds up carrier and hour, and cannot say that *this* carrier is late *in the evening*. `-q ch` pairs each feature
# of namespaces that begin with c with each of those that begin with h, and gives the pair a weight of its own.

# %%
paired = vowpal.run(stream.lines, f"{online_learning.OPTIONS} -q ch")

# %% tags=["claim"]
claim("Pairing carrier and hour lowers the loss by", plain.loss - paired.loss, always=(0, 0.003))

# %% [markdown] tags=["exercise"]
# ### Exercise 13.2: namespaces and pairs
#
# Arrange the timetable in namespaces of your own and pair them so that the progressive loss falls to 0.4805 or less (the
# check has a bar of its own for other flights). Keep the flights and the options above, and add `-q` as often as you like.
#
# <details><summary>Hint</summary>Begin with one namespace for when, one for who, one for where. A namespace can be paired with
# itself.</details>

# %%
namespaces = {"time": ["hour", "arrival_hour", "DayOfWeek"], "who": ["UniqueCarrier"]}
attempt = ...
### BEGIN SOLUTION
namespaces["airports"] = ["Origin", "Dest"]
namespaces["numbers"] = ["CRSElapsedTime", "Distance"]
mine = online_learning.stream(
    online_learning.every_nth_flight(flights, 80_000), timetable, namespaces
)
attempt = vowpal.run(mine.lines, f"{online_learning.OPTIONS} -q tt -q tw -q ta -q wa")
### END SOLUTION

# %% tags=["check"]
check("13.2", attempt)

# %% [markdown]
# ## Save, resume, read
#
# A learner that lives for months must survive a restart. Here it stops after half of the flights, and another process goes on
# from its file.

# %%
half = len(stream.lines) // 2
first = vowpal.run(stream.lines[:half], online_learning.OPTIONS)
second = vowpal.run(stream.lines[half:], online_learning.OPTIONS, start=first, names=True)
same = (second.predictions == plain.predictions[half:]).all()

# %% tags=["claim"]
claim("It predicts bit for bit as if it had never stopped", same, always=True)

# %%
show_error(lambda: vowpal.run(stream.lines[half:], "-l 0.1 --power_t 0.5", start=first))

# %% [markdown]
# That error is the course's, not VW's: a saved model does not know its loss function. Without the course's guard VW goes on with
# squared loss, and says nothing.

# %%
silent = vowpal.run(stream.lines[half:], "-l 0.1 --power_t 0.5", start=first, guarded=False)
rest = stream.late[half:]
right, wrong = (metrics.log_loss(rest, run.probabilities) for run in (second, silent))

# %% tags=["claim"]
claim("In silence, the log-loss of the second half rises by", wrong - right, always=(0.02, 0.2))

# %% [markdown]
# What the learner knows can be read by name:

# %%
second.weights.head(6)

# %% [markdown]
# A positive weight speaks for a delay. Unlike a forest, an online learner can be read at any moment, which is half of being able
# to guard it.

# %% [markdown]
# # Part 3 of 3: The year again
#
# Now replay the year in order of time. All learners answer for the same flights with the same inputs, each with what it knew on the
# morning of that day.

# %% [markdown]
# ## Static against dynamic
#
# Labels arrive the next morning. The static models learn until April and then stop; XGBoost *monthly* is fitted anew on each first
# of the month; the online ones go on. **Guess first:** who wins, and in which weeks?

# %%
start = online_learning.comparison_start(flights)
year = online_learning.stream(flights, timetable)
scores = {"VW online": online_learning.replay(year)}
scores["XGBoost static"] = online_learning.train_once(year, timetable, start)
scores["XGBoost static + intercept"] = online_learning.recalibrated(
    year, scores["XGBoost static"]
)

# %% [markdown]
# Two cheap rivals join in: above, the static XGBoost with its mean moved each day to what the last week showed; below, a
# table of carrier and hour whose rates are updated each day.

# %%
key = flights["UniqueCarrier"].astype(str) + " " + timetable["hour"].astype(str)
scores["table online"] = online_learning.online_rate_table(year, key)
table = online_learning.total_loss(year, scores, start)
table.sort_values("log-loss")

# %%
weeks = online_learning.weeks_side_by_side(online_learning.loss_by_week(year, scores, start))
committed = online_learning.weeks_side_by_side(tables.benchmark("replay_weeks"))
shown = weeks[["XGBoost static", "VW online"]].join(committed["XGBoost monthly"])

# %% tags=["figure"]
fig = plots.lines(
    shown.dropna(axis="columns", how="all"),
    title="In stormy weeks it pays to go on learning",
    x="week",
    y="log-loss [nats per flight]",
)
plots.show(
    fig,
    alt="Log-loss week by week. Three curves rise and fall together; at the peaks of June, July and December and in the calm of "
    "October, VW online lies lowest, and in other weeks the others do.",
)

# %% tags=["claim"]
gap = weeks["XGBoost static"] - weeks["VW online"]
claim("Weeks, of 40, in which online beats static", int((gap > 0).sum()), nyc2013=(26, 36))
claim("Its largest gain in a week", gap.max(), nyc2013=(0.1, 0.15))
claim("It comes in June", gap.idxmax().month == 6, nyc2013=True)
claim("Its largest loss in a week", -gap.min(), nyc2013=(0.01, 0.04))
claim(
    "VW online agrees with the committed table",
    (weeks["VW online"] - committed["VW online"]).abs().max(),
    nyc2013=(0, 0.002),
)

# %%
dollars = table["dollars"]

# %% tags=["claim"]
claim("VW online, $ per 1,000 flights", dollars["VW online"], nyc2013=(-500, 2000), unit="$")
claim("XGBoost static", dollars["XGBoost static"], nyc2013=(-10500, -7500), unit="$")

# %% [markdown]
# With inputs that never change, only a model that changes can follow the year. It wins in the storms of June and July and before
# Christmas, and loses a little where a week is unlike the one before. And note the plain table: updated daily, it comes close.

# %% [markdown]
# ## Labels arrive late
#
# All that rested on labels that arrive the next day. VW's own progressive loss takes for granted that each arrives *at once*. Its
# steps begin at `-l` and shrink the faster the larger `--power_t` is. **Guess first:** which of three settings looks best at once, and
# which does a day late?

# %%
settings = {
    "large constant steps": f"{logistic} -l 0.5 --power_t 0",
    "large shrinking steps": f"{logistic} -l 0.5 --power_t 0.5",
    "small shrinking steps": online_learning.OPTIONS,
}
delays = online_learning.compare_label_delays(stream, settings, delays=[0, 1], start=start)
delays

# %% tags=["claim"]
claim(
    "At once, large constant steps look best",
    delays["at once"].idxmin() == "large constant steps",
    always=True,
)
claim(
    "A day late, they are worst", delays["1 day"].idxmax() == "large constant steps", always=True
)
claim(
    "They lose by waiting",
    delays.loc["large constant steps"].diff()["1 day"],
    nyc2013=(0.08, 0.1),
)
claim(
    "Small shrinking steps lose",
    delays.loc["small shrinking steps"].diff()["1 day"],
    always=(0, 0.03),
)

# %% [markdown]
# Large steps *copy the flight before*: if that one was late, so will this one be. It is a fine rule for somebody who knows how the
# flight before ended, and nobody does when it counts. Progressive validation with instant labels picked exactly the wrong
# setting, so give every replay the delay that your labels have.

# %% [markdown] tags=["instructor"]
# Let them vote on the three settings before the cell runs, and write the count on the board. Whoever voted for large steps is in
# good company: so does every dashboard that shows VW's printed loss. Then ask what delay the labels have where they work.

# %% [markdown]
# ## A poisoned batch
#
# A colleague swaps two signs in the label map, and for three days the labels come the wrong way round. A static model would not
# notice. An online one learns them by next morning.

# %%
early = online_learning.stream(
    online_learning.every_nth_flight(online_learning.first_days(flights, 75), 12_000), timetable
)
spoiled = early.calendar[30:33]

# %% tags=["claim"]
claim("Poisoned days", len(spoiled), always=3)
open_door = online_learning.learn_guarded(early, spoiled=spoiled)
healthy = online_learning.replay(early)

# %% tags=["claim"]
after = early.after(early.calendar[33])
clean, poisoned = (
    metrics.log_loss(early.late[after], p[after]) for p in (healthy, open_door.predictions)
)
claim(
    "Three days of poison raise the log-loss of all days after by",
    poisoned - clean,
    nyc2013=(0.01, 0.04),
    allyears2k=(0.01, 0.06),
)

# %% [markdown]
# The remedy is a guard with a way back. Take a snapshot, learn the batch, predict a sample of earlier flights again, and if
# they come out worse than before by more than some limit, roll back.

# %%
show_source(online_learning.learn_or_roll_back)

# %%
learner = online_learning.Learner()
learner.learn(early.lines[:5_000])
before, snapshot = learner.predict(early.lines[5_000:5_100]), learner.snapshot()
learner.learn(early.lines[5_000:6_000])
learner.rollback(snapshot)

# %% tags=["claim"]
again = learner.predict(early.lines[5_000:5_100])
claim("After a rollback it predicts bit for bit as before", (again == before).all(), always=True)

# %% [markdown]
# How much harm is too much? These are the batches that did most, without a guard.

# %%
open_door.batches.nlargest(7, "harm")[["harm", "spoiled"]].round(4)

# %% [markdown] tags=["exercise"]
# ### Exercise 13.3: set the guard
#
# Choose the `limit` with which all three poisoned days are taken back and every healthy one is learnt, and keep the guarded run.
#
# <details><summary>Hint</summary>Once the first poisoned day is refused, the next one meets a healthy learner. Is its harm then
# as large as in the table?</details>

# %%
limit = ...
closed_door = ...
### BEGIN SOLUTION
limit = 0.008
closed_door = online_learning.learn_guarded(early, spoiled=spoiled, limit=limit)
### END SOLUTION

# %% tags=["check"]
check("13.3", closed_door)

# %% [markdown]
# ## Dynamic models or dynamic inputs?
#
# One rival has not been on stage: inputs that change by themselves. The course's features of 3 hours ahead say how late the
# day is so far. **Guess first:** given those, how much does it still matter whether the *model* goes on learning? The whole year
# on both kinds of inputs takes minutes, so here is the table that a benchmark keeps.

# %%
kept = tables.benchmark("replay_year")
show_table(kept.set_index(["inputs", "learner"]))

# %% tags=["figure"]
three = kept[kept["learner"].isin(["XGBoost static", "XGBoost monthly", "VW online"])]
fig = plots.bars(
    three.set_index(three["inputs"] + ": " + three["learner"])["log-loss"],
    title="Inputs that change do most of the work of a model that changes",
    x="log-loss from April on [nats per flight]",
    y="inputs and learner",
    digits=3,
    start=0.4,
)
plots.show(
    fig,
    alt="On the timetable the log-loss falls from the static over the monthly to the online learner. With inputs known 3 hours "
    "ahead all three lie far lower and close together.",
)

# %% tags=["claim"]
loss, dollars = (
    kept.pivot(index="inputs", columns="learner")[what] for what in ("log-loss", "dollars")
)
gain = loss["XGBoost static"] - loss["VW online"]
claim(
    "On the timetable, going on learning lowers the log-loss by", gain["timetable"], always=0.018
)
claim("With dynamic inputs, by", gain["known 3 hours ahead"], always=(0, 0.004))

# %% tags=["claim"]
ahead = dollars.loc["known 3 hours ahead"]
again = ahead["XGBoost monthly"] - ahead["XGBoost static"]
claim(
    "With them a static model earns, $ per 1,000 flights",
    ahead["XGBoost static"],
    always=(9000, 13000),
    unit="$",
)
claim("Fitting it anew each month adds", again, always=(1500, 3500), unit="$")

# %% [markdown]
# What drifts is the state of the day, and once an input tells it, a model that stands still nearly keeps up. So spend on dynamic
# *inputs* first, fit anew each month, and let a model learn by itself where inputs cannot tell it what has changed, with a
# guard at its door.

# %% [markdown]
# **Check what you know**

# %%
quiz("K4.1")

# %%
quiz("K4.2")

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - turn a table into VW's text, and say what VW makes of a careless one without a word;
# - tell a leak from a skill in a progressive loss;
# - pair namespaces, and save, resume and read an online learner;
# - say when a dynamic model beats a static one, and when dynamic inputs make up for it;
# - choose settings for labels that arrive late, and guard a learner against poisoned ones.
#
# Next: [14 · Offline inference: batch and lookup table](14_offline_inference.ipynb)

# %% [markdown] tags=["further"]
# ## Further: is VW the faster one?
#
# The deck says that XGBoost is 'about an order of magnitude slower'. Its own XGBoost looked at every split exactly, on one-hot
# columns, for two rounds. Here that, today's histograms and VW fit the same flights and columns.

# %%
fits = tables.benchmark("fit")
show_table(fits)
tables.benchmark_note("fit")

# %% tags=["claim"]
times = fits.set_index(["dataset", "way"])["times_vw"]
deck_way = "XGBoost as the deck, exact and one-hot, 2 rounds"
claim(
    "The deck's way on its own data, in times of VW",
    times["allyears2k", deck_way],
    always=(5, 30),
)

# %% tags=["claim"]
hist = fits[fits["dataset"] == "nyc2013"].set_index("way")
claim(
    "Histograms, 2 rounds, on 2013",
    hist.loc["XGBoost, histograms, 2 rounds", "times_vw"],
    always=(0.3, 1.5),
)
most = hist.loc["XGBoost, histograms, 100 rounds"]
claim("And 100 rounds", most["times_vw"], always=(2, 10))
claim("The same, once writing VW's text is charged to VW", most["with_the_text"], always=(0.5, 2))

# %% [markdown]
# Right for the deck's method, wrong for today's. And VW reads text that somebody had to write: with that charged to it, the race
# is even. VW's true strength is that it never has to start again.

# %%
show_table(tables.benchmark("csv2vw"))
tables.benchmark_note("csv2vw")

# %% tags=["claim"]
ways = tables.benchmark("csv2vw")
own = ways[ways["way"] == "course csv2vw"]
claim(
    "Against a plain loop, csv2vw is faster by a factor of",
    own["times_the_loop"].iloc[0],
    always=(2, 4),
)
claim(
    "Its memory at 16 times the rows, in times of the smallest file's",
    own["peak_mb"].iloc[-1] / own["peak_mb"].iloc[0],
    always=(0.8, 1.2),
)

# %% [markdown]
# It makes the text of each distinct cell once, and forgets all when it has kept enough, so that its memory stays flat whatever
# comes.

# %% [markdown] tags=["further"]
# ## Further: dollars, week by week
#
# A mean over months hides the weeks in which it was earned. Each week's interval draws whole days of that week.

# %%
both = {name: scores[name] for name in ("XGBoost static", "VW online")}
by_week = online_learning.loss_by_week(year, both, start)
online_learning.weeks_side_by_side(by_week, "dollars").agg(["min", "median", "max"]).round(
    -2
).astype(int)

# %%
worst = by_week.loc[by_week.groupby("learner")["dollars"].idxmin()]
worst[["learner", "week", "dollars", "low", "high"]]

# %% tags=["claim"]
lost = worst.set_index("learner")["dollars"]
claim(
    "In its worst week the static model loses more than the online one",
    lost["XGBoost static"] < lost["VW online"],
    nyc2013=True,
)

# %% [markdown] tags=["further"]
# ## Further: several passes, and whose loss is printed
#
# VW can run over a file several times, with a cache in which the text is read once. It then sets every tenth example aside, and
# the loss that it prints is that of *those*, no progressive one.

# %%
several = vowpal.run(stream.lines, f"{online_learning.OPTIONS} --passes 2 -c")

# %% tags=["claim"]
claim("The printed loss looks better by", plain.loss - several.loss, nyc2013=(0.003, 0.01))

# %% [markdown]
# Nothing got better. Every tenth flight has its neighbours of the same day among those that were learnt: it is the shuffled
# hold-out of lesson 12 again. For a stream, one pass is the honest number.

# %% [markdown] tags=["further"]
# ## Further: the form of the deck
#
# The deck's tool numbered labels in order of appearance, YES as 1 and NO as 2, and a stream editor then made the second one
# negative. `kind` gives the first form, for VW's multi-class learners; the map makes the second step needless. The number that
# touches the bar in the deck's lines is the row's, which VW takes for a tag.

# %%
numbered = vowpal.from_frame(some, label="IsDepDelayed", kind="classes", unlabelled="skip")
numbered.written.labels

# %%
many = vowpal.run(numbered.lines, "--oaa 2")

# %% tags=["claim"]
claim(
    "Share that a learner of two classes misjudges",
    many.loss,
    nyc2013=(0.18, 0.22),
    allyears2k=(0.3, 0.45),
)

# %% [markdown]
# A rate to be wary of: in January 2013, saying 'on time' to everybody would do about as well. That is why this lesson speaks
# of log-loss and dollars.
