# %% [markdown]
# # 7 · Measuring honestly
#
# *40 minutes. You need [lesson 5](05_logistic_regression.ipynb).*
#
# ## The question
#
# "Our model is right in 100 % of all cases." On which cases? Which kind of error does it make? And would it be as good tomorrow, on
# somebody else's?
#
# **How good is a model, really?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# Here is a model that learns everything by heart. For a new sample it looks up the most similar one it knows, its *nearest neighbour*, and says the same.
# How similar? It adds up the squared differences of all pixels: the less, the nearer.
#
# Ask it about the digits that it knows, and it is never wrong. That says nothing: each digit finds itself. It is an exam with questions that
# were handed out before. The honest exam has new questions.


# %%
def nearest_neighbour(X_train, y_train, X_test):
    squares = (X_test**2).sum(axis=1)[:, None] + (X_train**2).sum(axis=1)
    distance = squares - 2 * X_test @ X_train.T  # (a − b)² = a² + b² − 2ab, for all pairs
    return y_train[distance.argmin(axis=1)]


digits = tm.datasets.load_digits()
X, y = digits.x.reshape(-1, 64), digits.y
known, new = np.arange(1200), np.arange(1200, len(y))
for name, part in (("known digits", known), ("new digits", new)):
    said = nearest_neighbour(X[known], y[known], X[part])
    print(f"{name}: {(said == y[part]).mean():.1%} right")

# %% [markdown]
# So some samples are put aside for the exam. But which? With other ones the result would be a little different. And those put aside cannot teach.
#
# The way out: cut the samples into $k$ parts, called **folds**. Hold $k$ exams. In each, another fold is the test, and all the rest is for
# training. So every sample is examined exactly once, by a model that has not seen it. This is **k-fold cross-validation**.

# %%
tm.plots.folds(tm.validation.KFold(5).split(np.arange(60)));

# %% [markdown]
# Now the second thing: **errors are not all alike.** Take a detector that shall find the eights. It gives each digit a score, and above some threshold
# it says "an eight!". Move the threshold. What gets better, what gets worse?

# %%
model = tm.nn.LogisticRegression(64, classes=10)
optimizer = tm.optim.Adam(model.parameters(), lr=0.05)
for _ in range(40):
    optimizer.zero_grad()
    model.loss(X[known], y[known]).backward()
    optimizer.step()
score = model.predict_proba(X[new])[:, 8]
is_eight = y[new] == 8


def draw_threshold(threshold):
    said = score > threshold
    TP, FP = np.sum(said & is_eight), np.sum(said & ~is_eight)
    FN, TN = np.sum(~said & is_eight), np.sum(~said & ~is_eight)
    shake = np.random.default_rng(0).uniform(-0.3, 0.3, len(score))
    plt.figure(figsize=(8, 3), layout="constrained")
    plt.axvspan(threshold, 1.02, color="#cfe3f1")
    plt.plot(score[~is_eight], shake[~is_eight], ".", color="#D55E00", ms=4)
    plt.plot(score[is_eight], 1 + shake[is_eight], ".", color="#0072B2", ms=4)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    below = f"rightly let go: TN = {TN}", f"false alarms: FP = {FP}"
    above = f"missed: FN = {FN}", f"found: TP = {TP}"
    for height, (left, right) in ((0.42, below), (1.42, above)):
        plt.text(threshold - 0.01, height, left, ha="right", va="center", bbox=box)
        plt.text(threshold + 0.01, height, right, va="center", bbox=box)
    plt.yticks([0, 1], ["other digits", "eights"])
    plt.ylim(-0.4, 1.6)
    plt.xlim(-0.02, 1.02)
    plt.xlabel("score")
    precision = TP / max(TP + FP, 1)
    found = TP / (TP + FN)
    plt.title(f"of those called eight, {precision:.0%} are; of the eights, {found:.0%} are found")
    plt.show()


explore(draw_threshold, threshold=(0.01, 0.99, 0.4))

# %% [markdown]
# A low threshold finds every eight, and cries wolf. A high one is careful, and misses some.
#
# ## The formula
#
# Call what we look for **positive**. There are four cases:
#
# | | the model says yes | the model says no |
# |---|---|---|
# | **it is positive** | true positive, TP: found | false negative, FN: missed |
# | **it is not** | false positive, FP: false alarm | true negative, TN: rightly let go |
#
# $$\text{accuracy} = \frac{TP + TN}{N} \qquad
# \text{precision } P = \frac{TP}{TP + FP} \qquad
# \text{recall } R = \frac{TP}{TP + FN} \qquad
# F_1 = \frac{2 P R}{P + R}$$
#
# - **Accuracy**: of all samples, how many are right?
# - **Precision**: of all that it calls positive, how many are? Low precision means many false alarms.
# - **Recall**: of all that are positive, how many did it find? Low recall means many missed.
# - **F1** is one number for both. It is high only if both are high: with $P = 1$ and $R = 0$ it is 0, not ½.
#
# With more than two classes, each class is "positive" once. The mean over the classes is called the *macro average*. All counts stand in one table, the **confusion
# matrix**: $C_{ij}$ is how many samples of class $i$ were taken for class $j$.
#
# Cross-validation gives $k$ scores $s_1 … s_k$. Report their mean, and how much they vary, the **standard deviation**:
#
# $$\bar s = \frac{1}{k} \sum_i s_i \qquad \text{std} = \sqrt{\frac{1}{k - 1} \sum_i (s_i - \bar s)^2}$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $N$ | the number of samples | `len(y)` |
# | $TP, FP, FN, TN$ | the four counts; together $N$ | `TP`, … |
# | $C$ | the confusion matrix: rows are true, columns are said | `C`, shape `(K, K)` |
# | $k$ | the number of folds | `k` |
# | $s_i$, $\bar s$ | the score of fold $i$; their mean | `scores`, `scores.mean()` |
#
# ## The formula in ten lines
#
# The eights again, with the threshold at 0.4:

# %%
said = score > 0.4
TP, FP = np.sum(said & is_eight), np.sum(said & ~is_eight)
FN, TN = np.sum(~said & is_eight), np.sum(~said & ~is_eight)
P, R = TP / (TP + FP), TP / (TP + FN)
print(f"TP {TP}, FP {FP}, FN {FN}, TN {TN}")
print(f"accuracy {(TP + TN) / len(said):.3f}  precision {P:.3f}  recall {R:.3f}")
print(f"F1 {2 * P * R / (P + R):.3f}")

# %% [markdown]
# Why not the accuracy alone? Because there is a model without any weights that has a high one. It always says "no eight":

# %%
print(f"always no: accuracy {np.mean(~is_eight):.3f}, recall 0")

# %% [markdown]
# And cross-validation of the nearest neighbour. `np.array_split` cuts into parts as equal as possible:


# %%
def cross_validate(X, y, k):
    scores = []
    for test in np.array_split(np.arange(len(y)), k):
        train = np.setdiff1d(np.arange(len(y)), test)  # all the others
        said = nearest_neighbour(X[train], y[train], X[test])
        scores.append(np.mean(said == y[test]))
    return np.array(scores)


scores = cross_validate(X, y, k=5)
print("each exam:", scores.round(4))
print(f"accuracy {scores.mean():.4f} ± {scores.std(ddof=1):.4f}")

# %% [markdown]
# (`ddof=1` makes NumPy divide by $k - 1$.)
#
# ## Check it
#
# Ten samples, counted on paper: five are positive (1), and the model says yes six times.

# %%
true = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
said = np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0])
# TP: the first four are found. FN: the fifth is missed. FP: the next two are false alarms.
print("precision 4/6:", tm.formulas.precision(tp=4, fp=2))
print("recall 4/5:   ", tm.formulas.recall(tp=4, fn=1))

# %% [markdown]
# And the folds: is every sample tested exactly once, and never by a model that knows it?

# %%
folds = list(tm.validation.KFold(5).split(X))
tested = np.concatenate([test for _, test in folds])
print("each tested once:", np.array_equal(np.sort(tested), np.arange(len(X))))
print("none in both parts:", all(len(np.intersect1d(*fold)) == 0 for fold in folds))

# %% [markdown]
# ## The package's version is the same number
#
# (With $P$ and $R$ put in, $F_1$ becomes $2\,TP / (2\,TP + FP + FN)$.)

# %%
print("precision", tm.metrics.precision_score(true, said))
print("recall   ", tm.metrics.recall_score(true, said))
print("F1       ", tm.metrics.f1_score(true, said), "  2 · 4 / (2 · 4 + 2 + 1):", 8 / 11)
result = tm.validation.cross_validate(nearest_neighbour, X, y, cv=tm.validation.KFold(5))
print("package: ", result.scores["accuracy"].round(4))
print("by hand: ", scores.round(4))

# %% [markdown]
# ## On real data
#
# All ten digits, 5 folds, each with its share of every class (*stratified*, which the package does when you give a number). One call trains five models.
# `result.predictions` holds, for every digit, what the model said that had not seen it.

# %%
result = tm.validation.cross_validate(nearest_neighbour, X, y, cv=5)
print(result)
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 4.2), layout="constrained", width_ratios=(1.4, 1)
)
tm.plots.confusion_matrix(tm.metrics.confusion_matrix(y, result.predictions), ax=left)
columns = {name: result.scores[f"{name.lower()}_per_class"] for name in ("Precision", "Recall")}
tm.plots.scores_per_class(columns, ax=right);

# %% [markdown]
# The row is the truth, the column what the model said. Read the row of the 8: nine were taken for a 1, and few for anything else. Now read the column of the 1: it holds
# these nine eights. So the 1 has less precision, and the 8 less recall. One number for all would have hidden it.
#
# ### Who is new?
#
# An honest exam asks what you will be asked later. Here are *spoken* digits: 3800 sounds in 123 voices. (Lesson 12 is about sounds. Here each sound
# is simply 64 numbers: how loud are 16 ranges of pitch, in each of its four quarters?)
#
# Cut at random, the same voice is in training and in test. Cut by voice, the test has only voices that the model has never heard:


# %%
def loudness(sound):
    powers = [np.abs(np.fft.rfft(part)) ** 2 for part in np.array_split(sound, 4)]
    return [np.log(band.sum() + 1e-6) for power in powers for band in np.array_split(power, 16)]


spoken = tm.datasets.load_spoken_digits()
S = np.array([loudness(sound) for sound in spoken.x])
at_random = tm.validation.KFold(5, shuffle=True, random_state=0)
by_voice = tm.validation.GroupKFold(5).split(S, spoken.y, spoken.groups)
for name, cv in (("cut at random", at_random), ("cut by voice", by_voice)):
    result = tm.validation.cross_validate(nearest_neighbour, S, spoken.y, cv=cv)
    print(f"{name:14s} accuracy {result.mean['accuracy']:.1%} ± {result.std['accuracy']:.1%}")

# %% [markdown]
# Both numbers are right. They answer different questions. If the model shall serve people whose voices it does not know, the first number is a promise
# that it cannot keep. This is called a **leak**: something of the exam was known before.
#
# ## Exercises
#
# ### 07.1 Precision, recall, F1
#
# From the labels, for one class.

# %%
# exercise 07.1

# %% [markdown]
# ### 07.2 Who is taken for whom?
#
# The confusion matrix. The row is the truth.

# %%
# exercise 07.2

# %% [markdown]
# ### 07.3 Deal the folds
#
# Deal the samples to the folds like cards: sample 0 goes to fold 0, sample 1 to fold 1, …, sample $k$ to fold 0 again. Which samples train and which test in
# fold $i$?

# %%
# exercise 07.3

# %% [markdown]
# ### 07.4 Find the leak
#
# This model remembers the mean of each class, and says the class whose mean is nearest. Its exam results are too good. Why?

# %%
# exercise 07.4

# %% [markdown]
# ### 07.5 A very good test
#
# A test finds 99 % of the ill, and gives only 1 % of the healthy a false alarm. One in a thousand people is ill. Your result is positive. How likely are you
# ill? Guess first. Then write the function, and call it with these three numbers: what is the *precision* of this test?

# %%
# exercise 07.5

# %%
progress();
# %% [markdown]
# ## What you now know
#
# - Never examine a model with what it has learned from.
# - k-fold cross-validation examines every sample once. Report mean and standard deviation.
# - Precision counts false alarms, recall what was missed, F1 both. The confusion matrix shows everything.
# - A leak is anything of the test that reaches the training: the same voice, the same picture, a mean over all data, a choice made with all data.
#
# ### What breaks if you forget it
#
# Here are labels thrown like coins, and 2000 numbers for each sample that are pure noise. Nothing can be learned: the truth is 50 %. We pick the 20 numbers that differ most between
# the classes, then cross-validate. Once they are picked from all data before the folds are cut, once inside each fold, from the training part only:

# %%
rng = np.random.default_rng(0)
noise, coins = rng.normal(size=(200, 2000)), rng.integers(0, 2, size=200)


def pick(X, y):
    return np.abs(X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)).argsort()[-20:]


def nearest_mean(X_train, y_train, X_test):
    means = np.array([X_train[y_train == c].mean(axis=0) for c in (0, 1)])
    return ((X_test[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)


def pick_inside(X_train, y_train, X_test):
    best = pick(X_train, y_train)
    return nearest_mean(X_train[:, best], y_train, X_test[:, best])


leaky = tm.validation.cross_validate(nearest_mean, noise[:, pick(noise, coins)], coins)
honest = tm.validation.cross_validate(pick_inside, noise, coins)
print(f"picked from all data:   {leaky.mean['accuracy']:.1%} right, of coins!")
print(f"picked inside the fold: {honest.mean['accuracy']:.1%}")

# %% [markdown]
# Such a mistake has been published many times. The rule is simple: **whatever learns from data belongs inside the fold.**
#
# **Next:** all our models so far look at each pixel by itself. [Lesson 8](08_seeing.ipynb) teaches them to see.
