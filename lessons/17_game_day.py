# %% [markdown]
# # Game day
#
# The delay model has been in service since June, and now you are on call. You see what a person on call sees: a page
# with a title and one number.
#
# **After this lesson you can**
#
# - read boards and pages, and choose a first look that tells two causes apart;
# - weigh each act in dollars before you take it, and take the smallest one that stops the loss;
# - lead an incident on a clock, with a budget of acts and labels that arrive late;
# - write a post-mortem that names causes and no culprits, with actions that somebody owns;
# - turn a runbook into a policy, and measure it over many incidents.
#
# *45 minutes in class: what you have 4 · what an act costs 5 · a rehearsal 8 · your shift 15 · the post-mortem 7 · a policy 6.*

# %% tags=["setup"]
from course_utils.exercises import check
from course_utils.notebook import claim, plots, show_table
from course_utils.operate import incidents

service = incidents.open_service()

# %% [markdown]
# # Part 1 of 3: A rehearsal
#
# First you handle an incident whose cause is known, to learn the tools.

# %% [markdown]
# ## What you have
#
# The service is that of lesson 16: a model, the release before it, a lookup table to fall back on, and an *online layer* on top. The
# online layer is the intercept of lesson 13: each morning it learns from the labels of the last week.
#
# Five pages can wake you. For each of them the runbook has one line:

# %%
show_table(incidents.runbook())

# %% [markdown]
# A title names a symptom, and several causes share it. The runbook names the remedy that was right most often, and the known case
# in which it is wrong. A look tells which case you have. Looks and acts take minutes:

# %%
acts = incidents.acts()
show_table(acts)

# %% tags=["claim"]
claim("Pages in the runbook", len(incidents.runbook()), always=5)
claim(
    "Every act but 'restore' takes time", acts.drop("restore")["minutes"].min() >= 5, always=True
)

# %% [markdown]
# While you look, the incident goes on. An act holds until you call `restore`.

# %% [markdown]
# ## What an act costs
#
# Suppose you play safe, and switch to the lookup table at every page. **Guess first:** the next cell prints what a normal day earns. What does
# a day on the table cost while nothing is wrong?

# %%
print(f"a normal day: {service.normal_day:,.0f} dollars")
costs = incidents.prices(service)

# %% tags=["figure"]
fig = plots.bars(
    costs.sort_values(),
    title="The safest act costs more than a normal day earns",
    x="expected cost of a needless act [dollars a day]",
    y="act",
)
plots.show(
    fig,
    alt="Bars of what each act costs on a healthy day. The lookup table costs by far the most; all others cost a small part of it.",
)

# %% tags=["claim"]
claim("A normal day, in dollars", service.normal_day, nyc2013=(10_000, 11_400), unit="$")
claim("A day on the lookup table", costs["use table"], nyc2013=(16_000, 25_000), unit="$")
claim(
    "It costs more than a normal day earns", costs["use table"] > service.normal_day, always=True
)
claim("The table is the most expensive act", costs.idxmax() == "use table", always=True)

# %% [markdown]
# The lookup table costs more than a normal day earns. Every other act costs something too. So a page alone is no reason to act: an act
# must save more than it costs, and for that you must know the cause.
#
# The game counts *expected* dollars. It compares each decision with the better one at the probability of a healthy service, by the
# payoff of lesson 06. What actually happens on one night is luck on top.

# %% [markdown]
# ## A rehearsal
#
# You are on call, and wait.

# %%
rehearsal = incidents.rehearsal(service, 5, "cache empty")
page = rehearsal.wait()
print(page.to_string())

# %% [markdown]
# Far fewer passengers are warned than in the same hours of other weeks. It may be a calm day, or the inputs, or the labels. **Guess first:**
# which look is the cheapest one that can exclude some of these?

# %%
show_table(rehearsal.do("look inputs"))

# %% [markdown]
# Many requests lack their live delays: the values that say how late flights were in the last hours. The runbook says `use table`. But it also says
# when that is wrong: if the delays were lost on our side. A *replay* answers the last requests again, in other ways:

# %%
replay = rehearsal.do("look replay")
show_table(replay)

# %% tags=["claim"]
missing = replay["live delays missing [%]"]
claim("Live delays missing, as in service", missing["as in service"], nyc2013=(30, 70))
claim("… by the release before", missing["by the release before"], nyc2013=(30, 70))
claim("… with inputs fetched again", missing["with inputs fetched again"], always=0)

# %% [markdown]
# The release before does not find the delays either, so no release is guilty. Fetched again from the supplier, they are there. So the supplier
# delivers, and our cache is empty. A restart fills it. Then name the cause, and let the shift pass:

# %%
rehearsal.do("restart")
rehearsal.close("cache empty")
rehearsal.finish()
show_table(rehearsal.score())

# %% [markdown]
# A shift earns 60 points for the share of the avoidable loss that you avoid, and 40 for the causes that you name. 'Avoidable' is measured
# against the best *public* policy: a script that knows no more than the looks show. Only now does the game tell what happened:

# %%
debrief = rehearsal.debrief()
show_table(debrief)

# %%
courses = rehearsal.courses()
shown = courses[["no one acts", "use table", "yours"]]

# %% tags=["figure"]
fig = plots.lines(
    shown,
    title="Two looks and a restart lost less than the runbook's remedy",
    x="time since the page [hours]",
    y="expected loss so far [dollars]",
)
plots.show(
    fig,
    alt="Loss since the page, hour by hour. If no one acts it rises most, on the lookup table it rises more slowly, and after "
    "two looks and a restart it stays almost flat.",
)

# %% tags=["claim"]
ends = courses.iloc[-1]
claim("No one acts, dollars", ends["no one acts"], nyc2013=(18_000, 28_000), unit="$")
claim("The runbook's remedy at once", ends["use table"], nyc2013=(6_000, 10_500), unit="$")
claim("Two looks, then a restart", ends["yours"], nyc2013=(0, 5_000), unit="$")

# %% [markdown] tags=["exercise"]
# ### Exercise 17.1: which look?
#
# Each board below has a page, and two causes that it may have ('nothing' is a false page). Hand in the dict `triage`: for each board a
# tuple of three names of the table of acts: the one look that tells the two apart, the act if it is `one`, and the act if it is `other`. If no act is needed, write
# `"nothing"`.
#
# <details><summary>Hint</summary>Imagine both causes, and ask what each look would show. A look that shows the same in both cases is of
# no use here.</details>

# %%
show_table(incidents.rivals())
show_table(incidents.causes()[["shows"]])

# %%
triage = {"A": (..., ..., ...), "B": (..., ..., ...), "C": (..., ..., ...), "D": (..., ..., ...)}
### BEGIN SOLUTION
triage = {
    "A": ("look replay", "use table", "restart"),
    "B": ("look labels", "retrain", "block labels"),
    "C": ("look upstream", "block schedule", "nothing"),
    "D": ("look replicas", "restart", "roll back"),
}
### END SOLUTION

# %% tags=["check"]
check("17.1", triage)

# %% [markdown] tags=["instructor"]
# Let the class vote on each board before anyone answers. Board C is the best one to discuss: both cases look the same in every measurement,
# and only an announcement tells them apart. To play in class, draw seeds with `incidents.seeds(20)`. Players hand in
# `game.record()`, and `incidents.standings(service, records)` plays all records again and returns the table of scores.

# %% [markdown]
# # Part 2 of 3: Your shift
#
# Now you do not know what is wrong, or whether anything is.

# %% [markdown]
# ## What may be wrong
#
# These are the causes, and the act that stops the loss of each:

# %%
show_table(incidents.causes())

# %% tags=["claim"]
claim("Causes, 'nothing' among them", len(incidents.causes()), always=14)
claim("Days of a shift", incidents.settings()["days"], always=14)
claim("Minutes of work in a shift", incidents.settings()["points"]["budget"], always=480)

# %% [markdown]
# Keep in mind:
#
# - Some pages are false, and in some shifts all are.
# - A page may have two causes at once.
# - A fault may have begun before your shift.
# - A release that went out just before a page may be harmless.
# - You have 480 minutes of work. What you cannot pay is refused, and costs nothing.
# - Labels arrive a day late.
#
# The code is open and holds the truth. If you read it, you only play against yourself.

# %% [markdown] tags=["exercise"]
# ### Exercise 17.2: on call
#
# Play the shift of this seed, or of any other one, and earn 60 points. `game.wait()` waits for the next event: a page, or its end (then
# call `game.do("restore")` if you changed something). `game.do(…)` looks or acts, and `game.close(…)` names the cause or causes of the
# page. `game.finish()` lets the rest of the shift pass. Add cells as you like; to start again, run the first cell again.
#
# <details><summary>Hint</summary>Start with the look that the runbook names for the page. If nothing is unusual in any look, the page is
# false.</details>

# %%
game = incidents.Game(service, seed=424)
print(game.wait().to_string())

# %%
### BEGIN SOLUTION
show_table(game.do("look inputs"))
show_table(game.do("look replay"))
### END SOLUTION

# %% [markdown] tags=["solution"]
# Live delays are missing, and the release before finds them. So a release of ours misreads them, and rolling back is the smallest act. When the
# page is resolved, the fault has been fixed, and everything is restored.

# %%
### BEGIN SOLUTION
game.do("roll back")
game.close("live delays misread")
print(game.wait().to_string())
game.do("restore")
print(game.wait().to_string())
### END SOLUTION

# %%
### BEGIN SOLUTION
show_table(game.do("look replicas"))
show_table(game.do("look upstream"))
### END SOLUTION

# %% [markdown] tags=["solution"]
# All replicas are slow, and one client sends many times its usual requests. No load test is announced for now, so the client retries. A restart
# would not help: the load would be back at once.

# %%
### BEGIN SOLUTION
game.do("limit client")
game.close("client retries")
print(game.wait()["event"])
game.do("restore")
print(game.wait().to_string())
### END SOLUTION

# %%
### BEGIN SOLUTION
show_table(game.do("look inputs"))
show_table(game.do("look labels"))
show_table(game.do("look replay"))
### END SOLUTION

# %% [markdown] tags=["solution"]
# Nothing is missing, the labels agree with the minutes, and both releases have about the same log-loss. The evening is calm, and the page is false.

# %%
### BEGIN SOLUTION
game.close("nothing")
game.finish()
show_table(game.score())
### END SOLUTION

# %% tags=["check"]
check("17.2", game)

# %% [markdown]
# Is your shift over? Then read `game.debrief()`. For each page where you lost points, find the look that would have told you the cause. Then play
# another seed.

# %% [markdown]
# # Part 3 of 3: Afterwards
#
# The loss is stopped. Now make the next one smaller.

# %% [markdown]
# ## The post-mortem
#
# A post-mortem is written for the person who is on call next year. It asks what let the fault through, not who. This is the rubric:

# %%
show_table(incidents.rubric())

# %% [markdown] tags=["exercise"]
# ### Exercise 17.3: facts first
#
# Collect the facts of the rehearsal, and choose the two best actions. Hand in the dict `report`: three numbers and two letters.
#
# - `"undetected"`: minutes from the beginning of the fault to the page;
# - `"to cure"`: minutes from the page until the restart was done;
# - `"saved"`: dollars that were saved, as in the debrief;
# - `"sooner"`: what would have shown the fault sooner? **a** a second person on call; **b** an alert on the share of missing inputs, each
#   quarter of an hour; **c** an alert on the log-loss of the day;
# - `"prevent"`: what would have made the loss impossible? **a** tell the engineer to be careful; **b** restart every night; **c** fetch
#   the value from the supplier if the cache has none.
#
# <details><summary>Hint</summary>The log and the debrief below have every time. An act holds from the end of its minutes.</details>

# %%
print(*rehearsal.log, sep="\n")
print(debrief.loc[["began", "time", "lost if no one acts", "you saved"]].to_string())

# %%
report = {"game": rehearsal}
report |= {"undetected": ..., "to cure": ..., "saved": ..., "sooner": ..., "prevent": ...}
### BEGIN SOLUTION
report |= {"undetected": 156, "to cure": 55, "saved": 22100, "sooner": "b", "prevent": "c"}
### END SOLUTION

# %% tags=["check"]
check("17.3", report)

# %% [markdown]
# Now write the text, for the rehearsal or for your own shift: one entry for each part of the rubric. No program can judge it, so **it is not
# graded**. Mark it yourself: does each part answer what the rubric asks, and does no sentence blame a person?

# %%
text = dict.fromkeys(incidents.rubric().index, "")

# %% [markdown]
# <details><summary>A model post-mortem of the rehearsal</summary>
#
# **Summary.** On one afternoon, warnings to passengers almost stopped, because the model received no live delays.
# **Timeline.** The cache stopped filling in the morning; the page came some hours later; the restart was done within the hour.
# **Impact.** Most of the loss was avoided; the debrief has the dollars.
# **Detection.** The share of warned passengers paged. An alert on missing inputs would have come sooner.
# **Cause.** The cache returned empty values instead of failing, and no check refused requests without live delays.
# **Response.** Two looks and a restart. The lookup table, which the runbook names first, was not needed.
# **Actions.** The service owner adds an alert on missing inputs, and the data engineer a fallback to the supplier. Each has a date.
# </details>

# %% [markdown]
# ## A policy
#
# A good runbook can be run by a program. A *policy* is a function that is called with the game and each page. It looks, acts, and returns
# the causes that it names. Here are two policies that never look: one does nothing, the other one does what was best on average for
# the title of the page. **Guess first:** how many points does the best act for a title earn?

# %%
seeds = range(119, 127)
blind = {"does nothing": incidents.does_nothing, "no look": incidents.no_look}
table = incidents.tournament(service, blind, seeds)
show_table(table[["causes", *blind]])

# %% tags=["claim"]
claim("Doing nothing", table["does nothing"].mean(), nyc2013=(0, 45))
claim("The best act for each title, without a look", table["no look"].mean(), nyc2013=(0, 60))

# %% [markdown]
# Without a look, even the best act for each title earns little: causes that share a title need different acts. So a policy must read looks.
# Here is a *reader*, a function from the table of a look to the causes that it tells:


# %%
def read_inputs(table):
    counts = table.iloc[:, 0].filter(like="requests from")
    return ["timetable cut off"] if counts.min() < 50 else []


# %% [markdown] tags=["exercise"]
# ### Exercise 17.4: your runbook, run by a program
#
# Write the other three readers. Each returns a list of causes, which is empty if the table shows nothing unusual. Put all four into a dict
# `readers`, by the second word of the look. `incidents.policy_from(readers)` makes a policy of them: it looks in the order of the runbook,
# asks your readers, drops what was announced, and cures the rest. Earn 80 points on average. The check plays other seeds than these.
#
# <details><summary>Hint</summary>Look at the tables of the rehearsal and of your shift again. Then play a rehearsal of each cause that your
# reader misses, as above, and compare.</details>


# %%
def read_replicas(table):
    """Tell 'slow replica', 'client retries' and 'slow release'."""
    ...
    ### BEGIN SOLUTION
    medians = table["now"].filter(like="median")
    times = (table["now"] / table["usual"]).filter(like="requests a minute")
    if times.max() > 3:
        return ["client retries"]
    if medians.min() > 100:
        return ["slow release"]
    return ["slow replica"] if medians.max() > 100 else []
    ### END SOLUTION


# %%
def read_labels(table):
    """Tell 'labels flipped', 'labels lost' and 'airport changed'."""
    ...
    ### BEGIN SOLUTION
    last = table.iloc[-1]
    if last["labels against minutes [%]"] > 20:
        return ["labels flipped"]
    if last["outcomes"] < 0.95 * last["flights"]:
        return ["labels lost"]
    beyond = sorted(last.filter(like="beyond expected"))
    return ["airport changed"] if beyond[2] - beyond[1] > 10 else []
    ### END SOLUTION


# %%
def read_replay(table):
    """Tell 'cache empty', 'bad release', and whether live delays or weather are 'lost' or 'misread'."""
    ...
    ### BEGIN SOLUTION
    now, before, again = (table.iloc[row] for row in range(3))
    found = []
    if now["live delays missing [%]"] > 0:
        found.append("live feed lost")
        if before["live delays missing [%]"] == 0:
            found = ["live delays misread"]
        if again["live delays missing [%]"] < now["live delays missing [%]"]:
            found = ["cache empty"]
    if now["weather missing [%]"] > 0:
        lost = before["weather missing [%]"] > 0
        found.append("weather feed lost" if lost else "weather misread")
    if now["log-loss, yesterday's flights"] > before["log-loss, yesterday's flights"] + 0.04:
        found.append("bad release")
    return found
    ### END SOLUTION


# %%
readers = ...
### BEGIN SOLUTION
readers = {"replicas": read_replicas, "labels": read_labels, "replay": read_replay}
readers["inputs"] = read_inputs
scores = incidents.tournament(service, {"mine": incidents.policy_from(readers)}, seeds)
show_table(scores[["causes", "mine"]])
### END SOLUTION

# %% tags=["check"]
check("17.4", readers)

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
