# %% [markdown]
# # What hosting a model costs
#
# The board likes the delay model, and finance needs one line for next year's budget: what will it cost to run? You have a
# timetable, a price list and an afternoon to find out.
#
# **After this lesson you can**
#
# - estimate requests per second from a timetable, on average and in the worst hour;
# - size the servers so that the queue stays short, and state what autoscaling saves;
# - calculate a bill under three price models, rounding rules included;
# - find the break-even points between batch and real time, and between renting and buying;
# - set budget alerts that fire before the money is spent, and break a bill down by label to see who spent it.
#
# *15 minutes in class: how many requests? 2 · how many servers? 3 · three price models 4 · rent or buy? 1 · the whole bill 1 · budget
# alerts 2 · who spent it? 2.*

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
# ## How many requests?
#
# Costs depend on demand, and demand follows from the timetable: flights per hour × passengers × look-ups. Each look-up asks the
# model for one prediction. Passengers and look-ups are assumptions, so they are in a table that finance can check and change.

# %%
show_table(costs.assumptions())

# %% [markdown]
# **Guess first:** when do passengers look up their flights most often: in the busiest hour of the timetable, or during a
# snowstorm?

# %% tags=["figure"]
by_hour = demand.groupby(demand.index.hour).mean()
hours = pd.DataFrame({"mean of the year": by_hour, "8 February": demand["2013-02-08"].array})
fig = plots.lines(
    hours,
    title="The worst hour comes from a snowstorm, not from the timetable",
    x="hour of the day [h, New York]",
    y="look-ups per second [count]",
)
plots.show(
    fig,
    alt="The yearly mean rises from zero at night to its peak in the afternoon. On 8 February look-ups are far above it.",
)

# %% tags=["claim"]
claim("Look-ups per second, mean of the year", demand.mean(), nyc2013=5.0)
claim("Look-ups per second in the worst hour", demand.max(), nyc2013=21.7)
claim("The worst hour is on 8 February", str(demand.idxmax())[:10] == "2013-02-08", nyc2013=True)
claim("In the worst minutes of July", case["bursts"] * demand["2013-07"].max(), nyc2013=206)

# %% [markdown]
# Five look-ups per second on average are easy to serve, but you cannot plan for the mean. In a storm everyone looks, and after a
# warning a whole flight does. So plan for the worst minutes of July, the month that you bill below: 206 look-ups per second.

# %% [markdown]
# ## How many servers?
#
# How long does one prediction take? The answer depends on the machine, so the next cell shows a stored measurement. A request
# also needs time for the network and JSON, so assume 10 ms, well above the table.

# %%
show_table(costs.cost_per_prediction())
tables.benchmark_note("costs")

# %% [markdown]
# At 10 ms per request, the worst minutes of July keep about two servers busy. **Guess first:** when a server goes from half
# busy to 90% busy, how much longer do requests wait?
#
# Erlang answered this for telephone exchanges in 1917. Let `c` be the number of servers, `a` the average number of busy
# servers, and `C` the probability that all servers are busy. Then a share `q` of all requests waits no longer than
#
# $$\frac{\text{service time}}{c - a}\,\ln\frac{C}{1 - q}$$
#
# It assumes independent requests. The wait grows without limit as `a` approaches `c`. Calculate it for one server, and
# check the result by simulation:

# %%
busy = [50, 60, 70, 80, 85, 90]
queues = {"Erlang's formula": costs.queue_wait, "simulated": costs.simulate_queue_wait}
waits = {name: [queue(1, share, 10) for share in busy] for name, queue in queues.items()}
waits = pd.DataFrame(waits, index=pd.Index(busy, name="busy"))

# %% tags=["figure"]
fig = plots.lines(
    waits,
    title="The busier the server, the steeper the wait rises",
    x="time that the server is busy [%]",
    y="99th percentile of the wait [ms]",
    zero=True,
)
plots.show(
    fig,
    alt="The wait rises slowly up to about 70% busy, then steeply. The curves of formula and simulation coincide.",
)

# %% tags=["claim"]
gap = (waits["simulated"] / waits["Erlang's formula"] - 1).abs().max()
claim("Largest gap between simulation and formula", 100 * gap, always=(0, 10), unit="%")
claim(
    "From half busy to 90% busy, the wait grows by a factor of",
    waits.iloc[-1, 0] / waits.iloc[0, 0],
    always=5.75,
)

# %% [markdown]
# The wait grows nearly sixfold, while the work does not even double. So choose the number of servers by the wait that
# passengers accept (`wait_ms` in the assumptions), not by how busy the servers are. You can keep a *fixed* number, sized for
# the worst hour of the month. Or you can use *autoscaling*, which sets the number hour by hour.

# %% tags=["claim"]
rate = case["bursts"] * demand["2013-07"]
needed = costs.servers_needed(rate, case["service_ms"], case["wait_ms"])
fixed, elastic = int(needed.max() * len(needed)), int(needed.sum())
claim("Servers in the worst hour of July", needed.max(), nyc2013=3)
claim("Server hours in July, fixed", fixed, nyc2013=2232)
claim("Server hours in July, with autoscaling", elastic, nyc2013=1344)
claim("Saved by autoscaling", 100 * (1 - elastic / fixed), nyc2013=39.8, unit="%")
by_clock = needed.groupby(needed.index.hour).transform("max").sum()
claim("Saved by a fixed daily schedule", 100 * (1 - by_clock / fixed), nyc2013=26.4, unit="%")

# %% [markdown]
# Autoscaling saves 40% of 2,232 server hours. A fixed daily schedule, which every cloud supports, saves 26%. Three servers are
# enough for all airports of the city, so the computing itself is cheap. So what is expensive?

# %% [markdown]
# ### When a whole flight asks at once
#
# A push message reaches a whole flight at once. How long does it wait on three servers?

# %%
whole_flight, service, servers = case["passengers"], case["service_ms"], int(needed.max())
together = costs.burst_wait(servers, whole_flight, service)
enough = next(n for n in range(1, 200) if costs.burst_wait(n, whole_flight, service) <= 50)
spread = costs.queue_wait(servers, rate.max() / case["bursts"] + whole_flight / 60, service)

# %% tags=["claim"]
claim("A whole flight waits, 99th percentile", together, always=390, unit="ms")
repeated = costs.simulate_queue_wait(servers, 1, service, together=whole_flight)
claim("The same in a simulation of many such flights", repeated, always=(350, 480), unit="ms")
claim("Servers that keep it within 50 ms", enough, always=20)
claim("Sent over a minute instead, they wait on three servers", spread, nyc2013=(0, 1), unit="ms")

# %% [markdown]
# About 0.4 seconds instead of 50 ms: the formula cannot tell. Twenty servers would keep it; spreading
# the messages over a minute, as the bills assume, is cheaper.

# %% [markdown]
# ## Three price models
#
# The deck's prices date from 2018, and those products no longer exist. Their *price models* still do: per prediction, per
# thousand predictions, and per hour. Read the rounding rules as well, because they are part of the price.

# %%
listed = costs.prices()
show_table(listed.head(5)[["vendor", "what", "dollars", "per", "unit", "rounding", "as of"]])

# %% [markdown]
# With batch prediction, one job per hour scores all flights of the next 3 hours, and passengers look up the stored result. Each
# flight then counts once per hour, no matter how many passengers look it up.

# %% [markdown] tags=["exercise"]
# ### Exercise 08.1: Amazon's bill for a month of batch jobs
#
# Write `batch_bill(jobs)`. It takes a list with the number of predictions in each job, and returns the bill in dollars. The
# price is 0.10 dollars per 1,000 predictions, and each job is rounded up to the next 1,000.
#
# <details><summary>Hint</summary>What does a job with only a few flights cost? And a job with exactly 1,000?</details>


# %%
def batch_bill(jobs):
    ### BEGIN SOLUTION
    return sum(-(-size // 1000) for size in jobs) * listed["dollars"]["aws_batch"]
    ### END SOLUTION


# %% tags=["check"]
check("08.1", batch_bill)

# %% [markdown]
# **Guess first:** all bills below are for the same passengers in the same July. How many times as high as the lowest bill is
# the highest?

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

# %% tags=["figure"]
bills = pd.Series(bills)
fig = plots.bars(
    bills.astype(float),
    title="The same month costs 2 dollars or 8,000 dollars",
    x="bill for July [$]",
    y="vendor and what it bills",
    digits=2,
)
plots.show(
    fig,
    alt="The bills per look-up are by far the highest. Bills for node hours and hourly batches are hardly visible beside them.",
)

# %% tags=["claim"]
claim("Look-ups in July", asked, nyc2013=16257840)
claim("Microsoft's bill", bills.iloc[0], nyc2013=8128.92, unit="$")
claim("Amazon's, each look-up", bills.iloc[1], nyc2013=1625.79, unit="$")
claim("Google's, three nodes all month", bills.iloc[2], nyc2013=124.99, unit="$")
claim("Amazon's, hourly batch", bills.iloc[4], nyc2013=65.3, unit="$")
claim("Highest bill divided by lowest", bills.iloc[0] / bills.iloc[-1], nyc2013=(4000, 4050))
claim("Microsoft's divided by Google's, three nodes", bills.iloc[0] / bills.iloc[2], nyc2013=65.0)
claim("Amazon: per look-up divided by hourly batch", bills.iloc[1] / bills.iloc[4], nyc2013=24.9)

# %% [markdown]
# The bills differ by a factor of over 4,000, for two reasons. One is the price model: the same look-ups cost 65 times as
# much per look-up (Microsoft) as per node hour (Google). The second is what you count. Amazon's price per prediction is the
# same in both modes, but its bill is 25 times as high for every look-up as for every flight once an hour.
#
# Where is the break-even?

# %% tags=["claim"]
dollars = listed["dollars"]
even = dollars["aws_batch"] / dollars["aws_real_time"]
quiet = int((july[jobs.index] < float(even)).sum())
claim("Look-ups that cost as much as one hourly job", even, always=1000)
claim("Hours of July with a job and fewer look-ups than that", quiet, nyc2013=43)
claim("Hours of July with a job", runs, nyc2013=653)
claim("Billed as one job, the month costs", costs.aws_batch([jobs.sum()]), nyc2013=8.9, unit="$")
batch = float(bills["Amazon, a batch each hour"]) / (flights["Month"] == 7).sum()
claim("Hourly batch, per 1,000 flights", 1000 * batch, nyc2013=2.22, unit="$")

# %% [markdown]
# An hourly job costs as much as 1,000 look-ups, and only 43 of 653 hours have fewer. So batch is cheaper in nearly every hour.
# Most of the batch bill is due to rounding: billed as one job, the month would cost 8.90 dollars instead of 65.30. Even so,
# 1,000 flights cost only 2.22 dollars. In lesson 12, the model's value per 1,000 flights is in the thousands of dollars.

# %% [markdown] tags=["instructor"]
# Ask who would still choose real time. Good answers: for passengers who have just rebooked, or for inputs that change within
# the hour. Then ask what an hour-old prediction could cost the airline. Finance will ask about today's prices: let learners
# enter their own in the section 'Further: your own figures'.

# %% [markdown]
# ## Rent or buy?
#
# Your own machine costs the same whether it is busy or idle. One machine does the work of 16 rented nodes, but you need two
# machines in case one fails. **Guess first:** from how many rented nodes, running day and night, is buying cheaper?

# %%
show_table(costs.machine())
compared = costs.rent_or_buy()

# %% tags=["figure"]
fig = plots.lines(
    compared,
    title="Buying pays off with many nodes that run day and night",
    x="rented nodes that run all year [count]",
    y="cost [$ per year]",
    zero=True,
)
plots.show(
    fig,
    alt="The cost of renting rises with each node. The cost of two machines of your own is constant. The two lines cross.",
)

# %% tags=["claim"]
cheaper = compared.index[compared["buy"] < compared["rent"]]
claim("Buying is cheaper from this number of nodes", cheaper.min(), always=13)

# %% [markdown]
# Buying is cheaper from 13 nodes on. The airline needs only three, and fewer at night, so it rents. One caveat: if the data
# must not leave the company, that decides the question, whatever the prices.

# %% [markdown]
# ## The whole bill
#
# A prediction server is never the only cost. Load balancer, monitoring, storage, logs, test servers and the people who deploy
# are on the same bill. **Guess first:** which of these items costs the most?

# %%
bill = costs.architecture(fixed, elastic)

# %% tags=["figure"]
plots.show(
    plots.architecture(bill, title="Manual deployment costs more than all the servers"),
    alt="Eight boxes, each with its dollars per month, as built and as it could be. Deployments cost the most and can be cut the most.",
)

# %% tags=["claim"]
show_table(bill)
built, lean = bill[["built", "lean"]].sum()
claim("Bill per month, as built", built, nyc2013=1339.24, unit="$")
claim("Bill per month, as it could be", lean, nyc2013=364.7, unit="$")
share = 100 * bill["built"].astype(float) / float(built)
claim("Share of manual deployment", share["deployments"], nyc2013=53.8, unit="%")
claim("Share of the prediction servers", share["prediction servers"], nyc2013=14.2, unit="%")

# %% [markdown]
# Manual deployment accounts for 54% of the 1,339 dollars, and the prediction servers for only 14%. The column `way` gives the
# measure that leads from `built` to `lean`, as a letter of the quiz at the end of this lesson.

# %% [markdown]
# ## Budget alerts
#
# In the cloud, everyone who may start a machine spends money, so check the bill daily. Google can export each line of the bill
# to BigQuery, for SQL queries. This export, of June 2018, is made up:

# %%
lines, use = costs.billing_export()
daily = costs.sql(
    "SELECT day(day) AS day, sum(cost) AS dollars FROM lines GROUP BY 1 ORDER BY 1", lines=lines
)
daily = daily.set_index("day")["dollars"]
daily.head(3)

# %% [markdown] tags=["exercise"]
# ### Exercise 08.2: alerts at shares of the budget
#
# The deck sets alerts at 10%, 20%, 50% and 70% of the budget. Write `alarms(daily, budget, shares)`. `daily` holds the dollars
# of each day in the bill, by the day's number; days without costs may be missing. Return a dict: for each of `shares`, the
# first day on which the total since day 1 reached that share of `budget`, or `None` if it never did. The check calls your
# function with other months, budgets and shares.
#
# <details><summary>Hint</summary>Each day, compare the running total with the budget. What should your function return for a
# month that stays below every share?</details>


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
# The budget for June is `900` dollars, and in the second week something goes wrong. At an even pace, the four alerts would fire
# on days 3, 6, 15 and 21. **Guess first:** which alert shows first that something is wrong?

# %% tags=["claim"]
raised = costs.budget_alerts(daily, 900, [0.1, 0.2, 0.5, 0.7])
show_table(raised)
claim("Spent in June", daily.sum(), always=1310.61, unit="$")
claim("Day on which the 50% alert fires", raised.loc[0.5, "day"], always=13)
claim("Days earlier than at an even pace", raised.loc[0.5, "days early"], always=2)
claim(
    "The 10% alert or the 20% alert comes early",
    (raised["days early"].iloc[:2] > 0).any(),
    always=False,
)

# %% [markdown]
# The first two alerts came later than at an even pace, so all seemed well. The alert at 50% came 2 days early, on day 13, and
# was the first sign of trouble. In the end June cost 1,311 dollars.

# %% [markdown]
# ## Who spent it?
#
# Labels answer this: `team`, `component` and `environment`, as in the deck. Each row holds a *list* of labels, so unpack it
# with `UNNEST`. This query feeds a cost dashboard:

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
# The teams do not add up to the bill, because rows without a label drop out of the query without a warning. A *policy* prevents
# this: a machine without labels is not allowed to start. Plotted by day, the label `environment` shows when the trouble began:

# %%
by_day = """
SELECT day(day) AS day, label.value AS environment, sum(cost) AS dollars
FROM lines, UNNEST(labels) AS unpacked(label)
WHERE label.key = 'environment' GROUP BY ALL
"""
days = costs.sql(by_day, lines=lines).pivot(index="day", columns="environment", values="dollars")

# %% tags=["figure"]
fig = plots.lines(days, title="Costs of dev jump on day 8", x="day of June", y="cost [$/day]")
plots.show(
    fig, alt="Costs of prod and test stay level; costs of dev jump on one day and stay high."
)

# %% [markdown]
# If you look at this chart every morning, you see the jump a day later, without any alert. Next, join the bill with the usage
# data from monitoring, and find the resources that cost money but serve no requests:

# %%
idle = """
SELECT resource, min(day(day)) AS "from day", sum(cost) AS dollars
FROM lines JOIN use USING (day, resource)
GROUP BY resource HAVING sum(requests) = 0 ORDER BY dollars DESC
"""
wasted = costs.sql(idle, lines=lines, use=use).set_index("resource")
show_table(wasted)
trial = wasted["dollars"]["gpu-trial"]

# %% tags=["claim"]
claim("Cost of the trial, 23 days", trial, always=496.8, unit="$")
claim("Saved by stopping it after day 13", trial / 23 * 17, always=367.2, unit="$")

# %% [markdown]
# Someone started a GPU trial on 8 June and forgot it; it cost 497 dollars. If you stop it when the alert fires, you save 367
# dollars. If you look at the dashboard every day, you save nearly all of it.
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
# - estimate requests per second from a timetable, on average and in the worst hour;
# - size the servers so that the queue stays short, and state what autoscaling saves;
# - calculate a bill under three price models, rounding rules included;
# - find the break-even points between batch and real time, and between renting and buying;
# - set budget alerts that fire before the money is spent, and break a bill down by label to see who spent it.
#
# Next: [09 · The production checklist](09_production_checklist.ipynb)

# %% [markdown] tags=["further"]
# ## Further: how available must it be?
#
# Suppose that each server is up 99% of the time, and that servers fail independently of each other. How many minutes of
# downtime does an availability target allow? And how many spare servers does it take, if the traffic needs three?

# %%
show_table(costs.availability("0.99", "0.999", "0.9999"))

# %% [markdown]
# The minutes are the *error budget*: how long the service may be down within 30 days. Each additional nine in the target costs
# at most one more server, so agree on the target before you rent servers. For warnings a modest target is enough, because a
# warning that comes a few minutes late harms no one. In practice failures are rarely independent: one bad deployment takes down
# all servers at once.

# %% [markdown] tags=["further"]
# ## Further: your own figures
#
# How long does a prediction take on *your* machine? This cell scores one flight many times and returns the median, in ms:

# %% tags=["live"]
scorer = training.course_model().scorer
flight = training.course_model().inputs.tail(1)
costs.processor_time_ms(lambda: scorer.score(flight))

# %% [markdown]
# These are the other prices used in this lesson, with their sources:

# %%
show_table(listed.iloc[5:][["what", "dollars", "unit", "as of", "source"]])

# %% [markdown]
# The deck's slide leaves out two charges: Amazon also billed memory reserved for real time, and Microsoft billed compute hours.
#
# To use today's prices, enter your vendor's prices here, in the units of the table. Any price that you leave out keeps its old
# value.

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
# Why does the course use exact decimals? A `float` cannot store `0.0001` exactly. Rounded up to the next cent, the bill for
# `300` real-time predictions then comes out one cent too high:

# %% tags=["claim"]
import math

price = float(listed.loc["aws_real_time", "dollars"])
claim("With floats", math.ceil(300 * price * 100) / 100, always=0.04, unit="$")
claim("With decimals", costs.aws_real_time(300), always=0.03, unit="$")

# %% [markdown] tags=["further"]
# ## Further: the deck's tools
#
# The deck's calculators and dashboards, and their state today:

# %%
show_table(costs.cost_tools())
