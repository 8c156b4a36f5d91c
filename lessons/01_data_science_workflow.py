# %% [markdown]
# # The data-science workflow and its business impact
#
# You work for an airline that wants to tell its passengers, hours ahead, that their flight will leave late. Before anyone
# trains a model, somebody has to say who asked for it, what it is worth, and how you would notice that it failed.
#
# **After this lesson you can**
#
# - name the six steps from an objective to a monitored model, and what each must deliver;
# - fill in a stakeholder canvas for a model that someone will pay for;
# - read a confusion matrix the right way round and turn it into dollars;
# - find the probability at which a warning starts to pay.
#
# *30 minutes: six steps 5 · a canvas 6 · four cells 4 · dollars 6 · a threshold 5 · what is known when 4.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import dictionary
from course_utils.exercises import check, quiz
from course_utils.model import metrics, money
from course_utils.notebook import claim, plots, show_source, show_table

# %% [markdown]
# # Part 1 of 3: From an objective to a monitored model
#
# Most models that fail in production were doomed before the first line of code: nobody had asked what would be done with a
# prediction, or nobody owned it afterwards.

# %% [markdown]
# ## Six steps
#
# **Guess first:** of the steps from an objective to a running model, in how many does anyone train a model?

# %%
plots.show(
    plots.workflow(),
    alt="Six boxes in order: objective, data, model, evaluation, results, operation. A dashed arrow leads from operation back "
    "to the model.",
)

# %% [markdown]
# Training is one box of six, and the dashed arrow is the one that gets forgotten: what is seen in production leads back to the
# model. Each step must deliver something to the next. What does the first have to settle?

# %%
show_table(tables.workflow(1))

# %% [markdown]
# The last column says which lesson of this course does it. The same for data and model, where nearly all the pitfalls live:

# %%
show_table(tables.workflow(2, 3))

# %% [markdown]
# And for the three steps after the model, which most courses leave out:

# %%
show_table(tables.workflow(4, 5, 6))

# %% [markdown]
# ## A canvas for those who pay
#
# The first step ends with one page that sponsor, operations and data science have all agreed on. These are its questions.

# %%
show_table(tables.canvas())

# %% [markdown] tags=["exercise"]
# ### Exercise 01.1: fill in the canvas
#
# Fill it in for the airline, in your own words. Success needs a figure and what it is a figure of; costs are dollars; name at
# least two things that you take for granted.
#
# <details><summary>Hint</summary>For success, finish the sentence: 'by next summer, … of …'. For the assumptions: what
# would have to stay as it is for the model to go on working?</details>

# %%
canvas = dict.fromkeys(tables.canvas().index, ...)
### BEGIN SOLUTION
canvas = {
    "objective": "Passengers hear of a delay before they leave for the airport",
    "sponsor": "Senior vice president of customer satisfaction",
    "users": "The notification service, and the passengers of the flight",
    "decision": "Send the passengers of a flight a warning, or do not",
    "success": "In 6 months, 20% fewer complaints about delays",
    "horizon_hours": 3,
    "budget": "3 months and $500,000",
    "metric": "Dollars per 1,000 flights, with log-loss and calibration beside it",
    "cost_of_wrong_warning": 100,
    "cost_of_missed_delay": 500,
    "assumptions": [
        "Passengers read a warning in time",
        "Next year's schedule is like this year's",
    ],
}
### END SOLUTION

# %% tags=["check"]
check("01.1", canvas)

# %% [markdown] tags=["instructor"]
# Give four minutes in pairs: one plays the sponsor, one the data scientist. Ask two pairs for their figure of success; somebody
# will say 'accuracy above 90%', which the next part takes apart.

# %% [markdown]
# # Part 2 of 3: From a matrix to dollars
#
# In this course *positive* always means late, because a delay is what the model looks for. And a cell is always named by
# what happened, never by its place in a table.

# %% [markdown]
# ## Four cells
#
# The deck explains three scores on a drawing like this one. Count for yourself: what share of all flights was judged rightly, what share of the
# warnings came true, and what share of the delays was warned of?

# %%
plots.show(
    plots.points(),
    alt="Fourteen flights. Warned: 6 late and 2 on time. Not warned: 1 late and 5 on time.",
)

# %%
drawn = tables.read_toml("deck.toml")["drawn_points"]
cells = {
    "warned, late": drawn["true_positive"],
    "warned, on time": drawn["false_positive"],
    "not warned, late": drawn["false_negative"],
    "not warned, on time": drawn["true_negative"],
}

# %% tags=["claim"]
claim("Accuracy: judged rightly, of all", 100 * metrics.accuracy(cells), always=78.57, unit="%")
claim("Precision: late, of those warned", 100 * metrics.precision(cells), always=75.0, unit="%")
claim("Recall: warned, of those late", 100 * metrics.recall(cells), always=85.7, unit="%")

# %% [markdown]
# Three questions, three denominators. Accuracy mixes both kinds of mistake as if they cost the same; precision and recall
# each look at one kind. None of them knows what a mistake costs.

# %% [markdown]
# ## Which corner is which?
#
# The deck's model was tested on its own data. This is the matrix as scikit-learn printed it: a row for what happened, first on
# time, then delayed; a column for what was predicted, in the same order.

# %%
matrix = [[3768, 3178], [2009, 5558]]
matrix

# %% [markdown] tags=["exercise"]
# ### Exercise 01.2: name the four cells
#
# Copy each of the four counts to where it belongs. Take your time with the two mistakes: the deck mixed them up.
#
# <details><summary>Hint</summary>A row holds flights with one outcome. Which row holds the flights that were late?</details>

# %%
named = {
    "warned, late": ...,
    "warned, on time": ...,
    "not warned, late": ...,
    "not warned, on time": ...,
}
### BEGIN SOLUTION
named = {
    "warned, late": 5558,
    "warned, on time": 3178,
    "not warned, late": 2009,
    "not warned, on time": 3768,
}
### END SOLUTION

# %% tags=["check"]
check("01.2", named)

# %% [markdown]
# ## Dollars, done both ways
#
# The deck multiplies each cell by what it is worth: revenue for a right answer, a large cost when a delay comes unannounced, a
# small one for a false alarm. Its table says \$100 of revenue; its formula says 700.

# %%
money.payoff("deck_100")

# %% [markdown]
# **Guess first:** the deck publishes a profit of \$4,738,300. What is left of it at the revenue that its own table states?

# %%
rightly = metrics.from_sklearn(matrix)
rightly

# %%
show_source(money.value)

# %%
false_alarms, missed = rightly["warned, on time"], rightly["not warned, late"]
swapped = {**rightly, "warned, on time": missed, "not warned, late": false_alarms}

# %%
readings = {"as the deck reads it": swapped, "read rightly": rightly}
impact = money.value_table(readings, ["deck_100", "deck_700"])
impact

# %% tags=["claim"]
deck, right = impact["as the deck reads it"], impact["read rightly"]
claim("The deck's formula, at its own 700, gives", deck["deck_700"], always=4738300, unit="$")
claim("At the stated $100, it gives", deck["deck_100"], always=-857300, unit="$")
claim("Read rightly, it gives at 700", right["deck_700"], always=5205900, unit="$")
claim("And at the stated $100", right["deck_100"], always=-389700, unit="$")

# %% [markdown]
# Two slips, each of which moves the answer by a fortune. With the stated revenue the published profit is a loss. And the two
# mistakes changed places: scikit-learn's rows are what *happened*, so 3,178 flights got a false alarm, and 2,009 delays came
# unannounced.

# %%
on_time = rightly["not warned, on time"]
claim("Precision with 'on time' as positive", on_time / (on_time + missed), always=0.65)
claim("Recall with 'on time' as positive", on_time / (on_time + false_alarms), always=0.54)

# %% [markdown]
# The same slide's precision of 0.65 and recall of 0.54 are right only under scikit-learn's reading, with *on time* as positive.
# One slide, two readings: this is why the course names its cells.

# %% [markdown]
# # Part 3 of 3: When does a warning pay?
#
# A model does not say 'late'. It says how probable that is, and somebody has to decide when that is enough to wake a
# passenger up.

# %% [markdown]
# ## A threshold from the payoff
#
# For a flight that is late with probability p, warning is worth one straight line in p, and silence another.
#
# **Guess first:** at the deck's payoff with \$100 of revenue, from which probability on is warning worth more?

# %%
worth = money.expected_value(money.payoff("deck_100"))
fig = plots.lines(
    worth,
    title="The lines cross far below one half",
    x="probability of leaving late",
    y="mean value [$ per flight]",
)
plots.show(
    fig,
    alt="Two straight lines: the value of silence falls with the probability, the value of warning rises; they cross early.",
)

# %% [markdown] tags=["exercise"]
# ### Exercise 01.3: the break-even probability
#
# Write a function that takes any payoff over the four cells and returns the probability at which the two lines cross.
#
# <details><summary>Hint</summary>What does a warning win when the flight is late, and lose when it is not? Set p times the
# one equal to (1 − p) times the other.</details>


# %%
def break_even(payoff):
    ### BEGIN SOLUTION
    wins = payoff["warned, late"] - payoff["not warned, late"]
    loses = payoff["not warned, on time"] - payoff["warned, on time"]
    return loses / (loses + wins)
    ### END SOLUTION


# %% tags=["check"]
check("01.3", break_even)

# %% [markdown]
# The course has the same function, tested. The deck's slip about the revenue moves more than a total:

# %%
at_100, at_700 = (money.break_even(money.payoff(name)) for name in ("deck_100", "deck_700"))

# %% tags=["claim"]
claim("At $100 of revenue, a warning pays from", at_100, always=0.25)
claim("At $700 of revenue, a warning pays from", at_700, always=0.4)

# %% [markdown]
# With 700 instead of 100 dollars the airline would stay silent about every flight between 25% and 40%. A wrong number in a
# spreadsheet became another *decision*. So payoffs are data in this course, agreed with finance, and never typed into a cell.

# %% [markdown]
# ## What is known when
#
# The canvas fixed a horizon of 3 hours. It rules out most of the columns, and the data dictionary says which: a number of hours
# before departure for each. **Guess first:** may a model that predicts delays look at `WeatherDelay`?

# %%
columns = dictionary.load()
chosen = [
    "CRSDepTime",
    "UniqueCarrier",
    "TailNum",
    "DepTime",
    "ArrDelay",
    "WeatherDelay",
    "IsDepDelayed",
]
show_table(columns.loc[chosen, ["meaning", "known_hours_before", "use", "why"]])

# %% tags=["claim"]
claim("Columns of the data", len(columns), always=31)
claim("Columns that the dictionary admits at 3 hours", len(dictionary.admissible(3)), always=8)
claim("WeatherDelay is one of them", "WeatherDelay" in dictionary.admissible(3), always=False)

# %% [markdown]
# `WeatherDelay` is no forecast: somebody assigns the cause of a delay after arrival, so it is admissible at no horizon, however
# short. Of 31 columns, 8 remain. The rest of what a good model needs has to be made from *other* flights and from the weather.

# %% [markdown]
# **Check what you know**

# %%
quiz("K1.1")

# %%
quiz("K1.2")

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - name the six steps from an objective to a monitored model, and what each must deliver;
# - fill in a stakeholder canvas for a model that someone will pay for;
# - read a confusion matrix the right way round and turn it into dollars;
# - find the probability at which a warning starts to pay.
#
# Next: [02 · Project structure](02_project_structure.ipynb)
