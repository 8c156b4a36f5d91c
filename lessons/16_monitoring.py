# %% [markdown]
# # Monitoring
#
# The service of lesson 15 answers, and from tomorrow nobody looks at single answers any more. Here you run it through a year as it
# happened, and find out what deserves to wake you.
#
# **After this lesson you can**
#
# - say what the evening of a day can know, and why textbook rules fire on a healthy service;
# - choose the few signals that find faults, and say how much of a model they watch;
# - set limits that keep a budget of false alarms, and say what a quiet half-year proves;
# - write an alert as code, with a test that wrong rules fail;
# - decide in dollars when to train again, and let a challenger earn its release;
# - notice a model that learns from its own warnings, and a client that feels for its threshold.
#
# *30 minutes in class: a year in review 3 · cry wolf 3 · few signals 4 · a budget 5 · rules 5 · train again 5 · feedback 3 · on call 2.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import datasets, faults
from course_utils.develop import promotion
from course_utils.exercises import check, quiz
from course_utils.model import pitfalls, training
from course_utils.notebook import claim, plots, show_source, show_table
from course_utils.operate import backtest, drift, input_monitoring, monitoring
from course_utils.operate import retraining, telemetry
from course_utils.serve import load_testing

import json
import pandas as pd
import requests

load_testing.silence_clipper_logs()
flights = datasets.load_flights()
newer = training.course_model(flights).scorer
machine = backtest.Backtest(flights)
service = machine.scorer

# %% [markdown]
# # Part 1 of 3: What to watch
#
# The old notebook of this course watched the sum of random numbers. You watch the model of flight delays: it learnt from January to
# April, was stopped on May, and goes live on 1 June.

# %% [markdown]
# ## The year, as it happened
#
# The time machine plays the year day by day. Each flight is asked about 3 hours before it should leave, with what was known then, and what
# became of it arrives the day after, in a file.
#
# **Guess first:** on the evening of 1 June, how many of that day's outcomes do you know?

# %%
machine.rewind("2013-06-01")
day = machine.step()
day

# %% tags=["claim"]
claim("Requests on 1 June", len(day.rows), nyc2013=754)
claim("Outcomes of these that are known", day.labels.index.isin(day.rows.index).sum(), nyc2013=0)
claim("Outcomes of the day before", len(day.labels), nyc2013=986)

# %% [markdown]
# None: you see questions and answers today, and whether they were right tomorrow. Whatever you want to know about a day comes from one of
# the two. One row a day, one column a signal, makes the year a table:

# %%
known = drift.reference(machine)
year = drift.daily_signals(machine, known)
live = year["2013-06-01":]
year[["requests", "score_mean", "late_share", "log_loss", "dollars"]].tail(3).round(2)

# %% [markdown]
# The deck asks four questions about a service in production, and its table of the workflow seven more, in step 6. These are our
# answers; the rest of the lesson earns them.

# %%
show_table(monitoring.deck_questions().reset_index("asks").set_index("asks")[["answer"]])

# %% [markdown]
# ## Textbook rules cry wolf
#
# 'Watch the distribution of inputs and scores' is good advice, and each textbook has a rule: PSI above 0.2 means a shift, a p-value
# under 0.01 a difference. Nothing was wrong with this service from June on, but for one day.
#
# **Guess first:** on how many of 100 healthy days does each rule fire?

# %%
psi = drift.feature_psi(machine, known)
fires = 100 * drift.textbook_alarms(year, psi)["2013-06-01":].mean()

# %% tags=["figure"]
fig = plots.bars(
    fires,
    title="Five rules that fire on a healthy service, most days",
    x="days from June on [%]",
    y="rule",
    digits=0,
)
plots.show(
    fig,
    alt="The rules on the inputs and on the test of the scores fire on every day or nearly, that on the shape of the scores on most, and those on "
    "ranking and calibration on more days than not.",
)

# %% tags=["claim"]
claim("Rules that fire on half of the days or more", int((fires > 50).sum()), nyc2013=5)
claim("Days on which some input's PSI is above 0.2", fires.iloc[0], nyc2013=(99, 100), unit="%")

# %% [markdown]
# All of them wolf. Weather inputs differ from those of the spring on *every* day, that is what weather does; and flights of one
# day share its storm, so a test that counts them as independent is sure of itself without reason. The mean score shows it: it follows
# what happens.

# %%
weeks = drift.weekly_evidence(live)

# %% tags=["figure"]
fig = plots.lines(
    weeks[["score_mean", "late_share"]].rename(
        columns={"score_mean": "mean score", "late_share": "share late"}
    ),
    title="Scores move because the world does, and rightly so",
    x="week",
    y="probability",
    zero=True,
)
plots.show(
    fig,
    alt="Week by week the mean score and the share of late flights rise and fall together: high in summer and before "
    "Christmas, low in autumn.",
)

# %% tags=["claim"]
claim(
    "Correlation of the weekly mean score with the share late",
    weeks["score_mean"].corr(weeks["late_share"]),
    nyc2013=(0.9, 1),
)

# %% [markdown]
# The *number* of rows alone decides what a rule says. In June the airlines' shares of the flights are those of the spring, or nearly.
# Draw rows from the spring itself ('same') and from June ('other'), few and many:

# %%
airline = flights["UniqueCarrier"]
spring, june = airline[flights["Month"] < 6], airline[flights["Month"] == 6]
sizes = drift.sample_sizes(spring, june, draws=20)
show_table(sizes[["same: PSI > 0.2", "other: PSI > 0.2", "same: p < 0.01", "other: p < 0.01"]])

# %% tags=["claim"]
claim(
    "Samples of 50 rows of the very same flights whose PSI is above 0.2",
    sizes["same: PSI > 0.2"][50],
    nyc2013=(0.9, 1),
)
claim(
    "Tests of 30,000 rows that call June different", sizes["other: p < 0.01"][30_000], nyc2013=1
)
claim("Their median PSI", sizes["other: PSI"][30_000], nyc2013=(0, 0.01))

# %% [markdown]
# With few rows the PSI fires on nothing at all; with many, the p-value fires on a difference that does no harm. A p-value answers 'is
# there *any* difference?', and there always is. The question was whether it matters.

# %% [markdown]
# ## The smallest set
#
# So turn it round. Which faults would hurt, and what shows them and never a storm? Contracts (A): each row is as the dictionary
# says. Labels (B): those that should be here are. The timetable (C), which no storm moves, against the quiet months. And contrasts
# (D): one airport against the others, the model against the table that it replaced: they share the weather.

# %%
signals = drift.signals()
show_table(
    signals.groupby("part", sort=False).agg(
        tier=("tier", "first"), signals=("title", "size"), such_as=("title", "first")
    )
)

# %% tags=["claim"]
claim("Signals that may wake somebody", len(drift.signals("page")), nyc2013=(20, 32))
claim("Signals that never do", len(drift.signals("evidence")), nyc2013=(8, 12))

# %% [markdown]
# Pages run once a day, when its rows and yesterday's labels are in. The rest (E) is *evidence*: scores, calibration, log-loss and dollars
# are read once a week, and wake nobody. Now plant faults in three days of September, and see who notices:

# %%
planted = {
    "kilometres for miles": {"requests": lambda rows: faults.plant("kilometres", rows, 0, 1)[0]},
    "times as minutes": {"requests": lambda rows: faults.plant("minutes_of_day", rows, 0, 1)[0]},
    "an unknown airline": {
        "requests": lambda rows: faults.plant("new_carrier", rows, 0, 0.05)[0]
    },
    "half of the labels lost": {"labels": lambda file: file.iloc[::2]},
}
found = {}
for name, change in planted.items():
    days = machine.replay("2013-09-09", "2013-09-11", **change)
    found[name] = drift.days_to_detect(
        drift.replace_days(year, drift.daily_signals(days, known)), "2013-09-09"
    )
found

# %% tags=["claim"]
claim(
    "Faults that paged on the first evening",
    sum(days == 0 for days, _ in found.values()),
    nyc2013=4,
)

# %% [markdown]
# Each is found on its first evening, by a check that needs no statistics. Kilometres cost the model next to nothing, so no score could
# ever have told you. And labels that are lost at random leave
# log-loss and dollars as they are.
#
# ### A hub that changes
#
# The true drift is harder: from 5 August on, 15 in 100 more of Newark's flights are late. No input changes that day.

# %%
changed = machine.replay("2013-08-05", "2013-08-31", outcomes=retraining.with_drifted_hub)
drifted = drift.replace_days(year, drift.daily_signals(changed, known))
waited, who = drift.days_to_detect(drifted, "2013-08-05")
who

# %% tags=["claim"]
claim("Days until somebody is woken", waited, nyc2013=(5, 12))
claim(
    "Largest PSI of the timetable meanwhile",
    drifted.loc["2013-08-05":"2013-08-14", "psi_departure"].max(),
    nyc2013=(0, 0.1),
)
tried = tables.benchmark("drift_incidents").loc["Newark 15 points later"].set_index("detectors")
claim("Median over other starts, in days", tried.loc["smallest set", "days"], always=5)
claim("Share of the starts that log-loss found", tried.loc["log-loss", "found"], always=0)
tables.benchmark_note("drift_incidents")

# %% [markdown]
# The contrast finds it in a week or so, 5 days in the median of 9 starts: storms hit all three airports, this hit one. Whatever looks
# at inputs alone cannot see it, for what changed is what they *mean*; and the log-loss drowns it in the season.
#
# ### How much of the model is watched
#
# **Guess first:** of the model's inputs, how many have a signal that pages?

# %%
cover = drift.input_coverage(known)
watched = cover["pages"] != ""
counted = watched.groupby(cover["group"], sort=False).agg(["size", "sum"])
counted.set_axis(["inputs", "with a page"], axis=1)

# %% tags=["claim"]
claim("Inputs of the model", len(cover), nyc2013=59)
claim("With a signal that pages", int(watched.sum()), nyc2013=22)
claim("Inputs that are shown as evidence", int((cover["evidence"] != "").sum()), nyc2013=59)

# %% [markdown]
# Numbers have a range, a missing share and, in the timetable, tenths; texts have a vocabulary and a share for each code. A trailing
# rate is *meant* to move, so its own distribution is shown and never pages.

# %% [markdown] tags=["exercise"]
# ### Exercise 16.1: which dashboard hides an outage?
#
# Three dashboards, one for each airport, in the same three weeks around 4 July. All panels look plausible. Behind one of them nothing
# was measured for some days. Name the board, the first day and the last day of the outage.
#
# <details><summary>Hint</summary>A holiday moves numbers, a storm moves them too. What would you see if nothing came in at all?</details>

# %%
boards = monitoring.example_dashboards(machine)
boards["A"].iloc[6:14]

# %%
outage = {"board": ..., "first": ..., "last": ...}
### BEGIN SOLUTION
same = {name: (board.diff() == 0).all(axis=1) for name, board in boards.items()}
name = max(same, key=lambda board: same[board].sum())
days = same[name].index[same[name]]
outage = {"board": name, "first": f"{days[0]:%Y-%m-%d}", "last": f"{days[-1]:%Y-%m-%d}"}
### END SOLUTION

# %% tags=["check"]
check("16.1", outage)

# %% [markdown] tags=["instructor"]
# Show the three boards as pictures first and let them vote; most vote for the board with the holiday's dip. The lesson is that an
# exporter which keeps its last value turns an outage into a calm week. Prometheus marks a series as stale for that reason; a
# gateway that is pushed to does not.

# %% [markdown]
# # Part 2 of 3: Alarms
#
# A signal becomes an alarm by a limit. Where does the limit come from, who is told, and how do you know that the rule does what you
# meant?

# %% [markdown]
# ## A budget of false alarms
#
# Whoever is woken for nothing again and again sleeps through the real one. So begin with the budget: *all pages together* may be wrong once
# a quarter. Contracts take no part of it, for on healthy days they never speak. The statistics share it: made-up quarters, drawn from
# blocks of seven quiet days, say where their limits must lie.

# %%
quiet = tables.benchmark("drift_year")["2013-01-02":"2013-05-31"]
limits = drift.calibrate(quiet)
show_table(limits)

# %% [markdown]
# Blocks, because bad days come in runs; and scores of models that had *not* learnt from the month, because on its own lessons a model
# flatters itself. **Guess first:** limits near these then met June to December. How many false pages were there?

# %%
told = drift.episodes(drift.alarms(live))
told[["group", "first", "last", "days"]]

# %%
proof = drift.false_page_bounds(live, true=["2013-12-31"])
proof.round(2)

# %% tags=["claim"]
claim("Quarters that were watched", proof["quarters"], nyc2013=2.35)
claim("False pages in them", proof["false"], nyc2013=1)
claim("So many false pages a quarter are still possible (95%)", proof["at most"], nyc2013=2.02)
claim("And so few", proof["at least"], nyc2013=0.02)
made_up = drift.false_episodes(quiet)["all"]
claim("False pages in a made-up quarter", made_up, nyc2013=(0.1, 1))
claim(
    "Had there been none at all, up to",
    drift.poisson_bounds(0, proof["quarters"])[1],
    nyc2013=1.28,
)

# %% [markdown]
# One, on Christmas Eve; on 31 December the weather feed really was gone. What is proved? That there may be anything from 0.02 to 2.02 false
# pages a quarter. Even a half-year without any would have left 1.28 possible. The made-up quarters keep the budget, but they test the
# *procedure*, on months like the quiet ones. Say both numbers, and say which is which.

# %% [markdown] tags=["exercise"]
# ### Exercise 16.2: limits for a smaller budget
#
# The night shift grants the three groups of statistics *half* a false page a quarter, together. Set their limits: 'schedule', 'hubs' and
# 'model'. They must keep the budget on the quiet months, and still notice Newark's change within `12` days.
#
# <details><summary>Hint</summary>Which days may a limit be set on, and which may only judge it?</details>

# %%
mine = {"schedule": ..., "hubs": ..., "model": ...}
### BEGIN SOLUTION
mine = drift.calibrate(quiet, budget=0.5)["limit"].to_dict()
### END SOLUTION

# %% tags=["check"]
check("16.2", mine)

# %% [markdown]
# ## Panels and rules
#
# Prometheus is where most teams keep such numbers. The year goes there with its own dates, and is asked in Prometheus' language. Where the
# program is not installed, a small reader answers the same questions with the same numbers.

# %%
history = telemetry.open_history(drifted)
panel = history.panel("hubs").loc["2013-07":"2013-08"]

# %% tags=["figure"]
fig = plots.lines(
    panel.rename(columns=lambda name: name.removeprefix("hub_")),
    title="Newark leaves the others behind, and only Newark",
    x="day",
    y="late beyond what was said [share]",
)
plots.show(
    fig,
    alt="Until August the contrasts of the three airports stay near zero; then Newark's rises and stays high while those of the "
    "other two fall.",
)

# %% [markdown]
# The same panels stand in Grafana's dashboards, made from one table. An alert is a rule in that language: code, so it is reviewed,
# versioned and tested like code. Each signal that pages has one:

# %%
rules = telemetry.rules("flights")
show_table(rules[["signal", "expr", "severity"]].iloc[[0, 4, -3]])

# %%
fired = history.alerts()
fired.loc[fired["day"].between("2013-08-05", "2013-08-31"), ["day", "alert", "signal"]].head(3)

# %% tags=["claim"]
claim(
    "Alerts that Prometheus sees are those that the table gives",
    len(fired) == len(drift.alarms(drifted)),
    nyc2013=True,
)

# %% [markdown]
# How do you test a rule? With days that you make up, and what should happen on each. Here is one, tested on three days:

# %%
rule = {"alert": "WeatherGone", "expr": "flights_missing_weather > 0.02"}
telemetry.check_rule(rule, {"missing_weather": [0, 0.02, 0.5]}, fires=[False, False, True])

# %% [markdown] tags=["exercise"]
# ### Exercise 16.3: a rule with its test
#
# Write the rule: page when fewer than `0.9` of the outcomes have arrived, on two days in a row. The metric is
# `flights_label_coverage`, and each day is looked at once. Write its test, too: values of made-up days, and on which of them it
# fires. A good test fails each of eight wrong rules.
#
# <details><summary>Hint</summary>`for` says how long an expression must hold before the alert fires, such as `"2d"`. Which days would tell
# your rule from one that forgot it?</details>

# %%
trial = ...
### BEGIN SOLUTION
rule = {"alert": "LabelsLate", "expr": "flights_label_coverage < 0.9", "for": "1d"}
values = [1, 0.88, 1, 0.88, 0.88, 0.5, 1, 0.93, 0.93]
fires = [False, False, False, False, True, True, False, False, False]
trial = monitoring.try_rule(rule, values, fires)
### END SOLUTION

# %% tags=["check"]
check("16.3", trial)

# %% [markdown]
# ### Numbers of the running service
#
# Days are for flights; a server's own numbers are for the moment. Clipper counts its questions, its default answers and their time by
# itself. What only the model knows it reports itself, with the two calls that the deck's slide misspells: here, how probable its answers
# are.

# %%
from clipper_admin import ClipperConnection
from clipper_admin.deployers.python import deploy_python_closure
from course_utils.serve.clipper import LocalContainerManager

name = load_testing.cluster_name("lesson-16")
manager = LocalContainerManager(name, clipper_query_port=0, clipper_management_port=0)
connection = ClipperConnection(manager)
connection.start_clipper()


# %%
def predict(texts):
    from clipper_admin import metrics

    metrics.add_metric("answer", "Histogram", "Probability of a delay", [0.1, 0.25, 0.5, 0.75])
    scores = service.score(pd.DataFrame([json.loads(text) for text in texts])).tolist()
    for score in scores:
        metrics.report_metric("answer", score)
    return scores


image = "clipper/python36-closure-container:0.4.1"
connection.register_application("flights", "strings", "0.241", 10_000_000)
deploy_python_closure(connection, "delays", 1, "strings", predict, base_image=image)
connection.link_model_to_app("flights", "delays")

# %%
storm = machine.day("2013-07-10").rows
texts = load_testing.as_json_texts(storm[machine.inputs].iloc[::10])
url = f"http://{connection.get_query_addr()}/flights/predict"
answers = requests.post(url, json={"input_batch": texts}).json()["batch_predictions"]
numbers = load_testing.read_metrics(connection.get_query_addr(), "answer")
show_table(numbers)

# %% tags=["claim"]
same = [one["output"] for one in answers] == storm["probability"].iloc[::10].astype(
    float
).tolist()
claim("Flights asked", len(answers), nyc2013=101)
claim("The service answers as the time machine did, bit for bit", same, nyc2013=True)
claim("Answers of 0.25 or less", numbers["value"]["answer_bucket, up to 0.25"], nyc2013=(20, 60))
connection.stop_all()

# %% [markdown]
# That histogram is what Prometheus scrapes, beside Clipper's own counts; how fast default answers use up their budget is a rule as
# well, see `telemetry.rules("service")`. A scrape belongs to a machine and a minute, so it stands in the further part, as a cell that
# you run yourself.

# %% [markdown]
# ### Somebody else's words
#
# The deck names SageMaker with CloudWatch, and Clipper with Grafana. What you have just done is called there:

# %%
show_table(monitoring.monitoring_tools())
monitoring.monitoring_tools_note()

# %% [markdown]
# # Part 3 of 3: What to do
#
# An alarm is a question. The answers are: fix a feed, roll back, warn another way, train again; or nothing.

# %% [markdown]
# ## When to train again
#
# Retraining is no repair. It costs people's time, and each release is a risk:

# %%
show_table(retraining.release_costs())

# %%
fee = retraining.release_cost()
age = retraining.ageing_loss().loc[:16, "dollars"]

# %% tags=["figure"]
fig = plots.lines(
    age.rename("lost"),
    title="The older the model, the more a fresh one would have earned",
    x="age of the model [weeks]",
    y="lost [$ per 1,000 flights]",
    zero=True,
)
plots.show(
    fig,
    alt="Against a model of the same week, the loss rises from zero for twelve weeks, and then no longer.",
)

# %% tags=["claim"]
claim("Dollars that a release costs", fee, always=2420, unit="$")
claim("Lost per 1,000 flights after 12 weeks", age[12], always=(2000, 3000), unit="$")
claim("After 16 weeks", age[16], always=(2000, 3000), unit="$")

# %% [markdown]
# Each Monday of the year a model was fitted, and asked about all later weeks. So any policy can be run through the year, week by week, with what it could know each Sunday evening. **Guess first:** rank them by
# dollars: never; the calendar, each month or each quarter; an alarm on the log-loss; a challenger that answers in the shadow and is
# released once it has earned what that costs.

# %%
policies = {
    "never": retraining.never_retrain,
    "every 4 weeks": retraining.calendar_policy(4),
    "every 13 weeks": retraining.calendar_policy(13),
    "alarm on log-loss": retraining.performance_policy("log_loss", limit=0.03),
    "challenger": retraining.challenger_policy(gain=fee),
}
as_it_was = retraining.compare_policies(policies)
as_it_was

# %% tags=["claim"]
over = as_it_was["over"]
claim(
    "What any of them nets over never, at least",
    over.iloc[1:].min(),
    always=(150_000, 250_000),
    unit="$",
)
claim(
    "Best less worst of the four",
    over.iloc[1:].max() - over.iloc[1:].min(),
    always=(20_000, 80_000),
    unit="$",
)
claim("Each interval excludes zero", (as_it_was["low"].iloc[1:] > 0).all(), always=True)

# %% [markdown]
# To train again pays; *which* of the four policies you take matters less than the width of its interval. Now the other year, in which
# Newark changes in August:

# %%
changed_hub = retraining.compare_policies(policies, world="a hub changes")
changed_hub[["releases", "over", "low", "high"]]

# %% tags=["claim"]
claim("Best in that year", changed_hub["over"].idxmax() == "challenger", always=True)
claim(
    "The alarm on log-loss nets less by",
    changed_hub["over"]["challenger"] - changed_hub["over"]["alarm on log-loss"],
    always=(100_000, 150_000),
    unit="$",
)

# %% [markdown]
# The alarm compares a month with an earlier one, and the season drowns what it should find. The challenger answers for *the same
# flights*: a contrast again, and the season falls out. One warning: this model was young, and had seen no summer. In its third year it
# will age more slowly.

# %% [markdown]
# ### In the shadow, then through the gate
#
# A challenger has to answer real questions before anyone hears it. Here it is the course's own model, which learnt until August and was
# stopped on September and October. `Shadow` asks both models and returns the champion's answer, whatever the other one does.

# %%
show_source(retraining.Shadow.predict)

# %%
shadow = retraining.Shadow(service, newer)
november = flights[flights["Month"] == 11]
for date in machine.days[304:334]:
    shadow.predict(machine.day(date).rows[machine.inputs])
autumn, _, _, _ = machine.table("2013-09-01", "2013-10-31")
evidence = shadow.evidence(november, flights.loc[autumn.index], autumn)
evidence[["validation_loss", "out_of_time_loss", "known_hours"]].round(3)

# %%
gate = promotion.promotion_gate(
    evidence.loc["challenger"], evidence.loc["champion"], promotion.promotion_policy()
)
back = promotion.promotion_gate(
    evidence.loc["champion"], evidence.loc["challenger"], promotion.promotion_policy()
)
back

# %% tags=["claim"]
claim("Reasons against the challenger", len(gate), nyc2013=0)
claim("Reasons against going back", len(back), nyc2013=2)

# %% [markdown]
# The gate of lesson 04 decides, on a month that neither model was chosen by. What fails it stays in the shadow, however old the
# champion is.

# %% [markdown] tags=["exercise"]
# ### Exercise 16.4: decide on retraining
#
# An auditor now signs each release, and one costs `$20,000`. Find a policy that nets at least `$185,000` over never in the year as it was, *and*
# at least `$210,000` in the year in which the hub changes. Hand in what `retraining.run_policy` returns for both worlds, with that cost.
#
# <details><summary>Hint</summary>What must a challenger have earned before it is worth that fee? And how often would a calendar have to
# ask?</details>

# %%
decided = ...
### BEGIN SOLUTION
mine = retraining.challenger_policy(gain=20_000)
decided = [retraining.run_policy(mine, world=world, cost=20_000) for world in retraining.WORLDS]
### END SOLUTION

# %% tags=["check"]
check("16.4", decided)

# %% [markdown] tags=["solution"]
# A calendar of six or eight weeks passes too. All of them were chosen knowing how these two years went; the one that asks what a
# challenger has earned needs the least luck, for it takes its limit from the fee.

# %% [markdown]
# ## A service that changes what it measures
#
# Say that warnings work: half of the warned delays do not happen, since the airline reacts. That is simulated here, and stated. The log
# then holds on-time flights that were about to be late. **Guess first:** what will next month's model learn from them?

# %%
asked, _, _, _ = machine.table("2013-06-01", "2013-08-31")
summer = flights.loc[asked.index]
logged = retraining.simulate_feedback_log(summer, asked["probability"])
retraining.compare_with_hold_out(logged, summer)

# %% tags=["claim"]
groups = retraining.compare_with_hold_out(logged, summer)["share late"]
claim("Warned flights in the log that were late", groups["warned"], nyc2013=(0.22, 0.26))
claim("Flights like them, left out by lot", groups["hold-out"], nyc2013=(0.46, 0.51))

# %%
show_table(pitfalls.run_checks(logged, only=["feedback"])[["check", "evidence", "severity"]])

# %% [markdown]
# The precision of the model looks halved, because it was useful. Only the hold-out knows: a few flights, drawn by lot, are never warned, and is
# late as ever. The check of lesson 10 reads it. Without it a model that learns anew from its own log unlearns to warn:

# %%
learnt = retraining.retrain_on_own_log()
shares = learnt[learnt["month"] > 5].pivot(index="way", columns="month", values="found")
shares.loc[list(retraining.WAYS)].round(2)

# %% tags=["claim"]
mean = shares.mean(axis=1)
claim("Delays found with no feedback", mean["no feedback"], always=0.577)
claim("Learnt from the log", mean["the log"], always=(0.47, 0.5))
claim("With a hold-out that stands for the warned", mean["hold-out"], always=(0.53, 0.55))

# %% [markdown]
# The hold-out gives more than half of the loss back: the warned flights are left out of training, and those like them that were drawn by
# lot count for them all.
#
# ### Somebody feels for the threshold
#
# Scores that decide something are worth probing. A client sends the same flight again and again, its departure moved by some minutes, until
# the warning goes.

# %%
asked = machine.day("2013-07-10").rows[machine.inputs]
log = retraining.simulate_queries(asked, service)
seen = retraining.find_probing_clients(log)
seen.head(3)

# %% tags=["claim"]
claim("Clients", len(seen), nyc2013=21)
claim("Named", int(seen["named"].sum()), nyc2013=1)
claim("Variants of one question that an honest client asked", seen["variants"].iloc[1], nyc2013=1)

# %% [markdown]
# Honest clients ask about a flight again; hours later *many* inputs have changed. Only a probe moves one value and holds all others. So do
# not count questions, count variants of one question.

# %% [markdown]
# ## Who does what
#
# Last, step 6 asks for the triage. A runbook says for each alarm what to look at first, what it usually was, what to do, and what would
# make it worse. Read what yours says of Newark:

# %%
show_table(monitoring.runbook("hub_EWR").T.rename_axis("runbook"))

# %% tags=["claim"]
entries = [len(monitoring.runbook(name)) for name in drift.signals("page").index]
claim("Signals that page", len(entries), nyc2013=29)
claim("Entries of the runbook for each of them, at least", min(entries), nyc2013=1)

# %%
quiz("16.1")

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - say what the evening of a day can know, and why textbook rules fire on a healthy service;
# - choose the few signals that find faults, and say how much of a model they watch;
# - set limits that keep a budget of false alarms, and say what a quiet half-year proves;
# - write an alert as code, with a test that wrong rules fail;
# - decide in dollars when to train again, and let a challenger earn its release;
# - notice a model that learns from its own warnings, and a client that feels for its threshold.
#
# Next: [17 · Game day](17_game_day.ipynb)

# %% [markdown] tags=["further"]
# ## Further: a real Prometheus looks on
#
# Where Prometheus is installed, this cell starts the service again, lets it be scraped each second for a minute of questions, and says what was
# seen. `deploy/` has the same rules and dashboards for those who have Docker.

# %% tags=["live"]
connection.start_clipper()
connection.register_application("flights", "strings", "0.241", 10_000_000)
deploy_python_closure(connection, "delays", 1, "strings", predict, base_image=image)
connection.link_model_to_app("flights", "delays")
print(monitoring.scrape_service(connection.get_query_addr(), "flights", texts, seconds=60))
connection.stop_all()

# %% [markdown] tags=["further"]
# ## Further: which detectors find what, and what it costs to wait
#
# Each incident was planted at 9 moments of the live months, and each set of detectors had 28 days to speak. Dollars are lost until it does.

# %%
incidents = tables.benchmark("drift_incidents").reset_index()
of_interest = incidents["detectors"].isin(["smallest set", "PSI of answers", "log-loss"])
wide = incidents[of_interest].pivot(index="incident", columns="detectors", values="found")
show_table(wide)
tables.benchmark_note("drift_incidents")

# %% tags=["claim"]
claim("Incidents", len(wide), always=14)
claim(
    "That the smallest set finds at each moment",
    int((wide["smallest set"] == 1).sum()),
    always=13,
)
claim("That log-loss does", int((wide["log-loss"] == 1).sum()), always=(0, 3))

# %% [markdown]
# The one that it misses is the honest limit: 5 points more delays at one airport drown in the weather of any month.

# %% [markdown] tags=["further"]
# ## Further: detectors of drift for streams
#
# Libraries offer detectors that read a stream value by value. On the healthy year, on how many days do they speak?

# %%
show_table(tables.benchmark("drift_streams"))
tables.benchmark_note("drift_streams")

# %% tags=["claim"]
streams = tables.benchmark("drift_streams").set_index("reads", append=True)
days = streams["days, June to December"]
claim("ADWIN, fed with flights", days["ADWIN", "log-loss of single flights"], always=155)
claim("ADWIN, the same flights shuffled", days["ADWIN", "the same, shuffled"], always=1)
claim(
    "ADWIN, fed with the daily contrast",
    days["ADWIN", "Newark against the others, by day"],
    always=0,
)

# %% [markdown]
# Shuffled, the same values raise no alarm: what it finds is that bad flights come in bad days, which is no news. Feed such detectors with daily
# contrasts, or not at all.

# %% [markdown] tags=["further"]
# ## Further: many accounts, one prober
#
# Whoever spreads the questions over accounts is not seen in any of them:

# %%
spread = retraining.simulate_queries(asked, service, accounts=40)
alone, together = (
    retraining.find_probing_clients(spread),
    retraining.find_probing_clients(spread, by=None),
)

# %% tags=["claim"]
claim("Named, client by client", int(alone["named"].sum()), nyc2013=0)
claim("Named, all questions together", int(together["named"].sum()), nyc2013=1)

# %% [markdown] tags=["further"]
# ## Further: what watching costs
#
# Lesson 09 measured a watch on the inputs: inside the call that answers, and beside it, in a process of its own. And here a service was
# scraped each second, without and with numbers that its model reports itself.

# %%
cost = tables.benchmark("watching")
show_table(cost[["p50_ratio", "p99_ratio"]])
tables.benchmark_note("watching")
scraped = tables.benchmark("telemetry")
show_table(scraped[["p50_ratio", "p99_ratio"]])
tables.benchmark_note("telemetry")

# %% tags=["claim"]
claim(
    "A watch beside: the 99th percentile, in times of none",
    cost["p99_ratio"]["beside"],
    always=(0.9, 1.05),
)
claim("Being scraped", scraped["p99_ratio"]["scraped"], always=(0.9, 1.05))
claim("Counting inside the call", scraped["p99_ratio"]["scraped and counting"], always=(0.9, 1.4))

# %% [markdown]
# To be looked at costs next to nothing, and neither does a watch beside. What is counted inside the call, somebody waits for: report a few
# numbers there, and leave the rest to the process beside.
