"""A small lesson that breaks no rule, for tests to break one at a time."""

from __future__ import annotations

from pathlib import Path

CURRICULUM = [
    {
        "number": "11",
        "slug": "made_up",
        "title": "A made-up lesson",
        "minutes": 10,
        "aims": ["count small things", "say what a sum is"],
        "needs": [],
        "exercises": ["11.1"],
        "parts": 1,
    },
    {
        "number": "12",
        "slug": "next_one",
        "title": "The next one",
        "minutes": 5,
        "aims": ["rest"],
        "needs": [],
        "exercises": [],
        "parts": 1,
    },
]
QUIZZES = [{"name": "11.1", "lesson": "11"}, {"name": "K9.1", "lesson": "09"}]

LESSON = """\
# %% [markdown]
# # A made-up lesson
#
# You stand at a desk on a quiet Monday. Somebody asks how many flights there were.
#
# **After this lesson you can**
#
# - count small things;
# - say what a sum is.
#
# *10 minutes in class: counting 6 · sums 4.*

# %% tags=["setup"]
from course_utils.notebook import claim


def check(number, answer):
    print("not answered yet" if answer is ... else f"{number}: right, {answer} it is")


def quiz(name):
    print(name)


counts = [1200, 650]

# %% [markdown]
# ## Counting
#
# Counting is what every report begins with. Before you run the next cell, guess how many flights there were in all, and
# write your guess down where your neighbour can see it.

# %%
total = sum(counts)
total

# %% tags=["claim"]
claim("The share of the first count is", 100 * counts[0] / total, unit="%", nyc2013=(64, 66))

# %% [markdown]
# There were 1,850 flights, and 64.9% of them, two thirds, belong to the first count. What does that say about the other
# one, and would you have guessed it from the two of them alone?

# %% [markdown] tags=["instructor"]
# Wait for a guess.

# %% [markdown] tags=["exercise"]
# ### Exercise 11.1: the mean
#
# What is the mean of the counts? Work it out with the function that you have just met, and with the number of counts,
# which Python tells you as well as it tells you anything. Hand in the number `mean`.
#
# <details><summary>Hint</summary>A sum, divided.</details>

# %%
mean = ...
### BEGIN SOLUTION
mean = total / len(counts)
### END SOLUTION

# %% tags=["check"]
check("11.1", mean)

# %%
quiz("11.1")

# %% tags=["live"]
raise SystemError("only a learner runs this")

# %% [markdown]
# ## Recap
#
# You counted small things, and you said what a sum is, which is more than most people do on a quiet Monday at a
# desk with nobody around who could check a single one of these numbers.
#
# Next: [12 · The next one](12_next_one.ipynb)

# %% [markdown] tags=["further"]
# ## Further: more of the same
#
# Somebody may want to know about the difference of the two counts as well, though nobody in this room has ever asked
# for it, and nobody in this room is likely to ask for it.

# %%
counts[0] - counts[1]
"""


def write(root: Path, *edits: tuple[str, str], name: str = "11_made_up") -> Path:
    """Write the lesson into a made-up repository, with some texts replaced; each must be there."""
    text = LESSON
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    path = root / "lessons" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
