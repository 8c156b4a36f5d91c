# %% [markdown]
# # Start here
#
# An airline wants to warn its passengers, hours ahead, that their flight will leave late. In this course you take that
# idea to production: you build a model, put a price on it, explain it, serve it and monitor it.
#
# **After this lesson you can**
#
# - find your way through lessons, exercises, checks and solutions;
# - check that your machine is ready for the course;
# - turn one prediction into dollars.
#
# *5 minutes in class: how lessons work 2 · is this machine ready? 1 · one flight 2.*

# %% tags=["setup"]
from course_utils.data import datasets, features
from course_utils.exercises import check
from course_utils.model import money, training
from course_utils.notebook import claim, doctor, plots

# %% [markdown]
# ## How lessons work
#
# Run the cells from top to bottom with Shift+Enter. At **Guess first**, decide on an answer before you run the next
# cell. A ✓ marks a *claim*: a statement of the course that your machine has just measured again.
#
# In an exercise, replace `...` with your answer. The cell below checks it: it says what is right, what is wrong, and
# gives a hint, but never the answer. You can skip an exercise; the rest of the lesson still runs. The notebook of the
# same name in `solutions/` has a worked answer to every exercise.

# %% [markdown] tags=["exercise"]
# ### Exercise 00.1: try it
#
# This exercise shows you what a check looks like. Give `minutes_late` any number of minutes up to a day, in place of
# `...`, then run both cells. Before you do, the check reports `not answered yet`.

# %%
minutes_late = ...
### BEGIN SOLUTION
minutes_late = 15
### END SOLUTION

# %% tags=["check"]
check("00.1", minutes_late)

# %% [markdown]
# ## Is this machine ready?
#
# The doctor checks Python, packages, memory, disk space, data and the notebook kernel. If a check fails, it tells you
# how to fix it. To see every check, run `course doctor` on the command line.

# %%
doctor.summary()

# %% [markdown]
# ## One flight, in dollars
#
# The data hold all flights from New York in 2013, with the schedule and the actual times. A flight counts as *late*
# when it leaves 15 minutes or more behind schedule. **Guess first:** in which hour of the day is a flight least likely
# to be late?

# %%
flights = datasets.load_flights()
late = features.label(flights)
by_hour = late.groupby(flights["CRSDepTime"] // 100).mean()

# %% tags=["figure"]
fig = plots.lines(
    by_hour.loc[5:22], title="Delays build up through the day", x="scheduled hour", y="share late"
)
plots.show(
    fig,
    alt="The share of late flights rises from early morning to the evening and falls slightly at night.",
)

# %% tags=["claim"]
claim("Flights in the data", len(flights), nyc2013=336776, allyears2k=43978)
claim("Share that left late", late.mean(), nyc2013=0.222)
claim("Hour with the smallest share of late flights", by_hour.loc[5:22].idxmin(), nyc2013=(5, 6))

# %% [markdown]
# Delays build up: later departures are late more often. But the hour alone cannot predict a single flight. The course's
# model now scores a flight scheduled for 19:00 on 5 December. It uses only data that were known three hours before
# departure.

# %%
model = training.course_model()
flight = flights[
    (flights["Month"] == 12) & (flights["DayofMonth"] == 5) & (flights["CRSDepTime"] == 1900)
].head(1)
probability = model.predict(flight).item()

# %%
worth = money.expected_value(money.payoff("deck_100"), step=0.01)
warn, silent = worth.loc[round(probability, 2)]

# %% tags=["claim"]
claim("Probability that this flight leaves late", probability, nyc2013=(0.65, 0.8))
claim("Expected value of a warning for this flight", warn, nyc2013=(30, 60), unit="$")
claim("Expected value of no warning for this flight", silent, nyc2013=(-400, -280), unit="$")

# %% [markdown]
# Both values follow from a *payoff* in the slides on which this course is based ('the deck'). A correct prediction
# earns 100 dollars a flight, a false alarm costs 100 dollars, and a delay without a warning costs 500 dollars. Here a
# warning is worth more, so you send it. The rest of the course shows when you can rely on such a decision.

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - find your way through lessons, exercises, checks and solutions;
# - check that your machine is ready for the course;
# - turn one prediction into dollars.
#
# Next: [01 · The data-science workflow and its business impact](01_data_science_workflow.ipynb)
