# %% [markdown]
# # Pitfalls of model development
#
# A partner airline sends you a file and asks for a model by Friday. Nobody has marked what is wrong with it, and something always is.
#
# **After this lesson you can**
#
# - say for every column when it is known, and whether a model may use it;
# - catch a leak that no score gives away;
# - notice a code, a unit or a source that changed behind your back;
# - tell a bad label and a feedback loop from a good score;
# - audit a delivery with the deck's eighteen checks, and say how far each of them can be trusted.
#
# *30 minutes: what lies in the file 5 · known when 4 · quiet leaks 4 · meaning 3 · a missing day 3 · labels 3 · feedback 2 ·
# the audit 6.*

# %% tags=["setup"]
import pandas as pd

from course_utils.data import datasets, dictionary, faults, features, splits
from course_utils.exercises import check, quiz
from course_utils.model import metrics, pitfalls, training
from course_utils.notebook import claim, plots, show_source, show_table

flights = datasets.load_flights()
split = splits.split_by_time(flights)

# %% [markdown]
# # Part 1 of 3: What you may look at
#
# The deck lists eighteen pitfalls: ten about signals to choose, eight about data to remove. In this course each is a function that
# looks at a delivery and says what it found.

# %% [markdown]
# ## What lies in the file
#
# Take the training months as the partner would send them: every column an input, but the label.
#
# **Guess first:** of the eighteen checks, how many will say *stop*?

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
    "Checks that cannot look yet", (verdicts == "not assessable").sum(), nyc2013=6, allyears2k=5
)

# %% [markdown]
# Look at the verdict *not assessable*. Without older flights to compare with, nobody can say whether a signal changed; without a log
# of the model in service, nobody can see a feedback loop. A check that cannot look must never say 'fine'.

# %% [markdown]
# ## Known when?
#
# Most of the stops are one mistake: a column from *after* the moment of prediction. The data dictionary has a number for it, hours before
# departure, and the check compares. This is all of it:

# %%
show_source(pitfalls.available)

# %%
late_columns = findings[findings["check"] == "available"]
show_table(late_columns[["where", "evidence"]].head(6))

# %% tags=["claim"]
claim("Inputs that are known too late", len(late_columns), always=18)

# %% [markdown]
# The deck asks of `WeatherDelay`: forecasts come a day ahead, so may one use it 48, 24 or 4 hours before departure? It mixes up two
# things. `WeatherDelay` is no forecast, but a *cause of delay* that somebody assigns after arrival.

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
# For each signal, list those of the horizons 48, 24 and 4 hours at which a model may use it; an empty list says never. Mind that
# some are known in time and must not be used all the same.
#
# <details><summary>Hint</summary>Ask of each: at which moment does the value exist in somebody's computer? Then: is that before
# the prediction is made?</details>

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
# ## Quiet leaks
#
# Many teams look for leaks with one rule: alarm if a single column ranks flights better than an AUC of 0.9. Here are four columns
# that hold the answer, and one that somebody made: the share of late flights at the airport on the flight's own day.

# %%
train = split.train
late = features.label(train)
whole_day = late.groupby([train["Origin"], splits.day(train)], observed=True).transform("mean")

# %%
suspects = (
    train[["DepDelay", "ArrDelay", "DepTime", "AirTime"]].assign(whole_day=whole_day).dropna()
)
alone = suspects.apply(lambda column: metrics.auc(late[suspects.index], column))
fig = plots.bars(
    alone,
    title="Most leaks pass the usual alarm",
    x="AUC of one column alone",
    y="column",
    reference=("usual alarm", 0.9),
    start=0.5,
)
plots.show(
    fig,
    alt="Only the departure and arrival delays reach the alarm; departure time, air time and the whole-day share stay far below.",
)

# %% tags=["claim"]
alarm = 0.9
claim("The usual alarm", alarm, always=0.9)
claim("Leaks that it catches", (alone > alarm).sum(), always=2)
claim("AUC of the whole-day share alone", alone["whole_day"], nyc2013=(0.68, 0.74))

# %% [markdown]
# The alarm catches 2 of five. The last one looks harmless, even clever: 'how is the airport doing today?' But at 8:00 it knows the evening.
#
# What gives it away is not a score but a *trick*: take the future out of the data and compute the feature again. An honest one does
# not notice.


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
# Each row is a moment of the year at which everything not known yet was blanked. `features.as_of` is held to this by a property
# test: whoever changes the future does not change a feature.

# %% [markdown] tags=["exercise"]
# ### Exercise 10.2: the same idea, without the future
#
# Write `late_before(rows)`: for each flight, the share of late flights from its origin over all *earlier days*. Return a Series by
# row label; the first day has nothing to look back on and stays missing. `features.label` and `splits.day` help.
#
# <details><summary>Hint</summary>Count late flights and flights by origin and day. A running sum over the days includes today:
# take today away again.</details>


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
# # Part 2 of 3: What changes behind your back
#
# Now compare: the last month against those that the model learnt from. A small model stands in for the one in service: inputs as of
# 3 hours ahead, fitted on a sample of the training flights. The reference is every third flight of what it learnt from.

# %%
known = features.as_of(flights, horizon=3)
small = splits.smaller(split, rows=30_000)
model = training.train_xgboost(small, known)
reference = pitfalls.make_delivery(past.iloc[::3], known)
came = pitfalls.make_delivery(flights.loc[split.test.index[-27_000:].min() :], known)

# %% [markdown]
# ## Meaning
#
# One night a supplier exchanges two airline codes, sends kilometres for miles, or minutes since midnight for hhmm. Nearly
# every value is still legal.
#
# **Guess first:** which of the three will raise the model's log-loss most?

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
fig = plots.bars(
    1000 * (pd.Series(losses).drop("as it was") - losses["as it was"]),
    title="A change of meaning hardly shows in the score",
    x="log-loss added [thousandths of a nat per flight]",
    y="what changed",
    digits=1,
)
plots.show(
    fig,
    alt="Kilometres and exchanged carriers add next to nothing to the log-loss; minutes for clock times add most, and still little.",
)

# %% tags=["claim"]
added = pd.Series(losses) - losses["as it was"]
claim("Kilometres add to the log-loss", added["kilometres"], nyc2013=(-0.002, 0.002))
claim("Exchanged codes add", added["swapped_carriers"], nyc2013=(-0.001, 0.01))

# %% [markdown]
# No dashboard of scores would blink. What finds all of them is a *contract* learnt from older flights: a carrier flies its routes, a distance is
# one of a known list, and two clock times and a duration agree up to the time zones.

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
    "Changes that the contracts find",
    sum(len(found) > 0 for found in contracts.values()),
    always=3,
)
claim("Contracts broken by the month as it was", len(quiet), nyc2013=0)

# %% [markdown]
# ## A day without weather
#
# The month as it was holds one real failure. Ask whether each source still arrives.

# %%
outage = pitfalls.run_checks(came, reference, only="reliable")
show_table(outage[["where", "evidence", "severity"]])

# %%
scores = pd.Series(model.scorer.score(came.rows[left]), late.index)
day = splits.day(came.rows[left])
by_day = pd.DataFrame({"mean score": scores, "share late": late}).groupby(day).mean()

# %%
fig = plots.lines(
    by_day.iloc[-14:],
    title="On the last day the model is guessing",
    x="day",
    y="share late",
    zero=True,
)
plots.show(
    fig,
    alt="Mean score and share late move together through late December and part on the last day, when the score stays high.",
)

# %% tags=["claim"]
last = by_day.iloc[-1]
claim("Mean score on the last day", last["mean score"], nyc2013=(0.24, 0.36))
claim("Share late on the last day", last["share late"], nyc2013=(0.15, 0.2))

# %% [markdown]
# No report was missing in training, so the trees never learnt what a missing report means: the flight takes whatever branch
# happened to be there. Decide *before* it happens: an indicator and simulated outages in training, or a filled-in value.

# %%
weather = features.groups(known).get("weather", [])
filled = came.rows.fillna(reference.rows[weather].median().to_dict())
dark = left[left].index[day == day.max()]
with_gaps, with_medians = (
    metrics.log_loss(late[dark], model.scorer.score(rows.loc[dark]))
    for rows in (came.rows, filled)
)

# %% tags=["claim"]
claim("Log-loss of that day, with gaps", with_gaps, nyc2013=(0.42, 0.52))
claim("Log-loss with the usual weather filled in", with_medians, nyc2013=(0.41, 0.5))
claim("Filling in helps", with_medians < with_gaps, nyc2013=True)

# %% [markdown]
# ## Bad labels
#
# The deck's sample calls every cancelled flight delayed. And what is late: any minute, or 15?
#
# **Guess first:** how far apart do four honest-looking labels lie, on the same flights?

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
claim("Highest of the four over lowest", shares.max() / shares.min(), nyc2013=(1.6, 1.8))

# %% [markdown]
# Two people who both say 'delayed' differ by a factor of 1.7. So plant the deck's error and another one, 20% of labels turned at
# random, and ask the check.

# %%
wrong = {
    "cancelled": faults.plant("late_cancelled", came.rows, 1)[0],
    "turned": faults.plant("flipped_labels", small.train, 1, strength=0.2)[0],
}
told = {
    name: pitfalls.run_checks(pitfalls.make_delivery(rows), only="labels")
    for name, rows in wrong.items()
}
told = pd.concat(told, names=["planted", None]).droplevel(1)
show_table(told[["evidence", "severity"]])

# %%
turned = wrong["turned"]["IsDepDelayed"].map({"YES": 1.0, "NO": 0.0}).astype(float)
labels = pd.concat([turned, features.label(split.validation)]).dropna()
misled = training.train_xgboost(small, known, labels=labels)

# %%
pair = {"right labels": model, "20% turned": misled}
truth = features.label(split.test)
fig = plots.calibration(
    {name: metrics.calibration(truth, fit.predict(split.test)) for name, fit in pair.items()},
    title="Ranking survives bad labels, probabilities do not",
)
plots.show(
    fig,
    alt="With right labels the points follow the diagonal; with turned labels predicted probabilities lie far above what happened.",
)

# %% tags=["claim"]
table = training.compare(pair, split.test)
right, bad = table.loc["right labels"], table.loc["20% turned"]
claim("AUC lost", right["AUC"] - bad["AUC"], nyc2013=(0, 0.04))
claim("Share late", truth.mean(), nyc2013=(0.21, 0.225))
claim("Mean score with right labels", right["mean score"], nyc2013=(0.18, 0.26))
claim("Mean score with turned labels", bad["mean score"], nyc2013=(0.29, 0.37))

# %% [markdown]
# The ranking loses a little; the probabilities are wrong altogether, and the airline's threshold is a probability. No AUC would have
# told. Look at labels first, at calibration second.

# %% [markdown]
# ## Feedback
#
# The model goes live and warns from a probability of 0.4. Suppose that half of the warned delays are avoided: crews hurry, passengers rebook. Good! And
# the record now says 'on time'.

# %%
live, cured = faults.contaminate(came, 1, ["feedback"], model=model.scorer.score)
logged = live.rows["IsDepDelayed"] == "YES"
warned = live.log["warned"] & left
truly = features.label(came.rows) == 1
precision = pd.Series({"in truth": truly[warned].mean(), "in the log": logged[warned].mean()})
precision.round(3)

# %% tags=["claim"]
claim("Late without a warning, of those warned", precision["in truth"], nyc2013=(0.5, 0.75))
claim("Late in the log, of those warned", precision["in the log"], nyc2013=(0.25, 0.4))

# %% [markdown]
# The better the warnings work, the worse the model looks. And now somebody trains the next model on such a log.
#
# **Guess first:** of the flights that leave late in the last months, the first model would warn some at 0.4. What becomes of that share?

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
claim("Delays warned of, at first", recall["trained on the truth"], nyc2013=(0.3, 0.5))
claim("Delays warned of by the next model", recall["trained on the log"], nyc2013=(0, 0.2))

# %% [markdown]
# The next model has learnt that risky flights are safe, *because* they were warned. The way out costs a little: leave 5% of the flights
# untouched, by lot, and compare flights of equal probability.

# %%
loop = pitfalls.run_checks(live, reference, only="feedback")
show_table(loop[["where", "evidence", "severity"]])

# %% tags=["claim"]
claim("The untouched flights show the loop", (loop["severity"] == "stop").any(), nyc2013=True)
claim("Share of flights left untouched", live.log["held_out"].mean(), always=(0.045, 0.055))

# %% [markdown] tags=["instructor"]
# Ask who would agree to leave 5% of the passengers without a warning. It is the same question as a control group in medicine; let
# somebody argue that without it nobody is warned well for long.

# %% [markdown]
# # Part 3 of 3: The audit
#
# You have met six pitfalls one by one. Real deliveries come with several at once, and with none of them marked.

# %% [markdown]
# ## How far can a check be trusted?
#
# Rules are exact: they speak only where the dictionary is broken. The statistical checks compare whole *days*, drawn from the year, and
# can be wrong. A hundred seeds measured how often.
#
# **Guess first:** which planted fault is found least often?

# %%
measured = pitfalls.detector_error_rates()
show_table(measured[measured["kind"] == "statistic"].drop(columns="kind").reset_index())

# %% tags=["claim"]
weakest = measured["power"].idxmin()[1]
claim("Seeds", measured["seeds"].max(), always=100)
claim("Highest rate of false alarms", measured["false_alarms"].max(), always=(0, 0.1))
power = measured["power"].droplevel(0)
claim("The drift is found least often", weakest == "drift", always=True)
claim("It is found in a share of", power["drift"], always=(0.25, 0.5))
claim(
    "The carrier that flatters itself is found in", power["flattering_carrier"], always=(0.4, 0.6)
)

# %% [markdown]
# A temperature that moves by a whole standard deviation: a few weeks of days differ by as much from a few others. And when a carrier logs half of
# its delays as on time, label and delay still agree; only the other carriers of the same days can tell. *No alarm* is no proof.

# %% [markdown]
# ## A contaminated delivery
#
# Someone has planted faults in clean flights, six of them. You get the delivery, clean flights of other days, and the checks.

# %%
audit = pitfalls.Audit(10, flights, known)
audit

# %%
found = pitfalls.run_checks(audit.delivery, audit.reference)
alarms = found[found["severity"].isin(pitfalls.ALARMS)]
show_table(alarms[["check", "where", "evidence"]])

# %% [markdown] tags=["exercise"]
# ### Exercise 10.3: hand in your findings
#
# Hand in at most ten lines, each with `check` and `where`: what you would tell the sender. A partner who gets every alarm reads none.
# Look for yourself too: one fault is reported under another check's name.
#
# <details><summary>Hint</summary>Which check only says that a model could do without a column? And when *all* values of a number
# are new, is it really another unit? Compare its mean in `audit.delivery.rows` and `audit.reference.rows`.</details>

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
# Whatever you found, this is what the alarms alone would have got, unsorted, and what the faults cost that they miss.

# %%
result = audit.score(alarms)
result

# %%
show_table(audit.solution())

# %% tags=["claim"]
claim("Planted", result["planted"], always=6)
claim("Recall of the alarms", result["recall"], nyc2013=(0.8, 1))

# %% [markdown] tags=["instructor"]
# Fresh deliveries for every group: `pitfalls.Audit(seed, flights, known, planted=6)` with a seed of your own, and
# `audit.solution()` afterwards. `planted=18` puts one fault for each check into one file. The learners' lists go into
# `audit.score(...)`.

# %% [markdown]
# **Check what you know**

# %%
quiz("10.1")

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - say for every column when it is known, and whether a model may use it;
# - catch a leak that no score gives away;
# - notice a code, a unit or a source that changed behind your back;
# - tell a bad label and a feedback loop from a good score;
# - audit a delivery with the deck's eighteen checks, and say how far each of them can be trusted.
#
# Next: [11 · Under- and overfitting](11_under_and_overfitting.ipynb)

# %% [markdown] tags=["further"]
# ## Further: signals that change
#
# The other twelve checks, one or two cells each. The first draws days again and again to see how far an input moves by chance.
# Two clean sets of days do not differ; the same days, 2 standard deviations warmer, do.

# %%
clean, other = pitfalls.example_deliveries(flights, known, seed=1)
warmer, truth = faults.plant("drift", clean.rows, 1, strength=2)
moved = pitfalls.run_checks(pitfalls.Delivery(warmer, clean.inputs), other, only="changes")
show_table(moved[["where", "evidence", "severity"]])

# %% tags=["claim"]
still = pitfalls.run_checks(clean, other, only="changes")
claim("Standard deviations that were added", 2, always=2)
claim("The moved input is found", truth.columns[0] in set(moved["where"]), nyc2013=True)
claim("Inputs of the clean days worth a look", (still["severity"] == "look").sum(), nyc2013=0)

# %% [markdown] tags=["further"]
# ## Further: a random column
#
# A trick from competitions: add a column of noise. Whatever the model needs no more than that, it does not need.

# %%
noisy, _ = faults.contaminate(clean, 1, ["useless"])
gains = pitfalls.permutation_importance(noisy, noisy.inputs).sort_values(ascending=False)
gains.round(4).to_frame("AUC lost when shuffled")

# %% tags=["claim"]
claim("Noise is not above chance", gains["gate_code"] <= gains["chance"], nyc2013=True)

# %% [markdown] tags=["further"]
# ## Further: two that say the same
#
# Near-copies share importance and reasons between them. Which of the two would you keep?

# %%
same = pitfalls.run_checks(clean, only="correlated")
show_table(same[["where", "evidence"]])

# %% tags=["claim"]
claim("Rank correlation", same["number"].max(), nyc2013=(0.98, 1))

# %% [markdown] tags=["further"]
# ## Further: rare values, and the deck's 5%
#
# The deck wants a value to appear in 5% of the rows. Taken literally, how many destinations may stay?

# %%
share = flights["Dest"].value_counts(normalize=True)
share[share >= 0.05].round(3)

# %%
claim("Destinations", (share > 0).sum(), nyc2013=105)
claim("Banned by the rule", ((share > 0) & (share < 0.05)).sum(), nyc2013=103)
carriers = flights["UniqueCarrier"].value_counts()
claim("Flights of the rarest carrier, OO", carriers.min(), nyc2013=32)

# %% [markdown]
# What matters is whether there are flights *enough to learn from*, some twenty, and how much hangs on those that have not. By
# that, the file as it came passes, OO's 32 flights included: whatever the model makes of them touches hardly anyone. A column that
# names the single flight does not pass:

# %%
named, _ = faults.contaminate(clean, 1, ["rare_values"])
show_table(pitfalls.run_checks(named, only="rare")[["where", "evidence", "severity"]])
found_before = pitfalls.run_checks(delivery, only="rare")
claim("Rare values found in the file as it came", len(found_before), nyc2013=0)

# %% [markdown] tags=["further"]
# ## Further: values never seen
#
# In production an unseen value becomes *missing*, the same way each time. Count such rows; do not discover them.

# %%
show_table(
    pitfalls.run_checks(came, reference, only="vocabulary")[["where", "evidence", "severity"]]
)
model.scorer.encoder.unseen(came.rows)

# %% [markdown] tags=["further"]
# ## Further: wind of a thousand miles an hour
#
# Outliers are rare and may be true; values outside the dictionary's range are not. February has one of each kind.

# %%
february = (
    pitfalls.make_delivery(flights[flights["Month"] == flights["Month"].min() + 1], known)
    if weather
    else came
)
both = pitfalls.run_checks(february, only=["outliers", "values"])
show_table(both[["check", "where", "evidence"]])

# %% tags=["claim"]
claim("Wind found impossible", "wind_speed" in set(both["where"]), nyc2013=True)
claim("Departures at 2400 o'clock", (flights["DepTime"] == 2400).sum(), nyc2013=29)
claim("Arrivals at 2400 o'clock", (flights["ArrTime"] == 2400).sum(), nyc2013=150)
minutes = datasets.minute_of_day(pd.Series([859, 900])).diff().iloc[1]
claim("From 859 to 900 by the clock, in minutes", minutes, always=1)
claim("To a model that takes the two for numbers", 900 - 859, always=41)

# %% [markdown]
# A clock is no number: one minute looks like 41, and midnight is written as `2400` 29 times at departure and 150 times on arrival. The
# dictionary allows that for what *happened*, not for what was planned.

# %% [markdown] tags=["further"]
# ## Further: twice the same flight
#
# There are no duplicates here. Planted at one airport and split at random, they would sit on both sides of the split.

# %%
twice, _ = faults.contaminate(clean, 1, ["duplicated"])
show_table(pitfalls.run_checks(twice, other, only="duplicates")[["evidence", "fix"]])
claim(
    "Duplicates in the flights as they are",
    flights.duplicated(list(dictionary.KEY)).sum(),
    always=0,
)

# %% [markdown] tags=["further"]
# ## Further: missing, and why
#
# Join the table of aircraft to March. For most airlines it works.

# %%
march = flights[flights["Month"] == flights["Month"].min() + 2] if weather else past
built = march["TailNum"].astype(object).map(datasets.load_planes().set_index("tailnum")["year"])
joined = pitfalls.Delivery(march.assign(built=built.astype(float)), ("TailNum", "built"))
show_table(pitfalls.run_checks(joined, only="omitted")[["where", "evidence"]])

# %% [markdown]
# Two airlines use fleet numbers where the table has registrations. Missing here means 'their join failed', and an
# indicator would learn the airline, not the aircraft. Elsewhere what is missing speaks:

# %% tags=["claim"]
pressure = known.get("pressure", known["CRSDepTime"]).loc[split.train.index].isna()
shares = features.label(split.train).groupby(pressure).mean()
more = 100 * (shares.iloc[-1] - shares.iloc[0])
claim("Points late more often where no pressure was reported", more, nyc2013=(8, 18))

# %% [markdown]
# Where the pressure is missing, the weather is often bad. There an indicator, a column that says 'missing', carries signal. Trees need
# none: they send missing values down a branch of their own, as long as training had some.

# %% [markdown] tags=["further"]
# ## Further: forbidden, and given away
#
# Suppose that policy forbids telling airlines apart. Take the column out: is the information gone?

# %%
policy = dictionary.load()
policy.loc["UniqueCarrier", ["use", "why"]] = ["no", "policy: no model may tell airlines apart"]
without = tuple(name for name in clean.inputs if name != "UniqueCarrier")
given_away = pitfalls.run_checks(
    pitfalls.Delivery(clean.rows, without), dictionary=policy, only="illegal"
)
show_table(given_away[["where", "evidence", "fix"]])

# %% tags=["claim"]
claim("Flights whose airline is recovered", given_away["number"].max(), nyc2013=(0.4, 0.6))

# %% [markdown] tags=["further"]
# ## Further: imbalance
#
# Late by 15 minutes is common. Late by an hour is not, and the check says so.

# %%
hour_late = past["DepDelay"].map(lambda delay: "YES" if delay >= 60 else "NO", na_action="ignore")
rare_event = pitfalls.Delivery(past.assign(IsDepDelayed=hour_late), ())
show_table(pitfalls.run_checks(rare_event, only="imbalance")[["evidence", "severity", "fix"]])

# %% [markdown]
# A popular cure gives the rarer class more weight. See what that does to the 15-minute model:

# %% tags=["claim"]
heavier = training.train_xgboost(small, known, scale_pos_weight=3)
weighed = training.compare({"as it is": model, "three times": heavier}, split.test)
worse = weighed["log-loss"].diff().iloc[1]
claim(
    "AUC gained by weighing delays three times",
    weighed["AUC"].diff().iloc[1],
    nyc2013=(-0.02, 0.02),
)
claim("Log-loss added", worse, nyc2013=(0.03, 0.08))
claim("Mean score, of 100 flights", 100 * weighed["mean score"].iloc[1], nyc2013=(28, 36))

# %% [markdown]
# Nothing is gained in ranking, and no probability is true any more. Weights are for those who need no probabilities; the airline
# does.

# %% [markdown] tags=["further"]
# ## Further: columns that never change

# %%
show_table(pitfalls.run_checks(delivery, only="variance")[["where", "evidence"]])

# %% [markdown] tags=["further"]
# ## Further: one clock
#
# The deck asks in which zone times are told. Here they are local; the course turns them into UTC before it subtracts. How far are noon
# and the next noon apart, in the night when clocks change?

# %%
noons = pd.DataFrame(
    {"Year": 2013, "Month": 3, "DayofMonth": [9, 10], "CRSDepTime": 1200, "Origin": "JFK"}
)
hours = datasets.scheduled_departure(noons).diff().iloc[1] / pd.Timedelta(hours=1)
claim("Hours from noon to noon", hours, always=23)
