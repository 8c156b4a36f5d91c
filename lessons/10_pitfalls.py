# %% [markdown]
# # Pitfalls of model development
#
# A partner airline sends you a file of flights and asks for a model by Friday. Such a file always contains faults, and no one
# has marked them for you.
#
# **After this lesson you can**
#
# - state for every column when it is known, and whether a model may use it;
# - detect a leak that no score reveals;
# - detect a code, a unit or a source that changed without notice;
# - recognise bad labels and feedback loops, even when the score looks good;
# - audit a delivery with the deck's checks, and state how reliable each of them is.
#
# *30 minutes in class: a first look at the file 5 · when is it known? 4 · hidden leaks 4 · a changed meaning 3 · a day without weather 3
# · bad labels 3 · feedback loops 2 · the audit 6.*

# %% tags=["setup"]
import pandas as pd

from course_utils.data import datasets, dictionary, faults, features, splits
from course_utils.exercises import check, quiz
from course_utils.model import metrics, money, pitfalls, training
from course_utils.notebook import claim, plots, show_source, show_table

flights = datasets.load_flights()
split = splits.split_by_time(flights)

# %% [markdown]
# # Part 1 of 3: Which inputs you may use
#
# The deck lists pitfalls of two kinds: signals to choose, and data to remove. In this course each pitfall is a *check*: a
# function that examines a *delivery*, that is, a batch of flights from a provider, and reports its findings.

# %% [markdown]
# ## A first look at the file
#
# Take the training months as the partner would send them: every column is an input, except the label. Each check gives a
# verdict. *Stop* means that you must fix a fault before you train.
#
# **Guess first:** how many of the checks will say *stop*?

# %%
past = flights.loc[: split.train.index.max()]
delivery = pitfalls.make_delivery(past)
delivery

# %%
findings = pitfalls.run_checks(delivery)
show_table(pitfalls.summarise_findings(findings)[["verdict", "findings", "first"]])

# %% tags=["claim"]
verdicts = pitfalls.summarise_findings(findings)["verdict"]
claim("Checks that say stop", (verdicts == "stop").sum(), nyc2013=3, allyears2k=4)
claim(
    "Checks that lack their data", (verdicts == "not assessable").sum(), nyc2013=6, allyears2k=5
)

# %% [markdown]
# Look at the verdict *not assessable*. Without older flights to compare with, you cannot tell whether a signal changed. Without
# a log of the model in production, you cannot detect a feedback loop. A check that lacks its data must never report that all is
# well.

# %% [markdown]
# ## When is it known?
#
# Most of the findings with *stop* have one cause: the column is known only *after* the moment of prediction. The data
# dictionary states how many hours before departure each column is known. The check compares this number with the prediction
# horizon. Here is the whole check:

# %%
show_source(pitfalls.available)

# %%
late_columns = findings[findings["check"] == "available"]
show_table(late_columns[["where", "evidence"]].head(6))

# %% tags=["claim"]
claim("Inputs that are known too late", len(late_columns), always=18)

# %% [markdown]
# The deck asks about `WeatherDelay`: weather forecasts come a day ahead, so may you use this column 48, 24 or 4 hours before
# departure? The question confuses two signals. `WeatherDelay` is not a forecast, but a *cause of delay* that someone assigns
# after arrival.

# %%
words = dictionary.load()
asked = ["WeatherDelay", "NASDelay", "CRSDepTime", "TailNum", "FlightNum", "CancellationCode"]
show_table(words.loc[asked, ["meaning", "known_hours_before", "use", "why"]])

# %%
allowed = {hours: len(dictionary.admissible(hours)) for hours in (48, 24, 4)}
pd.Series(allowed, name="raw columns allowed").rename_axis("hours before").to_frame()

# %% [markdown] tags=["exercise"]
# ### Exercise 10.1: fill in the form
#
# For each signal, list the horizons at which a model may use it: 48, 24 or 4 hours before departure. Hand in the dict `form`,
# with a list of numbers for each signal. An empty list means never. Some signals are known in time, but a model must not use
# them anyway.
#
# <details><summary>Hint</summary>For each signal, ask when its value first exists in a computer. Is that before the prediction
# is made?</details>

# %%
form = {
    "CRSDepTime": ...,
    "WeatherDelay": ...,
    "CancellationCode": ...,
    "FlightNum": ...,
    "TailNum": ...,
    "a forecast issued 30 hours before departure": ...,
    "the delay of a flight that left 6 hours before departure": ...,
}
### BEGIN SOLUTION
form = {
    "CRSDepTime": [48, 24, 4],
    "WeatherDelay": [],
    "CancellationCode": [],
    "FlightNum": [],
    "TailNum": [],
    "a forecast issued 30 hours before departure": [24, 4],
    "the delay of a flight that left 6 hours before departure": [4],
}
### END SOLUTION

# %% tags=["check"]
check("10.1", form)

# %% [markdown]
# ## Hidden leaks
#
# Many teams look for leaks with one rule: raise an alarm if a single column reaches an AUC above 0.9. Test this rule on five
# leaks. Four are columns of the file. The fifth is a new feature: the share of late flights at the airport on the flight's own
# day.
#
# **Guess first:** how many of the five leaks does the rule catch?

# %%
train = split.train
late = features.label(train)
whole_day = late.groupby([train["Origin"], splits.day(train)], observed=True).transform("mean")

# %%
suspects = (
    train[["DepDelay", "ArrDelay", "DepTime", "AirTime"]].assign(whole_day=whole_day).dropna()
)
alone = suspects.apply(lambda column: metrics.auc(late[suspects.index], column))

# %% tags=["figure"]
fig = plots.bars(
    alone,
    title="The usual alarm misses most leaks",
    x="AUC of one column alone",
    y="column",
    reference=("usual alarm", 0.9),
    start=0.5,
)
plots.show(
    fig,
    alt="Only the departure delay and the arrival delay reach the alarm. Departure time, air time and the whole-day share stay far below it.",
)

# %% tags=["claim"]
claim("Leaks that an alarm at 0.9 catches", (alone > 0.9).sum(), always=2)
claim("AUC of the whole-day share alone", alone["whole_day"], nyc2013=(0.68, 0.74))

# %% [markdown]
# The rule catches 2 of the five leaks. The last one even looks like a clever feature, because it tells how the airport is doing
# today. But at 8:00 it already contains the delays of the evening.
#
# No score reveals such a leak, but an experiment does. Remove the future from the data and compute the feature again: an honest
# feature does not change. Compare the whole-day share with `today_so_far`, which uses only what is known 3 hours ahead:


# %%
def today_so_far(rows):
    return features.as_of(rows, 3, only=["airport_today"])["late_3h_origin"]


def whole_day_share(rows):
    by = [rows["Origin"].astype(str), splits.day(rows)]
    return features.label(rows).groupby(by).transform("mean")


# %%
some = past.iloc[-8000:]
ahead = {
    name: pitfalls.uses_future(make, some, horizon=3, moments=3)["changed"]
    for name, make in {"whole day": whole_day_share, "today so far": today_so_far}.items()
}
pd.DataFrame(ahead).round(2)

# %% tags=["claim"]
claim("Largest share that changed, whole day", ahead["whole day"].max(), nyc2013=(0.5, 1))
claim("Largest share that changed, today so far", ahead["today so far"].max(), always=0)

# %% [markdown]
# Each row is one moment of the year, and every value not yet known at that moment was removed. The numbers are the shares of
# flights whose feature changed. A property test holds `features.as_of` to the same rule: a change in the future must never
# change a feature.

# %% [markdown] tags=["exercise"]
# ### Exercise 10.2: the same feature, without the future
#
# Write `late_before(rows)`. For each flight, it returns the share of late flights from the same origin over all *earlier days*,
# as a Series with the row labels of `rows`. On the first day there are no earlier days, so the share is missing.
# `features.label` and `splits.day` help.
#
# <details><summary>Hint</summary>Count the late flights and all flights, by origin and day. A running sum over the days
# includes today. How do you get the sum without today?</details>


# %%
def late_before(rows):
    ### BEGIN SOLUTION
    by = [rows["Origin"].astype(str), splits.day(rows)]
    days = features.label(rows).groupby(by).agg(["sum", "count"])
    before = days.groupby(level=0).cumsum() - days
    share = before["sum"] / before["count"]
    return pd.Series(share.reindex(pd.MultiIndex.from_arrays(by)).to_numpy(), rows.index)
    ### END SOLUTION


# %% tags=["check"]
check("10.2", late_before)

# %% [markdown]
# ## A cause, or only correlated?
#
# The deck asks this of every signal: a mere correlation can vanish next year, when its cause changes. Long flights leave late
# less often, and so do flights early in the day. Test both signals in the same way: compare like with like.
#
# **Guess first:** which of the two relations is still there among flights of the *same* airline, or of the *same* flight number
# whose departure was moved?

# %%
flown = train.assign(late=late.astype(float), thousand_miles=train["Distance"] / 1000)
flown["hour"] = train["CRSDepTime"] // 100
same_flight = ["UniqueCarrier", "FlightNum", "Origin", "Dest"]


def points_per_unit(signal, same):
    groups = flown.groupby([flown[name].astype(str) for name in same])
    x, y = (flown[name] - groups[name].transform("mean") for name in (signal, "late"))
    return 100 * (x * y).sum() / (x**2).sum()


# %%
slopes = {
    ("per 1,000 miles", "all flights"): points_per_unit("thousand_miles", ["Year"]),
    ("per 1,000 miles", "same airline"): points_per_unit("thousand_miles", ["UniqueCarrier"]),
    ("per hour of the day", "all flights"): points_per_unit("hour", ["Year"]),
    ("per hour of the day", "same flight number"): points_per_unit("hour", same_flight),
}
pd.Series(slopes, name="points of the share late").round(2).to_frame()

# %% tags=["claim"]
by_miles, by_hour = (
    pd.Series(slopes)[name] for name in ("per 1,000 miles", "per hour of the day")
)
claim("All flights, per 1,000 miles", by_miles["all flights"], nyc2013=(-2.6, -1.2))
claim("Same airline, per 1,000 miles", by_miles["same airline"], nyc2013=(-0.8, 0.8))
claim("All flights, per hour of the day", by_hour["all flights"], nyc2013=(1.8, 2.6))
claim("Same flight number, per hour", by_hour["same flight number"], nyc2013=(1.2, 3))

# %% [markdown]
# The distance only tells you who flies: airlines with long flights happen to be the punctual ones. If one of them opens a short
# route, the relation is gone. The hour stays: when the *same* flight is moved to a later hour, it is late more often, perhaps
# because delays add up over the day. That is no proof, but a correlation that survives such a test deserves more trust.

# %% [markdown]
# # Part 2 of 3: What changes without notice
#
# Next, compare the last month with the months that the model learned from. A small model represents the one in production. It
# uses inputs known 3 hours ahead, and it is fitted on a sample of the training flights. The reference is every third flight of
# the training months.

# %%
known = features.as_of(flights, horizon=3)
small = splits.smaller(split, rows=30_000)
model = training.train_xgboost(small, known)
reference = pitfalls.make_delivery(past.iloc[::3], known)
came = pitfalls.make_delivery(flights.loc[split.test.index[-27_000:].min() :], known)

# %% [markdown]
# ## A changed meaning
#
# One night a provider swaps the codes of two airlines, sends kilometres instead of miles, or sends minutes since midnight
# instead of clock times such as `1530`. Nearly every value is still within its legal range.
#
# **Guess first:** which of the three changes raises the model's log-loss the most?

# %%
changes = ["kilometres", "swapped_carriers", "minutes_of_day"]
stories = {story: faults.plant(story, came.rows, 1)[0] for story in changes}
left = came.rows["DepDelay"].notna()
late = features.label(came.rows)[left]

# %%
losses = {"as it was": metrics.log_loss(late, model.scorer.score(came.rows[left]))}
losses |= {
    s: metrics.log_loss(late, model.scorer.score(rows[left])) for s, rows in stories.items()
}

# %% tags=["figure"]
fig = plots.bars(
    1000 * (pd.Series(losses).drop("as it was") - losses["as it was"]),
    title="A change of meaning hardly affects the score",
    x="log-loss added [thousandths of a nat per flight]",
    y="what changed",
    digits=1,
)
plots.show(
    fig,
    alt="Kilometres and swapped carriers add almost nothing to the log-loss. Minutes instead of clock times add the most, but still little.",
)

# %% tags=["claim"]
added = pd.Series(losses) - losses["as it was"]
claim("Kilometres add to the log-loss", added["kilometres"], nyc2013=(-0.002, 0.002))
claim("Swapped codes add to the log-loss", added["swapped_carriers"], nyc2013=(-0.001, 0.01))

# %% [markdown]
# A dashboard of scores would hardly show these changes. A *data contract*, learned from older flights, detects all three. It
# checks that each carrier flies its usual routes, and that each distance is on a list of known distances. It also checks that
# departure, arrival and duration agree, up to time zones.

# %%
contracts = {
    story: pitfalls.run_checks(pitfalls.Delivery(rows, came.inputs), reference, only="semantic")
    for story, rows in stories.items()
}
told = pd.concat(contracts, names=["changed", None]).droplevel(1)
show_table(told[["where", "evidence", "severity"]])

# %% tags=["claim"]
quiet = pitfalls.run_checks(came, reference, only="semantic")
claim(
    "Changes that the contracts detect",
    sum(len(found) > 0 for found in contracts.values()),
    always=3,
)
claim("Contracts that the unchanged month violates", len(quiet), nyc2013=0)

# %% [markdown]
# ## A new version of a signal
#
# Sometimes the provider *announces* a change, or you make it yourself. Suppose that the airport's feed counts a flight as late
# from the first minute on, as the deck does, and no longer from 15 minutes on. The old model then reads the new numbers.

# %%
any_delay = flights["DepDelay"].where(~flights["DepDelay"].between(1, 14), 15)
used = small.train.index.union(small.validation.index).union(split.test.index)
version_2 = known.loc[used]
feed = features.as_of(flights.assign(DepDelay=any_delay), 3, only=["airport_today"], rows=used)
counts = [name for name in feed if name.startswith("late_")]
version_2[counts] = feed[counts]

# %%
model_2 = training.train_xgboost(small, version_2)
december = came.rows[left]
by_version = {
    "model 1 reads version 1": model.scorer.score(december),
    "model 1 reads version 2": model.scorer.score(
        december.assign(**version_2.loc[december.index, counts])
    ),
    "model 2 reads version 2": model_2.scorer.score(
        december.assign(**version_2.loc[december.index, counts])
    ),
}
versions = pd.DataFrame({"mean score": {name: p.mean() for name, p in by_version.items()}})
versions["log-loss"] = {name: metrics.log_loss(late, p) for name, p in by_version.items()}
del version_2, feed, model_2, by_version  # large, and not needed again
versions.round(3)

# %% tags=["claim"]
mixed = versions.loc["model 1 reads version 2"] - versions.loc["model 1 reads version 1"]
again = versions.loc["model 2 reads version 2"] - versions.loc["model 1 reads version 1"]
claim(
    "Reading the other version raises the mean score by",
    mixed["mean score"],
    nyc2013=(0.07, 0.13),
)
claim("and the log-loss by", mixed["log-loss"], nyc2013=(0.02, 0.05))
claim("A model trained on it: log-loss added", again["log-loss"], nyc2013=(-0.003, 0.003))

# %% [markdown]
# Neither version is wrong, but they must not be mixed. So give a signal a version in its name, such as `late_3h_origin@2`. Keep
# both columns until a model trained on the new one has replaced the old model, and switch the signal and the model in one step.

# %% [markdown]
# ## A day without weather
#
# The last month also contains a real failure. Check whether each source still delivers data:

# %%
outage = pitfalls.run_checks(came, reference, only="reliable")
show_table(outage[["where", "evidence", "severity"]])

# %%
scores = pd.Series(model.scorer.score(came.rows[left]), late.index)
day = splits.day(came.rows[left])
by_day = pd.DataFrame({"mean score": scores, "share late": late}).groupby(day).mean()

# %% tags=["figure"]
fig = plots.lines(
    by_day.iloc[-14:],
    title="On the last day the score is far too high",
    x="day",
    y="share late",
    zero=True,
)
plots.show(
    fig,
    alt="Mean score and share late move together through late December. On the last day they diverge: the score stays high.",
)

# %% tags=["claim"]
last = by_day.iloc[-1]
claim("Mean score on the last day", last["mean score"], nyc2013=(0.24, 0.36))
claim("Share late on the last day", last["share late"], nyc2013=(0.15, 0.2))

# %% [markdown]
# In training, no flight lacked its whole weather report, so the trees never learned what a missing report means. A flight
# without one ends up in an arbitrary branch. Decide *before* an outage how the model should handle it. You can train it with an
# indicator and simulated outages, or fill in a value. Try a filled-in value, the median weather:

# %%
weather = features.groups(known).get("weather", [])
filled = came.rows.fillna(reference.rows[weather].median().to_dict())
dark = left[left].index[day == day.max()]
with_gaps, with_medians = (
    metrics.log_loss(late[dark], model.scorer.score(rows.loc[dark]))
    for rows in (came.rows, filled)
)

# %% tags=["claim"]
claim("Log-loss of that day, weather missing", with_gaps, nyc2013=(0.42, 0.52))
claim("Log-loss of that day, median weather", with_medians, nyc2013=(0.41, 0.5))
claim("Filling in the median helps", with_medians < with_gaps, nyc2013=True)

# %% [markdown]
# ## What a signal costs
#
# Someone must pay for the weather feed, watch it, and get up when it fails. What does it earn? Fit the small model without the
# weather, and compare the two in dollars per 1,000 flights, with the deck's payoff at 100 dollars.
#
# **Guess first:** one at a time, most inputs can be shuffled at no cost. Can you drop all of those *together*?

# %%
december_findings = pitfalls.run_checks(came, reference)
needless = december_findings.loc[december_findings["check"] == "necessary", "where"]
without = {
    "all inputs": [],
    "without the weather": weather,
    "without all that are needless alone": list(needless),
}
fits = {
    name: training.train_xgboost(small, known.loc[used].drop(columns=columns))
    for name, columns in without.items()
}

# %%
payoff, from_ = money.payoff("deck_100"), money.break_even(money.payoff("deck_100"))
test_days, on_time = splits.day(split.test), features.label(split.test)
warnings = {name: fit.predict(split.test) >= from_ for name, fit in fits.items()}
worth = money.policies(on_time, warnings, payoff, test_days, against="all inputs")
del fits, warnings  # large, and not needed again
worth.drop(columns="warned").round(-2)

# %% tags=["claim"]
dry, few = worth.loc["without the weather"], worth.loc["without all that are needless alone"]
claim("Inputs", known.shape[1], nyc2013=59)
claim("Inputs that are needless alone", len(needless), nyc2013=(35, 41))
claim("The weather is worth, per 1,000 flights", -dry["dollars"], nyc2013=(200, 2200), unit="$")
claim("The low end of its interval", -dry["high"], nyc2013=(-800, 700), unit="$")
claim(
    "Dropping the needless inputs together adds", few["dollars"], nyc2013=(-1500, 800), unit="$"
)
claim("The high end of its interval is above zero", few["high"] > 0, nyc2013=True)

# %% [markdown]
# The weather is worth about a dollar a flight, and its interval reaches down almost to nothing: that is what the feed, and the people
# who watch it, may cost at most. The inputs that are needless *alone* can be dropped *together* here: the change cannot be
# told from chance. Never take that for granted. Of two inputs that say the same, each may be needless alone, but hardly both.

# %% [markdown]
# ## Bad labels
#
# The deck's sample labels every cancelled flight as delayed. And what counts as late: any delay at all, or at least 15 minutes?
#
# **Guess first:** apply four plausible labels to the same flights. By what factor does the highest share of late flights exceed
# the lowest?

# %%
delay, arrival = past["DepDelay"], past["ArrDelay"]
answers = {
    "left 15 minutes late": features.label(past),
    "left late at all": features.label(past, minutes=features.DECK_LATE_MINUTES),
    "arrived 15 minutes late": (arrival >= 15).where(arrival.notna()),
    "15 minutes, or cancelled": (delay >= 15) | delay.isna(),
}
shares = pd.Series({name: label.astype(float).mean() for name, label in answers.items()})
shares.round(3)

# %% tags=["claim"]
claim("Highest share divided by lowest", shares.max() / shares.min(), nyc2013=(1.6, 1.8))

# %% [markdown]
# Two people can both say 'delayed' and get shares that differ by a factor of 1.7. Next, plant two faults and run the check on
# each: the deck's error, and 20% of the labels flipped at random.

# %%
wrong = {
    "cancelled": faults.plant("late_cancelled", came.rows, 1)[0],
    "flipped": faults.plant("flipped_labels", small.train, 1, strength=0.2)[0],
}
told = {
    name: pitfalls.run_checks(pitfalls.make_delivery(rows), only="labels")
    for name, rows in wrong.items()
}
told = pd.concat(told, names=["planted", None]).droplevel(1)
show_table(told[["evidence", "severity"]])

# %%
turned = wrong["flipped"]["IsDepDelayed"].map({"YES": 1.0, "NO": 0.0}).astype(float)
labels = pd.concat([turned, features.label(split.validation)]).dropna()
misled = training.train_xgboost(small, known, labels=labels)

# %%
pair = {"right labels": model, "20% flipped": misled}
truth = features.label(split.test)

# %% tags=["figure"]
fig = plots.calibration(
    {name: metrics.calibration(truth, fit.predict(split.test)) for name, fit in pair.items()},
    title="Ranking survives bad labels, probabilities do not",
)
plots.show(
    fig,
    alt="With right labels the points follow the diagonal. With flipped labels the predicted probabilities are far above the observed shares.",
)

# %% tags=["claim"]
table = training.compare(pair, split.test)
right, bad = table.loc["right labels"], table.loc["20% flipped"]
claim("AUC lost", right["AUC"] - bad["AUC"], nyc2013=(0, 0.04))
claim("Share late", truth.mean(), nyc2013=(0.21, 0.225))
claim("Mean score with right labels", right["mean score"], nyc2013=(0.18, 0.26))
claim("Mean score with flipped labels", bad["mean score"], nyc2013=(0.29, 0.37))

# %% [markdown]
# The ranking gets only slightly worse. But the probabilities are wrong, and the airline compares a probability with its
# decision threshold. The AUC does not warn you of this. So check the labels first, and the calibration second.

# %% [markdown]
# ## Feedback loops
#
# The model goes into production, and the airline warns of every flight with a probability of at least 0.4. Suppose that half of
# the warned delays are avoided, because crews hurry and passengers rebook. That is the purpose of a warning, but the log now
# records these flights as 'on time'.

# %%
live, cured = faults.contaminate(came, 1, ["feedback"], model=model.scorer.score)
logged = live.rows["IsDepDelayed"] == "YES"
warned = live.log["warned"] & left
truly = features.label(came.rows) == 1
precision = pd.Series({"in truth": truly[warned].mean(), "in the log": logged[warned].mean()})
precision.round(3)

# %% tags=["claim"]
claim("Of the warned flights, late without a warning", precision["in truth"], nyc2013=(0.5, 0.75))
claim("Of the warned flights, late in the log", precision["in the log"], nyc2013=(0.25, 0.4))

# %% [markdown]
# The better the warnings work, the worse the model looks in the log. Now suppose that the next model is trained on such a log.
#
# **Guess first:** the first model warns of some of the late flights. At the same threshold, will the next model warn of more of
# them, or of fewer?

# %%
history = pitfalls.make_delivery(small.train, known)
history, _ = faults.contaminate(history, 1, ["feedback"], model=model.scorer.score)
logs = pd.concat([features.label(history.rows), features.label(split.validation)])
fooled = training.train_xgboost(small, known, labels=logs)

# %%
late_ones = split.test[truth == 1]
recall = {
    "trained on the truth": (model.predict(late_ones) >= 0.4).mean(),
    "trained on the log": (fooled.predict(late_ones) >= 0.4).mean(),
}
pd.Series(recall).round(3)

# %% tags=["claim"]
claim("Late flights warned of, first model", recall["trained on the truth"], nyc2013=(0.3, 0.5))
claim("Late flights warned of, next model", recall["trained on the log"], nyc2013=(0, 0.2))

# %% [markdown]
# The next model has learned that risky flights are safe, *because* they were warned. There is a remedy, at a small cost: choose
# 5% of the flights at random and never warn their passengers. Then compare warned and untouched flights with the same
# probability.

# %%
loop = pitfalls.run_checks(live, reference, only="feedback")
show_table(loop[["where", "evidence", "severity"]])

# %% tags=["claim"]
claim("The untouched flights reveal the loop", (loop["severity"] == "stop").any(), nyc2013=True)
claim("Share of flights left untouched", live.log["held_out"].mean(), always=(0.045, 0.055))

# %% [markdown] tags=["instructor"]
# Ask who would agree to leave 5% of the passengers without a warning. It is the same question as for a control group in
# medicine. Let someone argue the other side: without this group, the warnings get worse for everyone.

# %% [markdown]
# # Part 3 of 3: The audit
#
# You have met six pitfalls one by one. A real delivery contains several at once, and no one has marked them.

# %% [markdown]
# ## How reliable is a check?
#
# Rule checks are exact: they fire only if a delivery violates the data dictionary or the schedule. Statistical checks compare
# whole *days*, drawn at random from the year, so they can be wrong. The table shows how often, measured with a hundred random
# seeds.
#
# **Guess first:** which of these faults is the hardest to detect: swapped carrier codes, a temperature drift, or a column
# copied from another?

# %%
measured = pitfalls.detector_error_rates()
show_table(measured[measured["kind"] == "statistic"].drop(columns="kind").reset_index())

# %% tags=["claim"]
weakest = measured["power"].idxmin()[1]
claim("Seeds", measured["seeds"].max(), always=100)
claim("Highest false alarm rate", measured["false_alarms"].max(), always=(0, 0.1))
power = measured["power"].droplevel(0)
claim("The drift is found least often", weakest == "drift", always=True)
claim("Share of drifts that are found", power["drift"], always=(0.25, 0.5))
claim(
    "Share of flattering carriers that are found", power["flattering_carrier"], always=(0.4, 0.6)
)

# %% [markdown]
# The drift moves the temperature by one standard deviation. By chance, a few weeks can differ as much from a few other weeks,
# so the check often misses it.
#
# The second most difficult fault is a carrier that logs half of its delays as on time. Its labels still agree with its recorded
# delays, so only the other carriers on the same days reveal it. *No alarm* does not prove that the data are correct.

# %% [markdown]
# All this is measured on days drawn from *one* year: in a clean pair, delivery and reference come from the same seasons. A real
# delivery is the *next* month. So run the same checks on December, against January to August:

# %%
alarming = december_findings[december_findings["severity"].isin(pitfalls.ALARMS)]
alarming.groupby(["check", "severity"]).size().rename("alarms").to_frame()

# %% tags=["claim"]
real = set(alarming["check"]) - {"necessary"}
claim("Checks other than 'necessary' that alarm in December", len(real), nyc2013=1)
claim("That one is the day without weather", "reliable" in real, nyc2013=True)

# %% [markdown]
# Only the real failure raises an alarm; the needless inputs are advice. Even the cold of December stays within what the
# days before it differ by chance. That is *one* month of one year: before you rely on the rates in the table, repeat this with yours.

# %% [markdown]
# ## A contaminated delivery
#
# In the next delivery, six faults are planted in clean flights. You get the delivery, clean flights of other days as a
# reference, and all the checks.

# %%
del cured, fooled, history, live, turned, with_gaps, wrong  # the audit needs the memory
audit = pitfalls.Audit(10, flights, known)
audit

# %%
found = pitfalls.run_checks(audit.delivery, audit.reference)
alarms = found[found["severity"].isin(pitfalls.ALARMS)]
show_table(alarms[["check", "where", "evidence"]])

# %% [markdown] tags=["exercise"]
# ### Exercise 10.3: hand in your findings
#
# Hand in the table `mine` of at most ten lines, with the columns `check` and `where`: the faults that you would report to the
# provider. Name all six, and no column that is correct: a partner who receives every alarm reads none of them. Look at the data
# yourself too, because one fault is reported under another check's name. Add a line of your own for it, with the check that
# describes what happened.
#
# <details><summary>Hint</summary>Which check only says that a model could do without a column? And if *all* values of a number
# are new, has its unit really changed? Compare its mean in `audit.delivery.rows` and `audit.reference.rows`.</details>

# %%
mine = ...
### BEGIN SOLUTION
kept = alarms[alarms["check"] != "necessary"][["check", "where"]]
own = pd.DataFrame([{"check": "changes", "where": "temp"}])
mine = pd.concat([kept, own], ignore_index=True)
### END SOLUTION

# %% tags=["check"]
check("10.3", mine)

# %% [markdown]
# For comparison, here is the score of the alarms alone, without any selection. The last line gives the cost of the faults that
# they miss. Once your report is solved, `audit.solution()` lists the planted faults.

# %%
result = audit.score(alarms)
result

# %% tags=["solution"]
show_table(audit.solution())

# %% tags=["claim"]
claim("Planted faults", result["planted"], always=6)
claim("Recall of the alarms", result["recall"], nyc2013=(0.8, 1))

# %% [markdown] tags=["instructor"]
# Create a new delivery for every group: `pitfalls.Audit(seed, flights, known, planted=6)` with a seed of your own, and
# `audit.solution()` afterwards. `planted=len(pitfalls.checks())` puts one fault for each check into one file. Pass the
# learners' lists to `audit.score(...)`.

# %% [markdown]
# **Check what you know**

# %%
quiz("10.1")

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - state for every column when it is known, and whether a model may use it;
# - detect a leak that no score reveals;
# - detect a code, a unit or a source that changed without notice;
# - recognise bad labels and feedback loops, even when the score looks good;
# - audit a delivery with the deck's checks, and state how reliable each of them is.
#
# Next: [11 · Under- and overfitting](11_under_and_overfitting.ipynb)

# %% [markdown] tags=["further"]
# ## Further: signals that change
#
# The following sections show the other checks, with one or two cells each. The first check draws days at random many
# times, to measure how much an input varies by chance. It finds no difference between two clean sets of days. It does find one
# if the same days are 2 standard deviations warmer:

# %%
clean, other = pitfalls.example_deliveries(flights, known, seed=1)
warmer, truth = faults.plant("drift", clean.rows, 1, strength=2)
moved = pitfalls.run_checks(pitfalls.Delivery(warmer, clean.inputs), other, only="changes")
show_table(moved[["where", "evidence", "severity"]])

# %% tags=["claim"]
still = pitfalls.run_checks(clean, other, only="changes")
claim(
    "The input that is 2 standard deviations warmer is found",
    truth.columns[0] in set(moved["where"]),
    nyc2013=True,
)
claim("Inputs of the clean days with 'look'", (still["severity"] == "look").sum(), nyc2013=0)

# %% [markdown] tags=["further"]
# ## Further: a random column
#
# This trick comes from competitions: add a column of noise, and shuffle each column in turn. If shuffling an input costs no
# more than shuffling noise, the model does not need that input.

# %%
noisy, _ = faults.contaminate(clean, 1, ["useless"])
gains = pitfalls.permutation_importance(noisy, noisy.inputs).sort_values(ascending=False)
gains.round(4).to_frame("AUC lost when shuffled")

# %% tags=["claim"]
claim("Noise does not exceed chance", gains["gate_code"] <= gains["chance"], nyc2013=True)

# %% [markdown] tags=["further"]
# ## Further: two inputs that say the same
#
# Two nearly identical inputs share their importance and their part in explanations. Which of the two would you keep?

# %%
same = pitfalls.run_checks(clean, only="correlated")
show_table(same[["where", "evidence"]])

# %% tags=["claim"]
claim("Rank correlation", same["number"].max(), nyc2013=(0.98, 1))

# %% [markdown] tags=["further"]
# ## Further: rare values, and the deck's 5%
#
# The deck wants each value to appear in 5% of the rows. If you take this literally, how many destinations may stay?

# %%
share = flights["Dest"].value_counts(normalize=True)
share[share >= 0.05].round(3)

# %% tags=["claim"]
claim("Destinations", (share > 0).sum(), nyc2013=105)
claim("Excluded by the rule", ((share > 0) & (share < 0.05)).sum(), nyc2013=103)
carriers = flights["UniqueCarrier"].value_counts()
claim("Flights of the rarest carrier, OO", carriers.min(), nyc2013=32)

# %% [markdown]
# Two other questions matter more. Does a value have *enough flights to learn from*, about twenty? And how many flights have a
# value that is too rare? By this rule the original file passes, even with the 32 flights of OO: whatever the model predicts for
# them affects very few passengers. A column that identifies each single flight does not pass:

# %%
named, _ = faults.contaminate(clean, 1, ["rare_values"])
show_table(pitfalls.run_checks(named, only="rare")[["where", "evidence", "severity"]])
found_before = pitfalls.run_checks(delivery, only="rare")

# %% tags=["claim"]
claim("Findings in the original file", len(found_before), nyc2013=0)

# %% [markdown] tags=["further"]
# ## Further: values never seen
#
# In production, an unseen value always becomes *missing*. Count such rows, so that you learn of new values at once.

# %%
show_table(
    pitfalls.run_checks(came, reference, only="vocabulary")[["where", "evidence", "severity"]]
)
model.scorer.encoder.unseen(came.rows)

# %% [markdown] tags=["further"]
# ## Further: wind at a thousand miles per hour
#
# Outliers are rare, but they may be true. Values outside the dictionary's range cannot be true. February contains both kinds.

# %%
february = (
    pitfalls.make_delivery(flights[flights["Month"] == flights["Month"].min() + 1], known)
    if weather
    else came
)
both = pitfalls.run_checks(february, only=["outliers", "values"])
show_table(both[["check", "where", "evidence"]])

# %% tags=["claim"]
claim("The impossible wind is found", "wind_speed" in set(both["where"]), nyc2013=True)
claim("Departures at 2400", (flights["DepTime"] == 2400).sum(), nyc2013=29)
claim("Arrivals at 2400", (flights["ArrTime"] == 2400).sum(), nyc2013=150)
minutes = datasets.minute_of_day(pd.Series([859, 900])).diff().iloc[1]
claim("Minutes from 859 to 900", minutes, always=1)
apart = flights["CRSDepTime"].drop_duplicates().sort_values()
apart = apart[apart.isin([859, 900])].diff().iloc[-1]
claim("Difference of 859 and 900 as numbers", apart, nyc2013=41)

# %% [markdown]
# A clock time is not a number: from 8:59 to 9:00 is one minute, but the difference of the numbers is 41. Midnight appears as
# `2400`, 29 times at departure and 150 times at arrival. The dictionary allows this for *actual* times, but not for scheduled
# ones.

# %% [markdown] tags=["further"]
# ## Further: the same flight twice
#
# The original data contain no duplicates. If you plant some at one airport and split at random, copies of the same flight end
# up on both sides of the split.

# %%
twice, _ = faults.contaminate(clean, 1, ["duplicated"])
show_table(pitfalls.run_checks(twice, other, only="duplicates")[["evidence", "fix"]])

# %% tags=["claim"]
claim(
    "Duplicate rows in the original flights",
    flights.duplicated(list(dictionary.KEY)).sum(),
    always=0,
)

# %% [markdown] tags=["further"]
# ## Further: missing, and why
#
# Join the flights of March with the table of aircraft. For most airlines the join works.

# %%
march = flights[flights["Month"] == flights["Month"].min() + 2] if weather else past
built = march["TailNum"].astype(object).map(datasets.load_planes().set_index("tailnum")["year"])
joined = pitfalls.Delivery(march.assign(built=built.astype(float)), ("TailNum", "built"))
show_table(pitfalls.run_checks(joined, only="omitted")[["where", "evidence"]])

# %% [markdown]
# Two airlines use fleet numbers, but the table has registrations. Here, a missing value means that the join failed, so an
# indicator would identify the airline, not the aircraft. Elsewhere, a missing value carries information:

# %% tags=["claim"]
pressure = known.get("pressure", known["CRSDepTime"]).loc[split.train.index].isna()
shares = features.label(split.train).groupby(pressure).mean()
more = 100 * (shares.iloc[-1] - shares.iloc[0])
claim("Share late where pressure is missing, points higher by", more, nyc2013=(8, 18))

# %% [markdown]
# Where the pressure is missing, the weather is often bad. So an indicator, that is, a column that says whether the value is
# missing, carries signal there. Trees do not need one: they send missing values down a branch of their own, if the training
# data contain some.

# %% [markdown] tags=["further"]
# ## Further: forbidden, but recoverable
#
# Suppose that a policy forbids the model to distinguish between airlines. If you remove the column, is the information gone?

# %%
policy = dictionary.load()
policy.loc["UniqueCarrier", ["use", "why"]] = ["no", "policy: no model may tell airlines apart"]
without = tuple(name for name in clean.inputs if name != "UniqueCarrier")
given_away = pitfalls.run_checks(
    pitfalls.Delivery(clean.rows, without), dictionary=policy, only="illegal"
)
show_table(given_away[["where", "evidence", "fix"]])

# %% tags=["claim"]
claim("Airline recovered, share of flights", given_away["number"].max(), nyc2013=(0.4, 0.6))

# %% [markdown] tags=["further"]
# ## Further: imbalance
#
# Delays of 15 minutes or more are common. Delays of an hour or more are not, and the check reports this.

# %%
hour_late = past["DepDelay"].map(lambda delay: "YES" if delay >= 60 else "NO", na_action="ignore")
rare_event = pitfalls.Delivery(past.assign(IsDepDelayed=hour_late), ())
show_table(pitfalls.run_checks(rare_event, only="imbalance")[["evidence", "severity", "fix"]])

# %% [markdown]
# A popular remedy gives the rarer class more weight. Here is its effect on the 15-minute model:

# %% tags=["claim"]
heavier = training.train_xgboost(small, known, scale_pos_weight=3)
weighed = training.compare({"as it is": model, "three times": heavier}, split.test)
worse = weighed["log-loss"].diff().iloc[1]
claim(
    "AUC gained by giving delays three times the weight",
    weighed["AUC"].diff().iloc[1],
    nyc2013=(-0.02, 0.02),
)
claim("Log-loss added", worse, nyc2013=(0.03, 0.08))
claim("Mean score, per 100 flights", 100 * weighed["mean score"].iloc[1], nyc2013=(28, 36))

# %% [markdown]
# The ranking does not improve, and the probabilities are no longer correct. Use class weights only if you do not need
# probabilities; the airline does need them.

# %% [markdown] tags=["further"]
# ## Further: columns that never change

# %%
show_table(pitfalls.run_checks(delivery, only="variance")[["where", "evidence"]])

# %% [markdown] tags=["further"]
# ## Further: time zones
#
# The deck asks in which time zone the times are given. Here they are local times, and the course converts them to UTC before it
# subtracts. How many hours pass from noon to noon when the clocks change in the night between?

# %%
noons = pd.DataFrame(
    {"Year": 2013, "Month": 3, "DayofMonth": [9, 10], "CRSDepTime": 1200, "Origin": "JFK"}
)
hours = datasets.scheduled_departure(noons).diff().iloc[1] / pd.Timedelta(hours=1)

# %% tags=["claim"]
claim("Hours from noon to noon", hours, always=23)
