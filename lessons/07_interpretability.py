# %% [markdown]
# # Interpretability with SHAP
#
# A passenger was warned and asks why. Legal wants to know what your model rests on before it may warn anybody else.
#
# **After this lesson you can**
#
# - explain the probability of one flight by values that add up to it;
# - say what a model rests on, and how one column acts;
# - tell where two columns share their credit by chance, and which kind of value answers a regulator;
# - give reasons that survive another training, and none from a forbidden column or its proxies.
#
# *15 minutes in class: values that add up 4 · over many flights 2 · a pair 4 · reasons 5.*

# %% tags=["setup"]
from course_utils.data import datasets, features, splits
from course_utils.exercises import check, quiz
from course_utils.model import explain, money, training
from course_utils.notebook import claim, plots, show_error, show_source, show_table

import numpy as np
import pandas as pd

flights = datasets.load_flights()
split = splits.split_by_time(flights)
model = training.course_model(flights)
known = model.inputs

# %% [markdown]
# ## Values that add up
#
# The course's model says how probable it is that a flight leaves 15 minutes late or more, from what is known 3 hours ahead:
# boosted trees, hundreds of splits, dozens of inputs. Here are some flights of the test months and one that it is sure about.
#
# **Guess first:** can such a thicket be written as a *sum*, one number for each input?

# %%
asked = split.test.sample(2000, random_state=0)
rows = known.loc[asked.index]
explained = explain.shap_values(model.scorer, rows)
flight = explained.log_odds.idxmax()

# %% tags=["figure"]
steps = explain.top_contributions(explained.values.loc[flight], most=7)
fig = plots.waterfall(
    steps,
    start=explained.start,
    title="Every input moves the flight, and the moves add up",
    x="log-odds of leaving late [nats]",
    y="what the model was told",
)
plots.show(fig, alt="Bars push the flight up, one after the other, from the start to its sum.")

# %% [markdown]
# Yes. A *SHAP value* is what an input adds to the answer once it becomes known, averaged over every order in which the inputs
# could become known. The sum is the model's answer, exactly, in *log-odds*, the scale on which trees are added. In odds an input
# multiplies: a value of 0.7 doubles them, wherever the flight started.

# %% tags=["claim"]
scored = model.scorer.score(rows)
same = np.allclose(explained.probability, scored, atol=1e-6)
claim(
    "Start and values add up to the answer, flight by flight", explained.gap < 1e-4, always=True
)
claim("As a probability it is what the Scorer answers", same, always=True)
claim("A value of 0.7 multiplies the odds by", np.exp(0.7), always=2.01)

# %% [markdown]
# The deck does it in two lines with the package `shap`. For boosted trees that package asks XGBoost itself, and so does the
# course's function, without loading `shap` first.

# %%
shap = explain.package()  # import shap, without its word about progress bars
explainer = shap.TreeExplainer(model.scorer.booster)
by_shap = explainer.shap_values(model.scorer.encoder.transform(rows[:200]))

# %% tags=["claim"]
claim("Its values are ours", (by_shap == explained.values[:200]).all(axis=None), always=True)

# %% [markdown] tags=["exercise"]
# ### Exercise 07.1: back to a probability
#
# Passengers know no log-odds. Write a function that takes the start and the values of one flight, and returns its
# probability of leaving late.
#
# <details><summary>Hint</summary>First add, then turn log-odds into a probability. What should come out where the sum
# is nothing?</details>


# %%
def probability(start, values):
    ### BEGIN SOLUTION
    log_odds = start + sum(values)
    return 1 / (1 + np.exp(-log_odds))
    ### END SOLUTION


# %% tags=["check"]
check("07.1", probability)

# %% [markdown]
# ## Over many flights
#
# Take the mean *size* of an input's values over many flights, and you know what the model rests on. One rule for one flight and for
# all of them: the two can't contradict each other.
#
# **Guess first:** which family of inputs moves flights most: timetable, recent weeks, today's delays or the weather?

# %%
rests_on = explain.mean_absolute_shap(explain.by_family(explained.values))

# %% tags=["figure"]
fig = plots.bars(
    rests_on,
    title="The model rests on how today is going",
    x="mean size of the values [log-odds]",
    y="family of inputs",
    digits=2,
)
plots.show(
    fig, alt="Today's delays move flights most by far, then recent weeks; holidays do not."
)

# %% tags=["claim"]
first = rests_on.index[0] == "today's delays"
part = rests_on.iloc[0] / rests_on.sum()
claim("Today's delays come first", first, nyc2013=True, allyears2k=True)
claim("Their part of the whole", part, nyc2013=(0.4, 0.52), allyears2k=(0.4, 0.55))

# %% [markdown]
# How does a single input act? Draw its values over what it says. This one is the share of all flights that were late in the hour before
# you had to decide.

# %% tags=["figure"]
acts = explain.dependence(explained, "late_1h_all")
fig = plots.lines(
    acts,
    title="The more flights are late by now, the worse for yours",
    x="late in the last hour, all airports [share]",
    y="value [log-odds]",
)
plots.show(fig, alt="The value rises with the share late now, and spreads where many are late.")

# %% [markdown]
# The space between the upper and the lower line is what other inputs make of it: the same share late means more for one
# flight than for another.

# %% [markdown]
# ## Two columns that say the same
#
# Distance and scheduled duration say nearly the same about a flight. To look at them closely, take a smaller model: the eight columns of
# the timetable, categories written as numbers.
#
# **Guess first:** for how many flights does one of the two raise the risk while the other lowers it?

# %%
numbers = explain.ordinal_codes(features.schedule(flights))
timetable = training.train_xgboost(split, numbers, eta=0.3)
there = numbers.loc[asked.index]
values = explain.shap_values(timetable.scorer, there).values
apart = np.sign(values["Distance"]) != np.sign(values["CRSElapsedTime"])
without = training.train_xgboost(split, numbers.drop(columns="Distance"), eta=0.3)

# %% tags=["claim"]
scores = training.compare({"both": timetable, "without": without}, split.test)["AUC"]
said, lost = there["Distance"].corr(there["CRSElapsedTime"]), scores["both"] - scores["without"]
claim("Correlation of distance and duration", said, always=(0.97, 1))
claim("They point apart for", 100 * apart.mean(), unit="%", nyc2013=(55, 70), allyears2k=(40, 65))
claim("AUC lost without the distance", lost, nyc2013=(-0.002, 0.003), allyears2k=(-0.02, 0.003))

# %% [markdown]
# 'The distance raised your risk and the duration lowered it' is no reason: it tells of chance in the trees. Drop one of the two, and
# nothing is lost.

# %% [markdown]
# ## Two kinds of value
#
# What does 'not known yet' mean to a tree? *Path-dependent* values, those above, follow the shares of training flights that
# went each way. *Interventional* values put in what other flights had: you name a background, here a hundred training flights.
#
# **Guess first:** do both add up? And do they agree on the sign?

# %%
background = numbers.loc[split.train.sample(100, random_state=0).index]
pathwise = explain.shap_values(timetable.scorer, there)
compared = explain.shap_values(timetable.scorer, there, background=background)
differ = (np.sign(compared.values) != np.sign(pathwise.values)).mean()

# %% tags=["figure"]
fig = plots.bars(
    100 * differ.sort_values(ascending=False),
    title="The two kinds differ where columns depend on each other",
    x="flights whose value has another sign [%]",
    y="column",
)
plots.show(fig, alt="Scheduled arrival, duration and distance change sign most often.")

# %% tags=["claim"]
claim("Path-dependent values add up", pathwise.gap < 1e-4, always=True)
claim("Interventional values add up", compared.gap < 1e-4, always=True)
alike = 100 * explain.top_reason_agreement(pathwise.values, compared.values)
claim("Same strongest column", alike, unit="%", nyc2013=(80, 92), allyears2k=(75, 92))

# %% [markdown]
# Both are exact, so adding up decides nothing. But they start elsewhere.

# %% tags=["claim"]
trained = timetable.predict(split.train)
mean = np.log(trained / (1 - trained)).mean()
named = explain.shap_values(timetable.scorer, background).log_odds.mean()
theirs, ours = abs(compared.start - named) < 1e-4, pathwise.start - mean
claim("The interventional start is the background's mean", theirs, always=True)
claim("The other one, less the mean of training flights", ours, nyc2013=(0.08, 0.18))

# %% [markdown]
# What to tell a regulator, who asks what the model *does*: interventional values, with the background named ('compared with a
# hundred flights of January to August'), and that some of the mixtures it makes never fly. The other start is the mean of no group of
# flights: XGBoost counts uncertain flights for more. And columns that go together get one number.

# %% [markdown] tags=["instructor"]
# Let pairs argue it: one is the regulator and asks 'did the distance count against my passenger?', the other may answer with any number
# on this page. Most find that they want to say 'distance and duration together', which is where the next section starts.

# %% [markdown]
# ## Reasons that survive
#
# So give reasons by *families*, columns that tell of the same thing. Do they hold? Train again, on days drawn anew from the same
# months, and look at flights with a warning.
#
# **Guess first:** how many of them keep their strongest column, and how many their strongest family?

# %%
threshold = money.break_even(money.payoff("deck_100"))
warned = rows[scored >= threshold]
half = splits.smaller(split, len(split.train) // 2)
again = training.train_xgboost(explain.resampled_days(half, seed=1), known, eta=0.3)
before = explained.of(warned).values
after = explain.shap_values(again.scorer, warned).values

# %% tags=["claim"]
by_column = 100 * explain.top_reason_agreement(before, after)
by_family = 100 * explain.top_reason_agreement(
    explain.by_family(before), explain.by_family(after)
)
claim("Keep their column", by_column, unit="%", nyc2013=(60, 85), allyears2k=(5, 40))
claim("Keep their family", by_family, unit="%", nyc2013=(75, 95), allyears2k=(60, 90))

# %% [markdown]
# One training is an anecdote. A benchmark did it over 20 seeds, which choose rows and columns for each tree, and 20 draws of days:

# %%
show_table(explain.stability())

# %% [markdown]
# The worst draw for families is better than the mean for single columns. So passengers hear families. What still changes is why a
# reason is kept together with the version of the model that gave it.

# %% [markdown]
# ## Nothing forbidden
#
# Legal's condition: the warning must not depend on the airline, since partners' flights are covered too. So `UniqueCarrier` is no reason. Is it
# enough not to *say* it?

# %%
tested = known.loc[split.test.index]
given_away = explain.proxy_strength(tested, "UniqueCarrier")
show_table(given_away.round(2).head(8).rename_axis("guessed from").to_frame())

# %% [markdown]
# No. The other inputs together name the airline of most flights, and some columns do it alone: those are its *proxies*. A text
# without them would hide what the model uses, so the course's function refuses:

# %%
forbidden = ["UniqueCarrier", *explain.proxy_columns(given_away)]
show_error(lambda: explain.reasons(explained, forbidden))

# %% [markdown]
# **Guess first:** what does it cost to train without all of them?

# %%
kept = known.drop(columns=forbidden)
fair = training.train_xgboost(half, kept, eta=0.3)
scores = training.compare({"all": model, "fair": fair}, split.test)["AUC"]
left = explain.proxy_strength(tested.drop(columns=forbidden[1:]), "UniqueCarrier")

# %% tags=["claim"]
lost = scores["all"] - scores["fair"]
before, after = 100 * given_away["all together"], 100 * left["all together"]
claim("AUC lost, on half of the training flights", lost, nyc2013=(0, 0.015))
claim("Airlines guessed before", before, unit="%", nyc2013=(76, 88), allyears2k=(98, 100))
claim("Airlines guessed now", after, unit="%", nyc2013=(66, 80), allyears2k=(90, 100))

# %% [markdown]
# Hardly anything. But what is left still gives most airlines away: proxies are seldom one column. Tell legal that share; whether it is low
# enough is their decision, not yours. Now three warned flights can have their reasons:

# %%
three = kept.loc[warned.index[:3]].set_axis(["A", "B", "C"])
told = explain.reasons(explain.shap_values(fair.scorer, three), forbidden)
show_table(told)

# %% [markdown]
# The passenger reads the sentence; compliance reads family, factor, column and value. A reason says why the model warns, not what delays
# the flight: no one has shown a cause here.

# %% [markdown] tags=["exercise"]
# ### Exercise 07.2: reasons by families
#
# Write a function that takes the values of one flight (a Series by column) and the families (a dict of name to columns), and returns a
# list: the families that raise the risk, strongest first.
#
# <details><summary>Hint</summary>Add within a family before you compare. What of a family that makes a delay less
# likely?</details>


# %%
def raising(values, families):
    ### BEGIN SOLUTION
    sums = pd.Series({name: values[columns].sum() for name, columns in families.items()})
    return list(sums[sums > 0].sort_values(ascending=False).index)
    ### END SOLUTION


# %% tags=["check"]
check("07.2", raising)

# %% [markdown]
# **Check what you know**

# %%
quiz("K2.1")
quiz("K2.2")

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - explain the probability of one flight by values that add up to it;
# - say what a model rests on, and how one column acts;
# - tell where two columns share their credit by chance, and which kind of value answers a regulator;
# - give reasons that survive another training, and none from a forbidden column or its proxies.
#
# Next: [08 · What hosting a model costs](08_hosting_cost.ipynb)

# %% [markdown] tags=["further"]
# ## Further: near copies
#
# What happened to distance and duration can happen to the best column as soon as others say nearly the same. Add three copies of the scheduled
# departure with a little noise.

# %%
best = "CRSDepTime"
crowded = explain.add_near_duplicates(numbers, best, copies=3)
fitted = training.train_xgboost(split, crowded, eta=0.3)
shares = explain.shap_values(fitted.scorer, crowded.loc[asked.index]).values
copies = [name for name in shares if name.startswith(best)]

# %%
credit = pd.Series({"alone": values[best].abs().mean()})
credit["beside three near copies"] = shares[best].abs().mean()
credit["with its copies, added up"] = shares[copies].sum(axis=1).abs().mean()

# %% tags=["figure"]
fig = plots.bars(
    credit,
    title="Copies share the credit; their sum keeps it",
    x="mean size of the values [log-odds]",
    y="scheduled departure",
)
plots.show(
    fig, alt="Beside near copies the column keeps part of its credit; together they have all."
)

# %% tags=["claim"]
kept_alone, together = credit.iloc[1:] / credit.iloc[0]
claim("What it keeps beside its copies", kept_alone, always=(0.2, 0.8))
claim("What all four have together", together, always=(0.9, 1.1))

# %% [markdown]
# A ranking of single columns can be changed by whoever adds columns, without a change of any score. A ranking of families cannot, as
# long as the copies join the family.

# %% [markdown] tags=["further"]
# ## Further: the definition in ten lines
#
# Take families as players. A coalition's worth is what the model answers when only its families are the flight's own, and the others are
# those of a hundred training flights.

# %%
show_source(explain.shapley)

# %%
against = known.loc[split.train.sample(100, random_state=0).index]
worth = explain.coalition_values(model.scorer, rows.loc[[flight]], against)
exact, line = explain.shapley(worth), explain.lime(worth)
pd.DataFrame({"Shapley": exact, "LIME's line": line}).round(2) + 0.0

# %% tags=["claim"]
gain = worth.iloc[-1] - worth.iloc[0]
adds_up, missed = abs(exact.sum() - gain) < 1e-4, abs(line.sum() - gain)
claim("Shapley's shares add up to the gain", adds_up, always=True)
claim("LIME's slopes miss it by", missed, nyc2013=(0.01, 0.1), allyears2k=(0.05, 0.2))

# %% [markdown]
# These are interventional values of the full model: no tree is looked into, so categories are no obstacle. LIME fits a line
# near the flight to the same answers. It is quick to explain and nothing makes it add up, and its 'near' is a setting of yours.

# %% [markdown] tags=["further"]
# ## Further: other tools, and when each is right
#
# *Permutation importance* asks what a column is worth to the score, by shuffling it. Here is the loss of AUC for the first few.

# %%
from sklearn.inspection import partial_dependence, permutation_importance

asked_by = explain.as_estimator(model.scorer)
late = features.label(asked)
lost = permutation_importance(
    asked_by, rows, late, scoring="roc_auc", n_repeats=1, random_state=0
)
loss = pd.Series(lost.importances_mean, index=rows.columns, name="AUC lost")
loss.sort_values(ascending=False).head(6).round(3).to_frame()

# %% tags=["claim"]
strongest = explain.mean_absolute_shap(explained.values).index[0]
claim(
    "The column with the largest values is worth most", loss.idxmax() == strongest, nyc2013=False
)

# %% [markdown]
# What moves flights most is not what the score would miss most: when one column is shuffled, others that say nearly the same step in.
#
# *Partial dependence* sets a column to each of its values for all flights and averages; *ICE* shows single flights.

# %%
some = rows.dropna(subset="late_1h_all").head(300)
swept = partial_dependence(asked_by, some, ["late_1h_all"], kind="both", grid_resolution=20)
curves = pd.DataFrame(swept["individual"][0][:4].T, index=swept["grid_values"][0])
curves.columns = [f"flight {number}" for number in range(1, 5)]

# %% tags=["figure"]
fig = plots.lines(
    curves.assign(mean=swept["average"][0]),
    title="On average it rises; single flights take it differently",
    x="late in the last hour, all airports [share]",
    y="probability of leaving late",
)
plots.show(
    fig, alt="The mean rises with the share late; single flights rise by different amounts."
)

# %% [markdown]
# A *surrogate* is a small tree that imitates the model. Read it, but look first how true it is.

# %%
imitation = explain.surrogate(model.scorer, rows, depth=3)
imitation

# %% tags=["claim"]
truth = imitation.fidelity
claim("Variance explained", truth, nyc2013=(0.4, 0.75), allyears2k=(0.6, 0.9))
claim("Leaves", imitation.leaves, always=8)

# %%
show_table(explain.methods())

# %% [markdown] tags=["further"]
# ## Further: the approval pack
#
# Legal gets one page: every question with its answer and with the place that it comes from. The last two lines are theirs.

# %%
pack = explain.shap_values(fair.scorer, kept.loc[asked.index])
show_table(explain.approval_pack(fair.scorer, pack, "UniqueCarrier", left))

# %% [markdown] tags=["further"]
# ## Further: what the deck names
#
# The deck of 2018 sends you to these sources. What they were then, and what became of them by November 2026:

# %%
show_table(explain.deck_sources())
