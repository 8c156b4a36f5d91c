# %% [markdown]
# # Project structure
#
# Your delay model will not stay yours alone: people who never met you will feed it, run it, check it and explain it. In this lesson
# you give the project rooms that each of them finds without asking, and a few rules that a machine keeps.
#
# **After this lesson you can**
#
# - say which artefact of a project each of six roles needs, and where it lies;
# - start a project from a template, with raw data that nobody overwrites by accident;
# - write a rule that a linter holds every project to;
# - find an old run, a leaked key, and the one line of a notebook that changed.
#
# *10 minutes in class: six readers 1 · one template 2 · rules 3 · an old run 1 · a leaked key 2 · a review 1.*

# %% tags=["setup"]
from course_utils.data import datasets, features, splits
from course_utils.develop import project_structure
from course_utils.exercises import check, quiz
from course_utils.model import metrics, training
from course_utils.notebook import claim, show_error, show_source, show_table

flights = datasets.load_flights()
july = flights[flights["Month"] == 7]

# %% [markdown]
# ## Six readers
#
# The deck names six roles around a model. Most projects start as a folder of notebooks. **Guess first:** how many of the six come
# for a notebook?

# %%
readers = project_structure.roles()
show_table(readers)

# %% tags=["claim"]
claim("Roles that come for a notebook", (readers["where"] == "notebooks").sum(), always=1)

# %% [markdown]
# A single one. The others want data they can trust, code they can import, a list of packages, a page with a figure. A structure is
# good if each of them finds it at once, in your project as in the next.

# %% [markdown]
# ## One template
#
# So nobody should invent it. Cookiecutter fills in a template; this one is the Cookiecutter Data Science layout that the deck draws.
# It makes a project in a scratch folder, which goes when you close the notebook.

# %%
project = project_structure.scaffold("Flight delays")
project_structure.tree(project)

# %% [markdown]
# Data go one way: from `raw` through `interim` to `processed`. Everything but `raw` can be made again by the code in `src`, so `raw` is
# the one folder that must never change. **Guess first:** what happens when you tidy up a raw file in place?

# %%
raw = "data/raw/flights_2013-07.csv"
project_structure.save(project, july, raw)
show_error(lambda: project_structure.save(project, july.dropna(subset=["DepTime"]), raw))

# %% tags=["claim"]
claim("Other programs may write to the raw file", project.is_writable(raw), always=False)

# %% [markdown]
# The file is read-only for other programs too. That is a fence, not a vault: an administrator can write to it, and whoever may
# write to the folder can delete it. How to notice that, and get the file back, is lesson 03.

# %% [markdown]
# ## Rules that a machine keeps
#
# A layout lasts as long as somebody checks it. Here is the project that your colleague Kim left behind after a year: the same template,
# and no checks. **Guess first:** what has slipped?

# %%
inherited = project_structure.inherited_project(july)
show_table(project_structure.lint(inherited))

# %% [markdown]
# Four rules found all that. A rule is a small function: it takes a project and returns what is wrong, or an empty list. This is one of
# them, in full:

# %%
show_source(project_structure.raw_is_read_only)

# %% [markdown] tags=["exercise"]
# ### Exercise 02.1: one rule more
#
# Kim's tables lie everywhere. Write the rule that finds them: return each file that ends in `.csv` or `.parquet` and does not lie in
# the project's folder `data` or a folder below it. `project.files` lists all files, as texts such as `reports/figures/a.png`.
#
# <details><summary>Hint</summary>Look at the tree again: the project has two folders of that name. Which of them is meant, and how
# do you tell a path of one from a path of the other?</details>


# %%
def tables_are_in_data(project):
    ### BEGIN SOLUTION
    tables = [file for file in project.files if file.endswith((".csv", ".parquet"))]
    return [file for file in tables if not file.startswith("data/")]
    ### END SOLUTION


# %% tags=["check"]
check("02.1", tables_are_in_data)

# %% [markdown] tags=["instructor"]
# Most learners write `"data/" not in file`, which lets `src/data/july_clean.csv` pass; the check says so. It is the layout's one
# trap, and worth a minute: code that makes data and data share a name.

# %% [markdown]
# The course has that rule as well. Kim's project breaks it twice, once beside the code that makes data:

# %%
strays = project_structure.lint(inherited, [project_structure.tables_are_in_data])
show_table(strays)

# %% tags=["claim"]
claim("Tables that strayed", len(strays), always=2)

# %% [markdown]
# Such rules run with the tests, on every change. A team that argues about folders once, and writes the outcome down as a rule, does not
# argue again.

# %% [markdown]
# ## The run before last
#
# 'What did the run before last score?' Kim numbered the logs. **Guess first:** which one is the last but one of this list?

# %%
logs = [file for file in inherited.files if file.startswith("reports/runs/")]
logs

# %% tags=["claim"]
claim("The last but one of the list is the run before last", "run_10" in logs[-2], always=False)

# %% [markdown]
# Names sort as text, so the list ends with the oldest runs. A name that begins with year, month, day and time sorts as time does.
# Train three tables of delay rates, ever finer, and log each run's losses that way:

# %%
split = splits.split_by_time(flights)
parts = {"train": split.train, "validation": split.validation, "test": split.test}
hour, carrier = {"hour": flights["CRSDepTime"] // 100}, {"carrier": flights["UniqueCarrier"]}

# %%
three = {"2014-01-06 09:00": None, "2014-01-09 09:00": hour, "2014-01-10 09:00": hour | carrier}
for time, by in three.items():
    model = training.train_rate_table(split, by)
    losses = {
        name: metrics.log_loss(features.label(rows), model.predict(rows))
        for name, rows in parts.items()
    }
    project_structure.record_run(project, time, losses)

# %%
runs = project_structure.read_runs(project)
runs.round(3)

# %% tags=["claim"]
claim("The run before last had a test log-loss of", runs["test"].iloc[-2], nyc2013=(0.500, 0.510))

# %% [markdown]
# One line finds it, for you and for whoever comes after you. Parameters, data and code belong to a run as well: lesson 04 records
# all of that with MLflow.

# %% [markdown]
# ## A leaked key
#
# Kim once looked for a fault by printing the settings of the process, in a notebook. A secret scanner, detect-secrets, reads every
# file of the project:

# %%
show_table(project_structure.secrets(inherited))

# %% [markdown]
# Nobody wrote a key into code: it came out of a cell and was saved with it. Clear the output, commit. **Guess first:** is the key gone?

# %%
project_structure.clear_outputs(inherited, "notebooks/Untitled3.ipynb")
project_structure.commit(inherited, "Remove key")
show_table(project_structure.secrets_in_history(inherited))

# %% tags=["claim"]
claim("Secrets in the files", len(project_structure.secrets(inherited)), always=0)
claim("Secrets in the history", len(project_structure.secrets_in_history(inherited)), always=2)

# %% [markdown]
# The files are clean, the history is not: Git keeps what was ever committed, and so does every clone. Keys belong into `.env`, which
# the template's `.gitignore` keeps out of Git.

# %%
quiz("02.1")

# %% [markdown]
# ## What a reviewer sees
#
# Last, a change to review: in Kim's other notebook, passengers are now warned from 0.40 instead of 0.25. One line of code.
# **Guess first:** how many lines does the reviewer get?

# %%
notebook = "notebooks/2.0-kl-who-is-warned.ipynb"
project_structure.set_threshold(inherited, july, 0.40)
project_structure.commit(inherited, "Warn fewer passengers")
change = project_structure.review_last_change(inherited, notebook)
change

# %% [markdown]
# A notebook is JSON with its outputs in it. Jupytext writes it as Python text, cells and prose, without outputs; the same change is now:

# %%
readable = project_structure.review_last_change(inherited, notebook, as_text=True)
readable

# %% tags=["claim"]
claim("Lines to read in the notebook", change.changed, nyc2013=(25, 60))
claim("Lines to read in its text", readable.changed, always=2)

# %% [markdown]
# One line out, one in, and a decision that a reviewer can question. The lessons of this course are kept as such texts too, and the
# notebooks are made of them. nbdime is another way: it compares notebooks cell by cell, outputs included.

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - say which artefact of a project each of six roles needs, and where it lies;
# - start a project from a template, with raw data that nobody overwrites by accident;
# - write a rule that a linter holds every project to;
# - find an old run, a leaked key, and the one line of a notebook that changed.
#
# Next: [03 · Data versioning with DVC](03_data_versioning.ipynb)

# %% [markdown] tags=["further"]
# ## Further: where does it go?
#
# The layout is only as good as the habit of using it. Of these things, some have an obvious place, some need a second look at the
# tree.

# %%
project_structure.items_to_place()

# %% [markdown] tags=["exercise"]
# ### Exercise 02.2: where does it go?
#
# Give each thing the folder in which somebody else would look for it: a dict from thing to folder, such as `docs`. One of them goes
# into no folder but a file.
#
# <details><summary>Hint</summary>For data, ask who made them, and whether a model reads them. For texts, ask whom they are about. The
# last line of the project's README helps with the odd one out.</details>

# %%
where = dict.fromkeys(project_structure.items_to_place(), ...)
### BEGIN SOLUTION
where = {
    "flights.csv as the airline sent it": "data/raw",
    "holidays.csv, bought from a provider": "data/external",
    "the flights without cancelled ones, to be joined with weather later": "data/interim",
    "the table that the model is trained on": "data/processed",
    "the function that counts holidays before a flight": "src/features",
    "the airline's list of what each column means": "references",
    "the losses of last night's training": "reports/runs",
    "the key of the weather service": ".env",
}
### END SOLUTION

# %% tags=["check"]
check("02.2", where)

# %% [markdown] tags=["further"]
# ## Further: refuse the commit
#
# Finding a key in history is late. Git runs a script before each commit, a hook, and lets it refuse. Give the new project one that
# scans what is about to be committed, and copy Kim's notebook as it first was:

# %%
project_structure.install_secret_hook(project)
project.write(
    "notebooks/1.0-kl-weather.ipynb",
    project_structure.inherited_project(july).read("notebooks/Untitled3.ipynb"),
)
show_error(lambda: project_structure.commit(project, "Look at the weather"))

# %% tags=["claim"]
claim(
    "Secrets in the new project's history",
    len(project_structure.secrets_in_history(project)),
    always=0,
)

# %% [markdown]
# The key never got into history, and nothing has to be withdrawn. A hook lies on one machine and can be skipped, so the same scan
# also belongs into what every change goes through on the server.

# %% [markdown] tags=["further"]
# ## Further: what became of the alternatives
#
# The deck, of 2018, offers five ways to arrange a project. Tools age too; this is what each was on the day in the last column.

# %%
show_table(project_structure.alternatives())

# %% [markdown]
# Two are alive under their own names, one was sold and renamed, one sleeps, and what you agree on yourselves always works. Look at the row
# of ModelDB: the name under which its client was installed now brings somebody else's code, which is why lesson 05 locks packages by hash.
