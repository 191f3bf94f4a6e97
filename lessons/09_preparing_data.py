# %% [markdown]
# # 9 · Preparing data
#
# *35 minutes. You need [lesson 7](07_measuring_honestly.ipynb).*
#
# ## The question
#
# So far the data came clean, of one size, on one scale. Real data comes with holes, twins and wrong labels, in pounds and in kilos, and there is
# never enough of it.
#
# **What must be done to data before a model may see it?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# Three things are done, in this order:
#
# 1. **Clean**: find the samples that no model should learn from, and leave them out.
# 2. **Standardise**: bring all numbers to one scale.
# 3. **Augment**: make more of what you have, by changes that leave the meaning.
#
# And one rule stands over all three: **the test data stays out.** Nothing may be learned from it, not even a mean.
#
# First the second one, because it is a picture that you know. Take two numbers of each digit, a 0 or a 1: how much ink it has (about 20), and how bright the
# pixel in the middle is (0 to 1). A neuron shall tell zeros and ones apart by these two. On the left its loss as the data comes, on the right
# after standardising. The line is gradient descent, from the ring to the star, each time with a rate just below the limit.

# %%
digits = tm.datasets.load_digits()
chosen = digits.y < 2
pictures = digits.x[chosen, 0].astype(float)
target = np.where(digits.y[chosen] == 1, 1.0, -1.0)
raw = np.stack([pictures.sum(axis=(1, 2)), pictures[:, 3:5, 3:5].mean(axis=(1, 2))], axis=1)
raw = raw - raw.mean(axis=0)  # the bias would take care of this
scaled = raw / raw.std(axis=0)


def descend(X, lr, start, steps=30):
    w, path = np.array(start), []
    for _ in range(steps):
        path.append(w)
        w = w - lr * 2 / len(X) * X.T @ (X @ w - target)
    return np.array(path)


def draw_valley(ax, X, start, name):
    best = np.linalg.lstsq(X, target, rcond=None)[0]  # the bottom of the valley
    lr = 0.9 * 2 / np.linalg.eigvalsh(2 * X.T @ X / len(X)).max()  # exercise 02.3: 2 / c
    tm.plots.contours(
        lambda w1, w2: np.mean((w1 * X[:, 0] + w2 * X[:, 1] - target) ** 2),
        x=(best[0] - 1.7, best[0] + 1.7),
        y=(best[1] - 1.7, best[1] + 1.7),
        paths={"30 steps": descend(X, lr, best + start)},
        ax=ax,
    )
    ax.set_aspect("equal")
    ax.plot(*best, "*", color="black", ms=12)
    ax.set(xlabel="w₁, of the ink", ylabel="w₂, of the middle", title=f"{name}: η = {lr:.3f}")


figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
draw_valley(axes[0], raw, (0.4, -1.5), "as it comes")
draw_valley(axes[1], scaled, (1.2, -1.2), "standardised")

# %% [markdown]
# On the left it is the narrow valley again, and after 30 steps descent has not arrived. The ink has large numbers, so a small change of its weight does much. On the right both weights matter alike: the valley is nearly
# round, and descent walks straight in.
#
# ## The formula
#
# Each number of a sample is called a **feature**. For each feature take its mean $\mu$ and its standard deviation $\sigma$ over the $N$ *training* samples, then
#
# $$\mu = \frac{1}{N} \sum_n x_n \qquad \sigma = \sqrt{\frac{1}{N} \sum_n (x_n - \mu)^2} \qquad z = \frac{x - \mu}{\sigma}$$
#
# Now $z$ has the mean 0 and the standard deviation 1, and no unit: whether you had measured in pounds or in kilos makes no difference.
#
# | symbol | what it is | in code |
# |---|---|---|
# | $x$ | a feature as it comes | `X`, `(N, D)`: one column for each feature |
# | $\mu$, $\sigma$ | its mean and standard deviation in training (here $\sigma$ is no function, as in lesson 5) | `mean`, `std`, `(D,)` |
# | $z$ | the standardised feature | `Z`, `(N, D)` |
#
# The test samples get the *same* $\mu$ and $\sigma$. They are part of the model, like its weights.
#
# ## The formula in ten lines

# %%
X_train, X_test = raw[:200], raw[200:]
mean = X_train.mean(axis=0)
std = np.sqrt(((X_train - mean) ** 2).mean(axis=0))
Z_train = (X_train - mean) / std
Z_test = (X_test - mean) / std  # not with its own mean!

# %% [markdown]
# ## Check it

# %%
for name, Z in (("training", Z_train), ("test", Z_test)):
    print(f"{name:8s} mean {np.abs(Z.mean(axis=0)).round(2)}  std {Z.std(axis=0).round(2)}")
grams = X_train * 1000
print("another unit:", np.allclose(Z_train, (grams - grams.mean(axis=0)) / grams.std(axis=0)))

# %% [markdown]
# The test part is not exactly at 0 and 1, and that is right: it was not asked.
#
# ## The package's version is the same number
#
# `tm.data.Standardizer` learns with `fit` and applies with `transform`. `"pixel"` means each feature by itself; `"channel"`, for pictures, takes one mean
# over all pixels.

# %%
standardizer = tm.data.Standardizer("pixel").fit(X_train)
print("training:", np.allclose(standardizer.transform(X_train), Z_train))
print("test:    ", np.allclose(standardizer.transform(X_test), Z_test))

# %% [markdown]
# ## On real data
#
# ### Clean
#
# Somebody sends us 300 digits, and something went wrong on the way. (We do it ourselves, so that we know.) `tm.data.clean` looks for everything that can be found without knowing what
# the pictures mean:

# %%
rng = np.random.default_rng(0)
images, labels = digits.x[:300].copy(), digits.y[:300].copy()
images[10, 0, 2:5, 3] = np.nan  # a sensor failed
images[20] = 0.0  # an empty page
images[30] *= 255  # on another scale
images[40:43], labels[40:43] = images[0:3], labels[0:3]  # sent twice
images[50], labels[50] = images[5], (labels[5] + 1) % 10  # once with another label
labels[60] = 12  # a slip of the pen
kept_images, kept_labels, report = tm.data.clean(images, labels, n_classes=10)
print(report)
shown = np.clip(np.nan_to_num(images[[10, 20, 30, 40, 0, 50, 5, 60]], nan=0.5), 0, 1)
names = ["10: holes", "20: empty", "30: scale", "40: twin"]
names += ["0: its twin", "50: a 6?", "5: a 5", "60: a 12?"]
tm.plots.images(shown, labels=names);

# %% [markdown]
# Of two twins with the same label, one is kept. Of two with different labels, none: nobody knows which is right.
#
# ### Augment
#
# A digit that is moved a little, turned a little or written with more ink is the same digit. So make such changes at random, new ones each time. It is more data for
# nothing. One digit under each change (the left one is as it came):

# %%
seven = np.pad(digits.x[7:8], ((0, 0), (0, 0), (3, 3), (3, 3)))
still = {"shift": 0.0, "rotate": 0.0, "zoom": 0.0, "shear": 0.0}
amounts = {
    "shift": 0.2, "rotate": 25.0, "zoom": 0.35, "shear": 25.0,
    "blur": 1.2, "contrast": 0.7, "brightness": 0.4, "noise": 0.15, "cutout": 0.4,
}  # fmt: skip
figure, axes = plt.subplots(9, 8, figsize=(7, 8.2), layout="constrained")
for row, (name, amount) in zip(axes, amounts.items(), strict=True):
    change = tm.data.Augmentation(**{**still, name: amount})
    changed = change(np.repeat(seven, 7, axis=0), np.random.default_rng(1))
    for ax, picture in zip(row, [seven[0], *changed], strict=True):
        ax.imshow(picture[0], cmap="gray", vmin=0, vmax=1)
        ax.set_xticks([])
        ax.set_yticks([])
    row[0].set_ylabel(f"{name}\n{amount:g}", rotation=0, ha="right", va="center")

# %% [markdown]
# Which changes are allowed? Those that leave the meaning, and nothing else decides it. A 6 that is turned by 180° is a 9. A mirrored 3 is no digit. With pictures of cats, mirroring is
# fine.
#
# Does it help? Only 200 digits to learn from, and a model that is not made for moved digits (a neuron for each pixel, 64 of them, then ten). Each batch is changed at random:

# %%
padded = np.pad(digits.x, ((0, 0), (0, 0), (3, 3), (3, 3)))
X_train, X_test, y_train, y_test = tm.validation.train_test_split(
    padded, digits.y, train_size=200, stratify=digits.y, random_state=0
)


def train(augment):
    tm.manual_seed(0)
    layers = tm.nn.Flatten(), tm.nn.Linear(196, 64), tm.nn.ReLU(), tm.nn.Linear(64, 10)
    model = tm.nn.Sequential(*layers)
    optimizer = tm.optim.Adam(model.parameters(), lr=0.005)
    batches = tm.data.DataLoader(X_train, y_train, batch_size=50, seed=0, augment=augment)
    for _ in range(100):
        for X, y in batches:
            optimizer.zero_grad()
            tm.functional.cross_entropy(model(X), y).backward()
            optimizer.step()
    return model


def accuracy(model, right):
    with tm.no_grad():
        scores = model(np.roll(X_test, right, axis=3)).numpy()
    return np.mean(scores.argmax(axis=1) == y_test)


changes = tm.data.Augmentation(shift=0.08, rotate=5, zoom=0.05, shear=5)
plain, augmented = train(None), train(changes)
print("test digits moved by   plain   augmented")
for right in (0, 1, 2):
    print(f"{right:20d} {accuracy(plain, right):7.1%} {accuracy(augmented, right):11.1%}")

# %% [markdown]
# It costs a little where nothing moves, and gains a lot where something does. The test digits themselves were never changed at random: only the training part is augmented.
#
# ## Exercises
#
# ### 09.1 Standardise
#
# Training and test. A pixel in the corner is always paper: its $\sigma$ is 0. Divide it by 1 instead.

# %%
# exercise 09.1

# %% [markdown]
# ### 09.2 Clean
#
# Which samples may stay? Remember what comparing with NaN gives: `np.nan == np.nan` is False. Use `np.isnan`.

# %%
# exercise 09.2

# %% [markdown]
# ### 09.3 Shift
#
# Move a picture, by hand. What comes in from outside is paper, 0.

# %%
# exercise 09.3

# %% [markdown]
# ### 09.4 More data, and a leak
#
# This function makes noisy copies, then cuts off the last samples for the test. What will the exam say, and why?

# %%
# exercise 09.4

# %%
progress();
# %% [markdown]
# ## What you now know
#
# - Clean: leave out what is broken, empty, double or contradictory, and say what you left out.
# - Standardise: $z = (x - \mu) / \sigma$ makes the valley round. $\mu$ and $\sigma$ come from the training data.
# - Augment: changes that leave the meaning, new ones each time, for the training data only.
# - Cut first, then prepare. The test data stays out of everything.
#
# ### What breaks if you forget it
#
# Forget the order, and make copies first. Here are 100 digits, each ten times with a little noise. Cross-validation then finds, for every test digit, its own copies in the
# training part. The model is the nearest neighbour of lesson 7:


# %%
def nearest_neighbour(X_train, y_train, X_test):
    A, B = X_test.reshape(len(X_test), -1), X_train.reshape(len(X_train), -1)
    distance = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T
    return y_train[distance.argmin(axis=1)]


few = np.random.default_rng(0).choice(len(digits), 100, replace=False)
others = np.setdiff1d(np.arange(len(digits)), few)
noise = tm.data.Augmentation(**still, noise=0.1)
copies = np.concatenate([noise(digits.x[few], rng) for _ in range(10)])
copied_labels = np.tile(digits.y[few], 10)
folds = tm.validation.KFold(5, shuffle=True, random_state=0)
exam = tm.validation.cross_validate(nearest_neighbour, copies, copied_labels, cv=folds)
truth = np.mean(nearest_neighbour(copies, copied_labels, digits.x[others]) == digits.y[others])
print(f"copies first, then folds: {exam.mean['accuracy']:.1%} right in the exam")
print(f"on {len(others)} digits that are really new: {truth:.1%}")

# %% [markdown]
# `tm.data.overlap(train, test)` finds pictures that are in both parts, as long as they are exactly equal. Against noisy copies only the order helps.
#
# **Next:** a picture stands still. Speech and text come one after the other, and [lesson 10](10_remembering.ipynb) remembers.
