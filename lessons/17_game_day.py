# %% [markdown]
# # Game day
#
# The delay model has been in service since June, and tonight the phone is yours. For a fortnight you see what somebody on call
# sees, and nothing else.
#
# **After this lesson you can**
#
# - read boards and pages, and choose a first look that tells two causes apart;
# - weigh each act in dollars before you take it, and take the smallest one that stops the loss;
# - lead an incident on a clock, with a budget of acts and labels that arrive late;
# - write a post-mortem that names causes and no culprits, with actions that somebody owns;
# - turn a runbook into a policy, and measure it over many incidents.
#
# *45 minutes in class: what you hold 4 · what an act costs 5 · a rehearsal 8 · your shift 15 · the post-mortem 7 · a policy 6.*

# %% tags=["setup"]
from course_utils.data import datasets
from course_utils.exercises import check
from course_utils.notebook import claim, plots, show_table
from course_utils.operate import incidents

service = incidents.Service(datasets.load_flights())

# %% [markdown]
# # Part 1 of 3: A rehearsal
#
# First an incident in the open: you know what is coming, and learn your tools on it.

# %% [markdown]
# ## What you hold
#
# The service is that of lesson 16: a model, a lookup table to fall back on, the release before, and an *online layer* on top, the intercept
# of lesson 13, which each morning meets what the labels of the last week showed. Your boards and pages are lesson 16's too. And you
# hold its runbook; here are the lines on what may wake you most often:

# %%
book = incidents.runbook()
show_table(book[["look", "act", "not"]].head(6))

# %% [markdown]
# Each act costs points of a budget, for nights are short and colleagues tired. Looks are cheap; what changes the service is not.

# %%
acts = incidents.acts()
show_table(acts)

# %% [markdown]
# An act holds from the day that is about to begin. Whoever is paged needs a night or two, and *restore* takes back all that you did to the
# service, once what broke is fixed.

# %% [markdown]
# ## What an act costs
#
# A careful mind reaches for the safest thing: the lookup table, which needs no feed and no model. **Guess first:** what does a day on the
# table cost, while nothing else is wrong? A normal day is worth this much:

# %%
prices = incidents.prices(service)
print(f"a normal day: ${service.normal_day:,.0f}")

# %% tags=["figure"]
fig = plots.bars(
    prices.sort_values(),
    title="The safest act costs more than a normal day brings",
    x="change of a healthy day's value [$]",
    y="act, held for the day",
)
plots.show(
    fig,
    alt="Bars of what each act changes on a healthy day. The lookup table costs by far the most, blocking the weather some, and "
    "rolling back, retraining and blocking the timetable or the labels little or nothing.",
)

# %% tags=["claim"]
claim("A normal day, in dollars", service.normal_day, nyc2013=(9000, 13000), unit="$")
claim("A day on the lookup table", prices["use table"], nyc2013=(-25000, -15000), unit="$")
claim(
    "It eats more than a normal day brings",
    -prices["use table"] > service.normal_day,
    always=True,
)
claim("Reading the timetable's last good copy", prices["block schedule"], always=0, unit="$")

# %% [markdown]
# A day on the table eats more than a normal day brings. So the rule of the runbook, *the smallest thing that stops the loss*, is no
# modesty. It is arithmetic: an act must save more than it costs, and you can only know that if you know what both are.

# %% [markdown]
# ## A rehearsal
#
# You come on duty, and wait for a page.

# %%
rehearsal = incidents.rehearsal(service, seed=2, cause="weather lost")
print(rehearsal)
pages = rehearsal.wait(until_page=True)
show_table(pages[["signal", "value", "limit", "title"]].round(2))

# %% [markdown]
# One page, and it names a source. **Guess first:** all flights or some, one airport or all? A look tells, and costs one point of ten.

# %%
rehearsal.do("look feeds")

# %% tags=["claim"]
claim("Points left", rehearsal.points, always=9)
claim("Requests without weather", pages["value"].iloc[0], nyc2013=(0.7, 0.9))

# %% [markdown]
# Most requests at all three airports, and no other source: a join that lost its key. The runbook says: the lookup table, if much of the day
# is hit. Whoever wrote that had not seen the prices above. *Block weather* puts the median everywhere: somewhat worse than true
# weather, far better than gaps that the model never learnt from. And somebody must fix the join.

# %%
rehearsal.do("block weather")
rehearsal.do("page data engineer")
still = rehearsal.wait(2)
print(*rehearsal.log, sep="\n")

# %% [markdown]
# While it was blocked, the page went on firing: boards show what *arrives*, not what you made of it. Now it is fixed, and the median is worse
# than true weather. So put it back, and name the cause:

# %%
rehearsal.do("restore")
score = rehearsal.close("weather lost")
show_table(score)

# %% [markdown]
# Only now does the game speak. 60 points are for the share of the *avoidable* loss that you avoided, 20 for speed, 20 for the right cause
# and act. Nobody can know before the first page, so nobody is charged for those days.

# %%
courses = rehearsal.courses()
shown = courses[["nothing", "use table", "yours"]].cumsum()
shown.index = shown.index.astype("datetime64[ns]")

# %% tags=["figure"]
fig = plots.lines(
    shown,
    title="Two small acts kept what one large one would have lost",
    x="day",
    y="value of the fortnight so far [$]",
)
plots.show(
    fig,
    alt="Value of the fortnight, added up day by day. On the table it falls from the first day; the other two curves part when "
    "the weather goes, and doing nothing ends far below blocking and fixing.",
)

# %% tags=["claim"]
ends = courses.sum()
claim("Nobody acts, dollars", ends["nothing"], nyc2013=(-110000, -50000), unit="$")
claim("The acts above", ends["yours"], nyc2013=(0, 50000), unit="$")
claim("The table from the first day", ends["use table"], nyc2013=(-200000, -60000), unit="$")

# %% [markdown] tags=["exercise"]
# ### Exercise 17.1: four boards
#
# Four other services paged this morning. Hand in the dict `triage`: for each board, a pair of names of the table above, the
# first look and then the act. The log tells whether a release went out.
#
# <details><summary>Hint</summary>Ask of each page where the fault must lie: in what came in, in what went out, in the model, or in the
# world. A look shows one of these.</details>

# %%
boards = incidents.exhibits(service)
show_table(boards.set_index("board"))

# %%
triage = {"A": (..., ...), "B": (..., ...), "C": (..., ...), "D": (..., ...)}
### BEGIN SOLUTION
triage = {
    "A": ("look answers", "page service owner"),
    "B": ("look requests", "block schedule"),
    "C": ("look labels", "retrain"),
    "D": ("look releases", "roll back"),
}
### END SOLUTION

# %% tags=["check"]
check("17.1", triage)

# %% [markdown] tags=["instructor"]
# Have the class vote on each board before anyone looks, and ask the minority first. Board C is the best one: many want to roll back, and the
# release before knows even less of that airport. For a class of your own draw seeds by `incidents.seeds(20)`, or with `cause=` for the same
# incident on other days; players hand in `game.record()`, and `incidents.standings(service, records)` plays all again and makes the
# table of scores.

# %% [markdown]
# # Part 2 of 3: Your shift
#
# Now nobody tells you what is coming, or whether anything is.

# %% [markdown]
# ## What may be wrong
#
# One of these, or nothing. Where and when, and how soon it shows, depends on the seed.

# %%
show_table(incidents.causes())

# %% tags=["claim"]
claim("Causes, 'nothing' among them", len(incidents.causes()), always=12)
claim("Mornings of a game", service.settings["days"], always=14)

# %% [markdown]
# Three rules. If nothing is wrong, doing nothing scores 100. If an incident costs next to nothing, as kilometres do, only cause and act
# count. And an act that does not fit costs points. The code is open and the truth stands in it: whoever reads it plays against nobody.

# %% [markdown] tags=["exercise"]
# ### Exercise 17.2: on call
#
# Play the seed below, or any other: wait, look, act, wait, and close the game with the cause that you believe in. `incidents.Game(service, seed)`
# begins anew. The check wants 60 points. `game.pages()`, `game.boards()`, `game.log` and `game.points` are free; add cells as you
# like.
#
# <details><summary>Hint</summary>If a page could mean two things, look at both places before you act; two looks cost less than one wrong
# act. If somebody is paged, wait for what they found before you restore.</details>

# %%
game = incidents.Game(service, seed=24)
first = game.wait(until_page=True)
print(game)
show_table(first[["signal", "value", "limit", "title"]].round(3))

# %%
### BEGIN SOLUTION
show_table(game.do("look releases"))
### END SOLUTION

# %%
### BEGIN SOLUTION
show_table(game.do("look labels"))
### END SOLUTION

# %% [markdown] tags=["solution"]
# One release, no newer one, and it says of the last file what the one before says: the model is well. But in the last files most labels
# contradict the minutes beside them, and the online layer learns from labels. So its snapshot goes back in, the learning stops, and
# somebody fixes the file.

# %%
### BEGIN SOLUTION
game.do("block labels")
game.do("page data engineer")
game.wait(2)
print(*game.log, sep="\n")
### END SOLUTION

# %%
### BEGIN SOLUTION
game.do("restore")
game.close("poisoned labels")
show_table(game.score())
### END SOLUTION

# %% tags=["check"]
check("17.2", game)

# %% [markdown]
# Is your game over? Then `game.truth()` says what it was, and `game.courses()` what each day was worth under each act. If you lost
# points, find the morning on which you could have known, and play another seed.

# %% [markdown]
# # Part 3 of 3: Afterwards
#
# The loss is stopped. What makes the next one smaller is written down this week, or never.

# %% [markdown]
# ## The post-mortem
#
# A post-mortem is a letter to whoever is on call next year. It asks what let the fault through, not who. This is the rubric:

# %%
show_table(incidents.rubric())

# %% [markdown] tags=["exercise"]
# ### Exercise 17.3: write it
#
# Write the post-mortem of your shift, or of the rehearsal, whose facts stand below: the dict `report` with one entry for each
# part. The check reads whether the parts are there, not whether they are wise; for that, swap with a neighbour.
#
# <details><summary>Hint</summary>Begin with the timeline; the rest follows from it. For the actions ask twice: what would have shown it a
# day sooner, and what would have made it impossible?</details>

# %%
facts = rehearsal.truth()
print(facts.to_string())

# %%
report = dict.fromkeys(incidents.rubric().index, ...)
### BEGIN SOLUTION
report = {}
saved = facts["dollars of yours"] - facts["dollars if nobody acts"]
report["summary"] = (
    "For three days most requests came without weather, and passengers got worse warnings."
)
report["timeline"] = [
    (4, "the join fails"),
    (5, "first page; weather blocked"),
    (7, "join fixed"),
]
report["impact"] = f"One day of full loss; acting saved ${saved:,.0f} over the fortnight."
report["detection"] = "The missing share paged on the first evening; counting hourly is faster."
report["cause"] = "The join lost its key, and nothing at the door refused rows without a match."
report["response"] = "One look, then weather blocked and the join fixed; no act was needless."
report["actions"] = [
    {"what": "count unmatched rows each hour", "owner": "data engineer", "due": "12 August"},
    {"what": "train with simulated outages", "owner": "model owner", "due": "1 September"},
    {"what": "put the table's price into the runbook", "owner": "on call", "due": "9 August"},
]
### END SOLUTION

# %% tags=["check"]
check("17.3", report)

# %% [markdown]
# ## A policy
#
# A runbook that is good can be played by a machine. A *policy* is a function that is handed the game each morning, looks and acts, and
# returns the cause that it believes in. Here are two bad ones, and eight seeds. **Guess first:** how many points does doing nothing
# earn, and how many rolling back at every page?

# %%
seeds = range(119, 127)
naive = {"does nothing": incidents.does_nothing, "rolls back": incidents.rolls_back}
table = incidents.tournament(service, naive, seeds)
show_table(table[["cause", *naive]])

# %% tags=["claim"]
hurt = table[table["cause"] != "nothing"]
claim("Doing nothing, where something is wrong", hurt["does nothing"].mean(), always=(0, 20))
claim("Rolling back at the first page", hurt["rolls back"].mean(), always=(0, 40))

# %% [markdown]
# Doing nothing is right on a quiet fortnight and nowhere else; rolling back fixes a bad release and nothing else. Over many seeds a scripted
# player who follows the runbook must do far better than both, and the course's nightly tests hold the scoring to that.

# %% [markdown] tags=["exercise"]
# ### Exercise 17.4: your runbook, played
#
# Write `policy(game)` so that it earns 60 points on average over these seeds, and leaves quiet fortnights alone. It is called
# on each morning; let it act once. Hand in `scores`, the table that `incidents.tournament(service, {"mine": policy}, seeds)`
# returns.
#
# <details><summary>Hint</summary>The pages of a morning are a set of signals. Begin with those that name a source; what remains is
# the timetable, an airport, or the model.</details>


# %%
def policy(game):
    ### BEGIN SOLUTION
    signals = set(game.pages()["signal"])
    if not signals or game.points < 8:
        return None
    if "late_answers" in signals:
        game.do("page service owner")
        return "slow replica"
    if "label_coverage" in signals:
        game.do("block labels")
        return "labels lost"
    if "missing_weather" in signals:
        game.do("block weather")
        return "weather lost"
    if signals & {"hub_EWR", "hub_JFK", "hub_LGA"}:
        game.do("retrain")
        return "hub changed"
    if "edge" in signals:
        game.do("roll back")
        return "bad release"
    game.do("block schedule")
    return "kilometres"
    ### END SOLUTION


# %%
scores = ...
### BEGIN SOLUTION
scores = incidents.tournament(service, {"mine": policy}, seeds)
show_table(scores[["cause", "mine"]])
### END SOLUTION

# %% tags=["check"]
check("17.4", scores)

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - read boards and pages, and choose a first look that tells two causes apart;
# - weigh each act in dollars before you take it, and take the smallest one that stops the loss;
# - lead an incident on a clock, with a budget of acts and labels that arrive late;
# - write a post-mortem that names causes and no culprits, with actions that somebody owns;
# - turn a runbook into a policy, and measure it over many incidents.
#
# This was the last lesson. The service is yours.
