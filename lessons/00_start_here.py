# %% [markdown]
# # Start here
#
# An airline wants to tell its passengers, hours ahead, that their flight will leave late. In this course you take that wish
# all the way to a model in production: built, priced, explained, served and watched.
#
# **After this lesson you can**
#
# - find your way through lessons, exercises, checks and solutions;
# - say whether this machine is ready for the course;
# - turn one prediction into dollars.
#
# *5 minutes: how lessons work 2 · is this machine ready? 1 · a taste 2.*

# %% tags=["setup"]
from course_utils.data import datasets, features
from course_utils.exercises import check
from course_utils.model import money, training
from course_utils.notebook import claim, doctor, plots

# %% [markdown]
# ## How lessons work
#
# Run the cells from top to bottom with Shift+Enter. **Guess first** means just that: say a number aloud before you run the next
# cell. A ✓ below a cell is a claim of the text, measured again on your machine.
#
# An exercise leaves `...` for you to replace. The cell below it checks your answer, says what is wrong and gives a hint, and never
# the answer. Nothing stops if you move on. A worked answer to each stands in the same notebook in `solutions/`.

# %% [markdown] tags=["exercise"]
# ### Exercise 00.1: try it
#
# There is nothing to get wrong here. Replace the three dots with any number of minutes, run the cell, and see what a check of an
# answer looks like in the lessons to come. Until then it waits:

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
# The doctor looks at Python, packages, memory, disk, data and kernel. If anything fails, it names the mend; `course doctor` on
# the command line shows the details.

# %%
doctor.summary()

# %% [markdown]
# ## A taste: one flight, in dollars
#
# Here are all flights that left New York in 2013, each with what was scheduled and what became of it. A flight is late when it
# leaves 15 minutes or more behind schedule. **Guess first:** which hour of the day is the safest to fly?

# %%
flights = datasets.load_flights()
late = features.label(flights)
by_hour = late.groupby(flights["CRSDepTime"] // 100).mean()

# %%
fig = plots.lines(
    by_hour.loc[5:22], title="Delays pile up through the day", x="scheduled hour", y="share late"
)
plots.show(
    fig,
    alt="The share of late flights rises from early morning to the evening, and falls a little at night.",
)

# %% tags=["claim"]
claim("Flights in the data", len(flights), nyc2013=336776, allyears2k=43978)
claim("The share that left late", late.mean(), nyc2013=0.222)
claim("The safest hour starts at", by_hour.loc[5:22].idxmin(), nyc2013=(5, 6))

# %% [markdown]
# Hours later, delays have piled up. A single flight needs more than its hour, though: let the model of the course look at one
# that was due out at seven in the evening of 5 December, knowing only what was known three hours before.

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
claim("The probability that this flight leaves late", probability, nyc2013=(0.65, 0.8))
claim("A warning is worth, on average, per passenger", warn, nyc2013=(30, 60), unit="$")
claim("Silence is worth", silent, nyc2013=(-400, -280), unit="$")

# %% [markdown]
# The payoff is the deck's: \$100 for telling a passenger right, minus \$500 for a delay that nobody was told of. A probability became a
# decision with a price on it. The rest of the course is about earning the right to act on it.

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - find your way through lessons, exercises, checks and solutions;
# - say whether this machine is ready for the course;
# - turn one prediction into dollars.
#
# Next: [01 · The data-science workflow and its business impact](01_data_science_workflow.ipynb)
