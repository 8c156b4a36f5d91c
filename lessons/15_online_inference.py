# %% [markdown]
# # Online inference with Clipper
#
# In lesson 14 the answers were in a table before anyone asked; here a server computes each answer on demand, while the client waits. The server
# is Clipper, a research system without maintainers since 2020, and beside it you run today's usual choice, FastAPI.
#
# **After this lesson you can**
#
# - deploy a model behind an application, and query it for one row or several from any client;
# - say what a latency objective promises, and what its default answer is worth;
# - serve the same model with FastAPI and uvicorn, and say what Clipper adds;
# - update a model without dropping a request, try it on a few passengers first, and roll it back bit for bit;
# - choose replicas and objective for a load by Little's law, and say where more replicas stop helping;
# - decide between a lookup table and an online service, and name today's servers for Clipper's ideas.
#
# *25 minutes in class: a server 2 · a model and its application 3 · in time 2 · FastAPI 4 · an update 4 · a few passengers first 3 · how many
# replicas 4 · a replica dies 1 · table or server 2.*

# %% tags=["setup"]
from course_utils import tables
from course_utils.data import datasets, splits
from course_utils.exercises import check, quiz
from course_utils.model import training
from course_utils.notebook import claim, open_terminal, plots, show_error, show_table
from course_utils.serve import load_testing

import json
import time
import pandas as pd
import requests

load_testing.silence_clipper_logs()
terminal = open_terminal()
flights = datasets.load_flights()
model = training.course_model(flights)
split = splits.split_by_time(flights)

# %% [markdown]
# # Part 1 of 3: One request
#
# Clipper came from Berkeley's RISELab, with a paper in 2017. Its ideas are a time limit with a default answer, adaptive batches, and versions
# that switch while the server runs. Today's servers are compared by these ideas. Clipper's code is no longer maintained, so teams that had
# built on it had to move: learn the ideas, and keep your model portable.

# %% [markdown]
# ## A server on your laptop
#
# Clipper has two front ends: one receives queries, the other receives management calls. Models run behind them, each *replica* (a copy of the
# model) in a container of its own. You use Clipper's client, `clipper_admin`, as it was published. Only the *container manager* is the
# course's: it starts processes where Docker would start containers.

# %%
from clipper_admin import ClipperConnection
from course_utils.serve.clipper import LocalContainerManager

name = load_testing.cluster_name("lesson-15")
manager = LocalContainerManager(name, clipper_query_port=0, clipper_management_port=0)
connection = ClipperConnection(manager)
connection.start_clipper()

# %% [markdown]
# Port `0` takes any free port; without it, Clipper uses its own, `1337` and `1338`. If you run the cell twice, the second call is refused,
# because the cluster already runs. With Docker you would write `DockerContainerManager` instead and change nothing else. The course has not
# run that: Clipper's images are as old as its client.
#
# Clients send queries to an *application*: a name, an input type, a default answer, and a latency objective in microseconds. The deck
# promises an answer within `100000` microseconds. Here the objective is much longer at first, so that a busy computer does no harm.
#
# **Guess first:** what does an application answer before it has a model?

# %%
connection.register_application("xgboost-airlines", "strings", "0.241", 10_000_000)
url = f"http://{connection.get_query_addr()}/xgboost-airlines/predict"
rows = model.inputs.loc[split.test.index[::10_000]]
texts = load_testing.as_json_texts(rows)


def ask(**query):
    return requests.post(url, json=query).json()


# %%
ask(input=texts[0])

# %% tags=["claim"]
late = model.scorer.card["trained on"]["share late"]
claim("Share late in training, which is the default here", late, nyc2013=0.241)

# %% [markdown]
# It answers at once and says that no model was involved: `default` is true, and the explanation says why. The default is the share of late
# flights in training. The deck's default was the text 'default_pred', which breaks every client that expects a number.

# %% [markdown]
# ## A model and its application
#
# Clipper has a deployer for plain Python functions, and none for XGBoost, although the deck lists one. An XGBoost model is deployed as a
# *closure*: a function together with the objects that it uses. The function gets a list of inputs and returns one answer for each.

# %%
scorer = model.scorer


def predict(texts):
    rows = pd.DataFrame([json.loads(text) for text in texts])
    return scorer.score(rows).tolist()


# %% [markdown]
# Two choices matter here. The closure uses `scorer` and not `model`, which would bring along every flight of the year. And it receives
# *texts*, where the deck sent doubles: a flight has words and missing values. With doubles, each client would have to encode them, and JSON has
# no NaN.

# %%
from clipper_admin.deployers.python import deploy_python_closure

image = "clipper/python36-closure-container:0.4.1"
deploy_python_closure(connection, "xgboost-model", 1, "strings", predict, base_image=image)

# %% [markdown]
# You must name the image, because the client knows no Python version as new as yours. The model now runs, but no application uses it yet: you
# have to *link* it to one.

# %%
connection.link_model_to_app("xgboost-airlines", "xgboost-model")
ask(input=texts[0])

# %% [markdown]
# You can send several rows in one request; the answers come back as a list.
#
# **Guess first:** are these scores identical to the batch job's, bit for bit?

# %%
answers = ask(input_batch=texts)["batch_predictions"]
show_table(pd.DataFrame(answers)[["output", "default"]].head(3))

# %% tags=["claim"]
ours = scorer.score(rows).tolist()
claim("Flights scored", len(answers), nyc2013=6)
claim(
    "Online, the same bits as in the process",
    [one["output"] for one in answers] == ours,
    always=True,
)

# %% [markdown]
# Any client works, because the protocol is plain HTTP. In a shell, with Clipper's own port:
#
# ```
# curl -X POST --header "Content-Type: application/json" -d '{"input": "{\"Origin\": \"EWR\", …}"}' \
#      http://localhost:1337/xgboost-airlines/predict
# ```
#
# A malformed request gets status `400` and the cause:

# %%
ask(input=[2.0, 3.0])

# %% [markdown]
# ## In time, or not at all
#
# A client waits for the answer, and after some time the answer is worthless. So Clipper answers *within the objective*, whatever the model
# does. This closure simulates a fixed service time: it sleeps `0.020` seconds for each input, as if it read a feature store across the
# network. Two applications share it.


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
# **Guess first:** the hasty application promises an answer within `10_000` microseconds. What do you get?

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
# The model's late answer still arrives, and Clipper discards it. No one is warned: the passenger sees a number that looks like a prediction.
# Two duties follow. The client must check `default`, and you must monitor how often it is true.

# %% [markdown] tags=["instructor"]
# Ask which default *their own* product should show: the share of late flights, 'unknown', or nothing at all. For a warning, silence is a good
# default; for a price it is not. Then ask who in their company would notice if every customer saw the default for a day.

# %% [markdown]
# ## The same model behind FastAPI
#
# Today most teams begin with FastAPI, a web framework, and uvicorn, the server that runs it. Save the model first. The folder holds XGBoost's
# own file, and the columns and categories that the model was trained on:

# %%
training.save(model.scorer, terminal.where() / "model")
terminal.run("ls model")

# %% [markdown]
# The application is one file. It loads the model when it starts, not for each request; turns each category into its code from training; and
# lets XGBoost score the rows. Nothing in it belongs to the course.

# %%
terminal.write(
    "app.py",
    """
import json

import pandas as pd
import xgboost as xgb
from fastapi import FastAPI

booster = xgb.Booster(model_file="model/model.ubj")
with open("model/card.json") as file:
    encoding = json.load(file)["encoding"]
app = FastAPI()

@app.post("/predict")
def predict(flights: list[dict]) -> list[float]:
    rows = pd.DataFrame(flights, columns=encoding["columns"])
    for name, known in encoding["categories"].items():
        codes = {value: code for code, value in enumerate(known)}
        rows[name] = rows[name].astype(str).map(codes)
    return booster.inplace_predict(rows.to_numpy("float32")).tolist()
""",
)

# %% [markdown]
# Start it in the background: `&` returns to the prompt, the log goes to a file, and the process id to another, so that you can stop it.
# Port `0` again takes a free port; uvicorn writes its address to the log when it is ready. With `--port 8000` you would know the address
# and not need the second command.

# %%
terminal.run("uvicorn app:app --port 0 > app.log 2>&1 & echo $! > app.pid")
terminal.run(
    'for n in $(seq 600); do grep -o "http://[0-9.:]*" app.log > app.url && break; sleep 0.2; done'
)

# %% [markdown]
# Now send a flight with `curl`. **Guess first:** this one has only an airline and two airports, and the model has many more inputs. What
# does the service answer?

# %%
terminal.write("flights.json", '[{"UniqueCarrier": "US", "Origin": "EWR", "Dest": "CLT"}]')
terminal.run(
    'curl --silent -H "Content-Type: application/json" -d @flights.json "$(cat app.url)/predict"'
)

# %% [markdown]
# A probability, without a warning: the missing inputs became NaN, and XGBoost accepts NaN. `list[dict]` checks no more than the outer
# shape. In your own service, declare the inputs in a Pydantic model; then FastAPI rejects incomplete flights. From Python, send whole flights
# with `requests`, and something malformed too:

# %%
fast_url = terminal.output("cat app.url").strip() + "/predict"
fast = requests.post(fast_url, json=[json.loads(text) for text in texts])
malformed = requests.post(fast_url, json=[2.0, 3.0])
show_table(
    pd.DataFrame({"FastAPI": fast.json(), "Clipper": [one["output"] for one in answers]}).head(3)
)
print(malformed.status_code, malformed.json()["detail"][0]["msg"])

# %% tags=["claim"]
claim("FastAPI's scores are the same bits as Clipper's", fast.json() == ours, always=True)
claim("Status of the malformed request", malformed.status_code, always=422)
claim("Inputs of the model", len(scorer.encoder.columns), nyc2013=(55, 75), allyears2k=50)

# %% [markdown]
# To run it elsewhere, put it into an image. This Dockerfile has the application, the model and the packages; Docker itself was not run here.
# In production, pin the versions with a lock file, as in lesson 05.

# %%
terminal.write(
    "Dockerfile",
    """
FROM python:3.11-slim
WORKDIR /app
RUN pip install --no-cache-dir fastapi pandas uvicorn xgboost
COPY app.py ./
COPY model ./model
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
""",
)

# %% [markdown]
# Stop the service by its process id:

# %%
terminal.run("kill $(cat app.pid)")

# %% [markdown]
# The scores are the same, so the choice is about the work around the model:
#
# | | FastAPI and uvicorn | Clipper |
# | --- | --- | --- |
# | an answer that takes too long | the client waits, or sets its own timeout | the default, within the objective |
# | many requests at once | each is scored alone | gathered into batches |
# | another version | you start another server and redirect traffic | one call, while the server runs |
# | replicas | `--workers`, or your platform | `set_num_replicas`, while the server runs |
# | input checks | Pydantic models | the input type only |
# | maintained | yes | no |
#
# The middle rows are what parts 2 and 3 measure.

# %% [markdown]
# # Part 2 of 3: Another version
#
# You trained a better model. Deploying it should be uneventful: no request waits, no answer mixes two versions, and you can go back.

# %% [markdown]
# ## The update that never happens
#
# The deck finds new hyper-parameters, trains again and deploys version 2. Do the same, with shallower trees and a larger learning rate.

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
# It is as good as the first, with smaller trees. Now run the deck's own calls, with the deck's names.
#
# **Guess first:** you send the first flight before the update, after it, and after the deck's rollback. How do the three answers differ?

# %%
del flights, split, model, shallow  # the cluster needs the memory
seen = {"before": ask(input=texts[0])["output"]}
deploy_python_closure(connection, "xgboostv2-model", 2, "strings", predict_v2, base_image=image)
seen["after the update"] = ask(input=texts[0])["output"]
connection.set_model_version(name="xgboostv2-model", version="2")
seen["after the rollback"] = ask(input=texts[0])["output"]
show_table(pd.DataFrame({"answer": seen}).rename_axis("when"))

# %% tags=["claim"]
claim("Different answers in the deck's update and rollback", len(set(seen.values())), always=1)
claim(
    "Version 2 would answer something else", second.score(rows)[0] != seen["before"], always=True
)

# %% [markdown]
# They do not differ, and no call failed. On the deck's slides the answer is `0.9041093` each time. Clipper's records say why:

# %%
show_table(
    pd.DataFrame(
        {
            "linked": connection.get_linked_models("xgboost-airlines"),
            "current version": connection.get_current_model_version("xgboost-model"),
        }
    )
)
print(*sorted(connection.get_all_models()))

# %% [markdown]
# `xgboostv2-model` is *another model*, which no application uses, and the 'rollback' set that model to the version that it already had. A version
# number inside the model's name invites this mistake. It is silent: all dashboards are green, and a month later version 2 gets the
# blame, or the praise, for answers of version 1.

# %% [markdown] tags=["exercise"]
# ### Exercise 15.1: the update that the deck meant
#
# Complete `update(connection)`, which returns nothing: call the connection so that `xgboost-airlines` answers with `predict_v2`. The
# application must have a model at every moment, and version 1 must stay deployed for a rollback. The check runs your function on a simulated
# cluster, not on yours.
#
# <details><summary>Hint</summary>What is an application linked to: a model, or a version of it?</details>


# %%
def update(connection):
    ### BEGIN SOLUTION
    deploy_python_closure(connection, "xgboost-model", 2, "strings", predict_v2, base_image=image)
    ### END SOLUTION


# %% tags=["check"]
check("15.1", update)

# %% [markdown]
# ## Update and rollback under load
#
# A version belongs to its model. Clipper first starts the new version's replicas and then switches, between two requests. The clients below
# send all flights again and again, and compare each answer with what the two versions should say. `now` waits for more requests, all of
# which must be answered by one version. First, remove the deck's mistake: a model that no application uses still needs memory.

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
# No client noticed anything but another answer. The rollback took one call, because version 1 was still deployed. And a version number is
# never used twice: if '2' could mean two models, no one could say which of them a passenger's answer came from.

# %%
show_error(
    lambda: deploy_python_closure(
        connection, "xgboost-model", 2, "strings", predict, base_image=image
    )
)

# %% [markdown]
# ## A few passengers first
#
# A switch exposes all passengers at once. A *canary* exposes a few: they get version 2, the rest get version 1, and you compare. Clipper has
# no setting for the share. But a query may name its version, so the code in front of Clipper can choose:

# %%
asked = {version: ask(input=texts[0], version=version)["output"] for version in ("1", "2")}
show_table(pd.Series(asked, name="answer").rename_axis("version").to_frame())

# %% tags=["claim"]
claim("Version 1 gives its own answer", asked["1"] == versions["1"][0], always=True)
claim("So does version 2", asked["2"] == versions["2"][0], always=True)

# %% [markdown] tags=["exercise"]
# ### Exercise 15.2: the canary switch
#
# Complete `version_for(passenger, share)`: `passenger` is an id (a text), `share` a number between 0 and 1; return the text '1' or '2'. About
# that share of the passengers gets version 2. A passenger gets the same version each time, on any server. When you raise the share, no
# passenger goes back to version 1.
#
# <details><summary>Hint</summary>Turn the id into a number between 0 and 1 that is the same on every machine and spreads evenly.</details>


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
# Common first answers choose at random, or use Python's `hash`, which gives a text another number in each process. Let someone reload an
# imaginary page: 'late', 'on time', 'late'. Then ask what to compare after an hour of canary: delays are known the next day, so
# compare defaults, errors, latency and the distribution of scores, not accuracy. Lesson 16 continues from there.

# %% [markdown]
# # Part 3 of 3: Many requests
#
# One request after the other says nothing about a Friday afternoon. Now they arrive together.

# %% [markdown]
# ## How many replicas?
#
# Sixty clients query the slow model at the same moment, and the application allows 400 ms for each. A replica needs 20 ms for one request.
#
# **Guess first:** how many of the 60 get the model's answer from one replica? How many from four?

# %%
connection.register_application("friday", "strings", "0.241", 400_000)
connection.link_model_to_app("friday", "slow-model")
one = load_testing.concurrent_requests(address, "friday", [""] * 60).counts()
connection.set_num_replicas("slow-model", 4)
four = load_testing.concurrent_requests(address, "friday", [""] * 60).counts()
connection.set_num_replicas("slow-model", 1)

# %% tags=["claim"]
claim("One replica answered no more than 400 / 20 = 20", one["in time"] <= 20, always=True)
claim("It left most of them with the default", one["default"] > one["in time"], always=True)
claim("With 4 replicas, more", four["in time"] > one["in time"], always=True)
claim("Of 60 requests, without any answer at all", one["failed"] + four["failed"], always=0)

# %% [markdown]
# One replica answers at most 400 / 20 = 20; all others get the default, in time. *Little's law* gives the number for a steady load: with λ
# requests per second of W seconds each, λ·W requests are in work at the same time. With fewer replicas than that, the queue grows without
# limit.

# %%
busy = load_testing.littles_law(rate=80, milliseconds=20, most=4)
show_table(busy)

# %% tags=["claim"]
claim("Requests in work at 80 per second", busy.loc[1, "busy [%]"] / 100, always=1.6)

# %% [markdown]
# The law is about means, and requests arrive in bursts.
#
# **Guess first:** replicas that are busy 80% of the time keep up on average. How long does the slowest of a hundred answers take as the load
# approaches their capacity?

# %%
picture = tables.benchmark("load_picture")
waits = picture[picture["closure"] == "waits 20 ms"]
wide = waits.pivot(index="offered", columns="replicas", values="p99 [ms]")
tables.benchmark_note("load_picture")

# %% tags=["figure"]
fig = plots.lines(
    wide.rename(columns={1: "1 replica", 2: "2 replicas", 4: "4 replicas"}),
    title="Waiting explodes before replicas are fully busy",
    x="requests offered [per second]",
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
    "One replica, 90% busy: latency of the slowest of a hundred, relative to 20 ms",
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
# With one replica that is busy 90% of the time, the slowest requests wait four times as long as the work takes, or longer. Four replicas are
# equally busy, but their queue is much shorter: a waiting request takes the first replica that is free. And when you offer twice its capacity,
# one replica still answers every request in time, about half of them with the default. So leave reserve, monitor defaults, and share
# replicas. On your machine:

# %% tags=["live"]
load_testing.measure_load(load_testing.io_bound_20_ms, replicas=[1, 2], rates=[25, 45, 90])

# %% [markdown]
# ## Where replicas stop helping
#
# That closure *waits*, so its replicas cost only memory. Most models compute. The next one computes for its 20 ms, on the same two cores.
#
# **Guess first:** how many requests do four replicas answer now?

# %%
most = picture.groupby(["closure", "replicas"])["answered"].max().unstack("closure")
show_table(most)
show_table(
    picture[picture["replicas"] == 4].pivot(index="offered", columns="closure", values="answered")
)

# %% tags=["claim"]
gain = most.loc[4] / most.loc[1]
claim(
    "Where they wait: answers of 4 replicas relative to 1", gain["waits 20 ms"], always=(3, 4.5)
)
claim(
    "Where they compute: answers of 4 replicas relative to 2",
    most.loc[4, "computes 20 ms"] / most.loc[2, "computes 20 ms"],
    always=(0.5, 1.3),
)

# %% [markdown]
# Two cores run two computations at a time, minus what front end and clients need. More replicas only share the cores, and beyond their
# capacity *fewer* requests are answered in time: all are in work, and all are late. For a model that computes, add cores or reduce the work:
# Clipper gathers waiting requests into batches as large as the objective allows, and scoring a hundred rows together costs little
# more than scoring one (lesson 08).

# %% [markdown] tags=["exercise"]
# ### Exercise 15.3: plan for a load, then measure
#
# The slow model must answer `80` requests per second, no replica may be busy more than `70%` of the time, and the page waits at
# most `300` ms. Hand in the dict `plan`: the smallest number of replicas, the objective in microseconds, and as `measured` the
# result of `load_testing.open_loop_load(address, "planned", [""], rate=80, seconds=3)`. Before you measure, deploy `slow`
# behind a new application `planned`.
#
# <details><summary>Hint</summary>`create_endpoint` from `clipper_admin.deployers.python` registers, deploys and links in one call. Keep
# `batch_size=1`: these replicas take one request at a time. For a second try choose a new name, because a name is used only once.</details>

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
# Processes die: memory runs out, a machine restarts. The deck uses replicas for speed; they also protect against this. Two replicas serve
# version 1, and while clients send requests, one replica is killed with SIGKILL.
#
# **Guess first:** how many requests are lost?

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
# None. The requests that the dead replica was working on go to the other one, within the objective, and a supervisor starts a new replica of the
# same version. If it were the only replica, requests would wait for the new one, or get the default if that takes too long.

# %% [markdown]
# ## Table or server?
#
# Lesson 14 answered from a table.
#
# **Guess first:** for the same flights and scores and one client, how many lookups fit into the time of one answer from the server?

# %%
ways = tables.benchmark("load_ways")
show_table(ways)
tables.benchmark_note("load_ways")

# %% tags=["claim"]
ratio = ways.set_index("way")["times the lookup"]
claim(
    "Lookups in the time of one answer from Clipper",
    ratio["the model behind Clipper"],
    always=(20, None),
)
net = ratio["the model behind Clipper"] / ratio["a dictionary behind Clipper"]
claim("Clipper's latency relative to a dictionary behind Clipper", net, always=(3, None))
today = ratio["the model behind mlflow models serve"] / ratio["the model behind Clipper"]
claim("mlflow's latency relative to Clipper's", today, always=(0.7, 3))

# %% [markdown]
# More than twenty lookups, and on this machine far more. The network is the smaller part: a plain dictionary behind the same server answers
# quickly. Most of the time goes into building a table of one row and scoring it. `mlflow models serve` takes the same closure and
# somewhat longer. It has no objective, no default and no switch: for another version you start another server.

# %%
show_table(load_testing.table_or_service())

# %% [markdown]
# Most products need both: a table for what can be computed in advance, a server for what cannot, and the same `Scorer` behind the two.
#
# **Check what you know**

# %%
quiz("K5.1")

# %%
quiz("K5.2")

# %% [markdown]
# Clipper is no longer developed, but its ideas are everywhere. These are their names in the servers of today:

# %%
show_table(load_testing.serving_today())

# %% [markdown]
# One idea did *not* survive: none of the five has a default answer. After the time limit they return an error, and your client must provide
# the default.

# %% [markdown] tags=["at-work"]
# ## The same at work
#
# Train and save a model, serve it, query it, and stop the server. In production Clipper needs Docker; its calls are those above.
#
# ```python
# import pandas as pd
# import xgboost as xgb
#
# flights = pd.read_csv("flights.csv").dropna(subset=["DepDelay"])
# inputs = flights[["CRSDepTime", "DayOfWeek", "Distance"]]
# model = xgb.XGBClassifier(n_estimators=20, max_depth=3)
# model.fit(inputs, flights["DepDelay"] >= 15)
# model.save_model("model.ubj")
# ```
#
# ```sh
# cat > app.py <<'EOF'
# import pandas as pd
# import xgboost as xgb
# from fastapi import FastAPI
#
# model = xgb.XGBClassifier()
# model.load_model("model.ubj")
# app = FastAPI()
#
#
# @app.post("/predict")
# def predict(flights: list[dict[str, float]]) -> list[float]:
#     rows = pd.DataFrame(flights, columns=["CRSDepTime", "DayOfWeek", "Distance"])
#     return model.predict_proba(rows)[:, 1].tolist()
# EOF
# uvicorn app:app --port 8015 > app.log 2>&1 &
# curl --retry 60 --retry-delay 1 --retry-connrefused -H "Content-Type: application/json" \
#      -d '[{"CRSDepTime": 1730, "DayOfWeek": 5, "Distance": 733}]' http://127.0.0.1:8015/predict
# ```
#
# ```python
# import requests
#
# flight = {"CRSDepTime": 1730, "DayOfWeek": 5, "Distance": 733}
# answer = requests.post("http://127.0.0.1:8015/predict", json=[flight])
# print(answer.status_code, answer.json())
# ```
#
# ```sh
# kill $!
# ```

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - deploy a model behind an application, and query it for one row or several from any client;
# - say what a latency objective promises, and what its default answer is worth;
# - serve the same model with FastAPI and uvicorn, and say what Clipper adds;
# - update a model without dropping a request, try it on a few passengers first, and roll it back bit for bit;
# - choose replicas and objective for a load by Little's law, and say where more replicas stop helping;
# - decide between a lookup table and an online service, and name today's servers for Clipper's ideas.
#
# The cluster keeps running, for the exercises and for the sections below. When you have finished, run `connection.stop_all()` in a new cell, or
# shut down the kernel (*Kernel → Shut Down Kernel*). Closing the notebook's tab stops nothing.
#
# Next: [16 · Monitoring](16_monitoring.ipynb)

# %% [markdown] tags=["further"]
# ## Further: break it, and roll back
#
# The next version passes every check of types and shapes, and returns one minus the probability. It goes live on a Friday. The clock starts
# with the first wrong answer.


# %%
def predict_v3(texts):
    rows = pd.DataFrame([json.loads(text) for text in texts])
    return (1 - scorer.score(rows)).tolist()


# %% [markdown] tags=["exercise"]
# ### Exercise 15.4: break it and roll back
#
# While `Clients` send requests, deploy `predict_v3` as version `3` of `xgboost-model`; call `clients.now("broken", "other")` to see that the answers
# belong to neither version; roll back to version 1 and call `now` again. Hand in the clients as `incident`. (For a second try use a new
# version number.)
#
# <details><summary>Hint</summary>Write one `with load_testing.Clients(…) as incident:` block, like the update above. What is the fastest way
# back?</details>

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
# Technically, the rollback was one call. In real incidents the minutes pass before it: until someone notices that the share of warnings is
# reversed, and decides to switch. Lesson 16 is about noticing, lesson 17 about deciding.

# %% [markdown] tags=["further"]
# ## Further: metrics of your own
#
# A closure knows things that no front end sees. The deck's slide imports `clipper_admin.metric` and calls `metric.add`:

# %%
show_error(lambda: __import__("clipper_admin.metric"))

# %% [markdown]
# There is no such module. It is `metrics`, with `add_metric` and `report_metric`, and in Clipper its import starts a Redis server. Here the
# two calls write to a registry in the replica, and the query front end shows all of them in Prometheus' format. The closure gets an
# application of its own, so that version 1 stays in place for the exercise above.


# %%
def counted(texts):
    from clipper_admin import metrics

    metrics.add_metric("row_length", "Histogram", "Characters of a row", [1000, 1500, 2000])
    metrics.add_metric("rows_scored", "Counter", "Rows that were scored")
    for text in texts:
        metrics.report_metric("row_length", len(text))
        metrics.report_metric("rows_scored", 1)
    return predict(texts)


# %%
connection.register_application("counted", "strings", "0.241", 10_000_000)
deploy_python_closure(connection, "counted-model", 1, "strings", counted, base_image=image)
connection.link_model_to_app("counted", "counted-model")
reply = requests.post(f"http://{address}/counted/predict", json={"input_batch": texts}).json()
again = [one["output"] for one in reply["batch_predictions"]]

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
# The buckets are the ones that you defined; Clipper loses them, because its client and its server spell the field differently. With several
# replicas, each has its own values, and Prometheus adds them up. Clipper's own counters are in the same place: the default of the hasty
# application was counted.

# %% [markdown] tags=["further"]
# ## Further: what the client can do here
#
# Each method of `ClipperConnection` and each of its deployers: whether it works on your laptop, or why not.

# %%
show_table(load_testing.clipper_methods())

# %%
show_table(load_testing.clipper_deployers())

# %% [markdown] tags=["further"]
# ## Further: how fast is it compared with others?
#
# One model receives JSON through each server, from many clients at once. Throughput and processor time per answer are relative to FastAPI.
#
# **Guess first:** how far apart are servers of one and the same model?

# %%
servers = tables.benchmark("serving").drop(columns="version")
show_table(servers)
tables.benchmark_note("serving")

# %% tags=["claim"]
many = servers.set_index("server")["64 clients"]
claim(
    "One replica here, 64 clients: throughput relative to FastAPI's",
    many["the course's, one replica"],
    always=(5, 30),
)
claim(
    "MLflow, 64 clients: throughput relative to FastAPI's",
    many["MLflow, a tensor"],
    always=(0.1, 1),
)

# %% [markdown]
# Very far. For a small model, most of the time is the server's own work: framework code for each request, a thread, validation. The front end here
# only passes bodies on and gathers them into batches. When a server seems slow, measure it with an empty model first.

# %% [markdown] tags=["further"]
# ## Further: the same closure on Ray Serve
#
# Ray Serve scales beyond one machine: the same function, on as many machines as its cluster has. It starts slowly and needs much memory, so
# the course does not install it.

# %%
show_table(tables.benchmark("load_ray"))
tables.benchmark_note("load_ray")

# %% tags=["live"]
load_testing.serve_with_ray(predict, texts)

# %% [markdown]
# The closure did not change: a function from rows to answers, with the model inside, moves from server to server. That is the portability
# that this lesson began with. You have finished: stop the cluster as the recap says.
