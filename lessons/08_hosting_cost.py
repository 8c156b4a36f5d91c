# %% [markdown]
# # What hosting a model costs
#
# The board likes the delay model, and finance wants one line for next year's budget: what will it cost to run? You have a
# timetable, a price list and an afternoon.
#
# **After this lesson you can**
#
# - turn a timetable into requests a second, on average and in the worst hour;
# - say how many servers keep the queue short, and what it saves to let them follow the traffic;
# - work out a bill under three price models, rounding rules included;
# - find the point from which batch beats real time, and buying beats renting;
# - raise an alarm before a budget is spent, and slice a bill by its labels to see who spent it.
#
# *15 minutes: how much is asked? 2 · how many servers? 3 · three ways to bill 4 · rent or buy? 1 · the whole bill 1 · an
# alarm for money 2 · whose bill is it? 2.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import datasets
from course_utils.exercises import check, quiz
from course_utils.model import training
from course_utils.notebook import claim, plots, show_source, show_table
from course_utils.serve import costs

import pandas as pd

flights = datasets.load_flights()
case = costs.assumptions()["value"]
demand = costs.demand(flights) / 3600

# %% [markdown]
# ## How much is asked?
#
# Cost starts with demand, and demand is in the timetable: flights an hour × passengers × look-ups. The last two are
# assumptions. They stand in a table, where finance can argue with them.

# %%
show_table(costs.assumptions())

# %% [markdown]
# **Guess first:** how many look-ups a second is that over the year? And in the worst hour?

# %%
by_hour = demand.groupby(demand.index.hour).mean()
hours = pd.DataFrame({"mean of the year": by_hour, "8 February": demand["2013-02-08"].array})
fig = plots.lines(
    hours,
    title="The worst hour is a snowstorm's, not the timetable's",
    x="hour of the day [h, New York]",
    y="look-ups a second [count]",
)
plots.show(
    fig,
    alt="Over the day the mean rises from nothing at night to its top in the afternoon. On 8 February it is far above that.",
)

# %% tags=["claim"]
claim("Mean look-ups a second", demand.mean(), nyc2013=5.0)
claim("In the worst hour", demand.max(), nyc2013=21.7)
claim("That hour lies on 8 February", str(demand.idxmax())[:10] == "2013-02-08", nyc2013=True)
claim("In the worst moment of July", case["bursts"] * demand["2013-07"].max(), nyc2013=206)

# %% [markdown]
# Five a second is next to nothing, and the mean is no plan. In a storm everyone looks at once, and a warning reaches a whole
# flight in one moment. Plan July, a month for which there will be a bill: 206 a second at its worst.

# %% [markdown]
# ## How many servers?
#
# What does one prediction take? That depends on the machine, so here is a committed measurement. A request costs more than
# its model: with the network and JSON, take 10 ms, well above the table.

# %%
show_table(costs.cost_per_prediction())
tables.benchmark_note("costs")

# %% [markdown]
# At 10 ms the worst moment keeps about two servers busy. **Guess first:** what becomes of the queue as they get busier? Erlang
# answered that for telephones in 1917. Of `c` servers, `a` are busy on average and all of them with probability `C`. Then the share
# `q` of requests waits no longer than
#
# $$\frac{\text{service time}}{c - a}\,\ln\frac{C}{1 - q}$$
#
# So the wait grows without end as the servers fill up. Try it, and check it by a simulation:

# %%
busy = [50, 60, 70, 80, 85, 90]
queues = {"Erlang's formula": costs.queue_wait, "simulated": costs.simulate_queue_wait}
waits = {name: [queue(1, share, 10) for share in busy] for name, queue in queues.items()}
waits = pd.DataFrame(waits, index=pd.Index(busy, name="busy"))

# %% tags=["claim"]
fig = plots.lines(
    waits,
    title="The last tenth of a server is paid for in waiting",
    x="busy time of the one server [%]",
    y="wait of the slowest 1 in 100 [ms]",
    zero=True,
)
plots.show(
    fig,
    alt="The wait grows slowly up to about 70% and then bends upwards; formula and simulation lie on each other.",
)
gap = (waits["simulated"] / waits["Erlang's formula"] - 1).abs().max()
claim("Largest gap of simulation and formula", 100 * gap, always=(0, 10), unit="%")
claim(
    "From half busy to 90% busy the wait grows by",
    waits.iloc[-1, 0] / waits.iloc[0, 0],
    always=5.75,
)

# %% [markdown]
# Nearly six times the wait for less than twice the work. So servers are counted by the wait that passengers bear
# (`wait_ms` above), not by how busy they are. *Fixed*, for the worst hour, or *elastic*, hour by hour?

# %% tags=["claim"]
rate = case["bursts"] * demand["2013-07"]
needed = costs.servers_needed(rate, case["service_ms"], case["wait_ms"])
fixed, elastic = int(needed.max() * len(needed)), int(needed.sum())
claim("Servers in the worst hour of July", needed.max(), nyc2013=3)
claim("Server hours in July, fixed", fixed, nyc2013=2232)
claim("… following the traffic", elastic, nyc2013=1344)
claim("Saved", 100 * (1 - elastic / fixed), nyc2013=39.8, unit="%")
by_clock = needed.groupby(needed.index.hour).transform("max").sum()
claim("Saved by a schedule by the clock", 100 * (1 - by_clock / fixed), nyc2013=26.4, unit="%")

# %% [markdown]
# Following the traffic saves 40% of 2,232 server hours; a schedule by the clock, which any cloud can keep, 26%. Three servers for a
# whole city's airports: the model is cheap. What costs, then?

# %% [markdown]
# ## Three ways to bill
#
# The deck's prices are of 2018, and the products behind them are gone. The *models* are not: by the piece, by the thousand, by the
# hour. Read the rounding rules; they are part of the price.

# %%
listed = costs.prices()
show_table(listed.head(5)[["vendor", "what", "dollars", "per", "unit", "rounding", "as of"]])

# %% [markdown]
# In batch, one job an hour scores the flights of the next 3 hours, and passengers look up what is stored. A flight counts once
# an hour, however many look.

# %% [markdown] tags=["exercise"]
# ### Exercise 08.1: Amazon's bill for a month of jobs
#
# Write a function that takes a list with the predictions of each job, and returns dollars: \$0.10 per 1,000, each job rounded
# up to the next 1,000.
#
# <details><summary>Hint</summary>What does a job of a few flights cost? And one of exactly 1,000?</details>


# %%
def batch_bill(jobs):
    ### BEGIN SOLUTION
    return sum(-(-size // 1000) for size in jobs) * listed["dollars"]["aws_batch"]
    ### END SOLUTION


# %% tags=["check"]
check("08.1", batch_bill)

# %% [markdown]
# **Guess first:** all bills below are for the same passengers and the same July. How far apart are the dearest and the cheapest?

# %%
july, jobs = 3600 * demand["2013-07"], costs.batch_jobs(flights)["2013-07"]
asked, runs = round(july.sum()), len(jobs)
bills = {
    "Microsoft, each look-up": costs.azure(asked),
    "Amazon, each look-up": costs.aws_real_time(asked),
    "Google, 3 nodes all month": costs.google(fixed),
    "Google, nodes follow traffic": costs.google(elastic),
    "Amazon, a batch each hour": costs.aws_batch(jobs),
    "Google, a batch each hour": costs.google(runs * case["batch_minutes"] / 60, "batch"),
}

# %% tags=["claim"]
bills = pd.Series(bills)
fig = plots.bars(
    bills.astype(float),
    title="The same passengers cost two dollars or eight thousand",
    x="bill of the month [$]",
    y="who bills, and for what",
    digits=2,
)
plots.show(
    fig,
    alt="Bills for each look-up tower over the rest; nodes by the hour and hourly batches are hardly to be seen beside them.",
)
claim("Look-ups in July", asked, nyc2013=16257840)
claim("Microsoft's bill", bills.iloc[0], nyc2013=8128.92, unit="$")
claim("Amazon's, each look-up", bills.iloc[1], nyc2013=1625.79, unit="$")
claim("Google's, three nodes all month", bills.iloc[2], nyc2013=124.99, unit="$")
claim("Amazon's, a batch each hour", bills.iloc[4], nyc2013=65.3, unit="$")
claim("Dearest to cheapest", bills.iloc[0] / bills.iloc[-1], nyc2013=(4000, 4050))
claim("By the piece to by the hour", bills.iloc[0] / bills.iloc[2], nyc2013=65.0)
claim("Each look-up to each flight, Amazon", bills.iloc[1] / bills.iloc[4], nyc2013=24.9)

# %% [markdown]
# A factor of over 4,000, out of two choices. The same look-ups cost 65 times as much by the piece as by the hour. And at one and the
# same price, Amazon's bill is 25 times as high if each look-up is a prediction of its own, and not each flight once an hour. (Not
# on the deck's slide: Amazon also charged real time for reserved memory, Microsoft for hours of computing.) Where is the
# break-even?

# %% tags=["claim"]
dollars = listed["dollars"]
even = dollars["aws_batch"] / dollars["aws_real_time"]
quiet = int((july[jobs.index] < float(even)).sum())
claim("Look-ups that cost as much as a job", even, always=1000)
claim("Hours of July with a job and fewer look-ups", quiet, nyc2013=43)
claim("Hours of July with a job", runs, nyc2013=653)
claim("Billed as one job, the month costs", costs.aws_batch([jobs.sum()]), nyc2013=8.9, unit="$")
batch = float(bills["Amazon, a batch each hour"]) / (flights["Month"] == 7).sum()
claim("The hourly batch, per 1,000 flights", 1000 * batch, nyc2013=2.22, unit="$")

# %% [markdown]
# An hourly job costs as much as 1,000 look-ups, and only 43 of 653 hours have fewer. Rounding makes most of the rest: as one job the
# month would cost \$8.90, not \$65.30. Either way it is \$2.22 per 1,000 flights at most. Lesson 12 counts the model's worth in
# that unit, in thousands.

# %% [markdown] tags=["instructor"]
# Ask who would still choose real time. Good answers: a passenger who has just rebooked, or inputs that change within the hour.
# Then let them say what a prediction that is an hour old may cost. Finance will ask about today's prices: let them enter their own
# (further on).

# %% [markdown]
# ## Rent or buy?
#
# A machine of your own costs the same whether it works or not, and you need two, so that one may fail. **Guess first:** from how many
# rented nodes on, busy day and night, is buying cheaper?

# %% tags=["claim"]
show_table(costs.machine())
compared = costs.rent_or_buy()
fig = plots.lines(
    compared,
    title="Buying pays for those who are busy day and night",
    x="rented nodes that run all year [count]",
    y="cost [$ a year]",
    zero=True,
)
plots.show(
    fig,
    alt="Renting rises steadily with the number of nodes; two machines of one's own cost the same throughout, and the lines cross.",
)
cheaper = compared.index[compared["buy"] < compared["rent"]]
claim("Nodes from which on buying is cheaper", cheaper.min(), always=13)

# %% [markdown]
# From 13 nodes on; the case has three, and lets go of them at night. Renting it is, with one caveat: data that may not leave the house
# decide this before any price does.

# %% [markdown]
# ## The whole bill
#
# A prediction server does not live alone. Load balancer, monitoring, storage, logs, tests and the people who deploy are lines of
# the same bill. **Guess first:** which is the largest?

# %% tags=["claim"]
bill = costs.architecture(fixed, elastic)
plots.show(
    plots.architecture(bill, title="A person's hours are the dearest part of the bill"),
    alt="Eight boxes with dollars a month, as built and as it could be. Deployments by hand cost the most and could shrink most.",
)
show_table(bill)
built, lean = bill[["built", "lean"]].sum()
claim("As built, a month", built, nyc2013=1339.24, unit="$")
claim("As it could be", lean, nyc2013=364.7, unit="$")
share = 100 * bill["built"].astype(float) / float(built)
claim("Deployments by hand, of the whole", share["deployments"], nyc2013=53.8, unit="%")
claim("Prediction servers, of the whole", share["prediction servers"], nyc2013=14.2, unit="%")

# %% [markdown]
# Most of the \$1,339 is somebody deploying by hand; the servers that all the talk is about are a seventh. The letters are those
# of the question at the end of this lesson.

# %% [markdown]
# ## An alarm for money
#
# A year in the cloud is decided daily, by everyone who may start a machine. Google exports each line of the bill; this one is made
# up, of June 2018. SQL asks it, as BigQuery would:

# %%
lines, use = costs.billing_export()
daily = costs.sql(
    "SELECT day(day) AS day, sum(cost) AS dollars FROM lines GROUP BY 1 ORDER BY 1", lines=lines
)
daily = daily.set_index("day")["dollars"]
daily.head(3)

# %% [markdown] tags=["exercise"]
# ### Exercise 08.2: alarms at shares of the budget
#
# The deck wants alarms at 10%, 20%, 50% and 70% of the budget. `daily` has dollars by day of the month. Return a dict: for each of
# `shares`, the first day on which what was spent since the first reached it; `None` if it never did.
#
# <details><summary>Hint</summary>Add up first. Then think of a month that stays below every share.</details>


# %%
def alarms(daily, budget, shares):
    ### BEGIN SOLUTION
    spent = daily.cumsum()
    return {
        share: next((day for day, total in spent.items() if total >= share * budget), None)
        for share in shares
    }
    ### END SOLUTION


# %% tags=["check"]
check("08.2", alarms)

# %% [markdown]
# The budget for June is `900` dollars. **Guess first:** something went wrong this month. Which of the four alarms tells you so?

# %% tags=["claim"]
raised = costs.budget_alerts(daily, 900, [0.1, 0.2, 0.5, 0.7])
show_table(raised)
claim("Spent in June", daily.sum(), always=1310.61, unit="$")
claim("The alarm at 50% comes on day", raised.loc[0.5, "day"], always=13)
claim("… days before its time", raised.loc[0.5, "days early"], always=2)
claim(
    "The alarms at 10% and 20% come early",
    (raised["days early"].iloc[:2] > 0).any(),
    always=False,
)

# %% [markdown]
# An alarm says little without a calendar. The first two came late, so all seemed well; the one at 50% came 2 days early, on day
# 13, and was the first to know. In the end June costs \$1,311.

# %% [markdown]
# ## Whose bill is it?
#
# Labels answer that: `team`, `component`, `environment`, as in the deck. A row has a *list* of them, so one unpacks it first.
# That is the cost dashboard, in one query:

# %% tags=["claim"]
by_label = """
SELECT label.key AS label, label.value AS value, sum(cost) AS dollars
FROM lines, UNNEST(labels) AS unpacked(label)
GROUP BY ALL ORDER BY label DESC, dollars DESC
"""
slices = costs.sql(by_label, lines=lines).set_index(["label", "value"])
show_table(slices)
claim("The teams add up to", slices.loc["team", "dollars"].sum(), always=1192.83, unit="$")
claim("The bill is", daily.sum(), always=1310.61, unit="$")

# %% [markdown]
# The teams do not add up to the bill: what has no label falls out without a word. Hence *policies*: no label, no machine. Over
# the days, the label `environment` shows when it went wrong:

# %%
by_day = """
SELECT day(day) AS day, label.value AS environment, sum(cost) AS dollars
FROM lines, UNNEST(labels) AS unpacked(label)
WHERE label.key = 'environment' GROUP BY ALL
"""
days = costs.sql(by_day, lines=lines).pivot(index="day", columns="environment", values="dollars")
fig = plots.lines(days, title="Something began on day 8", x="day of June", y="cost [$ a day]")
plots.show(
    fig, alt="Costs of prod and test stay level; those of dev leap up on one day and stay."
)

# %% [markdown]
# Who sees this each morning needs no alarm. Now join the bill with what monitoring knows, and ask for what costs and serves
# nobody:

# %%
idle = """
SELECT resource, min(day(day)) AS "from day", sum(cost) AS dollars
FROM lines JOIN use USING (day, resource)
GROUP BY resource HAVING sum(requests) = 0 ORDER BY dollars DESC
"""
wasted = costs.sql(idle, lines=lines, use=use).set_index("resource")
show_table(wasted)
trial = wasted["dollars"]["gpu-trial"]
claim("Spent on the trial in 23 days", trial, always=496.8, unit="$")
claim("Stopped after day 13", trial / 23 * 17, always=367.2, unit="$")

# %% [markdown]
# A trial, started on 8 June and forgotten, ate \$497. Stopped at the alarm it would have saved \$367; stopped by whoever looks at
# the dashboard, nearly all.
#
# **Check what you know**

# %%
quiz("K3.1")

# %%
show_table(costs.cost_controls())

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - turn a timetable into requests a second, on average and in the worst hour;
# - say how many servers keep the queue short, and what it saves to let them follow the traffic;
# - work out a bill under three price models, rounding rules included;
# - find the point from which batch beats real time, and buying beats renting;
# - raise an alarm before a budget is spent, and slice a bill by its labels to see who spent it.
#
# Next: [09 · The production checklist](09_production_checklist.ipynb)

# %% [markdown] tags=["further"]
# ## Further: how available must it be?
#
# Say a server is up 99% of the time, and servers fail independently of each other. What does a target allow, and what does it take
# when the traffic needs three?

# %%
show_table(costs.availability("0.99", "0.999", "0.9999"))

# %% [markdown]
# The minutes are the *error budget*: what may fail in 30 days before anyone is called. Each further nine costs a server or none,
# so ask for the target before the machines. A warning that comes a few minutes late harms nobody. And 'independently' is the weak
# word: one bad deployment takes them all.

# %% [markdown] tags=["further"]
# ## Further: your own figures
#
# How long does a prediction take on *your* machine? This cell asks the course's model for one flight, again and again:

# %% tags=["live"]
scorer = training.course_model().scorer
flight = training.course_model().inputs.tail(1)
costs.processor_time_ms(lambda: scorer.score(flight))

# %% [markdown]
# The other prices that this lesson used, with their sources:

# %%
show_table(listed.iloc[5:][["what", "dollars", "unit", "as of", "source"]])

# %% [markdown]
# And today's prices: fill in this form with those that your vendor asks, in the units of the table. Whatever you leave out stays as
# it was.

# %%
mine = costs.prices(google_online="0.09", server="0.0774")
show_table(mine.loc[["google_online", "google_batch", "server"], ["dollars", "unit", "as of"]])

# %%
own = {
    "Google, 3 nodes all month": costs.google(fixed, price_list=mine),
    "Google, nodes follow traffic": costs.google(elastic, price_list=mine),
    "The whole bill, as built": costs.architecture(fixed, elastic, mine)["built"].sum(),
}
pd.Series(own, name="dollars").to_frame()

# %% [markdown]
# Why exact decimals? Here is what `float` makes of `300` predictions in real time, rounded up to the next cent:

# %% tags=["claim"]
import math

claim("With floats", math.ceil(300 * 0.0001 * 100) / 100, always=0.04, unit="$")
claim("With decimals", costs.aws_real_time(300), always=0.03, unit="$")

# %% [markdown] tags=["further"]
# ## Further: the deck's tools
#
# Calculators and dashboards of the deck, and what became of them:

# %%
show_table(costs.cost_tools())
