# %% [markdown]
# # Data versioning with DVC
#
# A model is made of code, parameters and data, and Git handles only the first two well. In this lesson
# you use Git and DVC to put data, pipeline and model of the delay case under one version, and go back to it.
#
# **After this lesson you can**
#
# - put data under version control, push them, and get the same bytes back elsewhere;
# - describe a pipeline with parameters and metrics, and say what will run again after a change;
# - go back to last month's data and last month's model, bit for bit;
# - choose a tool for versioning data by what it keeps and what it loses.
#
# *20 minutes in class: pointer and content 4 · on another machine 2 · a pipeline 5 · what runs again? 4 · back to last month 2 · is everything recorded? 2 · which tool? 1.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import datasets
from course_utils.develop import versioning
from course_utils.exercises import check
from course_utils.notebook import claim, open_terminal, plots, show_table

terminal = open_terminal()

# %% [markdown]
# `terminal` is a shell in an empty scratch folder, shown as `~`. It prints each command and what the
# program answers. The next cell gives it a home folder without settings, so that yours stay out of
# it, turns colours and usage statistics off, and fixes the language and the order of names in messages.

# %%
terminal.export(HOME=str(terminal.home), XDG_CONFIG_HOME="", GIT_CONFIG_NOSYSTEM="1")
terminal.export(DVC_SITE_CACHE_DIR=f"{terminal.home}/.dvc-site", DVC_NO_ANALYTICS="true")
terminal.export(FORCE_COLOR="", CLICOLOR="", LC_ALL="C.UTF-8", PYTHONHASHSEED="0")
terminal.run("git config --global user.name Ada")
terminal.run("git config --global user.email ada@example.com")
terminal.run("git config --global init.defaultBranch main")

# %% [markdown]
# # Part 1 of 2: Data
#
# You version one file of flights and fetch it on another machine. You type what you would type at work.

# %% [markdown]
# ## Pointer and content
#
# A project starts with `git init` and `dvc init`. On 1 March the airline delivers the flights of
# January and February as a CSV file.

# %%
terminal.run("git init project")
terminal.cd("project")
terminal.run("dvc init --quiet")
terminal.run("git status --short")
terminal.run("mkdir data")

# %%
columns = ["Month", "CRSDepTime", "UniqueCarrier", "Origin", "Dest", "DepDelay"]
flights = datasets.load_flights()[columns].astype({"DepDelay": "Int64"})


def deliver(last_month):
    delivered = flights[flights["Month"] <= last_month]
    delivered.to_csv(terminal.where() / "data/flights.csv", index=False, lineterminator="\n")


deliver(2)

# %% [markdown]
# Next month a longer file of the same name arrives. How will you then know which rows your model saw?
# Git could store both files, but every clone would carry every version forever. DVC divides the
# work. **Guess first:** how many bytes of the file will Git have to store?

# %%
terminal.run("dvc add data/flights.csv")
terminal.show("data/flights.csv.dvc")
terminal.show("data/.gitignore")

# %% tags=["claim"]
import hashlib

content = (terminal.where() / "data/flights.csv").read_bytes()
pointer = (terminal.where() / "data/flights.csv.dvc").read_text()
claim("The flights, in MB", len(content) / 1e6, always=(1.0, 1.2))
claim("What Git stores of them, in bytes", len(pointer), always=(80, 120))
claim(
    "The pointer holds the MD5 hash of the content",
    hashlib.md5(content).hexdigest() in pointer,
    always=True,
)

# %% [markdown]
# The small text file is a *pointer*: it names the content by its MD5 hash. The content itself is now
# in DVC's *cache*, in `.dvc/cache`, in a file with the hash as its name. `.gitignore` keeps the
# large file out of Git. DVC also printed what to do next, so do it:

# %%
terminal.run("git add data/.gitignore data/flights.csv.dvc")
terminal.run('git commit --quiet --message "Flights of January and February"')
terminal.run('git tag --annotate first-delivery --message "Delivered on 1 March"')
terminal.run("git ls-files")

# %% [markdown]
# `git ls-files` lists what Git tracks: the pointer, and not the flights. The annotated tag gives this
# version a name that people can remember. DVC's hint `core.autostage` would run `git add` for you;
# this lesson leaves it off, as it is in every new project.

# %% [markdown]
# Colleagues need both halves. A *remote* is a shared place that you push to. Git's remote is usually on
# GitHub or GitLab; here it is a *bare* repository, one without a workspace. DVC's remote is usually a
# bucket such as `s3://…`; here it is a folder.

# %%
terminal.run("git init --bare ../server.git")
terminal.run("git remote add origin ../server.git")
terminal.run("dvc remote add --default storage ../storage")
terminal.show(".dvc/config")

# %% [markdown]
# The address is in `.dvc/config`, which belongs to the project: commit it, and every clone knows the
# remote. Paths in it are relative to the file, so there is one more `..`. Now push both halves.
# `--follow-tags` includes annotated tags, which a plain `git push` leaves behind.

# %%
terminal.run('git commit --quiet --all --message "Add the storage"')
terminal.run("dvc push")
terminal.run("git push --follow-tags origin main")

# %% tags=["figure"]
plots.show(
    plots.git_and_dvc(),
    alt="Code and pointers go from the workspace to Git with git commit and on to a Git server with "
    "git push; git fetch and git checkout bring them back. Data and models go to DVC's cache with "
    "dvc add and on to the storage with dvc push; dvc fetch and dvc checkout bring them back, and "
    "dvc pull does both in one step.",
)

# %% [markdown]
# The deck's list of transport commands in one picture. `git pull` is not in it: it is `git fetch`
# followed by a merge into your branch. `dvc pull` is `dvc fetch` followed by `dvc checkout`.

# %% [markdown]
# ## On another machine
#
# A colleague clones the repository. Her clone has the pointer and an empty cache. **Guess first:** does
# `dvc pull` give her the very same bytes?

# %%
terminal.cd("~")
terminal.run("git clone server.git colleague")
terminal.cd("colleague")
terminal.run("dvc pull")

# %% tags=["claim"]
hers = (terminal.where() / "data/flights.csv").read_bytes()
claim("Her flights are the same, byte for byte", hers == content, always=True)

# %% [markdown]
# She asked Git for the pointer, and DVC for the content with that hash. Neither a file name nor a date
# decides what she gets. You can look at all of it: run the next cell, and open a terminal of your own
# in the folder that it prints.

# %% tags=["live"]
print(terminal.where())

# %%
terminal.cd("../project")

# %% [markdown]
# # Part 2 of 2: Data, code and model together
#
# You tie the model to the data, scripts and parameters that made it.

# %% [markdown]
# ## A pipeline
#
# The deck describes a pipeline with `dvc run`. Version 3 of DVC removed that command. `dvc stage add`
# writes a *stage* down, and `dvc repro` runs it later. The first stage computes which flights left late, by a
# parameter:

# %%
prepare = """
import pandas as pd
import yaml

late_minutes = yaml.safe_load(open("params.yaml"))["prepare"]["late_minutes"]
flights = pd.read_csv("data/flights.csv").dropna(subset=["DepDelay"])
flights["Hour"] = flights["CRSDepTime"] // 100
flights["Late"] = (flights["DepDelay"] >= late_minutes).astype(int)
columns = ["Month", "Hour", "UniqueCarrier", "Late"]
flights.to_csv("data/prepared.csv", columns=columns, index=False, lineterminator="\\n")
"""
terminal.write("src/prepare.py", prepare)

# %%
parameters = """
prepare: {late_minutes: 15}
train: {by: [Hour], prior: 100}
notify: {threshold: 0.25}
"""
terminal.write("params.yaml", parameters)
terminal.run("dvc run -n prepare python src/prepare.py 2>&1 | head -n 1 | cut -c 1-46")
terminal.run(
    "dvc stage add -n prepare -p prepare -d src/prepare.py -d data/flights.csv"
    " -o data/prepared.csv python src/prepare.py"
)
terminal.show("dvc.yaml")

# %% [markdown]
# `dvc.yaml` is the pipeline. For each stage it has the command, what the command reads (`deps` for files,
# `params` for entries of `params.yaml`) and what it writes (`outs`). You can edit it by hand. The model
# is a rate of delays for each kind of flight; the last month tests it.

# %%
train = """
import pandas as pd
import yaml

settings = yaml.safe_load(open("params.yaml"))["train"]
flights = pd.read_csv("data/prepared.csv")
past = flights[flights["Month"] < flights["Month"].max()]
seen = past.groupby(settings["by"])["Late"].agg(["sum", "size"])
prior = settings["prior"]  # pulls the rates of rare kinds towards the overall rate
rate = (seen["sum"] + prior * past["Late"].mean()) / (seen["size"] + prior)
rate.rename("probability").to_csv("model.csv", lineterminator="\\n")
"""
terminal.write("src/train.py", train)

# %%
evaluate = """
import json
import numpy as np
import pandas as pd

flights, model = pd.read_csv("data/prepared.csv"), pd.read_csv("model.csv")
month = flights["Month"].max()
scored = flights[flights["Month"] == month].merge(model, how="left")
p = scored["probability"].fillna(model["probability"].mean())
late = scored["Late"] == 1
auc = (p.rank()[late].mean() - (late.sum() + 1) / 2) / (~late).sum()
log_loss = -np.log(p.where(late, 1 - p)).mean()
metrics = {"month": int(month), "auc": round(auc, 3), "log_loss": round(log_loss, 3)}
json.dump(metrics, open("metrics.json", "w"))
"""
terminal.write("src/evaluate.py", evaluate)

# %%
stages = """
stages:
  prepare:
    cmd: python src/prepare.py
    deps: [src/prepare.py, data/flights.csv]
    params: [prepare]
    outs: [data/prepared.csv]
  train:
    cmd: python src/train.py
    deps: [src/train.py, data/prepared.csv]
    params: [train]
    outs: [model.csv]
  evaluate:
    cmd: python src/evaluate.py
    deps: [src/evaluate.py, data/prepared.csv, model.csv]
    metrics: [metrics.json: {cache: false}]
"""
terminal.write("dvc.yaml", stages)

# %% [markdown]
# `cache: false` leaves the small metrics file to Git. DVC derives the order of the stages: `train` reads what
# `prepare` writes. `dvc repro` ('reproduce') runs what has to run. **Guess first:** how many stages is that,
# and how many if you run it a second time?

# %%
terminal.run("dvc repro")
terminal.show("metrics.json")

# %%
terminal.run("git add .")
terminal.run('git commit --quiet --message "Pipeline"')
terminal.run("dvc repro")
terminal.run("git show HEAD:dvc.lock")

# %% tags=["claim"]
import yaml

lock = yaml.safe_load(terminal.output("git show HEAD:dvc.lock"))["stages"]
claim("Stages that dvc.lock records", len(lock), always=3)
claim(
    "Files that the second dvc repro changed",
    len(terminal.output("git status --short").split()),
    always=0,
)

# %% [markdown]
# The second run skipped everything, thanks to `dvc.lock`: it records the hash or value of all that went
# into a stage and came out of it. Tag the commit that contains it, and one name covers code, parameters,
# data and model:

# %%
terminal.run('git tag --annotate february --message "Model of 1 March"')
terminal.run("dvc push")
terminal.run("git push --quiet --follow-tags origin main")

# %% [markdown]
# ## What runs again?
#
# A stage runs again when the *content* of a dependency, the value of a parameter or its command differs
# from `dvc.lock`. Time stamps do not count.

# %% [markdown] tags=["exercise"]
# ### Exercise 03.1: six changes
#
# For each change below, made alone: which stages does `dvc repro` run? Hand in the dict `reruns`: under
# each key a list of names out of `"prepare"`, `"train"` and `"evaluate"`, and `[]` if none runs.
#
# <details><summary>Hint</summary>Go through `dvc.yaml` stage by stage. And ask of a stage that
# runs: does anything different come out?</details>

# %%
show_table(versioning.changes())

# %%
reruns = {
    "saved again": ...,
    "model": ...,
    "label": ...,
    "threshold": ...,
    "print": ...,
    "comment": ...,
}
### BEGIN SOLUTION
reruns = {
    "saved again": [],
    "model": ["train", "evaluate"],
    "label": ["prepare", "train", "evaluate"],
    "threshold": [],
    "print": ["evaluate"],
    "comment": ["prepare"],
}
### END SOLUTION

# %% tags=["check"]
check("03.1", reruns)

# %% [markdown]
# Now let DVC answer. Two changes at once save time here: the flights saved again and another threshold,
# then the comment and the `print`.

# %%
deliver(2)
terminal.write("params.yaml", parameters.replace("0.25", "0.4"))
terminal.run("dvc repro")

# %% tags=["claim"]
unchanged = terminal.output("git status --short").split() == ["M", "params.yaml"]
claim("dvc.lock is as before: no stage ran", unchanged, always=True)

# %%
terminal.run('echo "# Which flights left late?" >> src/prepare.py')
terminal.run('echo "print(month)" >> src/evaluate.py')
terminal.run("dvc repro")

# %% tags=["claim"]
after = yaml.safe_load((terminal.where() / "dvc.lock").read_text())["stages"]
ran = [name for name in lock if after[name] != lock[name]]
claim("Only `prepare` and `evaluate` ran", ran == ["prepare", "evaluate"], always=True)

# %% [markdown]
# The comment: `prepare` runs, its output is the same to the byte, and `train` does not run. The threshold is
# the dangerous one: no stage names it, so DVC cannot see it. *What a stage reads but does not name can
# change without a run.* That includes package versions.

# %% [markdown]
# For parameters there is a shorter way. `dvc exp run` sets a parameter, runs what depends on it and keeps the
# result as an *experiment*, outside your branches. With `--temp` it works in a temporary folder, without it in
# your workspace. `dvc exp show` compares the experiments with your commit, which is the first line. `--drop` leaves
# out columns; times and hashes of commits would differ in each run. First, `git restore .` undoes the changes above.

# %%
terminal.run("git restore .")
terminal.run("dvc exp run --temp --name late-30 --set-param prepare.late_minutes=30")
terminal.run('dvc exp run --name carrier --set-param "train.by=[Hour,UniqueCarrier]"')
terminal.run(
    'dvc exp show --csv --hide-workspace --drop "Created|rev|typ|parent|notify|train.prior|data|model|src"'
)

# %% tags=["claim"]
after = yaml.safe_load((terminal.where() / "dvc.lock").read_text())["stages"]
ran = [name for name in lock if after[name] != lock[name]]
claim("Stages that the experiment `carrier` ran", len(ran), always=2)
before = yaml.safe_load(terminal.output("git show HEAD:metrics.json"))
now = yaml.safe_load((terminal.where() / "metrics.json").read_text())
claim("The carrier raises the AUC by", now["auc"] - before["auc"], always=(0.02, 0.06))

# %% [markdown]
# The carrier improves both metrics. The log-loss of `late-30` is far lower, but that is no improvement: with
# another label the model answers another question. `carrier` ran last and in your workspace, so commit it:

# %%
terminal.run("git diff params.yaml")
terminal.run('git commit --quiet --all --message "Rates by hour and carrier"')

# %% [markdown]
# ## Back to last month
#
# On 1 April the longer file replaces the old one. **Guess first:** with more flights to learn from, do
# both metrics get better?

# %%
deliver(3)
terminal.run("dvc add --quiet data/flights.csv")
terminal.run("dvc repro --quiet")
terminal.run("dvc metrics diff")
terminal.run('git commit --quiet --all --message "March"')
terminal.run('git tag --annotate march --message "Model of 1 April"')
terminal.run("dvc push --quiet")
terminal.run("git push --quiet --follow-tags origin main")

# %% tags=["claim"]
march = yaml.safe_load((terminal.where() / "metrics.json").read_text())
claim("AUC rose by", march["auc"] - now["auc"], always=(0.0, 0.05))
claim("Log-loss rose too, by", march["log_loss"] - now["log_loss"], always=(0.0, 0.05))
late = (flights["DepDelay"].dropna() >= 15).groupby(flights["Month"]).mean()
claim("More of March's flights left late than of February's", late[3] > late[2], always=True)

# %% [markdown]
# AUC improved, and log-loss got *worse*. The line `month` says why: the test is another month, with more
# delays. `dvc metrics diff` compares two numbers; whether both answer the same question is for you to judge.

# %% [markdown] tags=["exercise"]
# ### Exercise 03.2: a colleague asks
#
# A passenger complains about a warning of last month. Your colleague still has the clone from above: data up to
# February, no pipeline, no tag `february`. Which commands, in order, bring data and model of that tag into her
# workspace? Hand in the list `commands`, each command as a text such as `"git status"`.
#
# <details><summary>Hint</summary>Follow the arrows of the picture backwards, from right to left: first
# those of Git, then those of DVC. You can try the commands in her folder, in a terminal of your own.</details>

# %%
commands = [...]
### BEGIN SOLUTION
commands = ["git fetch --tags", "git checkout february", "dvc pull"]
### END SOLUTION

# %% tags=["check"]
check("03.2", commands)

# %% [markdown]
# Your own cache still holds everything, so two commands are enough. `git checkout` brings the pointers,
# `dvc.lock` and scripts of the tag; `dvc checkout` then brings the contents that they name.

# %%
terminal.run("git checkout --quiet february")
terminal.run("dvc checkout")

# %% tags=["claim"]
hashes = [(terminal.where() / name).read_bytes() for name in ("data/flights.csv", "model.csv")]
claim("February's flights are back", hashes[0] == content, always=True)
model = hashlib.md5(hashes[1]).hexdigest()
claim("February's model is back", model == lock["train"]["outs"][0]["md5"], always=True)

# %% [markdown]
# ## Is everything recorded?
#
# If the model had been lost for good, you could *compute* it again: `--force` runs every stage, whether
# something changed or not. Git then shows whether any hash in `dvc.lock` differs.

# %%
terminal.run("dvc repro --force --quiet")
terminal.run("git status --short")

# %% tags=["claim"]
claim(
    "Computed again, all is the same to the bit",
    terminal.output("git status --short") == "",
    always=True,
)

# %% [markdown]
# Same bytes, so the pipeline is reproducible? Try it on a pipeline that is not. On a branch, `prepare.py` takes
# its limit from an environment variable, which DVC cannot see. **Guess first:** does `--force` find the fault?

# %%
hurried = """
import os
import pandas as pd

flights = pd.read_csv("data/flights.csv").dropna(subset=["DepDelay"])
flights["Hour"] = flights["CRSDepTime"] // 100
flights["Late"] = (flights["DepDelay"] >= int(os.environ.get("LATE_MINUTES", 15))).astype(int)
columns = ["Month", "Hour", "UniqueCarrier", "Late"]
flights.to_csv("data/prepared.csv", columns=columns, index=False, lineterminator="\\n")
"""
terminal.write("src/prepare.py", hurried)

# %%
terminal.run("git switch --quiet --create trial")
terminal.export(LATE_MINUTES="30")
terminal.run("dvc repro --quiet prepare")
terminal.run('git commit --quiet --all --message "Late from 30 minutes on"')
terminal.run("dvc repro --quiet --force prepare")
terminal.run("git status --short")

# %% tags=["claim"]
recorded = terminal.output("git show trial:dvc.lock")
claim(
    "In this shell, the same bytes again",
    terminal.output("git status --short") == "",
    always=True,
)

# %% [markdown]
# It does not: the variable is still set. Now clone the branch into a new folder, in a shell without the variable,
# and fetch only the raw data, so that DVC has to compute the rest:

# %%
terminal.export(LATE_MINUTES="")
terminal.cd("~")
terminal.run("git clone --quiet --branch trial project fresh")
terminal.cd("fresh")
terminal.run("dvc pull --quiet data/flights.csv")
terminal.run("dvc repro --quiet prepare")
terminal.run("git status --short")

# %% tags=["claim"]
fresh = (terminal.where() / "dvc.lock").read_text()
claim("In a fresh clone, other bytes", fresh != recorded, always=True)

# %% [markdown]
# `M dvc.lock`: the fresh clone computed something else. So a forced run in your own folder is a weak proof;
# a *fresh clone in a clean environment* proves more, and a CI job can do it every night. It would also have found
# a script that you never committed. The cure here is a parameter in `params.yaml` that the stage names.

# %% [markdown]
# ## Which tool?
#
# The deck lists alternatives to DVC. This is what each of them keeps, and its state today:

# %%
show_table(versioning.alternatives())

# %% [markdown]
# A measurement: ten versions of a file that grows month by month were stored, pushed, cloned and damaged.
# Seconds are processor time. **Guess first:** which tool needs the least space?

# %%
measured = tables.benchmark("versioning")
show_table(measured)
tables.benchmark_note("versioning")

# %% tags=["claim"]
pushed, stored = measured["pushed [MB]"], measured["store 10 versions [s]"]
claim(
    "Git alone pushes, as a share of DVC", pushed["Git alone"] / pushed["DVC"], always=(0.2, 0.4)
)
claim(
    "DVC's time to store, relative to Git LFS", stored["DVC"] / stored["Git LFS"], always=(5, 30)
)

# %% [markdown]
# Git alone needs the least space to push, because the text mostly repeats itself and Git compresses it; the
# others store every version whole. But each clone with Git alone carries every version, and with DVC only those
# that you check out, once in the cache and once in the workspace. DVC is the slowest here, since each
# command starts Python again, and it hands out damaged content unless told to verify. Only DVC records what
# was made from what.

# %% [markdown] tags=["at-work"]
# ## The same at work
#
# The commands of this lesson, outside the course, in a folder with a file `flights.csv`. Replace the two
# folders by the address of your Git server and of your storage.
#
# ```sh
# git init project && cd project
# dvc init
# cp ../flights.csv .
# dvc add flights.csv
# git add flights.csv.dvc .gitignore
# git commit -m "Flights as delivered"
# dvc remote add --default storage ../storage    # s3://bucket/folder
# git init --bare ../server.git                  # an empty project on GitHub
# git remote add origin ../server.git
#
# echo "rows: 1000" > params.yaml
# dvc stage add -n sample -d flights.csv -o sample.csv 'head -n ${rows} flights.csv > sample.csv'
# dvc repro
# git add .
# git commit -m "Pipeline"
# git tag -a february -m "Model of 1 March"
# dvc exp run --temp -n small -S rows=100
# dvc exp show --csv
# dvc push
# git push --follow-tags origin main
#
# git clone ../server.git ../fresh && cd ../fresh
# git checkout february
# dvc pull
# dvc repro --force
# git status --short                             # empty: the same bytes
# ```

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - put data under version control, push them, and get the same bytes back elsewhere: you did it with
#   `dvc add`, `dvc push` and `dvc pull`;
# - describe a pipeline with parameters and metrics in `dvc.yaml`, and say what will run again after a change;
# - go back to last month's data and last month's model, bit for bit, with `git checkout` and `dvc checkout`;
# - choose a tool for versioning data by what it keeps and what it loses.
#
# Next: [04 · Build governance with MLflow](04_build_governance.ipynb)

# %% [markdown] tags=["further"]
# ## Further: a disk that forgets
#
# DVC makes the files in its cache read-only and trusts them from then on. What happens when an ageing
# disk flips one bit in a cached file, and you check it out? This program does what such a disk does:

# %%
terminal.cd("../project")
flip = """
import os, sys

path = sys.argv[1]
before = os.stat(path)
os.chmod(path, 0o644)
with open(path, "r+b") as file:
    file.seek(1000)
    byte = file.read(1)[0]
    file.seek(1000)
    file.write(bytes([byte ^ 1]))
os.chmod(path, 0o444)
os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
"""
terminal.write("../flip.py", flip)

# %%
md5 = hashlib.md5(content).hexdigest()
terminal.run(f"python ../flip.py .dvc/cache/files/md5/{md5[:2]}/{md5[2:]}")
terminal.run("git checkout --quiet february")
terminal.run("rm data/flights.csv")
terminal.run("dvc checkout")
terminal.run("dvc status")

# %% tags=["claim"]
handed_out = (terminal.where() / "data/flights.csv").read_bytes()
claim(
    "The flights that were checked out are the recorded ones", handed_out == content, always=False
)

# %% [markdown]
# 'Up to date', and wrong. Git, Git LFS and git-annex have a command that reads everything again;
# DVC has none. But names are hashes of contents, so you can write it.

# %% [markdown] tags=["exercise"]
# ### Exercise 03.3: find the damage
#
# The next cell reads the cache: `cached` holds each content (bytes) under the name that DVC gave it. Write the
# function `damaged(cached)`, which takes such a dict and returns a list of the names whose content has changed since.
#
# <details><summary>Hint</summary>How did DVC find the name when it put the content there? `hashlib` has that
# hash.</details>

# %%
folder = terminal.where() / ".dvc/cache/files/md5"
cached = {file.parent.name + file.name: file.read_bytes() for file in folder.glob("??/*")}

# %%
import hashlib


def damaged(cached):
    ### BEGIN SOLUTION
    return [name for name, content in cached.items() if hashlib.md5(content).hexdigest() != name]
    ### END SOLUTION


# %% tags=["check"]
check("03.3", damaged)

# %% [markdown]
# Delete what is damaged, in the cache *and* in the workspace, and DVC gets it again from the
# remote. With `verify` it also checks the hash of what comes from there:

# %%
terminal.run("rm -rf data/flights.csv .dvc/cache")
terminal.run("dvc remote modify storage verify true")
terminal.run("dvc pull")

# %% tags=["claim"]
pulled = (terminal.where() / "data/flights.csv").read_bytes()
claim("The remote's copy is the recorded one", pulled == content, always=True)

# %% [markdown]
# ### The same through S3
#
# Another remote is another address: `s3://…` instead of a folder, and the package `dvc-s3`. This is the result
# with a local emulator of Amazon's service:

# %%
show_table(versioning.s3_record())

# %% [markdown]
# The next cell does it again, in an environment with `uv pip install "moto[server]" dvc-s3`. At work you leave out
# the emulator and `endpointurl`.

# %% tags=["live"]
terminal.export(
    AWS_ACCESS_KEY_ID="course", AWS_SECRET_ACCESS_KEY="course", AWS_DEFAULT_REGION="us-east-1"
)
terminal.run("moto_server --port 5555 > ../moto.log 2>&1 & echo $! > ../moto.pid; sleep 5")
terminal.run("curl --silent --request PUT http://127.0.0.1:5555/flights > ../bucket.log")
terminal.run("dvc remote add --local amazon s3://flights/dvc")
terminal.run("dvc remote modify --local amazon endpointurl http://127.0.0.1:5555")
terminal.run("dvc push --remote amazon data/flights.csv")
terminal.run("rm -rf data/flights.csv .dvc/cache")
terminal.run("dvc pull --remote amazon data/flights.csv")
terminal.run("kill $(cat ../moto.pid)")

# %% [markdown]
# The scratch folder is deleted when this notebook closes, and no setting of yours has changed.
#
# Next: [04 · Build governance with MLflow](04_build_governance.ipynb)
