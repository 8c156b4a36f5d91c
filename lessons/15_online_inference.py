# %% [markdown]
# # Online inference with Clipper
#
# Lesson 14's table knew its answers before anyone asked; here a server answers on demand, and somebody waits. The server is Clipper,
# a research system whose last change, of July 2020, says that nobody maintains it any more: a case to learn from twice.
#
# **After this lesson you can**
#
# - deploy a model behind an application, and query it for one row or several from any client;
# - say what a latency objective promises, and what its default answer is worth;
# - update a model without dropping a question, try it on a few passengers first, and roll it back bit for bit;
# - choose replicas and objective for a load by Little's law, and say where more replicas stop helping;
# - decide between a lookup table and an online service, and name today's servers for Clipper's ideas.
#
# *25 minutes in class: a server 3 · a model and its application 4 · in time 2 · an update 5 · a few passengers first 3 · how many replicas 5 ·
# a replica dies 1 · table or server 2.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import datasets, splits
from course_utils.exercises import check, quiz
from course_utils.model import training
from course_utils.notebook import claim, plots, show_error, show_table
from course_utils.serve import load_testing

import json
import time
import pandas as pd
import requests

load_testing.silence_clipper_logs()
flights = datasets.load_flights()
model = training.course_model(flights)
split = splits.split_by_time(flights)

# %% [markdown]
# # Part 1 of 3: One question
#
# Clipper came from Berkeley's RISELab, with a paper of 2017. Its ideas, a time limit with a default answer, batches that adapt, versions that switch, are
# what today's servers are judged by. Its code stopped, and whoever had built on it had to move. Learn the ideas; keep the exit in sight.

# %% [markdown]
# ## A server on your laptop
#
# Clipper has two front ends: one takes queries, one takes orders. Models run behind them, each replica in a container of its own. Its
# client, `clipper_admin`, is used here as it was published, and only the *container manager* is the course's: it starts processes
# where the deck's started Docker.

# %%
from clipper_admin import ClipperConnection
from course_utils.serve.clipper import LocalContainerManager

name = load_testing.cluster_name("lesson-15")
manager = LocalContainerManager(name, clipper_query_port=0, clipper_management_port=0)
connection = ClipperConnection(manager)
connection.start_clipper()

# %% [markdown]
# Port 0 asks for any free one; left out, they are Clipper's own, `1337` and `1338`. Run twice, the cell is refused: the cluster is there
# already. With Docker you would write
# `DockerContainerManager` in its place and change nothing else. That was not run here, and its images are as old as the client.
#
# An *application* is what passengers ask: a name, an input type, a default answer, and a latency objective in microseconds. The deck
# promises an answer in `100000` of them. Here it is far more at first, whatever else your computer is doing.
# **Guess first:** what does an application answer before there is any model?

# %%
connection.register_application("xgboost-airlines", "strings", "0.241", 10_000_000)
url = f"http://{connection.get_query_addr()}/xgboost-airlines/predict"
rows = model.inputs.loc[split.test.index[::10_000]]
texts = load_testing.as_json_texts(rows)


def ask(**question):
    return requests.post(url, json=question).json()


# %%
ask(input=texts[0])

# %% tags=["claim"]
late = model.scorer.card["trained on"]["share late"]
claim("Share late in training, which is the default here", late, nyc2013=0.241)

# %% [markdown]
# It answers at once, and says that it made nothing of the question: `default` is true, with the reason. The default is the share late in
# training. The deck's was the text 'default_pred', which breaks every reader that expects a number.

# %% [markdown]
# ## A model and its application
#
# Clipper has a deployer for pure Python functions, and none for XGBoost, whatever the deck's list says: an XGBoost model travels in a
# *closure*, a function with all it needs. It gets a list of inputs, and returns as many answers.

# %%
scorer = model.scorer


def predict(texts):
    rows = pd.DataFrame([json.loads(text) for text in texts])
    return scorer.score(rows).tolist()


# %% [markdown]
# Two choices hide in there. It takes along `scorer` and not `model`, which holds every flight of the year. And it takes *texts*, where the
# deck sent doubles: a flight has words and gaps in it. With doubles each client would have to encode them, and JSON has no NaN.

# %%
from clipper_admin.deployers.python import deploy_python_closure

image = "clipper/python36-closure-container:0.4.1"
deploy_python_closure(connection, "xgboost-model", 1, "strings", predict, base_image=image)

# %% [markdown]
# The image's name is needed because the client, left alone, knows no Python as new as yours. The model now runs, and still nobody asks it: an application
# has to be *linked* to it.

# %%
connection.link_model_to_app("xgboost-airlines", "xgboost-model")
ask(input=texts[0])

# %% [markdown]
# Several rows go in one question, and come back as a list. **Guess first:** are these scores those of the batch job, in every bit?

# %%
answers = ask(input_batch=texts)["batch_predictions"]
show_table(pd.DataFrame(answers)[["output", "default"]].head(3))

# %% tags=["claim"]
ours = scorer.score(rows).tolist()
claim("Flights asked", len(answers), nyc2013=6)
claim(
    "Online, the same bits as in the process",
    [one["output"] for one in answers] == ours,
    always=True,
)

# %% [markdown]
# Any client will do, for it is plain HTTP. At a shell, with Clipper's own port:
#
# ```
# curl -X POST --header "Content-Type: application/json" -d '{"input": "{\"Origin\": \"EWR\", …}"}' \
#      http://localhost:1337/xgboost-airlines/predict
# ```
#
# What is no question gets status `400` and its cause:

# %%
ask(input=[2.0, 3.0])

# %% [markdown]
# ## In time, or not at all
#
# Somebody waits for the answer, and after some time it is worth nothing. So Clipper answers *within the objective*, whatever the model
# does. Here is a closure of a stated service time: it waits `0.020` seconds for each question, as one would for a feature store across
# the network. Two applications share it.


# %%
def slow(texts):
    time.sleep(0.020 * len(texts))
    return [0.5] * len(texts)


deploy_python_closure(
    connection, "slow-model", 1, "strings", slow, base_image=image, batch_size=1
)
for name, micros in {"patient": 10_000_000, "hasty": 10_000}.items():
    connection.register_application(name, "strings", "0.241", micros)
    connection.link_model_to_app(name, "slow-model")

# %% [markdown]
# **Guess first:** the hasty one promises an answer in `10_000` microseconds. What do you get?

# %%
address = connection.get_query_addr()
asked = {
    name: requests.post(f"http://{address}/{name}/predict", json={"input": ""}).json()
    for name in ("patient", "hasty")
}
show_table(pd.DataFrame(asked).T.drop(columns="query_id").rename_axis("application"))

# %% tags=["claim"]
claim("The patient application has the model's answer", asked["patient"]["output"], always=0.5)
claim("The hasty one has the default", asked["hasty"]["default"], always=True)

# %% [markdown]
# The model's late answer still comes, and is thrown away. Nobody was told: the passenger saw a number that looks like a prediction. Two
# duties follow. The client must look at `default`, and somebody must count how often it is true.

# %% [markdown] tags=["instructor"]
# Ask for the default that *your* product would show: the share late, 'unknown', or nothing at all? For a warning, silence is a fine
# default; for a price it is not. Then ask who, in their company, would notice if it were shown to everybody for a day.

# %% [markdown]
# # Part 2 of 3: Another version
#
# A better model is fitted. Getting it to passengers should be dull: nobody waits, nobody gets a mixture, and the way back is open.

# %% [markdown]
# ## The update that never happens
#
# The deck finds new hyper-parameters, fits again and deploys version 2. So do you: shallower trees, larger steps.

# %%
shallow = training.train_xgboost(
    split, model.inputs, max_depth=3, eta=0.2, rounds=50, early_stopping=None
)
second = shallow.scorer


def predict_v2(texts):
    rows = pd.DataFrame([json.loads(text) for text in texts])
    return second.score(rows).tolist()


# %% tags=["claim"]
gap = shallow.curve["validation"].iloc[-1] - model.curve["validation"].loc[model.rounds]
claim("Its validation log-loss differs from version 1's by", gap, nyc2013=(-0.002, 0.002))

# %% [markdown]
# As good as the first, with smaller trees. Now the deck's own calls, names included. **Guess first:** the flight of the first row is
# asked before, after the update, and after the deck's rollback. How do the three answers differ?

# %%
seen = {"before": ask(input=texts[0])["output"]}
deploy_python_closure(connection, "xgboostv2-model", 2, "strings", predict_v2, base_image=image)
seen["after the update"] = ask(input=texts[0])["output"]
connection.set_model_version(name="xgboostv2-model", version="2")
seen["after the rollback"] = ask(input=texts[0])["output"]
seen

# %% tags=["claim"]
claim("Different answers in the deck's update and rollback", len(set(seen.values())), always=1)
claim(
    "Version 2 would answer something else", second.score(rows)[0] != seen["before"], always=True
)

# %% [markdown]
# Not at all, and no call failed. On the deck's slides it is `0.9041093` each time. Clipper's books say why:

# %%
show_table(
    pd.DataFrame(
        {
            "linked": connection.get_linked_models("xgboost-airlines"),
            "current version": connection.get_current_model_version("xgboost-model"),
        }
    )
)
sorted(connection.get_all_models())

# %% [markdown]
# `xgboostv2-model` is *another model*, which no application asks, and 'rolling back' set that one to the version that it had. A name
# with its version inside is how this happens. The worst part is the silence: dashboards green, and a month later
# version 2 gets the blame, or the praise, for answers of version 1.

# %% [markdown] tags=["exercise"]
# ### Exercise 15.1: the update that the deck meant
#
# Write a function that takes a connection and updates what `xgboost-airlines` answers with, to `predict_v2`. The application must have a
# model at every moment, and version 1 must stay there to go back to. The check runs it on Clipper's books, not on your cluster.
#
# <details><summary>Hint</summary>What does the application know: models, or versions of them?</details>


# %%
def update(connection):
    ### BEGIN SOLUTION
    deploy_python_closure(connection, "xgboost-model", 2, "strings", predict_v2, base_image=image)
    ### END SOLUTION


# %% tags=["check"]
check("15.1", update)

# %% [markdown]
# ## Update and rollback while everybody asks
#
# A version belongs to its model. Clipper starts the new version's replicas first and then switches, between two questions. These clients
# ask about all flights at once, again and again, and hold each answer to what the two versions should say. `now` waits for
# more questions, all of which have to be the work of one version. And the mistake is put away: a model that nobody asks
# holds memory all the same.

# %%
connection.stop_models(["xgboostv2-model"])
versions = {"1": ours, "2": second.score(rows).tolist()}
with load_testing.Clients(address, "xgboost-airlines", texts, versions) as clients:
    clients.now("before", "1")
    deploy_python_closure(connection, "xgboost-model", 2, "strings", predict_v2, base_image=image)
    clients.now("after the update", "2")
    connection.set_model_version("xgboost-model", "1")
    clients.now("after the rollback", "1")
table = clients.table()

# %%
show_table(table.drop(index="in between"))

# %% tags=["claim"]
faults = table.drop(columns="answers of").to_numpy().sum()
claim("Answers stale, mixed, default or failed, over the whole time", faults, always=0)
claim(
    "Bit for bit version 1 again",
    ask(input_batch=texts)["batch_predictions"][0]["output"] == ours[0],
    always=True,
)

# %% [markdown]
# Nobody noticed, but for another answer. The rollback took one call, for version 1 had never left. And a version is never used twice:
# if '2' could mean two models, nobody could ever say what a passenger was told.

# %%
show_error(
    lambda: deploy_python_closure(
        connection, "xgboost-model", 2, "strings", predict, base_image=image
    )
)

# %% [markdown]
# ## A few passengers first
#
# A switch exposes everybody at once. A *canary* exposes a few: they get version 2, the rest version 1, and you compare. Clipper has no share
# to set. But a question may name its version, so that whoever stands in front can choose:

# %%
asked = {version: ask(input=texts[0], version=version)["output"] for version in ("1", "2")}
asked

# %% tags=["claim"]
claim("Version 1 gives its own answer", asked["1"] == versions["1"][0], always=True)
claim("So does version 2", asked["2"] == versions["2"][0], always=True)

# %% [markdown] tags=["exercise"]
# ### Exercise 15.2: the canary switch
#
# Write the choice: a passenger's id, a text, and a `share` between 0 and 1 in, '1' or '2' out. About that share of passengers gets
# version 2. Who asks again gets the same version, on any server. And when you raise the share, nobody is sent back.
#
# <details><summary>Hint</summary>Turn the id into a number between 0 and 1 that is the same everywhere and always, and looks like
# chance.</details>


# %%
def version_for(passenger, share):
    ### BEGIN SOLUTION
    import hashlib

    number = int(hashlib.sha256(passenger.encode()).hexdigest()[:8], 16) / 16**8
    return "2" if number < share else "1"
    ### END SOLUTION


# %% tags=["check"]
check("15.2", version_for)

# %% [markdown] tags=["instructor"]
# Common first answers throw dice, or ask Python's `hash`, which gives a text another number in each process. Let someone reload an
# imaginary page: 'late', 'on time', 'late'. Then ask what to compare after an hour of canary: with delays known the next day only, it is
# defaults, errors, latency and the spread of scores, not accuracy. Lesson 16 goes on from there.

# %% [markdown]
# # Part 3 of 3: Many questions
#
# One question after the other says nothing about a Friday afternoon. Now they come all at once.

# %% [markdown]
# ## How many replicas?
#
# Sixty clients ask the slow model at the same moment, and the application gives each 400 ms. A replica takes 20 ms for one.
# **Guess first:** how many of the 60 get an answer from one replica? How many from four?

# %%
connection.register_application("friday", "strings", "0.241", 400_000)
connection.link_model_to_app("friday", "slow-model")
one = load_testing.concurrent_requests(address, "friday", [""] * 60).counts()
connection.set_num_replicas("slow-model", 4)
four = load_testing.concurrent_requests(address, "friday", [""] * 60).counts()
connection.set_num_replicas("slow-model", 1)

# %% tags=["claim"]
claim("The most that one replica can answer in 400 ms", 400 / 20, always=20)
claim("It left most of them with the default", one["default"] > one["in time"], always=True)
claim("With 4 replicas, more", four["in time"] > one["in time"], always=True)
claim("Of 60 questions, without any answer at all", one["failed"] + four["failed"], always=0)

# %% [markdown]
# At most 400 / 20 = 20, and everybody else the default, in time. *Little's law* does the sum for a steady load: with λ
# questions a second of W seconds each, λ·W of them are being worked on at once. Fewer replicas than that, and the queue grows for ever.

# %%
busy = load_testing.littles_law(rate=80, milliseconds=20, most=4)
busy

# %% tags=["claim"]
claim(
    "Replicas' worth of work at 80 questions a second", busy.loc[1, "busy [%]"] / 100, always=1.6
)

# %% [markdown]
# The law is about means, and questions come in bunches. **Guess first:** replicas that are busy 80% of their time keep up. What does the
# slowest answer of a hundred take, as the load comes near what they can do?

# %%
picture = tables.benchmark("load_picture")
waits = picture[picture["closure"] == "waits 20 ms"]
wide = waits.pivot(index="offered", columns="replicas", values="p99 [ms]")
tables.benchmark_note("load_picture")

# %% tags=["figure"]
fig = plots.lines(
    wide.rename(columns={1: "1 replica", 2: "2 replicas", 4: "4 replicas"}),
    title="Waiting explodes before replicas are fully busy",
    x="questions offered [per second]",
    y="99 of 100 answered within [ms]",
)
plots.show(
    fig,
    alt="For 1, 2 and 4 replicas the latency is flat at first, then rises steeply to the objective of 200 ms; with twice the "
    "replicas it does so at about twice the load.",
)

# %%
show_table(waits[waits["replicas"] < 4].drop(columns="closure"))

# %% tags=["claim"]
one, four = (waits[waits["replicas"] == replicas].set_index("offered") for replicas in (1, 4))
claim(
    "One replica, 90% busy: the slowest of a hundred, in times of 20 ms",
    one.loc[45, "p99 [ms]"] / 20,
    always=(4, 10),
)
claim("Four replicas, 90% busy", four.loc[180, "p99 [ms]"] / 20, always=(1, 5))
claim(
    "One replica, offered 90 a second: share that misses the objective",
    one.loc[90, "missed [%]"],
    always=(40, 65),
    unit="%",
)

# %% [markdown]
# One replica that is busy 90% of its time makes its slowest passengers wait four times as long as the work takes, or longer. Four replicas are as busy, and
# their queue is far shorter: who waits can take the first that is free. And offered twice what it can do, the one still answers every question
# in time, about half of them with the default. So leave room, count defaults, and share replicas. On your machine:

# %% tags=["live"]
load_testing.measure_load(load_testing.io_bound_20_ms, replicas=[1, 2], rates=[25, 45, 90])

# %% [markdown]
# ## Where replicas stop helping
#
# That closure *waits*, so replicas cost nothing but memory. Most models compute. This one computes for its 20 ms, on the same two cores.
# **Guess first:** how many questions do four replicas answer now?

# %%
most = picture.groupby(["closure", "replicas"])["answered"].max().unstack("closure")
show_table(most)
show_table(
    picture[picture["replicas"] == 4].pivot(index="offered", columns="closure", values="answered")
)

# %% tags=["claim"]
gain = most.loc[4] / most.loc[1]
claim("Where they wait, 4 replicas answer, in times of one", gain["waits 20 ms"], always=(3, 4.5))
claim(
    "Where they compute, 4 in times of 2",
    most.loc[4, "computes 20 ms"] / most.loc[2, "computes 20 ms"],
    always=(0.5, 1.3),
)

# %% [markdown]
# Two cores compute two things at a time, less what front end and clients need. Further replicas only share them, and beyond what the cores can do
# *fewer* questions are answered in time: all are worked on, and all come late. For a model that computes the ways out are more
# cores, or less work: Clipper gathers waiting questions into batches as large as the objective allows, and scoring a hundred rows
# together costs little more than scoring one, as lesson 08 has it.

# %% [markdown] tags=["exercise"]
# ### Exercise 15.3: plan for a load, then measure
#
# The slow model is to answer `80` questions a second, and no replica may be busy more than `70%` of its time. The page waits `300` ms at
# most. Choose the least number of replicas and an objective, deploy, and offer that load for 3 seconds with `load_testing.open_loop_load`.
#
# <details><summary>Hint</summary>`create_endpoint` registers, deploys and links in one call. Keep `batch_size=1`: these replicas take one
# question at a time. A second try needs another name, for names are taken once.</details>

# %%
plan = {"replicas": ..., "objective_micros": ..., "measured": ...}
### BEGIN SOLUTION
from clipper_admin.deployers.python import create_endpoint

plan = {"replicas": 3, "objective_micros": 250_000}
create_endpoint(
    connection,
    "planned",
    "strings",
    slow,
    default_output="0.241",
    slo_micros=plan["objective_micros"],
    base_image=image,
    num_replicas=plan["replicas"],
    batch_size=1,
)
plan["measured"] = load_testing.open_loop_load(address, "planned", [""], rate=80, seconds=3)
### END SOLUTION

# %% tags=["check"]
check("15.3", plan)

# %% [markdown]
# ## A replica dies
#
# Processes die: memory runs out, a machine restarts. The deck has replicas for speed; they are for this, too. Two replicas serve version 1,
# and while everybody asks one of them is killed, as hard as an operating system can. **Guess first:** how many questions are lost?

# %%
connection.stop_models(["slow-model", "planned"])
connection.set_num_replicas("xgboost-model", 2)
with load_testing.Clients(address, "xgboost-airlines", texts, versions) as clients:
    clients.now("two replicas", "1")
    load_testing.kill_replica(manager, "xgboost-model")
    clients.now("one was killed", "1")
    load_testing.wait_for_replicas(manager, "xgboost-model", 2)
    clients.now("it is back", "1")
table = clients.table()
show_table(table.drop(index="in between"))

# %% tags=["claim"]
faults = table.drop(columns="answers of").to_numpy().sum()
claim("Answers wrong, default or failed", faults, always=0)

# %% [markdown]
# None. What the dead one was working on goes to the other, within the objective, and a supervisor starts a new one of the same
# version. If it were the only replica, questions would wait for the new one, and get the default if that takes too long.

# %% [markdown]
# ## Table or server?
#
# Lesson 14 answered from a table. **Guess first:** the same flights, the same scores, one client: how many lookups fit into one answer of the
# server?

# %%
ways = tables.benchmark("load_ways")
show_table(ways)
tables.benchmark_note("load_ways")

# %% tags=["claim"]
ratio = ways.set_index("way")["times the lookup"]
claim("Lookups while Clipper answers once", ratio["the model behind Clipper"], always=(20, None))
net = ratio["the model behind Clipper"] / ratio["a dictionary behind Clipper"]
claim("… and in times of a dictionary behind Clipper", net, always=(3, None))
today = ratio["the model behind mlflow models serve"] / ratio["the model behind Clipper"]
claim("An answer of mlflow models serve, in times of Clipper's", today, always=(0.7, 3))

# %% [markdown]
# More than twenty lookups, for certain; here far more. The network is the smaller part of it: a plain dictionary behind the same server is
# quick. Most of the time goes into making a table of one row and asking the forest. `mlflow models serve`, today's common way, takes the same closure
# and somewhat longer. It has no objective, no default and no switch: for another version you start another server.

# %%
show_table(load_testing.table_or_service())

# %% [markdown]
# Most products need both: a table for what can be known this morning, a server for what cannot, and the same `Scorer` behind the two.
#
# **Check what you know**

# %%
quiz("K5.1")

# %%
quiz("K5.2")

# %% [markdown]
# Clipper is closed, and its ideas are everywhere. If you know what to look for, the next server is a matter of names:

# %%
show_table(load_testing.serving_today())

# %% [markdown]
# One idea did *not* survive: none of the five has a default answer. Past the time limit comes an error, and the default is for your
# client to give. Further on, the same closure moves to one of them.

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - deploy a model behind an application, and query it for one row or several from any client;
# - say what a latency objective promises, and what its default answer is worth;
# - update a model without dropping a question, try it on a few passengers first, and roll it back bit for bit;
# - choose replicas and objective for a load by Little's law, and say where more replicas stop helping;
# - decide between a lookup table and an online service, and name today's servers for Clipper's ideas.
#
# The cluster still runs, for what stands further on. The last cell stops it, and so does closing the notebook.
#
# Next: [16 · Monitoring](16_monitoring.ipynb)

# %% [markdown] tags=["further"]
# ## Further: break it, and roll back
#
# The next version passes every test of types and shapes, and answers one minus the probability. It goes live on a Friday. The clock starts with
# the first wrong answer.


# %%
def predict_v3(texts):
    rows = pd.DataFrame([json.loads(text) for text in texts])
    return (1 - scorer.score(rows)).tolist()


# %% [markdown] tags=["exercise"]
# ### Exercise 15.4: break it and roll back
#
# While `Clients` ask, deploy `predict_v3` as the third version of the model in use; see with `clients.now("broken", "other")` that answers are
# nobody's; roll back to version 1 and see that, too. Keep the clients. (A second try needs a new number.)
#
# <details><summary>Hint</summary>The whole is one `with` block, like the update above. What is the fastest way back?</details>

# %%
incident = ...
### BEGIN SOLUTION
with load_testing.Clients(address, "xgboost-airlines", texts, versions) as incident:
    incident.now("before", "1")
    deploy_python_closure(connection, "xgboost-model", 3, "strings", predict_v3, base_image=image)
    incident.now("broken", "other")
    connection.set_model_version("xgboost-model", "1")
    incident.now("rolled back", "1")
### END SOLUTION

# %% tags=["check"]
check("15.4", incident)

# %% [markdown]
# The technical way back took one call. In real incidents the minutes go by before it: until somebody notices that the share of
# warnings is upside down, and dares to switch. Lesson 16 is about the noticing, lesson 17 about the daring.

# %% [markdown] tags=["further"]
# ## Further: numbers of your own
#
# A closure knows things that no front end sees. The deck's slide imports `clipper_admin.metric` and calls `metric.add`:

# %%
show_error(lambda: __import__("clipper_admin.metric"))

# %% [markdown]
# There is no such module. It is `metrics`, with `add_metric` and `report_metric`, and in Clipper importing it starts a Redis server. Here
# the two calls write to a registry of the replica, and the query front end shows all of them in Prometheus' format. Versions that nobody
# asks are stopped first.


# %%
def counted(texts):
    from clipper_admin import metrics

    metrics.add_metric("row_length", "Histogram", "Characters of a row", [1000, 1500, 2000])
    metrics.add_metric("rows_scored", "Counter", "Rows that were scored")
    for text in texts:
        metrics.report_metric("row_length", len(text))
        metrics.report_metric("rows_scored", 1)
    return predict(texts)


connection.stop_inactive_model_versions(["xgboost-model"])
deploy_python_closure(connection, "xgboost-model", 4, "strings", counted, base_image=image)
again = [one["output"] for one in ask(input_batch=texts)["batch_predictions"]]

# %%
numbers = load_testing.read_metrics(address, "row")
show_table(numbers)

# %% tags=["claim"]
value = numbers["value"]
claim("The same answers as before", again == ours, always=True)
claim("Rows scored", value["rows_scored_total"], nyc2013=6)
claim("Of them up to 2,000 characters long", value["row_length_bucket, up to 2000.0"], nyc2013=6)
late = load_testing.read_metrics(address, "clipper_defaulted_total", app="hasty")["value"].sum()
claim("Default answers of the hasty application, as Clipper counts them", late, always=1)

# %% [markdown]
# The buckets are those that were asked for; Clipper lost them on the way, since its client and its server spell them differently. With
# several replicas each has numbers of its own, and Prometheus adds them up. Clipper's own counters stand beside them: the default of
# the hasty application was counted, in the end.

# %% [markdown] tags=["further"]
# ## Further: what the client can do here
#
# Each method of `ClipperConnection`, and each of its deployers: whether it works on your laptop, or why not.

# %%
show_table(load_testing.clipper_methods())

# %%
show_table(load_testing.clipper_deployers())

# %% [markdown] tags=["further"]
# ## Further: how fast is it, next to others?
#
# One model, asked as JSON through each server by many clients at once. Answers a second, and processor time for each, are ratios to
# FastAPI, which most teams begin with. **Guess first:** how far apart are servers of one and the same model?

# %%
servers = tables.benchmark("serving").drop(columns="version")
show_table(servers)
tables.benchmark_note("serving")

# %% tags=["claim"]
many = servers.set_index("server")["64 clients"]
claim(
    "One replica here, 64 clients, in times of FastAPI",
    many["the course's, one replica"],
    always=(5, 30),
)
claim("MLflow, 64 clients, in times of FastAPI", many["MLflow, a tensor"], always=(0.1, 1))

# %% [markdown]
# Very far. For a small model, most of an answer is the server's own work: a framework for each request, a thread, a validation. Here the front end
# only passes bodies on and gathers them into batches. When a server seems slow, measure an empty model behind it first.

# %% [markdown] tags=["further"]
# ## Further: the same closure on Ray Serve
#
# Ray Serve is the way to outgrow one machine: the same function, on as many machines as its cluster has. It takes long to start and much
# memory, so the course does not install it.

# %%
show_table(tables.benchmark("load_ray"))
tables.benchmark_note("load_ray")

# %% tags=["live"]
load_testing.serve_with_ray(predict, texts)

# %% [markdown]
# Nothing of the closure changed: a function from rows to answers, with the model inside, moves from server to server. That is the exit that
# this lesson began with. Stop the cluster now:

# %%
connection.stop_all()
