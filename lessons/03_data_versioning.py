# %% [markdown]
# # Data versioning with DVC
#
# A model is made of code, parameters and data, and Git keeps only the first two well. In this
# lesson you put data, pipeline and model of the delay case under one version, and go back.
#
# **After this lesson you can**
#
# - put data under version control, push them, and get the same bytes back elsewhere;
# - describe a pipeline with parameters and metrics, and say what will run again after a change;
# - go back to last month's data and last month's model, bit for bit;
# - choose a tool for versioning data by what it keeps and what it loses.
#
# *20 minutes in class: pointer and content 6 · a pipeline 5 · what runs again? 4 · back to last month 3 · which tool? 2.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.develop import versioning
from course_utils.exercises import check
from course_utils.notebook import claim, plots, show_error, show_table

project = versioning.start_project()

# %% [markdown]
# ## Pointer and content
#
# `project` is a real Git repository in a temporary folder, with three scripts in it; it goes when
# this notebook closes. On 1 March the airline delivers the flights of January and February. (The
# deck does it in its notebook `Data_Version_Control_Workflow`.)

# %%
project.deliver("2013-01", "2013-02")

# %% [markdown]
# Next month a longer file of the same name comes. If you trained on this one, what will tell you
# then which rows your model saw? Git could, but every clone would carry every version for ever.
# DVC splits the task. Start it, and name a storage that all can reach: here a folder.

# %%
project.run(
    "dvc init",
    "dvc remote add --default storage ../storage",
    "git commit --all --quiet --message 'Start DVC'",
)

# %% [markdown]
# **Guess first:** how much of the file will Git have to keep?

# %%
project.run("dvc add data/raw/flights.csv")
project.show("data/raw/flights.csv.dvc")

# %% tags=["claim"]
pointer = project.size("data/raw/flights.csv.dvc")
claim("The flights, in MB", project.size(versioning.RAW) / 1e6, always=2.4)
claim("What Git keeps of them, in bytes", pointer, always=(80, 120))
same = project.recorded(versioning.RAW) == project.fingerprint(versioning.RAW)
claim("The pointer names the content by its MD5 sum", same, always=True)

# %% [markdown]
# A few lines of text: a *pointer* to the content. The content itself lies in DVC's cache under its
# MD5 sum, so that the same content is kept once and another content never under the same name.
# Git takes the pointer, DVC takes the content to the storage:

# %%
project.run("git commit --quiet --message 'Flights of January and February'", "dvc push")

# %% tags=["figure"]
plots.show(
    plots.git_and_dvc(),
    alt="Code and pointers go from the workspace to Git and on to a Git server; data and models "
    "go to DVC's cache and on to the storage; dvc pull brings them from the storage back to the "
    "workspace.",
)

# %% [markdown]
# The deck's list of transport commands in one picture. Now try it: lose the file *and* the cache,
# and let a colleague clone the repository. **Guess first:** will she get the very same bytes?

# %%
project.delete("data/raw/flights.csv", ".dvc/cache")
project.run("dvc pull")
colleague = project.clone("colleague")
colleague.run("dvc pull")

# %% tags=["claim"]
recorded = project.recorded(versioning.RAW)
claim("What came back is the same", project.fingerprint(versioning.RAW) == recorded, always=True)
claim("So is hers", colleague.fingerprint(versioning.RAW) == recorded, always=True)

# %% [markdown]
# ## A pipeline
#
# Data are half of it: the model must be tied to the data, scripts and parameters that made it. The
# deck does that with `dvc run`. Type it today:

# %%
show_error(
    lambda: project.run(
        "dvc run -d data/raw/flights.csv -o models/model.json python src/train.py"
    )
)

# %% [markdown]
# A *stage* now gets written down first and run later. Each names its dependencies (`-d`), parameters
# (`-p`), outputs (`-o`) and metrics (`-M`). The model is the table of lesson 12, a rate of delays for each
# kind of flight; the last month is the exam.

# %%
project.run(
    "dvc stage add -n prepare -p prepare -d src/prepare.py -d data/raw/flights.csv"
    " -o data/processed/flights.csv python src/prepare.py",
    "dvc stage add -n train -p train -d src/train.py -d data/processed/flights.csv"
    " -o models/model.json python src/train.py",
    "dvc stage add -n evaluate -d src/evaluate.py -d data/processed/flights.csv -d models/model.json"
    " -M metrics.json python src/evaluate.py",
)

# %%
project.run("dvc dag")
project.show("src/train.py")

# %% [markdown]
# DVC knows the order from who needs what. `dvc repro` reproduces: it runs what has to run, and
# writes down in `dvc.lock` the MD5 sum of everything that went in and came out.

# %%
project.run("dvc repro", "dvc metrics show")

# %% tags=["claim"]
claim("Stages that ran", sum(done == "ran" for done in project.stages.values()), always=3)

# %% [markdown]
# Commit all of it under the name of the month, so that one name stands for code, parameters, data
# and model together:

# %%
project.run(
    "git add .", "git commit --quiet --message 'Pipeline'", "git tag february", "dvc push"
)

# %% [markdown]
# ## What runs again?
#
# A stage runs again when one of its dependencies has another *content*, one of its parameters
# another value, or its command changed. Time stamps do not count.

# %% [markdown] tags=["exercise"]
# ### Exercise 03.1: six changes
#
# For each change, made alone: which of `prepare`, `train` and `evaluate` does `dvc repro` run?
# The parameters are below.
#
# <details><summary>Hint</summary>Go stage by stage through the commands above. And ask of a stage that
# runs: does anything different come out?</details>

# %%
project.show("params.yaml")
show_table(versioning.changes())

# %%
reruns = {
    "saved again": ...,
    "model": ...,
    "label": ...,
    "threshold": ...,
    "digits": ...,
    "comment": ...,
}
### BEGIN SOLUTION
reruns = {
    "saved again": [],
    "model": ["train", "evaluate"],
    "label": ["prepare", "train", "evaluate"],
    "threshold": [],
    "digits": ["evaluate"],
    "comment": ["prepare"],
}
### END SOLUTION

# %% tags=["check"]
check("03.1", reruns)

# %% [markdown]
# Now let DVC do it, each change on its own and undone afterwards:

# %%
tried = versioning.what_reruns(project)
show_table(tried)

# %% tags=["claim"]
claim("Runs saved, of all 18", int((tried == "·").to_numpy().sum()), always=11)

# %% [markdown]
# The comment is the instructive one: `prepare` runs, its output is the same to the byte, and
# there it ends. The threshold is the dangerous one: no stage names it, so DVC cannot see it. *What a
# stage reads and does not name can change behind your back*, a package version as well.

# %% [markdown]
# One change is worth keeping. DVC has just run it, so that it takes the result from its memory:

# %%
project.edit("params.yaml", "by: [Hour]", "by: [Hour, UniqueCarrier]")
project.run("dvc repro", "dvc params diff", "dvc metrics diff")

# %% tags=["claim"]
claim("`train` came from DVC's memory", project.stages["train"] == "restored", always=True)

# %% [markdown]
# ## Back to last month
#
# Keep the better model, and remember the one tagged `february`. Then it is April, and the longer
# delivery replaces the old one. **Guess first:** with more flights to learn from, will both metrics
# get better?

# %%
project.run("git commit --all --quiet --message 'Rates by hour and carrier'")
project.deliver("2013-01", "2013-02", "2013-03")
project.run("dvc add data/raw/flights.csv", "dvc repro", "dvc metrics diff")
project.run("git commit --all --quiet --message 'March'", "git tag march", "dvc push")

# %% [markdown]
# AUC rose, and log-loss got *worse*. Look at the third line: the exam is another month, one with more
# delays. `metrics diff` compares two numbers; whether they answer one question is for you to say.

# %% [markdown] tags=["exercise"]
# ### Exercise 03.2: a colleague asks
#
# A passenger complains about a warning of last month. Your colleague still has the clone from
# above: data of February, no pipeline, no tag. Which commands, in order, bring data and model of
# the tag `february` into her workspace? List them as texts.
#
# <details><summary>Hint</summary>Follow the arrows of the picture backwards, from the right to the left: first
# those of Git, then those of DVC.</details>

# %%
commands = [...]
### BEGIN SOLUTION
commands = ["git fetch --tags", "git checkout february", "dvc pull"]
### END SOLUTION

# %% tags=["check"]
check("03.2", commands)

# %% [markdown]
# You have everything in your own cache, so that two commands do. And if the model had been lost
# for good, February could be *computed* again: `--force` runs every stage.

# %%
project.run("git checkout february", "dvc checkout")
from_cache = project.fingerprint(versioning.MODEL)
project.run("dvc repro --force --quiet", "git status --short")
computed = project.fingerprint(versioning.MODEL)

# %% tags=["claim"]
claim("February's flights are back", project.fingerprint(versioning.RAW) == recorded, always=True)
claim("February's model is back", from_cache == project.recorded(versioning.MODEL), always=True)
claim("Computed again, it is the same to the bit", computed == from_cache, always=True)

# %% [markdown]
# Bit for bit is the strongest proof that nothing was forgotten: no hidden parameter, no unseeded random
# number, no other version of the data.

# %% [markdown]
# ## Which tool?
#
# The deck lists alternatives. This is what each of them keeps, and what became of it:

# %%
show_table(versioning.alternatives())

# %% [markdown]
# And measured: ten versions of our file, which grows month by month, kept, pushed, cloned and
# damaged. Seconds are processor time. **Guess first:** who needs the least space?

# %%
measured = tables.benchmark("versioning")
show_table(measured)
tables.benchmark_note("versioning")
pushed, stored = measured["pushed [MB]"], measured["store 10 versions [s]"]

# %% tags=["claim"]
claim(
    "Git alone pushes, as a share of DVC", pushed["Git alone"] / pushed["DVC"], always=(0.2, 0.4)
)
claim("DVC takes, in times of Git LFS", stored["DVC"] / stored["Git LFS"], always=(5, 30))

# %% [markdown]
# Git alone, for text that mostly repeats itself: it compresses, and the others keep every version
# whole. Its price is the clone that carries them all. DVC is slowest on small files, since each
# command starts Python anew, and it hands out damaged content unless told to verify. It has no
# rival here where it matters what was made of what.

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - put data under version control, push them, and get the same bytes back elsewhere;
# - describe a pipeline with parameters and metrics, and say what will run again after a change;
# - go back to last month's data and last month's model, bit for bit;
# - choose a tool for versioning data by what it keeps and what it loses.
#
# Next: [04 · Build governance with MLflow](04_build_governance.ipynb)

# %% [markdown] tags=["further"]
# ## Further: a disk that forgets
#
# DVC makes what it keeps read-only, and trusts it from then on. So what happens when an ageing disk flips
# one bit in the cached model, and you check it out?

# %%
project.damage(versioning.MODEL)
project.delete(versioning.MODEL)
project.run("dvc checkout", "dvc status")

# %% tags=["claim"]
intact = project.fingerprint(versioning.MODEL) == project.recorded(versioning.MODEL)
claim("The model that was handed out is the recorded one", intact, always=False)

# %% [markdown]
# 'Up to date', and wrong. Git, Git LFS and git-annex have a command that reads everything again;
# DVC has none. But names are sums of contents, so that you can write it.

# %% [markdown] tags=["exercise"]
# ### Exercise 03.3: find the damage
#
# `project.cached()` gives the content (bytes) by the name under which DVC keeps it. Write a function
# that takes such a dict and returns the names whose content is not what it was.
#
# <details><summary>Hint</summary>How did DVC find the name when it put the content there? `hashlib` has that
# sum.</details>

# %%
import hashlib


def damaged(cached):
    ### BEGIN SOLUTION
    return [name for name, content in cached.items() if hashlib.md5(content).hexdigest() != name]
    ### END SOLUTION


# %% tags=["check"]
check("03.3", damaged)

# %% [markdown]
# Delete what is damaged, in the cache *and* where it was handed out, and DVC gets it again from the
# storage. With `verify` it also reads again whatever comes from there:

# %%
project.delete(versioning.MODEL, ".dvc/cache")
project.run("dvc remote modify storage verify true", "dvc pull")

# %% tags=["claim"]
fixed = project.fingerprint(versioning.MODEL) == project.recorded(versioning.MODEL)
claim("The storage's copy fixes it", fixed, always=True)

# %% [markdown]
# A careless script is another case: it has to make the copy writable first, and then it is no longer
# trusted. `dvc status` reads it again, throws it out, and calls it missing:

# %%
project.damage(versioning.MODEL, protected=False)
project.run("dvc status", "dvc pull", "dvc status")

# %% [markdown]
# ### The same through S3
#
# Another storage is another address: `s3://…` in the place of a folder. This is what it gave against a
# stand-in for Amazon's service; the cell below tries it again where moto is installed.

# %%
show_table(versioning.s3_record())

# %% tags=["live"]
versioning.through_s3(project)

# %%
project.close()

# %% [markdown]
# Closed: the project, its storage, the clone and DVC's process are gone, and no setting of yours has
# changed. To go on trying, start again from the second cell.
#
# Next: [04 · Build governance with MLflow](04_build_governance.ipynb)
