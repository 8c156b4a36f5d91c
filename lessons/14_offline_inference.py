# %% [markdown]
# # Offline inference: batch and lookup table
#
# The model is trained, and the airline's app asks for predictions of thousands of flights at once. Must the model run for each request, or can
# the predictions be ready before anyone asks?
#
# **After this lesson you can**
#
# - say for which inputs all possible predictions can be made in advance, and for which they cannot;
# - write a batch job that scores a Parquet file into a SQLite table, and query the table with SQL;
# - run a batch job that scores what it can, gives a reason for the rest, and loses no row;
# - show that a row has one score in training, in a batch and on its own;
# - publish a table of predictions by one switch, and roll it back;
# - refuse a bad batch before anyone reads it.
#
# *15 minutes in class: all possible predictions 2 · a job in plain Python 3 · a job that loses no row 2 · one score 2 · one switch 2 · the
# gate 2 · looking up 2.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import datasets, splits
from course_utils.exercises import check, quiz
from course_utils.model import training
from course_utils.notebook import claim, open_terminal, plots, show_error, show_source, show_table
from course_utils.serve import batch

import sqlite3
import pandas as pd

terminal = open_terminal()
flights = datasets.load_flights()
model = training.course_model(flights)
inputs = model.inputs

# %% [markdown]
# ## All possible predictions
#
# The deck: 'make all possible predictions in a batch', write them to a table, look them up. How many predictions are possible? That depends on
# the *key*: the values by which you look a prediction up. `found` is the share of flights from September on whose key occurred in January to
# August.
#
# **Guess first:** how many keys are there for carrier, route, hour and weekday? And how many flights would find theirs?

# %%
keys = batch.key_coverage(flights)
show_table(keys)

# %% tags=["figure"]
fig = plots.bars(
    keys["found"],
    title="The more a key knows, the fewer flights find it",
    x="flights from September on that find their key [%]",
    y="what the key is made of",
)
plots.show(
    fig,
    alt="Nearly all flights find a key of carrier and route, most find one with hour and weekday, few one with the arrival minute.",
)

# %% tags=["claim"]
claim(
    "Keys of route, hour and weekday",
    keys["keys"]["… × weekday"],
    nyc2013=15162,
    allyears2k=14442,
)
found = keys["found"]
claim("Flights that find theirs", found["… × weekday"], nyc2013=88.5, allyears2k=1.5, unit="%")
claim(
    "… if the key has arrival times too",
    found["… × arrival"],
    nyc2013=29.4,
    allyears2k=0,
    unit="%",
)
claim("Inputs of the course's model", inputs.shape[1], nyc2013=(55, 75), allyears2k=50)

# %% [markdown]
# A table of 15,162 rows answers nine of ten flights. So 'all possible' works for a *table* model with few inputs. When the last hour's delays
# are among the inputs, nothing repeats. Then the key is *the flight*, the batch is the list of coming flights, and you rebuild the table every
# hour.

# %% [markdown]
# ## A job in plain Python
#
# A batch here is a week of flights: one row per flight, with its key and what was known three hours before departure
# (`features.as_of`). It arrives as a Parquet file. The saved model is XGBoost's own file, plus the columns
# and categories of training as JSON.

# %%
week, following = batch.example_batches(flights)
batch.write_batch(week, inputs, terminal.where() / "week.parquet", rows=2_000)
training.save(model.scorer, terminal.where() / "model")
terminal.run("ls week.parquet model")
rows = pd.read_parquet(terminal.where() / "week.parquet")
show_table(rows.iloc[:3, :6])

# %% [markdown]
# The whole job is one file: read, encode the categories with the codes of training, score, write a table, publish it. **Guess
# first:** why does it not write to `predictions.sqlite` directly?

# %%
terminal.write(
    "batch_job.py",
    """
import json, os, sqlite3
import pandas as pd
import xgboost as xgb

booster = xgb.Booster(model_file="model/model.ubj")
encoding = json.load(open("model/card.json"))["encoding"]
rows = pd.read_parquet("week.parquet")
inputs = rows[encoding["columns"]].copy()
for name, known in encoding["categories"].items():
    codes = {value: code for code, value in enumerate(known)}
    inputs[name] = inputs[name].astype(str).map(codes)
rows["score"] = booster.inplace_predict(inputs.to_numpy("float32"))
table = sqlite3.connect("new.sqlite")
rows[["flight", "score"]].to_sql("predictions", table, index=False)
table.close()
os.replace("new.sqlite", "predictions.sqlite")  # publish
""",
)

# %%
terminal.run("python batch_job.py")
terminal.run("ls")

# %% [markdown]
# `os.replace` renames the file in one step: a reader opens the complete old table or the complete new one, never a half-written one.
# Ask the table with SQL, through Python's own `sqlite3` and `pd.read_sql`:

# %%
table = sqlite3.connect(terminal.where() / "predictions.sqlite")
by_carrier = """
SELECT substr(flight, 12, 2) AS carrier, count(*) AS flights, round(avg(score), 3) AS mean_score
FROM predictions GROUP BY carrier ORDER BY flights DESC LIMIT 3"""
show_table(pd.read_sql(by_carrier, table, index_col="carrier"))

# %% [markdown]
# A service asks for one flight by its key; `?` is a placeholder, so no text from outside becomes SQL. `EXPLAIN QUERY PLAN` says how SQLite
# finds the row. **Guess first:** how many rows does it read, without and with an index?

# %%
first = rows["flight"].iloc[0]
one_flight = "SELECT score FROM predictions WHERE flight = ?"
print(first, *table.execute(one_flight, [first]).fetchone())
print(table.execute(f"EXPLAIN QUERY PLAN {one_flight}", [first]).fetchone()[3])
table.execute("CREATE UNIQUE INDEX by_flight ON predictions (flight)")
print(table.execute(f"EXPLAIN QUERY PLAN {one_flight}", [first]).fetchone()[3])

# %% [markdown]
# `SCAN` reads every row, `SEARCH` walks down the index to the one. A `UNIQUE` index refuses a flight that is there twice. The course's store does the same in one line, and does more, as the next sections show. Its table has the key as its index:

# %%
store = batch.open_prediction_store()
source = batch.write_batch(week, inputs, store.inbox("week 45"))
store.publish(store.build("week-45", source, model.scorer))

# %% tags=["claim"]
whole = "SELECT flight, score FROM predictions ORDER BY flight"
plain = pd.read_sql(whole, table)
stored = pd.read_sql(whole, sqlite3.connect(store.path("week-45") / "table.sqlite"))
claim("Flights in the table", len(plain), nyc2013=6505, allyears2k=(50, 2000))
claim(
    "The plain job and the store give the same flights the same scores",
    plain.equals(stored),
    always=True,
)

# %% [markdown]
# ## A job that loses no row
#
# Real batches are dirty. Here is the same week with times in minutes, flights of five minutes and flights that occur twice.
#
# **Guess first:** what should a job do with a bad row: stop, guess, or continue without it?

# %%
spoilt = batch.corrupt(week, inputs)
dirty = batch.write_batch(spoilt, spoilt[inputs.columns], store.inbox("dirty"))
store.build("dirty", dirty, model.scorer)
show_table(store.report("dirty"))
rejects = pd.read_csv(store.folder / "dirty" / "rejects.csv")
show_table(rejects.drop_duplicates("reason").head(4))

# %%
dirty_table = sqlite3.connect(store.folder / "dirty" / "table.sqlite")
count = "SELECT count(*) AS scored, count(DISTINCT flight) AS flights, max(score) AS highest FROM predictions"
show_table(pd.read_sql(count, dirty_table).round(3))
dirty_table.close()

# %% tags=["claim"]
tally = store.manifest("dirty")["rows"]
claim("Rows lost", tally["in"] - tally["scored"] - tally["rejected"], always=0)
claim(
    "Rows rejected",
    100 * tally["rejected"] / tally["in"],
    nyc2013=(0.5, 2),
    allyears2k=(0.5, 4),
    unit="%",
)

# %% [markdown]
# One bad row costs one row. The other rows are scored, each rejected row has a reason for the team that sent it, and the sum is right:
# *rows in = scored + rejected*. Only a missing column stops the job, because then no score would mean anything.

# %% [markdown]
# ## One score, wherever it is computed
#
# The deck's `production_predict` encodes each batch separately with `pd.get_dummies`: one column for each category that occurs. Then it adds
# the columns of training that are missing, filled with 0.
#
# **Guess first:** what does it say when a column is missing from the batch?

# %%
some = rows[["UniqueCarrier", "Dest", "Distance"]]
encoded = pd.get_dummies(some, dtype=float)
alone = pd.get_dummies(some.head(1), dtype=float)
filled = pd.get_dummies(some.drop(columns="Distance"), dtype=float)
filled = filled.reindex(columns=encoded.columns, fill_value=0)

# %% tags=["claim"]
claim("Columns of the week", encoded.shape[1], nyc2013=(100, 125), allyears2k=(40, 80))
claim("Columns of one flight alone", alone.shape[1], always=3)
claim("Longest flight without the column 'Distance' [miles]", filled["Distance"].max(), always=0)

# %% [markdown]
# Nothing. One flight alone has 3 columns, so the deck must add the others; and a missing column becomes a flight of 0 miles. The plain job above
# and the course's `Scorer` use the categories of training, saved once. `Scorer` also says what is missing:

# %%
show_error(lambda: model.scorer.score(rows.head().drop(columns="Distance")))
show_error(lambda: model.scorer.score(rows.head().assign(Distance="far")))

# %% [markdown]
# An unseen carrier is no error: it is scored as missing, and counted. Then comes the test that every serving system needs: score the same
# flights in three ways.

# %%
lookup = batch.Lookup(store, default=model.scorer.card["trained on"]["share late"])
ways = batch.compare_scoring_paths(model, week.iloc[::50], lookup)
show_table(ways.iloc[:3])

# %% tags=["claim"]
claim("Flights compared", len(ways), nyc2013=131, allyears2k=8)
claim("Flights whose three scores differ in any bit", (ways.nunique(axis=1) > 1).sum(), always=0)

# %% [markdown]
# The scores are identical, bit for bit, because training, batch and server call the same function. No one wrote the encoding twice.

# %% [markdown]
# ## One switch
#
# Writing a table takes seconds, and readers come at any time. The plain job renamed one file, and lost the old table by it. The store keeps
# old tables: each is built in a folder of its own and never changes. `CURRENT` is a small file that names the table to read:

# %%
show_source(batch.PredictionStore._switch)

# %% [markdown]
# A rename happens completely or not at all. Two renames, and the right steps before and after them, make a publication safe.

# %%
show_table(batch.publication_steps())

# %% [markdown] tags=["exercise"]
# ### Exercise 14.1: the order of a publication
#
# The steps above are in alphabetical order. Put them in an order in which the publisher may crash after any step: readers still find the
# old table or the new one, complete and checked. Hand in `order`, a list of the six names as texts.
#
# <details><summary>Hint</summary>For each step ask what a reader finds if it was the last one before the crash.</details>

# %%
order = ["check", "clear", ...]
### BEGIN SOLUTION
order = ["write", "check", "sync", "rename", "switch", "clear"]
### END SOLUTION

# %% tags=["check"]
check("14.1", order)

# %% [markdown]
# The next week is published.
#
# **Guess first:** what does a reader get who asks for a flight of the week before?

# %%
newer = batch.write_batch(following, inputs, store.inbox("week 46"))
refused = batch.run_job(store, "week-46", newer, model.scorer)
seen = {"after the switch": lookup.get(first)}
store.rollback()
seen["after the rollback"] = lookup.get(first)
show_table(pd.DataFrame(seen, index=batch.Answer._fields).T.rename_axis("read"))

# %% tags=["claim"]
claim(
    "The rollback brings the score back bit for bit",
    lookup.get(first).score == ways["batch"].iloc[0],
    always=True,
)
claim("Tables that one can go back to", len(store.kept), always=2)
claim("Share late in training, the default", lookup.default, nyc2013=0.241, allyears2k=0.186)
again = store.rollback("week-46")

# %% [markdown]
# After the switch that flight is no longer in the table, and the answer says so: `default=True`, with the share of late flights in training. A
# default that looks like a prediction is a silent fault. The rollback needs no model and no data, because the old table was never changed.
# The course's tests kill publishers at random moments while readers look; no reader ever found a mixture.

# %% [markdown] tags=["instructor"]
# Ask what happens to a reader who has the old table open while it is removed. On Linux and macOS an open file exists until it is closed, so
# the reader continues with the complete table. Ask, too, why these batches are weeks: from one day to the next a storm moves the scores more
# than most faults do, so a gate on days would refuse real storms.

# %% [markdown]
# ## The gate
#
# Before you publish a batch, you can still check it. The deck names this as the strength of offline inference: predictions can be
# checked *before* use. So a *gate* compares each new table with the previous one. Its limits:

# %%
show_table(pd.DataFrame({"limit": batch.gate_limits()}).rename_axis("compared"))

# %% [markdown] tags=["exercise"]
# ### Exercise 14.2: a gate
#
# Complete `may_publish(new, last, limits)`: return `True` if the batch may be published, else `False`. `new` and `last` are dicts with the
# row counts `in`, `scored` and `rejected`, and `missing`, a share; `last` is `None` for the first batch. `limits` is a dict like the table
# above. Each row must be scored or rejected, once. The share of rejected rows may not exceed `limits["rejected"]`, nor may the *rise* of
# `missing` exceed `limits["missing"]`.
#
# <details><summary>Hint</summary>These are three conditions. The last one needs a previous batch.</details>


# %%
def may_publish(new, last, limits):
    ### BEGIN SOLUTION
    whole = new["in"] == new["scored"] + new["rejected"]
    few = new["rejected"] / new["in"] <= limits["rejected"]
    rise = 0 if last is None else new["missing"] - last["missing"]
    return whole and few and rise <= limits["missing"]
    ### END SOLUTION


# %% tags=["check"]
check("14.2", may_publish)

# %% [markdown]
# The course's gate checks more: how the scores are distributed, and whether some rows get the same score when scored one at a time.
#
# **Guess first:** five batches are wrong, each in another way. Which one gets through?

# %%
said = batch.try_bad_batches(store, following, inputs, model.scorer)
show_table(said)

# %% tags=["claim"]
claim("Bad batches that were published", (said["reason"] == "published").sum(), always=0)
claim("Different reasons", said["reason"].str.split(":").str[0].nunique(), always=5)
claim("Readers still see the good table", store.current == "week-46", always=True)

# %% [markdown]
# None does, and each has its own reason. The last one is the hardest to find: all values are valid, all scores plausible, only the categories'
# codes are in another order. Only rows that are scored in a second way show it.

# %% [markdown]
# ## Looking up
#
# A few flights are asked for again and again. A small cache keeps them in memory, and checks for a newer table now and then.
#
# **Guess first:** how many of 5,000 lookups does a cache of `200` flights answer?

# %%
popular = pd.read_parquet(newer)["flight"]
weights = 1 / pd.Series(range(1, len(popular) + 1), index=popular.index)
asked = popular.sample(5000, replace=True, weights=weights, random_state=0)
cached = batch.Lookup(store, lookup.default, cache=200, look_every=1000)
answers = [cached.get(key) for key in asked]
show_table(pd.DataFrame({"lookups": cached.counts()}).rename_axis("what"))

# %% tags=["claim"]
hits = 100 * cached.counts()["from the cache"] / len(asked)
claim("Lookups", len(asked), always=5000)
claim("Answered by the cache of 200", hits, nyc2013=(45, 60), allyears2k=(75, 95), unit="%")

# %% [markdown]
# The price: it answers from the old table until it checks again. Here the store is rolled back while the lookups continue:

# %%
before = [cached.get(key) for key in asked[:300]]
store.rollback("week-45")
after = [cached.get(key) for key in asked[:3000]]

# %% tags=["claim"]
stale = sum(answer.version != store.current for answer in after)
claim("Stale answers after the switch", stale, always=700)
claim("Reads between two looks, at most so many are stale", cached.look_every, always=1000)

# %% [markdown]
# At most the 1,000 reads between two checks are stale, here 700. That number is a promise to the business, like the age of the inputs: choose
# both, and state them. A read takes microseconds in every store; the first section after the recap says why SQLite is used here.
#
# **Check what you know**

# %%
quiz("14.1")

# %% [markdown] tags=["at-work"]
# ## The same at work
#
# Train a model, write the job, run it, and query the table.
#
# ```python
# import pandas as pd
# import xgboost as xgb
#
# flights = pd.read_csv("flights.csv").dropna(subset=["DepDelay"])
# model = xgb.XGBClassifier(n_estimators=20, max_depth=3)
# model.fit(flights[["CRSDepTime", "DayOfWeek", "Distance"]], flights["DepDelay"] >= 15)
# model.save_model("model.ubj")
# flights.tail(500).to_parquet("batch.parquet")
# ```
#
# ```sh
# cat > batch_job.py <<'EOF'
# import os
# import sqlite3
# import pandas as pd
# import xgboost as xgb
#
# model = xgb.XGBClassifier()
# model.load_model("model.ubj")
# rows = pd.read_parquet("batch.parquet")
# rows["score"] = model.predict_proba(rows[["CRSDepTime", "DayOfWeek", "Distance"]])[:, 1]
# table = sqlite3.connect("new.sqlite")
# rows[["UniqueCarrier", "CRSDepTime", "score"]].to_sql("predictions", table, index_label="flight")
# table.execute("CREATE UNIQUE INDEX by_flight ON predictions (flight)")
# table.close()
# os.replace("new.sqlite", "predictions.sqlite")
# EOF
# python batch_job.py
# ```
#
# ```python
# import sqlite3
# import pandas as pd
#
# table = sqlite3.connect("predictions.sqlite")
# print(pd.read_sql("SELECT UniqueCarrier, avg(score) FROM predictions GROUP BY UniqueCarrier", table))
# ```

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - say for which inputs all possible predictions can be made in advance, and for which they cannot;
# - write a batch job that scores a Parquet file into a SQLite table, and query the table with SQL;
# - run a batch job that scores what it can, gives a reason for the rest, and loses no row;
# - show that a row has one score in training, in a batch and on its own;
# - publish a table of predictions by one switch, and roll it back;
# - refuse a bad batch before anyone reads it.
#
# Next: [15 · Online inference with Clipper](15_online_inference.ipynb)

# %% [markdown] tags=["further"]
# ## Further: which store?
#
# The deck says SSTable: a file of sorted keys that never changes. Here are four stores of that kind, measured:

# %%
stores = tables.benchmark("batch_stores")
show_table(stores)
tables.benchmark_note("batch_stores")

# %% tags=["claim"]
reads = stores["a read [µs]"]
claim("Slowest read", reads.max(), always=(1, 10), unit="µs")
claim("Largest table", stores["size [MB]"].max(), always=(5, 20), unit="MB")

# %% [markdown]
# All of them read a key in a few microseconds, much faster than any server answers. So other properties decide. SQLite comes with Python on
# every system. Its file has the same bytes whenever it is made from the same rows, so a checksum identifies a table, and a process that
# forks can use it. RocksDB writes the smallest files, true SSTables, with other bytes each time. Choose it when a table no longer fits one
# disk.

# %% [markdown] tags=["further"]
# ## Further: what scoring costs
#
# The deck's way makes a column for each category, and a copy for each step. How much time does it take compared with XGBoost's prediction
# alone, for the inputs of this lesson's model?

# %%
scoring = tables.benchmark("batch_scoring")
show_table(scoring)
tables.benchmark_note("batch_scoring")

# %% tags=["claim"]
ratio = scoring.set_index("way")["time, forest alone = 1"]
claim("The deck's way, forest alone = 1", ratio["the deck's production_predict"], always=(2, 12))
claim("The job, with all its checks", ratio["the job's rows, checked too"], always=(1, 1.6))

# %% [markdown]
# Checking every value takes little time: the smallest and the largest value of a column show that the whole column is valid. Looking up each
# category's code is faster than one-hot columns and needs no second copy of the table.

# %% [markdown] tags=["further"]
# ## Further: outgrow one machine
#
# When one machine is too slow, let several score: each takes a piece of the file. Dask does it with the same function. `map_partitions`
# calls `score` for each row group of the Parquet file, in parallel:

# %%
terminal.write(
    "dask_job.py",
    """
import json
import dask.dataframe as dd
import xgboost as xgb

encoding = json.load(open("model/card.json"))["encoding"]

def score(rows):
    booster = xgb.Booster(model_file="model/model.ubj")
    inputs = rows[encoding["columns"]].copy()
    for name, known in encoding["categories"].items():
        codes = {value: code for code, value in enumerate(known)}
        inputs[name] = inputs[name].astype(str).map(codes)
    return rows[["flight"]].assign(score=booster.inplace_predict(inputs.to_numpy("float32")))

rows = dd.read_parquet("week.parquet", split_row_groups=True)
scored = rows.map_partitions(score, meta={"flight": "string", "score": "float32"})
scored.to_parquet("scores")
print(rows.npartitions, "partitions,", len(dd.read_parquet("scores")), "flights scored")
""",
)

# %% [markdown]
# The course does not install Dask. Where it is installed (`python -m pip install "dask[dataframe]"`), the job printed:
#
# ```
# 4 partitions, 6505 flights scored
# ```
#
# On your machine:

# %% tags=["live"]
terminal.run("python dask_job.py || echo 'Dask is not installed here.'", last=1)

# %% [markdown]
# The course's store has the same seam: `engine` is Python's `map` by default, or the `map` of a cluster.

# %%
show_source(batch.cluster_engine)

# %% [markdown]
# Which cluster? Three engines, each with two workers on one machine, ran the job of this lesson.
#
# **Guess first:** with two cores, how much faster are they than one process?

# %%
clusters = tables.benchmark("batch_clusters")
show_table(clusters)
tables.benchmark_note("batch_clusters")

# %% tags=["claim"]
weighed = clusters.set_index("engine")
speed = weighed["rows a second"].str.replace(",", "").astype(float)
gain = speed / speed["one process"]
claim("The fastest, one process = 1", gain.max(), always=(1, 1.8))
engines_only = weighed.drop("one process").assign(gain=gain)
dask = "Dask, two workers"
claim("Dask is the fastest of the three", engines_only["gain"].idxmax() == dask, always=True)
claim("… adds the least", engines_only["added [MB]"].idxmin() == dask, always=True)
claim("… and is there first", engines_only["start-up [s]"].idxmin() == dask, always=True)

# %% [markdown]
# Hardly faster. Two cores have little to share, and every engine spends time on its workers. When you outgrow one machine, use what your company
# already runs. If it runs none, use Dask: it adds the fewest megabytes, starts first, and its `map` is one argument. From laptop to cluster,
# one address changes.

# %%
engines = tables.benchmark("batch_engines")
show_table(engines)
tables.benchmark_note("batch_engines")

# %% tags=["figure"]
wide = engines.pivot(index="rows", columns="engine", values="work [s]")
fig = plots.lines(
    wide,
    title="On two cores a cluster gains next to nothing",
    x="flights [rows]",
    y="work [s]",
    zero=True,
)
plots.show(fig, alt="Seconds grow with the rows for all three ways, in nearly the same line.")

# %% tags=["figure"]
memory = engines.pivot(index="rows", columns="engine", values="memory [MB]")
fig = plots.lines(
    memory,
    title="Pieces keep the memory flat",
    x="flights [rows]",
    y="memory of all processes [MB]",
    zero=True,
)
plots.show(
    fig,
    alt="The whole frame at once needs more memory with every row; pieces need the same for any number, "
    "more with Dask, which has four processes.",
)

# %% tags=["claim"]
alone = engines[engines["engine"] == "one process"].set_index("rows")
growth = alone["memory [MB]"].iloc[-1] / alone["memory [MB]"].iloc[0]
claim("Times the rows", alone.index[-1] / alone.index[0], always=8)
claim("Times the memory, piece by piece", growth, always=(0.8, 1.3))
rate = alone.index[-1] / alone["work [s]"].iloc[-1]
claim("Rows a second, one process", rate, always=(40_000, 200_000))
claim("Hours for a billion rows", 1e9 / rate / 3600, always=(1.4, 7), unit="h")
size = tables.benchmark("batch_stores")["size [MB]"].iloc[0] / 200_000 * 1e9 / 1000
claim("Size of their table", size, always=(40, 60), unit="GB")

# %% [markdown]
# With eight times the rows, a process that goes piece by piece needs the same memory. SQLite sorts on the disk. So a billion rows are a
# matter of *time and disk*: hours in one process, and a table that fits on one disk. The hours divide by the number of workers, because pieces
# are independent. With ten machines it takes minutes. The sort does not divide: at that size each worker writes the table of its own
# range of keys, and `CURRENT` names them all.
#
# This cell measures it again on your machine, with two workers of Dask:

# %% tags=["live"]
year = batch.write_batch(flights, inputs, store.inbox("year"), rows=50_000)
batch.try_dask(year, model.scorer)

# %% [markdown] tags=["further"]
# ## Further: train, validate, test
#
# The deck divides the flights into three parts at random. By time, these are the months nearest to the deck's shares, in percent:

# %%
starts = {"nyc2013": ("2013-08", "2013-10"), "allyears2k": ("1999", "2003")}
split = splits.split_by_time(flights, *starts[flights.attrs["dataset"]])
sizes = pd.Series(
    {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
)
shares = 100 * sizes / sizes.sum()
show_table(shares.round(1).rename("share [%]").rename_axis("part").to_frame())

# %% [markdown]
# The batch that you publish is always later than training: it is next week's. So is a test set by time; lesson 12 measures how much a random one
# flatters.
