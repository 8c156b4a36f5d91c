# %% [markdown]
# # Offline inference: batch and lookup table
#
# The model is fitted, and the airline's app asks about thousands of flights at once. Does each question need a model, or can the
# answers lie ready before anyone asks?
#
# **After this lesson you can**
#
# - say for which inputs all possible predictions can be made in advance, and for which they cannot;
# - run a batch job that scores what it can, gives a reason for the rest, and loses no row;
# - show that a row has one score in training, in a batch and asked alone;
# - publish a table of predictions by one switch, and roll it back;
# - refuse a bad batch before anyone reads it.
#
# *15 minutes in class: all possible predictions 3 · the job 3 · one score 2 · one switch 3 · the gate 2 · looking up 2.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import datasets, splits
from course_utils.exercises import check, quiz
from course_utils.model import training
from course_utils.notebook import claim, plots, show_error, show_source, show_table
from course_utils.serve import batch

import pandas as pd

flights = datasets.load_flights()
model = training.course_model(flights)
inputs = model.inputs

# %% [markdown]
# ## All possible predictions
#
# The deck: 'make all possible predictions in a batch', write them to a table, look them up. How many are possible? That depends on the
# *key*, what one must know to find a prediction. `found` is the share of flights from September on whose key January to August had.
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
    alt="Nearly all flights find carrier and route, most find hour and weekday too, and few find the minute of arrival.",
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
# A table of 15,162 rows answers nine of ten flights. So 'all possible' works for a *table* model of few inputs. With the last hour's
# delays among the inputs nothing repeats: there the key is *the flight*, the batch is the flights to come, and the table is made
# anew every hour.

# %% [markdown]
# ## One job
#
# Our batch is a week: one row a flight, its key, and what was known three hours ahead (`features.as_of`). It goes through Parquet, as it
# would from another team.

# %%
week, following = batch.example_batches(flights)
store = batch.open_prediction_store()
source = batch.write_batch(week, inputs, store.inbox("week 45"))
datasets.read_parquet(source).iloc[:3, :6]

# %% [markdown]
# Real batches are dirty. Here is the same week with times in minutes, flights of five minutes and flights that are there twice.
# **Guess first:** what should a job do with a bad row: stop, guess, or go on without it?

# %%
spoilt = batch.corrupt(week, inputs)
dirty = batch.write_batch(spoilt, spoilt[inputs.columns], store.inbox("dirty"))
store.build("dirty", dirty, model.scorer)
show_table(store.report("dirty"))
show_table(store.rejects("dirty").drop_duplicates("reason").head(4))

# %% tags=["claim"]
rows = store.manifest("dirty")["rows"]
claim("Rows lost", rows["in"] - rows["scored"] - rows["rejected"], always=0)
claim(
    "Rows rejected",
    100 * rows["rejected"] / rows["in"],
    nyc2013=(0.5, 2),
    allyears2k=(0.5, 4),
    unit="%",
)

# %% [markdown]
# One bad row costs one row. The rest is scored, each reject has its line and its reason for whoever sent it, and the sum is right:
# *rows in = scored + rejected*. Only an absent column stops the job, for then no score would mean anything.

# %% [markdown]
# ## One score, wherever it is computed
#
# The deck's `production_predict` encodes each batch anew: a column for each category, then filled up to the columns of training.
# **Guess first:** what does it say when a column is absent?

# %% tags=["claim"]
some = inputs.loc[week.index, ["UniqueCarrier", "Dest", "Distance"]]
columns = batch.deck_encode(some).columns
filled = batch.deck_encode(some.drop(columns="Distance"), columns)
claim("Columns of the week", len(columns), nyc2013=(100, 125), allyears2k=(40, 80))
claim("Columns of one flight alone", batch.deck_encode(some.head(1)).shape[1], always=3)
claim("Farthest flight without the column 'Distance'", filled["Distance"].max(), always=0)

# %% [markdown]
# Nothing. One flight alone has 3 columns, which is why the deck fills up; and what is absent becomes a flight of 0 miles. `Scorer`
# has the encoder of training inside, fitted once, and says what it lacks:

# %%
show_error(lambda: model.scorer.score(inputs.head().drop(columns="Distance")))
show_error(lambda: model.scorer.score(inputs.head().assign(Distance="far")))

# %% [markdown]
# An unseen carrier is not wrong: it is scored as 'missing', and counted. Then comes the test that every serving system needs: the
# same flights by three roads.

# %% tags=["claim"]
store.build("week-45", source, model.scorer)
store.publish("week-45")
lookup = batch.Lookup(store, default=model.scorer.card["trained on"]["share late"])
ways = batch.compare_scoring_paths(model, week.iloc[::50], lookup)
show_table(ways.head(3))
claim("Flights compared", len(ways), nyc2013=131, allyears2k=8)
claim("Flights whose three scores differ in any bit", (ways.nunique(axis=1) > 1).sum(), always=0)

# %% [markdown]
# Bit for bit: not luck, but one road. Training, batch and server call the same function; nobody wrote the encoding twice.

# %% [markdown]
# ## One switch
#
# A table takes seconds to write, and a reader comes at any moment. So a table is built aside, and never changed. `CURRENT` is a small
# file that names the one to read:

# %%
show_source(batch.PredictionStore._switch)

# %% [markdown]
# A rename is done or not done: there is no half. Two renames, and what lies before and after them, make a publication safe.

# %%
show_table(batch.publication_steps())

# %% [markdown] tags=["exercise"]
# ### Exercise 14.1: the order of a publication
#
# The steps stand there by the alphabet. Put them in an order in which a publisher may die after any of them: readers still have the
# old table or the new one, whole and checked.
#
# <details><summary>Hint</summary>For each step ask what a reader finds if it is the last one that was done.</details>

# %%
order = ["check", "clear", ...]
### BEGIN SOLUTION
order = ["write", "check", "sync", "rename", "switch", "clear"]
### END SOLUTION

# %% tags=["check"]
check("14.1", order)

# %% [markdown]
# The next week is published. **Guess first:** what does a reader get who asks for a flight of the week before?

# %%
newer = batch.write_batch(following, inputs, store.inbox("week 46"))
refused = batch.run_job(store, "week-46", newer, model.scorer)
first = batch.flight_keys(week).iloc[0]
seen = {"after the switch": lookup.get(first)}
store.rollback()
seen["after the rollback"] = lookup.get(first)
pd.DataFrame(seen, index=batch.Answer._fields).T

# %% tags=["claim"]
claim(
    "The rollback brings the score back bit for bit",
    lookup.get(first).score == ways["batch"].iloc[0],
    always=True,
)
claim("Tables that one can go back to", len(store.kept), always=2)
claim("Share late in training, the default", lookup.default, nyc2013=0.241, allyears2k=0.186)
store.rollback("week-46")

# %% [markdown]
# After the switch that flight is gone, and the answer says so: `default=True`, with the share late in training. A default that looks like a
# prediction is a silent fault. The rollback needs no model and no data: the old table was never touched. The course's tests kill
# publishers at random moments while readers look; none ever saw a mixture.

# %% [markdown] tags=["instructor"]
# Ask what happens to a reader who holds the old table while it is cleared away. On Linux and macOS an open file stays until it is closed, so
# the reader goes on, whole. Ask, too, why these batches are weeks: from one day to the next a storm moves the scores more than most
# faults do, so a gate on days would refuse true storms. If somebody proposes to overwrite the table in place, let them say what a reader sees in the middle of it.

# %% [markdown]
# ## The gate
#
# A batch is the last moment at which somebody can still look before passengers do. The deck names that as the strength of offline
# inference: predictions can be checked *before* use. So a gate compares each new table with the last one:

# %%
batch.gate_limits()

# %% [markdown] tags=["exercise"]
# ### Exercise 14.2: a gate
#
# Write a function that returns `True` if a batch may be published. `new` and `last` are dicts with the rows `in`, `scored` and
# `rejected`, and `missing`, a share; `last` is `None` for the first batch. No row may be lost, the rejected share may not exceed its
# limit, nor may the *rise* of `missing`.
#
# <details><summary>Hint</summary>Three questions. The last of them can only be asked if there is a batch before.</details>


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
# The course's gate asks more: how scores are spread, and whether some rows have the same score asked one by one. **Guess first:** five
# batches are wrong, each in another way. Which one slips through?

# %% tags=["claim"]
said = batch.try_bad_batches(store, following, inputs, model.scorer)
show_table(said)
claim("Bad batches that were published", (said["reason"] == "published").sum(), always=0)
claim("Different reasons", said["reason"].str.split(":").str[0].nunique(), always=5)
claim("Readers still see the good table", store.current == "week-46", always=True)

# %% [markdown]
# None does, and each has its own reason. The last one is the quietest: all values legal, all scores plausible, only the codes are
# numbered in another order. Nothing finds that but the row that is scored by another road.

# %% [markdown]
# ## Looking up
#
# A few flights are asked for again and again. A small cache in front keeps them at hand, and looks for a newer table now and then.
# **Guess first:** how many of 5,000 questions does a cache of `200` answer?

# %%
popular = batch.flight_keys(following)
weights = 1 / pd.Series(range(1, len(popular) + 1), index=popular.index)
asked = popular.sample(5000, replace=True, weights=weights, random_state=0)
cached = batch.Lookup(store, lookup.default, cache=200, look_every=1000)
answers = [cached.get(key) for key in asked]
cached.counts()

# %% tags=["claim"]
hits = 100 * cached.counts()["from the cache"] / len(asked)
claim("Questions", len(asked), always=5000)
claim("Answered by the cache of 200", hits, nyc2013=(45, 60), allyears2k=(75, 95), unit="%")

# %% [markdown]
# And the price: it answers from the old table until it looks again. Here the store is rolled back while the questions go on:

# %% tags=["claim"]
before = [cached.get(key) for key in asked[:300]]
store.rollback("week-45")
after = [cached.get(key) for key in asked[:3000]]
stale = sum(answer.version != store.current for answer in after)
claim("Stale answers after the switch", stale, always=700)
claim("Reads between two looks, at most so many are stale", cached.look_every, always=1000)

# %% [markdown]
# At most the 1,000 reads between two looks, here 700. That number is a promise to the business, like the age of the inputs: choose both, and say
# them. A read itself takes microseconds in every store; why it is SQLite here stands further on.
#
# **Check what you know**

# %%
quiz("14.1")

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - say for which inputs all possible predictions can be made in advance, and for which they cannot;
# - run a batch job that scores what it can, gives a reason for the rest, and loses no row;
# - show that a row has one score in training, in a batch and asked alone;
# - publish a table of predictions by one switch, and roll it back;
# - refuse a bad batch before anyone reads it.
#
# Next: [15 · Online inference with Clipper](15_online_inference.ipynb)

# %% [markdown] tags=["further"]
# ## Further: which store?
#
# The deck says SSTable: a file of sorted keys that never changes. Four stores of that kind, measured:

# %%
stores = tables.benchmark("batch_stores")
show_table(stores)
tables.benchmark_note("batch_stores")

# %% tags=["claim"]
reads = stores["a read [µs]"]
claim("Slowest read", reads.max(), always=(1, 10), unit="µs")
claim("Largest table", stores["size [MB]"].max(), always=(5, 20), unit="MB")

# %% [markdown]
# All of them read a key in a few microseconds, far faster than any server answers. So other things decide. SQLite comes with
# Python, on every system; its file has the same bytes whenever it is made from the same rows, so that a checksum proves a table; and a
# process that forks can use it. RocksDB writes the smallest files, true SSTables, and other bytes each time. Choose it when a table no
# longer fits one disk.

# %% [markdown] tags=["further"]
# ## Further: what scoring costs
#
# The deck's way makes a column for each category, and a copy for each step. What does it cost next to the forest alone, for the inputs
# of this lesson's model?

# %% tags=["claim"]
scoring = tables.benchmark("batch_scoring")
show_table(scoring)
tables.benchmark_note("batch_scoring")
ratio = scoring.set_index("way")["time, forest alone = 1"]
claim("The deck's way, forest alone = 1", ratio["the deck's production_predict"], always=(2, 12))
claim("The job, with all its checks", ratio["the job's rows, checked too"], always=(1, 1.6))

# %% [markdown]
# Checking every value costs little: that a whole column is in order, its least and its largest value tell. Encoding once, by looking
# up a code, beats one-hot columns and needs no second copy of the table.

# %% [markdown] tags=["further"]
# ## Further: outgrow one machine
#
# `Store.build` gives each piece of the file to `engine`, which is Python's own `map`. Give it the `map` of a cluster instead: one
# changed argument, and the same bytes come out.

# %%
show_source(batch.cluster_engine)

# %% [markdown]
# Whose cluster? Three engines, each with two workers on one machine, did the job of this lesson. **Guess first:** with two cores,
# how much faster are they than one process?

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
# Hardly. Two cores have little to share out, and every engine spends time on its workers. When you outgrow one machine, take what
# your company runs already. If it runs none, take Dask: it adds the least, it is there first, and its `map` is one argument. From
# laptop to cluster, one address changes.

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
# With eight times the rows a process that goes piece by piece needs the same memory. SQLite sorts on the disk. So a billion rows are a
# question of *time and disk*: hours in one process, and a table that fits one disk. Hours divide by the workers, for pieces know nothing of
# each other. Ten machines make it minutes. What does not divide is the sort: at that size each worker writes the table of its own
# range of keys, and `CURRENT` names them all.
#
# This cell measures it again on your machine, with two workers of Dask:

# %% tags=["live"]
year = batch.write_batch(flights, inputs, store.inbox("year"), rows=50_000)
batch.try_dask(year, model.scorer)

# %% [markdown] tags=["further"]
# ## Further: train, validate, test
#
# The deck cuts off the three parts at random. By time, months that come near its shares are these, in percent:

# %%
starts = {"nyc2013": ("2013-08", "2013-10"), "allyears2k": ("1999", "2003")}
split = splits.split_by_time(flights, *starts[flights.attrs["dataset"]])
sizes = pd.Series(
    {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
)
shares = 100 * sizes / sizes.sum()
shares.round(1)

# %% [markdown]
# The batch that you publish is always out of time: it is next week's. So is the test set that resembles it; lesson 12 measures how much a
# random one flatters.
