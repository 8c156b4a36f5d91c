# %% [markdown]
# # Start here
#
# An airline wants to tell its passengers, hours ahead, that their flight will leave late. In two days you will take that wish
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
from course_utils import datasets, doctor, features, money, plots, training
from course_utils.claims import claim
from course_utils.exercises import check

# %% [markdown]
# ## How lessons work
#
# Run the cells from top to bottom with Shift+Enter. **Guess first** means just that: say a number aloud before you run the next
# cell. A ✓ below a cell is a claim of the text, measured again on your machine.
#
# An exercise leaves `...` for you to replace. The cell below it checks your answer, says what is wrong and gives a hint, and never
# the answer. Nothing stops if you move on. A worked answer to each stands in the same notebook in `solutions/`.

# %% [markdown]
# ### Try it
#
# There is nothing to get wrong here. Replace the three dots with any number of minutes, run the cell, and see what a check of an
# answer looks like in the lessons to come. Until then it waits:

# %%
minutes_late = ...

# %%
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
fig = plots.lines(by_hour.loc[5:22], title="Delays pile up through the day", x="scheduled hour", y="share late")
plots.show(fig, alt="The share of late flights rises from early morning to the evening, and falls a little at night.")

# %% tags=["claim"]
claim("Flights in the data", len(flights), nyc2013=336776, allyears2k=43978)
claim("The share that left late", late.mean(), nyc2013=0.222)
claim("The safest hour starts at", by_hour.loc[5:22].idxmin(), nyc2013=(5, 6))

# %% [markdown]
# Now ask the model of the course about one flight of a stormy evening, three hours before it is due to leave.

# %%
model = training.course_model()
flight = flights[flights["DepDelay"].notna()].tail(1)
