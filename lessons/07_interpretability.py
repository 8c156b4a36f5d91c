# %% [markdown]
# # Interpretability with SHAP
#
# A passenger was warned and asks why. Before you may warn anyone else, Legal wants to know what your model relies on.
#
# **After this lesson you can**
#
# - explain one flight's probability with `shap`, by values that add up to it;
# - say what a model relies on and how one column acts, and when a partial dependence curve misleads;
# - tell where two columns share their credit by chance, and which kind of value answers a regulator;
# - give reasons that survive another training, and none from a forbidden column or its proxies.
#
# *15 minutes in class: values that add up 4 · over many flights 3 · how one column acts 2 · a pair 3 · reasons 3.*

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

# %% [markdown]
# ## Values that add up
#
# The course's model is an XGBoost *booster*: hundreds of splits on dozens of inputs. It predicts, 3 hours ahead, how probable it
# is that a flight leaves 15 minutes late or more.
#
# **Guess first:** can a model this complicated be written as a *sum*, one number for each input?
#
# Take some flights of the test months and encode them as the booster reads them, as numbers. Two settings come before `import shap`:
# without the first, it warns that it cannot draw progress bars here; `matplotlib.use("agg")` keeps a figure back until it has a title.

# %%
asked = split.test.sample(2000, random_state=0)
rows = model.inputs.loc[asked.index]
booster, encoder = model.scorer.booster, model.scorer.encoder
X = pd.DataFrame(encoder.transform(rows), index=rows.index, columns=rows.columns)

import warnings
import matplotlib

warnings.filterwarnings("ignore", message="IProgress not found")
matplotlib.use("agg")
import shap

# %% [markdown]
# `TreeExplainer` reads the trees of XGBoost, LightGBM, CatBoost and scikit-learn. Call it with a matrix: you get an `Explanation`.

# %%
explainer = shap.TreeExplainer(booster)
explanation = explainer(X)
print("values (flights, inputs):", explanation.values.shape)
print("start:", explanation.base_values[0].round(2))

# %% [markdown]
# Draw the flight that the model is most sure about. Plots print `display_data`: set it, so that you read the airline's name and not
# its code.

# %%
explanation.display_data = rows.values
surest = int(explanation.values.sum(axis=1).argmax())
flight = explanation[surest]
ax = shap.plots.waterfall(flight, max_display=8, show=False)

# %% tags=["figure"]
ax.figure.axes[0].set_xlabel("log-odds of leaving late", labelpad=18)
ax.figure.suptitle("Every input moves the flight, and the moves add up", x=0.02, ha="left")
ax.figure.set_size_inches(7, 4.4)
ax.figure.tight_layout(rect=(0, 0, 0.95, 1))
plots.show(
    ax.figure, alt="Bars push the flight up, one after the other, from the start to its sum."
)

# %% [markdown]
# Yes. A *SHAP value* is what an input adds to the answer when it becomes known, averaged over every order in which inputs
# could become known. `E[f(X)]` is the start and `f(x)` the answer, both in *log-odds*, the scale on which trees are added. In odds
# an input multiplies, by e to the power of its value, wherever the flight started.

# %% tags=["claim"]
total = explanation.base_values + explanation.values.sum(axis=1)
scored = model.scorer.score(rows)
gap = np.abs(1 / (1 + np.exp(-total)) - scored).max()
claim(
    "Start and values add up to the model's log-odds, for every flight",
    np.allclose(total, np.log(scored / (1 - scored)), atol=1e-4),
    always=True,
)
claim("As a probability, the sum is what the Scorer answers", gap < 1e-6, always=True)
odds = scored / (1 - scored)
parts = np.exp(explanation.base_values) * np.exp(explanation.values).prod(axis=1)
claim("In odds, start and values multiply", np.allclose(parts, odds, rtol=1e-3), always=True)

# %% [markdown]
# From here on one line of the course does the same. It also refuses values that do not add up.

# %%
explained = explain.shap_values(model.scorer, rows)

# %% tags=["claim"]
same = np.array_equal(explained.values, explanation.values)
claim("The course's values are those of shap", same, always=True)

# %% [markdown] tags=["exercise"]
# ### Exercise 07.1: back to a probability
#
# Passengers do not read log-odds. Write `probability(flight)`: it gets one row of an `Explanation`, such as `explanation[0]`, and
# returns the flight's probability of leaving late as one number.
#
# <details><summary>Hint</summary>First add <code>base_values</code> and <code>values</code>, then turn log-odds into a probability.
# What should come out if the sum is zero?</details>


# %%
def probability(flight):
    ### BEGIN SOLUTION
    log_odds = flight.base_values + flight.values.sum()
    return 1 / (1 + np.exp(-log_odds))
    ### END SOLUTION


# %% tags=["check"]
check("07.1", probability)

# %% [markdown]
# ## Over many flights
#
# The mean *size* of an input's values over many flights says how much the model relies on it. `shap.plots.bar` draws these means;
# `shap.plots.beeswarm` draws a point for each flight, coloured by what the input was.
#
# **Guess first:** which family of inputs moves flights most: timetable, recent weeks, today's delays or the weather?

# %%
np.random.seed(0)  # beeswarm spreads its points at random
ax = shap.plots.beeswarm(explanation[:300], max_display=8, plot_size=(7, 3.6), show=False)

# %% tags=["figure"]
ax.set_xlabel("SHAP value [log-odds]")
ax.set_title("More late flights by now push yours up", loc="left", fontsize=12)
ax.figure.tight_layout()
plots.show(
    ax.figure,
    alt="A row of points for each input. High shares of late flights lie on the right, where values raise the risk.",
)

# %% [markdown]
# Single columns hide the answer. Values can be added, so sum them by *family*, columns that carry the same information, and give `shap`
# the sums.

# %%
values = pd.DataFrame(explanation.values, index=X.index, columns=explanation.feature_names)
members = explain.families(X.columns)
sums = pd.DataFrame({name: values[columns].sum(axis=1) for name, columns in members.items()})
by_family = shap.Explanation(sums.to_numpy(), feature_names=list(sums))
ax = shap.plots.bar(by_family, show=False)

# %% tags=["figure"]
ax.set_xlabel("mean size of the values [log-odds]")
ax.set_title("The model relies on how today is going", loc="left", fontsize=12)
ax.figure.set_size_inches(6.4, 2.8)
ax.figure.tight_layout()
plots.show(
    ax.figure,
    alt="Today's delays move flights most by far, then recent weeks; holidays hardly move them.",
)

# %% tags=["claim"]
rests_on = sums.abs().mean().sort_values(ascending=False)
first = rests_on.index[0] == "today's delays"
part = 100 * rests_on.iloc[0] / rests_on.sum()
ours = explain.by_family(explained.values)
claim(
    "The course's sums by family are these",
    np.allclose(ours, sums[list(ours)], atol=1e-5),
    always=True,
)
claim("Today's delays come first", first, nyc2013=True, allyears2k=True)
claim("Their part of the whole", part, unit="%", nyc2013=(40, 52), allyears2k=(40, 55))

# %% [markdown]
# What moves flights is not yet what the *score* would miss. *Permutation importance* shuffles a column and measures the lost AUC. One
# shuffle is one draw, so scikit-learn repeats it and returns the spread. It asks for an estimator: XGBoost's own class reads the booster.

# %%
from sklearn.inspection import permutation_importance
from xgboost import XGBClassifier

estimator = XGBClassifier(n_jobs=1)
estimator.load_model(booster.save_raw())
late = features.label(asked)
lost = permutation_importance(
    estimator, X.to_numpy(), late, scoring="roc_auc", n_repeats=10, random_state=0
)
loss = pd.DataFrame(
    {"AUC lost": lost.importances_mean, "spread": lost.importances_std}, X.columns
)
loss = loss.sort_values("AUC lost", ascending=False)
show_table(loss.head(6).round(4).rename_axis("column"))

# %% tags=["claim"]
clear = int((loss["AUC lost"] > 2 * loss["spread"]).sum())
strongest = values.abs().mean().idxmax()
claim("Columns of the model", len(loss), nyc2013=59)
claim("Columns that lose more AUC than two spreads", clear, nyc2013=(8, 18))
claim("The column with the largest values loses most", loss.index[0] == strongest, nyc2013=False)

# %% [markdown]
# Read the spread first: only a few columns lose more than two spreads; ten shuffles cannot tell the others from noise. The column with
# the largest SHAP values does not lose the most: when it is shuffled, others with the same information replace it.

# %% [markdown]
# ## How one column acts
#
# *Partial dependence* sets one column to a value for all flights, averages the model's answers, and repeats that for a row of values.
# scikit-learn draws it for any estimator.
#
# **Guess first:** `late_1h_all` is the share of all flights that were late in the last hour, `late_3h_all` in the last three. What
# kind of flight does the curve invent when it sets the first and keeps the second?

# %%
from sklearn.inspection import PartialDependenceDisplay

known = X.dropna(subset=["late_1h_all", "late_3h_all"])
curve = PartialDependenceDisplay.from_estimator(
    estimator, known, ["late_1h_all"], grid_resolution=20
)

# %% [markdown]
# *Accumulated local effects* (ALE) invent less. Put flights into bins of the column. Move each flight only to the two edges of its own
# bin, and add up the mean changes from bin to bin.

# %%
edges = np.unique(known["late_1h_all"].quantile(np.linspace(0, 1, 21)))
place = np.searchsorted(edges, known["late_1h_all"]).clip(1)
low, high = (known.assign(late_1h_all=edges[at]) for at in (place - 1, place))
change = estimator.predict_proba(high)[:, 1] - estimator.predict_proba(low)[:, 1]
ale = pd.Series(change).groupby(place).mean().cumsum()
ale.index = edges[ale.index]

# %% tags=["figure"]
ax = curve.axes_[0, 0]
curve.figure_.set_size_inches(6.4, 3.6)
ax.lines[0].set_label("partial dependence")
average, grid = curve.pd_results[0]["average"][0], curve.pd_results[0]["grid_values"][0]
until = ale[ale.index <= grid[-1]]
ax.plot(until.index, average[0] + until, "--", color="#D55E00", label="accumulated local effects")
ax.set(xlabel="late in the last hour, all airports [share]", ylabel="probability of leaving late")
ax.set_title("Where many flights are late, the two curves part", loc="left", fontsize=12)
ax.set_ylim(None, average[0] + 1.1 * until.max())
ax.legend()
curve.figure_.tight_layout()
plots.show(
    curve.figure_,
    alt="Both curves rise together while few flights are late; then local effects go on rising and partial dependence hardly does.",
)

# %% tags=["claim"]
difference = known["late_1h_all"] - known["late_3h_all"]
invented = grid[None, :] - known["late_3h_all"].to_numpy()[:, None]
low, high = difference.quantile([0.005, 0.995])
rare = 100 * ((invented < low) | (invented > high)).mean()
together = known["late_1h_all"].corr(known["late_3h_all"])
rises = average[-1] - average[0], np.interp(grid[-1], ale.index, ale)
claim("Correlation of the two columns", together, nyc2013=(0.95, 0.97))
claim(
    "Flights of the curve outside the range of 99% of real ones", rare, unit="%", nyc2013=(50, 60)
)
claim("Rise of the partial dependence", 100 * rises[0], unit="points", nyc2013=(7.5, 9.5))
claim("Rise of the accumulated local effects", 100 * rises[1], unit="points", nyc2013=(10, 14))

# %% [markdown]
# The two columns correlate at .96, so most of the flights on the partial dependence curve hardly exist: a terrible last hour
# after two calm ones. The trees answer for them all the same, and the curve stays flat where many flights are late. Use partial
# dependence for columns that depend little on others; otherwise draw ALE beside it.

# %% [markdown]
# ## Two columns with the same information
#
# Distance and scheduled duration say nearly the same about a flight. To look closely, take a smaller model: the eight columns of the
# timetable, with categories written as numbers.
#
# **Guess first:** for how many flights does one of the two raise the risk while the other lowers it?

# %%
from sklearn.preprocessing import OrdinalEncoder

texts = ["UniqueCarrier", "Origin", "Dest"]
numbers = pd.DataFrame(features.schedule(flights), copy=True)
numbers[texts] = OrdinalEncoder().fit_transform(numbers[texts])
timetable = training.train_xgboost(split, numbers, eta=0.3)
there = numbers.loc[asked.index]
pathwise = shap.TreeExplainer(timetable.scorer.booster)(there)
distance, duration = pathwise[:, "Distance"], pathwise[:, "CRSElapsedTime"]
apart = np.sign(distance.values) != np.sign(duration.values)
without = training.train_xgboost(split, numbers.drop(columns="Distance"), eta=0.3)

# %% tags=["claim"]
scores = training.compare({"both": timetable, "without": without}, split.test)["AUC"]
said, lost = there["Distance"].corr(there["CRSElapsedTime"]), scores["both"] - scores["without"]
claim("Correlation of distance and duration", said, always=(0.97, 1))
claim("They point apart for", 100 * apart.mean(), unit="%", nyc2013=(55, 70), allyears2k=(40, 65))
claim("AUC lost without the distance", lost, nyc2013=(-0.002, 0.003), allyears2k=(-0.02, 0.003))

# %% [markdown]
# 'The distance raised your risk and the duration lowered it' is no reason: chance in the trees decided which of the two gets the
# credit. Drop one of them, and the score stays the same.

# %% [markdown]
# ## Two kinds of value
#
# What does 'not known yet' mean to a tree? *Path-dependent* values, those above, use the shares of training flights that went each
# way. *Interventional* values use what other flights had: you pass a *background* as the second argument, here a hundred training
# flights.
#
# **Guess first:** do both add up? And do they agree on the sign?

# %%
background = numbers.loc[split.train.sample(100, random_state=0).index]
by_background = shap.TreeExplainer(timetable.scorer.booster, background)
compared = by_background(there)
differ = (np.sign(compared.values) != np.sign(pathwise.values)).mean(axis=0)
differ = pd.Series(100 * differ, index=there.columns).sort_values(ascending=False)

# %% tags=["figure"]
fig = plots.bars(
    differ,
    title="The two kinds differ where columns depend on each other",
    x="flights whose value has another sign [%]",
    y="column",
)
plots.show(fig, alt="Scheduled arrival, duration and distance change sign most often.")

# %% tags=["claim"]
answers = timetable.predict(asked)
log_odds = np.log(answers / (1 - answers))
ends = [kind.base_values + kind.values.sum(axis=1) for kind in (pathwise, compared)]
claim("Path-dependent values add up", np.allclose(ends[0], log_odds, atol=1e-4), always=True)
claim("Interventional values add up", np.allclose(ends[1], log_odds, atol=1e-4), always=True)
ours = explain.shap_values(timetable.scorer, there, background).values
claim(
    "The course's interventional values are these",
    np.allclose(ours, compared.values),
    always=True,
)
alike = 100 * (pathwise.values.argmax(axis=1) == compared.values.argmax(axis=1)).mean()
claim("Same strongest column", alike, unit="%", nyc2013=(80, 92), allyears2k=(75, 92))

# %% [markdown]
# Both are exact, so adding up does not decide which to use. But they start at different values.

# %% tags=["claim"]
trained = timetable.predict(split.train)
mean = np.log(trained / (1 - trained)).mean()
named = explain.shap_values(timetable.scorer, background).log_odds.mean()
theirs = abs(by_background.expected_value - named) < 1e-4
ours = pathwise.base_values[0] - mean
claim("The interventional start is the background's mean", theirs, always=True)
claim("The other one, less the mean of training flights", ours, nyc2013=(0.08, 0.18))

# %% [markdown]
# A regulator asks what the model *does*. Answer with interventional values and name the background: 'compared with a hundred flights of
# January to August'. Add that some of the mixed flights never exist. The path-dependent start is the mean of no group of flights,
# because XGBoost gives uncertain flights more weight.

# %% [markdown]
# The course's model splits by categories. Ask for its interventional values:

# %%
show_error(lambda: shap.TreeExplainer(booster, X[:100])(X))

# %% [markdown]
# So the small model has numbers instead. For the large one, *Further* compares families.

# %% [markdown] tags=["instructor"]
# Let pairs argue it: one is the regulator and asks 'did the distance count against my passenger?', the other may answer with any number
# on this page. Most find that they want to say 'distance and duration together', which is where the next section starts.

# %% [markdown]
# ## Reasons that survive
#
# So give reasons by families. Do they last? Train again, on days drawn at random with replacement, and look at flights with a warning.
#
# **Guess first:** how many of them keep their strongest column, and how many their strongest family?

# %%
threshold = money.break_even(money.payoff("deck_100"))
warned = rows[scored >= threshold]
half = splits.smaller(split, len(split.train) // 2)
again = training.train_xgboost(explain.resampled_days(half, seed=1), model.inputs, eta=0.3)
second = shap.TreeExplainer(again.scorer.booster)(again.scorer.encoder.transform(warned))
after = pd.DataFrame(second.values, index=warned.index, columns=X.columns)
before = values.loc[warned.index]

# %% [markdown]
# One agreement alone can deceive you: if most flights share one reason, two models agree often by chance. *Cohen's kappa* is the
# agreement beyond chance: 0 is chance, 1 is perfect.

# %%
from sklearn.metrics import cohen_kappa_score


def agreement(one, other):
    one, other = one.idxmax(axis=1), other.idxmax(axis=1)
    chance = (one.value_counts(normalize=True) * other.value_counts(normalize=True)).sum()
    kappa = cohen_kappa_score(one, other)
    return {
        "same [%]": 100 * (one == other).mean(),
        "by chance [%]": 100 * chance,
        "kappa": kappa,
    }


kept = {
    "strongest column": agreement(before, after),
    "strongest family": agreement(sums.loc[warned.index], explain.by_family(after)),
}
show_table(pd.DataFrame(kept).T.round(2).rename_axis("reason"))

# %% tags=["claim"]
column, family = kept["strongest column"], kept["strongest family"]
ours = 100 * explain.top_reason_agreement(before, after)
common = sums.loc[warned.index].idxmax(axis=1).value_counts(normalize=True).iloc[0]
claim("The course's agreement is this one", abs(ours - column["same [%]"]) < 1e-9, always=True)
claim("Keep their column", ours, unit="%", nyc2013=(60, 85), allyears2k=(5, 40))
claim("Keep their family", family["same [%]"], unit="%", nyc2013=(75, 95), allyears2k=(60, 90))
claim("Warned flights with the commonest family", 100 * common, unit="%", nyc2013=(55, 75))
claim("Families would agree by chance for", family["by chance [%]"], unit="%", nyc2013=(35, 60))

# %% [markdown]
# Most warned flights have the same strongest family, so a good part of the family agreement is chance. Kappa takes it out. A
# benchmark repeats it over 20 seeds, which choose rows and columns for each tree, and 20 draws of days.

# %%
show_table(explain.stability())

# %% [markdown]
# Families keep a clear lead in kappa too, so passengers hear families. Some still change:
# store each reason with the version of the model.

# %% [markdown]
# ## Nothing forbidden
#
# Legal's condition: the warning must not depend on the airline, because partners' flights are covered too. So `UniqueCarrier` is no reason.
# Is it enough not to *mention* it? Let a small tree guess the airline from all other inputs.

# %%
from sklearn.tree import DecisionTreeClassifier

tested = model.inputs.loc[split.test.index]
some = pd.DataFrame(tested.sample(min(6000, len(tested)), random_state=0), copy=True)
some[texts[1:]] = OrdinalEncoder().fit_transform(some[texts[1:]])
others, airline, half_way = some.drop(columns=texts[0]), some[texts[0]], len(some) // 2
tree = DecisionTreeClassifier(min_samples_leaf=5, random_state=0)
tree.fit(others[:half_way], airline[:half_way])
right = 100 * tree.score(others[half_way:], airline[half_way:])
print(f"airline guessed for {right:.0f}% of flights")

# %% [markdown]
# No: the other inputs give it away. The course fits such a tree on each column alone, too. Some columns reveal the airline
# alone: they are its *proxies*. Reasons without them would hide what the model uses, so the course's function refuses.

# %%
given_away = explain.proxy_strength(tested, "UniqueCarrier")
show_table(pd.DataFrame({"share guessed": given_away}).head(8).round(2).rename_axis("from"))
forbidden = ["UniqueCarrier", *explain.proxy_columns(given_away)]
show_error(lambda: explain.reasons(explained, forbidden))

# %% tags=["claim"]
ours = 100 * given_away["all together"]
claim("The course's tree guesses as often", abs(ours - right) < 1e-9, always=True)

# %% [markdown]
# **Guess first:** what does it cost to train without all of them?

# %%
needed = half.train.index.union(half.validation.index).union(split.test.index)
allowed = pd.DataFrame(model.inputs, index=needed).drop(columns=forbidden)
fair = training.train_xgboost(half, allowed, eta=0.3)

# %% tags=["claim"]
scores = training.compare({"all": model, "fair": fair}, split.test)["AUC"]
left = explain.proxy_strength(tested.drop(columns=forbidden[1:]), "UniqueCarrier")
lost = scores["all"] - scores["fair"]
guessed = 100 * left["all together"]
claim("AUC lost, on half of the training flights", lost, nyc2013=(0, 0.015))
claim("Airlines guessed before", right, unit="%", nyc2013=(76, 88), allyears2k=(98, 100))
claim("Airlines guessed now", guessed, unit="%", nyc2013=(66, 80), allyears2k=(90, 100))

# %% [markdown]
# Hardly anything. But the remaining inputs reveal most airlines: a proxy is seldom one column. Report that share to Legal, who
# decide whether it is low enough. Now three warned flights get their reasons:

# %%
three = allowed.loc[warned.index[:3]].set_axis(["A", "B", "C"])
show_table(explain.reasons(explain.shap_values(fair.scorer, three), forbidden))

# %% [markdown]
# The passenger reads the sentence; compliance reads family, factor, column and value. A reason says why the model warns, not what delays
# the flight: no one has shown a cause here.

# %% [markdown] tags=["exercise"]
# ### Exercise 07.2: reasons by families
#
# Write `raising(flight, families)`. It gets one row of an `Explanation` and a dict from family to a list of its columns. It returns a
# list of names: the families that raise the risk, strongest first. `flight.feature_names` are the columns of `flight.values`.
#
# <details><summary>Hint</summary>Add within a family before you compare. What about a family that makes a delay less
# likely?</details>


# %%
def raising(flight, families):
    ### BEGIN SOLUTION
    values = pd.Series(flight.values, index=flight.feature_names)
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

# %% [markdown] tags=["at-work"]
# ## The same at work
#
# Without the course, in a folder with your own `flights.csv`:
#
# ```python
# import matplotlib.pyplot as plt
# import pandas as pd
# import shap
# from sklearn.inspection import PartialDependenceDisplay, permutation_importance
# from xgboost import XGBClassifier
#
# flights = pd.read_csv("flights.csv").dropna(subset="DepDelay")
# X = flights[["CRSDepTime", "DayOfWeek", "Distance", "CRSElapsedTime"]].astype(float)
# late = (flights["DepDelay"] >= 15).astype(int)
# model = XGBClassifier(max_depth=3).fit(X, late)
#
# explanation = shap.TreeExplainer(model)(X)  # values in log-odds
# shap.plots.waterfall(explanation[0], show=False)
# plt.savefig("one_flight.png", bbox_inches="tight")
# plt.close()
# shap.plots.beeswarm(explanation, show=False)
# plt.savefig("many_flights.png", bbox_inches="tight")
# plt.close()
#
# compared = shap.TreeExplainer(model, X.sample(100, random_state=0))(X)  # interventional
# lost = permutation_importance(model, X, late, scoring="roc_auc", n_repeats=10, random_state=0)
# print(pd.DataFrame({"AUC lost": lost.importances_mean, "spread": lost.importances_std}, X.columns))
# PartialDependenceDisplay.from_estimator(model, X, ["CRSDepTime"], kind="both", subsample=50)
# plt.savefig("departure_time.png")
# ```

# %% [markdown]
# ## Recap
#
# **You can now**
#
# - explain one flight's probability with `shap`, by values that add up to it;
# - say what a model relies on and how one column acts, and when a partial dependence curve misleads;
# - tell where two columns share their credit by chance, and which kind of value answers a regulator;
# - give reasons that survive another training, and none from a forbidden column or its proxies.
#
# Next: [08 · What hosting a model costs](08_hosting_cost.ipynb)

# %% [markdown] tags=["further"]
# ## Further: single flights, and a small tree
#
# *ICE* curves are partial dependence for single flights: `kind="individual"`, or `"both"` to see the mean with them.

# %%
ice = PartialDependenceDisplay.from_estimator(
    estimator,
    known,
    ["late_1h_all"],
    kind="both",
    subsample=20,
    grid_resolution=20,
    random_state=0,
)

# %% tags=["figure"]
ax = ice.axes_[0, 0]
ice.figure_.set_size_inches(6.4, 3.6)
ax.set(xlabel="late in the last hour, all airports [share]", ylabel="probability of leaving late")
ax.set_title("On average it rises; single flights differ", loc="left", fontsize=12)
ice.figure_.tight_layout()
plots.show(
    ice.figure_,
    alt="The mean rises with the share late; single flights rise by different amounts.",
)

# %% [markdown]
# A *surrogate* is a small tree that imitates the model. Read it, but check first how well it imitates flights it was not fitted on.

# %%
from sklearn.tree import DecisionTreeRegressor, export_text

imitation = DecisionTreeRegressor(max_depth=3, min_samples_leaf=20, random_state=0)
imitation.fit(X[:1000], total[:1000])
print(export_text(imitation, feature_names=list(X), decimals=2))

# %% tags=["claim"]
fidelity = imitation.score(X[1000:], total[1000:])
claim("Variance explained", fidelity, nyc2013=(0.4, 0.75), allyears2k=(0.6, 0.9))
claim("Leaves", imitation.get_n_leaves(), always=8)

# %%
show_table(explain.methods())

# %% [markdown] tags=["further"]
# ## Further: near copies
#
# What happened to distance and duration can happen to the best column as soon as others say nearly the same. Add three copies of the
# scheduled departure with a little noise.

# %%
best = "CRSDepTime"
crowded = explain.add_near_duplicates(numbers, best, copies=3)
fitted = training.train_xgboost(split, crowded, eta=0.3)
shares = shap.TreeExplainer(fitted.scorer.booster)(crowded.loc[asked.index])
copies = [name for name in crowded if name.startswith(best)]

# %%
credit = pd.Series({"alone": np.abs(pathwise[:, best].values).mean()})
credit["beside three near copies"] = np.abs(shares[:, best].values).mean()
credit["with its copies, added up"] = np.abs(shares[:, copies].values.sum(axis=1)).mean()

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
# Anyone can change a ranking of single columns by adding columns, without changing any score. A ranking of families stays the same, as
# long as the copies join the family.

# %% [markdown] tags=["further"]
# ## Further: the definition in ten lines
#
# Take families as players. A coalition's worth is the model's answer when only its families have the flight's own values, and the
# others have those of a hundred training flights.

# %%
show_source(explain.shapley)

# %%
against = model.inputs.loc[split.train.sample(100, random_state=0).index]
worth = explain.coalition_values(model.scorer, rows.iloc[[surest]], against)
exact, line = explain.shapley(worth), explain.lime(worth)
pd.DataFrame({"Shapley": exact, "LIME's line": line}).round(2) + 0.0

# %% tags=["claim"]
gain = worth.iloc[-1] - worth.iloc[0]
adds_up, missed = abs(exact.sum() - gain) < 1e-4, abs(line.sum() - gain)
claim("Shapley's shares add up to the gain", adds_up, always=True)
claim("LIME's slopes miss it by", missed, nyc2013=(0.01, 0.1), allyears2k=(0.05, 0.2))

# %% [markdown]
# These are interventional values of the full model. They use only the model's answers, so categories are no obstacle. LIME fits a
# line near the flight to the same answers. Nothing makes it add up, and you choose what 'near' means.

# %% [markdown] tags=["further"]
# ## Further: the approval pack
#
# Legal gets one page: every question with its answer and its source. The last two lines are for signatures.

# %%
pack = explain.shap_values(fair.scorer, allowed.loc[asked.index])
show_table(explain.approval_pack(fair.scorer, pack, "UniqueCarrier", left))

# %% [markdown] tags=["further"]
# ## Further: what the deck names
#
# The deck of 2018 sends you to these sources. Here is what each was then, and what it is in November 2026:

# %%
show_table(explain.deck_sources())
