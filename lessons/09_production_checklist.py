# %% [markdown]
# # The production checklist
#
# Tomorrow a committee decides whether your delay model may go into production, and its chair has a checklist. Today you check
# your own repository against that list, before she does.
#
# **After this lesson you can**
#
# - turn a list of best practices into checks that read files, and see each of them fail;
# - score a project with the ML Test Score, with evidence for every point, and find its weakest section;
# - explain why you monitor a model's inputs beside `predict` and not inside it;
# - decide at which stage of a project a rule of machine learning first applies.
#
# *10 minutes in class: a checklist that runs 2 · the ML Test Score 4 · beside, not inside 2 · which rule, when 2.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.develop import checklist
from course_utils.exercises import check, quiz
from course_utils.model import training
from course_utils.notebook import claim, plots, show_error, show_source, show_table
from course_utils.operate import input_monitoring

import pandas as pd

model = training.course_model()

# %% [markdown]
# ## A checklist that runs
#
# The deck ends its first day with a list of ten best practices. Everyone agrees with such a list, and then no one looks at it
# again. So automate it: for each practice, write a check that runs on the repository you are reading.
#
# **Guess first:** how many of the ten practices can a program check if it only reads files and executes nothing?

# %%
verdicts = checklist.checklist()
show_table(verdicts)

# %% tags=["claim"]
kept = verdicts["verdict"] == checklist.PASSED
claim("Practices on the list", len(verdicts), always=10)
claim("Practices that this repository follows", kept.sum(), always=10)

# %% [markdown]
# All ten of them, and this repository passes. A check is a function that takes the repository and returns what is wrong, or an
# empty string. It needs neither Git nor the network, so it gives the same result on every machine. Here is one of them:

# %%
show_source(checklist.changes_meet_a_gate)

# %% [markdown]
# A check that never fails proves nothing. So hide three files from the checks, without deleting them, and run the list again:

# %%
spoilt = checklist.repository(without=["uv.lock", "tests/unit/model/test_money.py", ".ci/run"])
again = checklist.checklist(spoilt)["verdict"]
show_table(again[again != checklist.PASSED].to_frame())

# %% tags=["claim"]
claim("Practices that fail without the files", (again != checklist.PASSED).sum(), always=3)

# %% [markdown]
# Such checks are cheap, but they see only what files can show: *that* tests exist, not whether they are good. Only a person can
# judge that, row by row. The next section shows a method that keeps this judgement strict.

# %% [markdown]
# ## The ML Test Score
#
# Engineers at Google published a method for this, the [ML Test Score](https://doi.org/10.1109/BigData.2017.8258038): 28 tests
# in four sections. A test that you run by hand and document earns half a point; in this course, a notebook shows it. A test
# that runs automatically with every change earns a full point; in this course, it is a file in `tests/`.
#
# **Guess first:** the course's own model has a quality gate, a lock file and hundreds of tests. Is it weakest in data, model
# development, infrastructure or monitoring?

# %%
own = checklist.ml_test_score()
points = checklist.section_scores(own["points"])
points

# %%
final = points.min()
axes = {"x": "points that the code could support [of 7]", "y": "section"}

# %% tags=["figure"]
fig = plots.bars(
    points, title="The lowest section is the score", reference=("final", final), **axes
)
plots.show(
    fig,
    alt="Four bars, one per section, none of them full. The line of the final score is at the end of the "
    "shortest bar.",
)

# %% tags=["claim"]
claim("Tests", len(own), always=28)
claim("Maximum points of a section", own["section"].value_counts().max(), always=7)
claim(
    "The mean of the sections is higher than the final score", points.mean() > final, always=True
)
print("What such a score means, in production:", checklist.score_meaning(final))

# %% [markdown]
# The final score is the *lowest* of the four sections, not their mean. With a mean, well-tested training code could make up for
# a model that no one monitors. With the minimum, you raise the score only by working on the weakest section. These are the rows
# of that section:

# %%
rows = own.loc[own["section"] == points.idxmin(), ["ask", "points", "evidence"]]
show_table(rows)

# %% [markdown]
# Next to each point is the file with the evidence, so that anyone can check. Next to each zero is the reason why the course does
# not test this. The score is calculated from these rows: to raise it, name a test as evidence.
#
# ### What only production can earn
#
# The paper scores a system that *runs*. A unit test shows that an alarm would fire on a replayed day; it does not show that the
# alarm is deployed, or that it pages someone who acts. **Guess first:** how many of its monitoring points does the course keep, if
# only a running system can earn them?

# %%
earned = checklist.section_scores(own["earned"])
pd.DataFrame({"the code could support": points, "earned without production": earned})

# %% tags=["claim"]
claim("Monitoring: points that the code could support", points["Monitoring"], always=6.5)
claim("Monitoring: points earned without a running system", earned["Monitoring"], always=0)
claim("Infrastructure: points earned", earned["Infrastructure"], always=5)
claim("The final score, as the paper counts", earned.min(), always=0)
print("What it means:", checklist.score_meaning(earned.min()))

# %% [markdown]
# None: code that could support 6.5 points of monitoring earns 0 until it watches a service. Canaries and rollbacks count only
# when they happen too. So the final score of the course is 0, and rightly: it is teaching material, not a product. Score your own
# project in the same way, by what runs today.

# %% [markdown] tags=["exercise"]
# ### Exercise 09.1: your own project
#
# Score the section Monitoring for a project of your own, or for the last model that you saw in production. Hand in the dict
# `mine`: for each row of the sheet, a tuple of points, how the test is done, and evidence. *How* is one of five:
#
# | how | what happens |
# | --- | --- |
# | `"automatic"` | it runs by itself, with every change or every day |
# | `"documented"` | a person does it and writes the result down |
# | `"undocumented"` | a person does it, and the result is not written down |
# | `"planned"` | it is planned |
# | `"never"` | no one does it |
#
# `checklist.blank_score_sheet()` lists the questions of all sections, and the check accepts other complete sections too. The check
# compares points with how, and looks whether there is evidence: three words or more, or the name of a file or page. Whether the evidence convinces, it cannot tell: ask a partner.
#
# <details><summary>Hint</summary>Evidence is what a stranger would find today. For each row, ask who starts the test and where
# its result is recorded.</details>

# %%
show_table(checklist.blank_score_sheet("monitoring"))

# %%
mine = {
    "upstream": (..., ..., ...),
    "invariants": (..., ..., ...),
    "skew": (..., ..., ...),
    "age": (..., ..., ...),
    "numbers": (..., ..., ...),
    "performance": (..., ..., ...),
    "quality": (..., ..., ...),
}
### BEGIN SOLUTION
mine = {
    "upstream": (0.5, "documented", "the team files the weather provider's mails in its wiki"),
    "invariants": (1, "automatic", "a nightly job checks each day's rows, and pages us"),
    "skew": (0, "never", "never compared"),
    "age": (0, "never", "the service does not know when its model was trained"),
    "numbers": (1, "automatic", "the service refuses NaN, tests/test_service.py"),
    "performance": (0.5, "documented", "load test of March, report in the wiki"),
    "quality": (0, "planned", "no one joins predictions with the outcomes yet"),
}
### END SOLUTION

# %% tags=["check"]
check("09.1", mine)

# %% [markdown] tags=["instructor"]
# Let learners score each other's projects in pairs: the owner claims points, and the partner asks 'Where can I read that?'.
# Most points are lost on the word 'documented'. Say beforehand that a zero is nothing to be ashamed of, because the sheet
# exists to find zeros.

# %%
quiz("09.1")

# %% [markdown]
# ## Beside, not inside
#
# The deck recommends monitoring the model's inputs, 'best done async in parallel to invocation of predict'. Why not simply
# inside `predict`? The course has an input monitor, `InputMonitor`. It checks each row, and from time to time it compares the last
# thousand rows with the training data. You can run it in two places:

# %%
show_source(input_monitoring.InlineMonitor.predict)
show_source(input_monitoring.SidecarMonitor.predict)

# %% [markdown]
# **Guess first:** by how much does a monitor inside `predict` delay an answer? Think of a typical request first, and then of
# the slowest one in a hundred.

# %%
cost = tables.benchmark("watching")
tables.benchmark_note("watching")
cost

# %% tags=["claim"]
p50, p99 = cost["p50_ratio"], cost["p99_ratio"]
claim("Inside, the median grows by a factor of", p50["inside"], always=(0.98, 1.1))
claim("Inside, the 99th percentile grows by a factor of", p99["inside"], always=(1.5, 2.5))
claim("Beside, the 99th percentile grows by a factor of", p99["beside"], always=(0.95, 1.1))

# %% [markdown]
# The median hardly changes, because only a few rows trigger the comparison. Those rows are slow, and the 99th percentile shows
# it. Beside `predict`, the row goes into a queue, and another process does the work.
#
# There is a second reason to run it beside. Suppose that someone removes an input from the model, but forgets to update the
# monitor:

# %%
row = model.inputs.iloc[0].to_dict()
outdated = input_monitoring.InputMonitor(model.inputs.head(2000).assign(retired=0.0))
inside = input_monitoring.InlineMonitor(model.scorer.score_one, outdated)
show_error(lambda: inside.predict(row))

# %%
beside = input_monitoring.SidecarMonitor(model.scorer.score_one, outdated)
answer = beside.predict(row)
show_error(beside.close)

# %% tags=["claim"]
same = answer == model.scorer.score_one(row)
claim("Beside, the passenger still gets the model's answer", same, always=True)

# %% [markdown]
# Inside `predict`, a fault in the monitor breaks the service. Beside it, the fault is only a message to the monitor's owner.
# This has a price: the monitor runs too late to reject a row, and it drops rows when its queue is full. So keep the checks that
# must reject rows inside `predict`, and keep them cheap.

# %% [markdown]
# ## Which rule, when
#
# Finally, the deck recommends the 43 rules of machine learning by Martin Zinkevich of Google. They are grouped by project
# stage, because a good rule at the wrong stage is bad advice. Here are the stages, as four piles, and eight cards. Each card
# applies one of the rules to the airline:

# %%
show_table(checklist.rule_categories())
show_table(checklist.rule_cards())

# %% tags=["claim"]
claim("Rules", len(checklist.rules_of_ml()), always=43)
claim("Cards", len(checklist.rule_cards()), always=8)

# %% [markdown] tags=["exercise"]
# ### Exercise 09.2: sort the cards
#
# Put each card on the pile of the stage at which it first applies. Your answer is the dict `sorted_cards`, from the card's
# name to the pile's name.
#
# <details><summary>Hint</summary>Ask of each card what must exist before you can follow it: nothing, a plan for a first model,
# a model in production, or a model that no longer improves?</details>

# %%
sorted_cards = dict.fromkeys(checklist.rule_cards().index, ...)
### BEGIN SOLUTION
sorted_cards = {
    "the desk's list": "before",
    "complaints": "before",
    "small model": "pipeline",
    "silent weather": "pipeline",
    "wind direction": "inputs",
    "the log": "inputs",
    "a new source": "slow growth",
    "two numbers": "slow growth",
}
### END SOLUTION

# %% tags=["check"]
check("09.2", sorted_cards)

# %% [markdown] tags=["solution"]
# Two of the cards apply before there is any model. The alarm for the weather feed belongs to the first pipeline, not to a later
# stage, because a feed can fail silently from the first day on.

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - turn a list of best practices into checks that read files, and see each of them fail;
# - score a project with the ML Test Score, with evidence for every point, and find its weakest section;
# - explain why you monitor a model's inputs beside `predict` and not inside it;
# - decide at which stage of a project a rule of machine learning first applies.
#
# Next: [10 · Pitfalls of model development](10_pitfalls.ipynb)

# %% [markdown] tags=["further"]
# ## Further: every row of the score
#
# This is the course's own score, with all its evidence. A committee would pick three of these rows at random and ask to see the
# evidence. Try it with a partner.

# %%
show_table(own.drop(columns="ask"))

# %% [markdown] tags=["further"]
# ## Further: what the monitor costs here
#
# The next cell measures the delay on this machine, in about a minute. A monitor beside `predict` needs a processor core of its
# own. If other programs use all cores, the delay grows.

# %% tags=["live"]
asked = model.inputs.iloc[-1000:].to_dict("records")
known = model.inputs.iloc[:200_000:10]
input_monitoring.measure_overhead(
    model.scorer.score_one, asked, lambda: input_monitoring.InputMonitor(known), rounds=3
)

# %% [markdown] tags=["further"]
# ## Further: all the rules
#
# The table gives each rule in our own words, with the lessons that apply it, or the reason why this case does not need it. The
# [original](https://developers.google.com/machine-learning/guides/rules-of-ml) is worth reading in full.

# %%
show_table(checklist.rules_of_ml())
