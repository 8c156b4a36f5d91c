# %% [markdown]
# # The data-science workflow and its business impact
#
# You work for an airline that wants to warn its passengers, hours ahead, that their flight will leave late. Before you
# train a model, settle who asks for it, what it is worth, and how you will notice when it fails.
#
# **After this lesson you can**
#
# - name the six steps from an objective to a monitored model, and what each must deliver;
# - fill in a stakeholder canvas for a model that a sponsor pays for;
# - read a confusion matrix correctly and turn it into dollars;
# - find the probability above which a warning pays off.
#
# *30 minutes in class: six steps 5 · a canvas 6 · four cells 4 · dollars 6 · a threshold 5 · what is known when 4.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import dictionary
from course_utils.exercises import check, quiz
from course_utils.model import metrics, money
from course_utils.notebook import claim, plots, show_source, show_table

# %% [markdown]
# # Part 1 of 3: From an objective to a monitored model
#
# Most models that fail in production fail because of their planning, not their code. No one decided what to do with a
# prediction, or no one was responsible for the model after its release.

# %% [markdown]
# ## Six steps
#
# A project takes six steps from a business objective to a model in operation. **Guess first:** in how many of them do
# you train a model?

# %% tags=["figure"]
plots.show(
    plots.workflow(),
    alt="Six boxes in order: objective, data, model, evaluation, results, operation. A dashed arrow leads from operation back "
    "to the model.",
)

# %% [markdown]
# Training is one box of six. The dashed arrow is often forgotten: what you observe in production tells you when to
# change the model. Each box names what the step delivers to the next one. This is what to consider in the first step:

# %%
show_table(tables.workflow(1))

# %% [markdown]
# The last column names the lessons that cover each point. Next come data and model, the steps with nearly all the
# pitfalls:

# %%
show_table(tables.workflow(2, 3))

# %% [markdown]
# Last come the three steps after the model, which most courses leave out:

# %%
show_table(tables.workflow(4, 5, 6))

# %% [markdown]
# ## A stakeholder canvas
#
# The first step ends with a *stakeholder canvas*: one page on which the sponsor, operations and data science agree.
# These are its questions:

# %%
show_table(tables.canvas())

# %% [markdown] tags=["exercise"]
# ### Exercise 01.1: fill in the canvas
#
# Answer the questions for the airline in your own words. Hand in the dict `canvas`: each question has a key, and its answer is a
# text, or a number without quotes and unit. `assumptions` is a list of at least two texts. The check reads numbers and finds
# gaps. It does not judge sentences: mark them yourself with the list below.
#
# <details><summary>Hint</summary>'Happier passengers' is a direction, and no one can measure it. Which figure should
# the airline reach, and by when? For the assumptions: what has to stay as it is for the model to keep
# working?</details>

# %%
canvas = dict.fromkeys(tables.canvas().index, ...)
### BEGIN SOLUTION
canvas = {
    "objective": "Passengers learn of a delay before they leave for the airport",
    "sponsor": "Senior vice president of customer satisfaction",
    "users": "The notification service, and the passengers of the flight",
    "decision": "Warn the passengers of a flight, or do not warn them",
    "success": "Complaints about delays, relative to last year",
    "success_target": -20,
    "success_unit": "%",
    "success_months": 6,
    "horizon_hours": 3,
    "budget_months": 3,
    "budget_dollars": 500_000,
    "metric": "Dollars per 1,000 flights, plus log-loss and calibration",
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

# %% [markdown]
# <details><summary>Mark your sentences yourself</summary>
#
# - *objective* says what changes for the airline or its passengers, and names no model and no metric.
# - *sponsor* is a person or a department that decides about the money.
# - *users* and *decision*: you can see from outside whether the users did it. 'They look at the prediction' is not enough.
# - *success* can be counted without the model, and the project can miss it.
# - *assumptions* can each turn out to be wrong, and you would notice.
#
# </details>

# %% [markdown] tags=["instructor"]
# Let learners work in pairs for four minutes: one plays the sponsor, the other the data scientist. Ask two pairs for
# their figure of success. Someone will say 'accuracy above 90%'; the next part shows why that figure is not enough.

# %% [markdown]
# # Part 2 of 3: From a matrix to dollars
#
# In this course *positive* always means late, because the model looks for delays. We name each cell of a confusion
# matrix by what happened, for example 'warned, late', and never by its position: positions are easy to confuse.

# %% [markdown]
# ## Four cells
#
# The deck, the slides on which this course is based, explains three scores with a drawing like this one. Count in it:
# which share of all flights is predicted correctly, which share of the warned flights is late, and which share of the
# late flights is warned?

# %% tags=["figure"]
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
claim(
    "Accuracy: predicted correctly, of all flights",
    100 * metrics.accuracy(cells),
    always=78.57,
    unit="%",
)
claim(
    "Precision: late, of the warned flights",
    100 * metrics.precision(cells),
    always=75.0,
    unit="%",
)
claim("Recall: warned, of the late flights", 100 * metrics.recall(cells), always=85.7, unit="%")

# %% [markdown]
# Each score divides by a different number of flights: *accuracy* by all, *precision* by the warned ones, *recall* by
# the late ones. Accuracy counts both kinds of mistake alike. Precision counts false alarms, recall counts missed
# delays. None of the three knows what a mistake costs.

# %% [markdown]
# ## Which cell is which?
#
# This is the confusion matrix of the deck's model on the deck's own test data, as scikit-learn prints it. Each row is
# an outcome: first on time, then delayed. Each column is a prediction, in the same order.

# %%
matrix = [[3768, 3178], [2009, 5558]]
matrix

# %% [markdown] tags=["exercise"]
# ### Exercise 01.2: name the four cells
#
# Copy each of the four counts to the cell where it belongs, in the dict `named`. Take care with the two kinds of mistake:
# the deck exchanges them.
#
# <details><summary>Hint</summary>Rows and columns are easy to confuse. A row holds the flights with one outcome,
# whatever was predicted. Which row holds the late flights?</details>

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
# ## From cells to dollars
#
# The deck multiplies each cell by its value: a revenue for a correct prediction, a large cost for a delay without a
# warning, a small cost for a false alarm. The two places where it states the revenue disagree: its table says 100
# dollars, its formula uses 700 dollars. This is the payoff of the table:

# %%
money.payoff("deck_100")

# %% [markdown]
# With its formula the deck publishes a profit of 4,738,300 dollars. **Guess first:** is it still a profit with the
# revenue of the deck's own table?

# %%
rightly = metrics.from_sklearn(matrix)
rightly

# %%
show_source(money.value)

# %%
false_alarms, missed = rightly["warned, on time"], rightly["not warned, late"]
swapped = {**rightly, "warned, on time": missed, "not warned, late": false_alarms}

# %%
readings = {"as the deck reads it": swapped, "read correctly": rightly}
impact = money.value_table(readings, ["deck_100", "deck_700"])
impact

# %% tags=["claim"]
deck, right = impact["as the deck reads it"], impact["read correctly"]
claim("The deck's formula, with its revenue of $700", deck["deck_700"], always=4738300, unit="$")
claim("The deck's formula, with the stated $100", deck["deck_100"], always=-857300, unit="$")
claim("Matrix read correctly, with $700", right["deck_700"], always=5205900, unit="$")
claim("Matrix read correctly, with the stated $100", right["deck_100"], always=-389700, unit="$")

# %% [markdown]
# The deck contains two errors, and each changes the result by a large amount. First, with the stated revenue the
# published profit becomes a loss. Second, the deck exchanges false alarms and missed delays. scikit-learn's rows are
# what *happened*, so 3,178 flights got a false alarm, and 2,009 delays came without a warning.

# %%
on_time = rightly["not warned, on time"]

# %% tags=["claim"]
claim("Precision with 'on time' as positive", on_time / (on_time + missed), always=0.65)
claim("Recall with 'on time' as positive", on_time / (on_time + false_alarms), always=0.54)

# %% [markdown]
# The slide with this profit also reports a precision of 0.65 and a recall of 0.54. Both are correct only if the rows
# are outcomes and *on time* is positive. So the slide reads one matrix in two ways. Named cells prevent this.

# %% [markdown]
# # Part 3 of 3: When does a warning pay?
#
# A model does not say 'late'. It gives the probability of a delay. You decide from which probability on the airline
# warns its passengers. This value is the *decision threshold*.

# %% [markdown]
# ## A threshold from the payoff
#
# Take a flight that is late with probability p. If you warn, its average value is p times the value of 'warned, late'
# plus (1 − p) times the value of 'warned, on time'. If you stay silent, use the two values of 'not warned'. Both
# average values are straight lines in p.
#
# **Guess first:** with the payoff of the deck's table, from which probability on is a warning worth more?

# %% tags=["figure"]
worth = money.expected_value(money.payoff("deck_100"))
fig = plots.lines(
    worth,
    title="A warning already pays well below 50%",
    x="probability of leaving late",
    y="mean value [$ per flight]",
)
plots.show(
    fig,
    alt="Two straight lines: the value of 'stay silent' falls with the probability, the value of 'warn' rises; they "
    "cross at a low probability.",
)

# %% [markdown] tags=["exercise"]
# ### Exercise 01.3: the break-even probability
#
# Write the function `break_even(payoff)`. It takes any payoff over the four cells and returns the probability, as a number,
# at which the two lines cross.
#
# <details><summary>Hint</summary>The costs of the two mistakes are not enough: correct predictions have a value, too.
# What does a warning gain if the flight is late, and what does it lose if the flight is on time? At break-even, p times
# the gain equals (1 − p) times the loss.</details>


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
# `money.break_even` is the course's tested version of this function. With the deck's two revenues it gives two
# thresholds:

# %%
at_100, at_700 = (money.break_even(money.payoff(name)) for name in ("deck_100", "deck_700"))

# %% tags=["claim"]
claim("With $100 of revenue, a warning pays from a probability of", at_100, always=0.25)
claim("With $700 of revenue, a warning pays from a probability of", at_700, always=0.4)

# %% [markdown]
# With a revenue of 700 instead of 100 dollars, the airline does not warn about flights with a probability between 25%
# and 40%. One wrong number in a spreadsheet changes the *decision*. So the course keeps payoffs in a data file that
# finance has agreed to. You never type them into a cell.

# %% [markdown]
# ## What is known when
#
# The canvas sets a horizon of 3 hours, so a model may only use what is known 3 hours before departure. The data
# dictionary states for each column how many hours before departure its value is known; a negative number means after
# departure. **Guess first:** may the model use `WeatherDelay`, the minutes of delay caused by weather?

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
claim("Columns in the data", len(columns), always=31)
claim("Columns that the dictionary allows at 3 hours", len(dictionary.admissible(3)), always=8)
claim("WeatherDelay is one of them", "WeatherDelay" in dictionary.admissible(3), always=False)

# %% [markdown]
# `WeatherDelay` is not a forecast. The airline reports the cause of a delay after arrival, so a model must not use it
# at any horizon. Of 31 columns, 8 remain. A good model needs more inputs: you compute them from *other* flights and
# from the weather.

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
# - fill in a stakeholder canvas for a model that a sponsor pays for;
# - read a confusion matrix correctly and turn it into dollars;
# - find the probability above which a warning pays off.
#
# Next: [02 · Project structure](02_project_structure.ipynb)
