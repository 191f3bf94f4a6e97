# %% [markdown]
# # 8 · Seeing: convolution and pooling
#
# *40 minutes. You need [lesson 6](06_the_descent_family.ipynb).*
#
# ## The question
#
# The neurons of lesson 5 have one weight for each pixel. They learn that *this* pixel is inked in a 1. What if somebody writes the 1 a little further to the
# right? You see no difference. Let us ask a model. The digits get a margin of empty paper, so that there is room to move:

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %%
digits = tm.datasets.load_digits()
images = np.pad(digits.x, ((0, 0), (0, 0), (3, 3), (3, 3)))  # (1797, 1, 14, 14)
X_train, X_test, y_train, y_test = tm.validation.train_test_split(
    images, digits.y, test_size=0.25, stratify=digits.y, random_state=0
)


def train(model, epochs=8):
    optimizer = tm.optim.Adam(model.parameters(), lr=0.01)
    batches = tm.data.DataLoader(X_train, y_train, batch_size=64, seed=0)
    for _ in range(epochs):
        for X, y in batches:
            optimizer.zero_grad()
            tm.functional.cross_entropy(model(X), y).backward()
            optimizer.step()


def accuracy(model, down=0, right=0):
    moved = np.roll(X_test, (down, right), axis=(2, 3))
    with tm.no_grad():
        return np.mean(model(moved).numpy().argmax(axis=1) == y_test)


tm.manual_seed(0)
by_pixels = tm.nn.Sequential(tm.nn.Flatten(), tm.nn.Linear(14 * 14, 10))
train(by_pixels)
for right in (0, 1, 2):
    print(f"moved to the right by {right} pixels: {accuracy(by_pixels, right=right):.1%} right")

# %% [markdown]
# One pixel, and it is nearly blind. **How can a machine see a thing wherever it is?**
#
# ## The idea in a picture
#
# Take a tiny neuron that looks at only 3 × 3 pixels. Its 9 weights $w$ are called a **filter**. Lay it on the top left corner of the picture, and write down
# what it says. Move it one pixel to the right, write down, and so on, over the whole picture, always with the *same* weights. What it said
# makes a new picture, a **feature map**: it shows *where* the filter has found what it looks for.
#
# This filter looks for edges: bright on its right, dark on its left. Move it with the sliders.

# %%
x = digits.x[15, 0].astype(float)  # a picture of 8 × 8 pixels
edge = np.array([[-1.0, 0.0, 1.0]] * 3)


def draw_window(i, j):
    seen = np.full((6, 6), np.nan)
    for place in range(6 * i + j + 1):
        a, b = divmod(place, 6)
        seen[a, b] = np.sum(edge * x[a : a + 3, b : b + 3])
    _, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained", width_ratios=(8, 5, 6))
    axes[0].imshow(x, cmap="gray")
    axes[0].add_patch(plt.Rectangle((j - 0.5, i - 0.5), 3, 3, fill=False, ec="#D55E00", lw=3))
    axes[0].set_title("the picture x, and the window")
    axes[1].imshow(edge, cmap="RdBu", vmin=-2, vmax=2)
    for u in range(3):
        for v in range(3):
            product = f"{edge[u, v]:.0f} · {x[i + u, j + v]:.2f}"
            axes[1].text(v, u, product, ha="center", va="center", fontsize=8)
    axes[1].set_title(f"w times window: sum {seen[i, j]:.2f}")
    axes[2].imshow(seen, cmap="cividis", vmin=-3, vmax=3)
    axes[2].add_patch(plt.Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, ec="#D55E00", lw=3))
    axes[2].set_title("the feature map so far")
    for ax in axes:
        ax.set_xticks([])
        ax.set_yticks([])
    plt.show()


explore(draw_window, i=(0, 5, 3), j=(0, 5, 2))

# %% [markdown]
# This has a price and two gains. The map is smaller than the picture: a 3 × 3 window has only 6 places in a row of 8. But it needs 9 weights instead of 64, and
# **what moves in the picture, moves alike in the map.**
#
# The second idea: often we only want to know *that* something is there, and not where exactly. So cut the map into blocks, and keep the largest
# number of each. That is **max pooling**. A thing may move within its block, and nothing changes.
#
# ## The formula
#
# **Convolution.** Pixel $(i, j)$ of the map is a neuron that looks at one window:
#
# $$y_{ij} = \sum_{u=0}^{k-1} \sum_{v=0}^{k-1} w_{uv}\, x_{i+u,\,j+v} + b$$
#
# A picture may have several **channels**, such as red, green and blue. Then the filter has weights for each channel, and adds up over all of them. And there are
# several filters; each gives a map of its own. The maps are the channels of the next layer.
#
# Two options. **Padding** $p$: put $p$ rows and columns of zeros on each side of the picture first, so that the map need not shrink. **Stride** $s$: move the
# window by $s$ pixels each time, so that it shrinks faster. A picture of
# $H$ rows then gives a map of
#
# $$H' = \left\lfloor \frac{H + 2p - k}{s} \right\rfloor + 1$$
#
# rows. The half brackets say: round down. The same holds for columns.
#
# **Max pooling.** With blocks of $k \times k$:
#
# $$y_{ij} = \max_{u, v}\; x_{k i + u,\; k j + v} \qquad 0 \le u, v < k$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $x$ | the picture, of $H$ rows and $W$ columns | `x`, `(H, W)`; in the package `(N, C, H, W)` |
# | $w$, $b$ | a filter and its bias | `w`, `(k, k)`; in the package `(O, C, k, k)` and `(O,)` |
# | $k$ | the side of the window | `k` |
# | $y$ | the feature map | `y`, `(H', W')` |
# | $N, C, O$ | how many pictures, channels, and filters | the first axes |
#
# ## The formula in ten lines


# %%
def convolve_by_hand(x, w, b):
    k = len(w)
    y = np.zeros((x.shape[0] - k + 1, x.shape[1] - k + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = np.sum(w * x[i : i + k, j : j + k]) + b
    return y


def pool_by_hand(x, k):
    y = np.zeros((x.shape[0] // k, x.shape[1] // k))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = np.max(x[k * i : k * i + k, k * j : k * j + k])
    return y


y = convolve_by_hand(x, edge, 0.0)
print("picture", x.shape, "→ map", y.shape, "→ pooled", pool_by_hand(y, 2).shape)

# %% [markdown]
# ## Check it
#
# A filter with a single 1 in its middle must copy the picture (without its rim). And if we move the picture, the map must move alike:

# %%
copy = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
print("copies:", np.array_equal(convolve_by_hand(x, copy, 0.0), x[1:-1, 1:-1]))
wide = np.pad(x, 3)
moved = np.roll(wide, 1, axis=1)
before, after = convolve_by_hand(wide, edge, 0.0), convolve_by_hand(moved, edge, 0.0)
print("moves alike:", np.array_equal(after, np.roll(before, 1, axis=1)))
print("the largest of the whole map stays:", before.max(), "=", after.max())

# %% [markdown]
# ## The package's version is the same number
#
# `tm.functional.conv2d` and `max_pool2d` take many pictures, channels and filters at once, so there are more axes:

# %%
package = tm.functional.conv2d(x[None, None], edge[None, None])  # one picture, one channel
print("conv2d:    ", np.allclose(package[0, 0], y), package.shape)
pooled = tm.functional.max_pool2d(package, 2)
print("max_pool2d:", np.allclose(pooled[0, 0], pool_by_hand(y, 2)), pooled.shape)
formula = tm.formulas.convolution(x[None, None], edge[None, None])
print("formula:   ", np.allclose(package, formula))

# %% [markdown]
# ## On real data
#
# Who makes the filters? Nobody: they are weights, and descent finds them, as always. Our model, from a picture of 14 × 14:
#
# | layer | gives | numbers to be found |
# |---|---|---|
# | 8 filters of 3 × 3, then ReLU | 8 maps of 12 × 12 | 8 · (9 + 1) = 80 |
# | 32 filters of 5 × 5 over 8 channels, then ReLU | 32 maps of 8 × 8 | 32 · (8 · 25 + 1) = 6432 |
# | max pooling 8 × 8: the largest of each whole map | 32 numbers | 0 |
# | ten neurons | 10 scores | 10 · (32 + 1) = 330 |
#
# **ReLU** is $\max(x, 0)$: what is negative becomes 0. Without something like it, two layers of sums would be no more than one. The last pooling says
# for each of 32 things: was it *anywhere*?

# %%
tm.manual_seed(0)
conv1, conv2 = tm.nn.Conv2d(1, 8, 3), tm.nn.Conv2d(8, 32, 5)
sees = tm.nn.Sequential(
    conv1, tm.nn.ReLU(), conv2, tm.nn.ReLU(),
    tm.nn.MaxPool2d(8), tm.nn.Flatten(), tm.nn.Linear(32, 10),
)  # fmt: skip
train(sees)
print("moved by   one weight per pixel   filters and pooling")
for down, right in ((0, 0), (0, 1), (0, 2), (1, 0), (2, 2)):
    pixels, filters = accuracy(by_pixels, down, right), accuracy(sees, down, right)
    print(f"{down} down, {right} right   {pixels:11.1%} {filters:20.1%}")

# %% [markdown]
# It was never shown a moved digit. It does not need to: looking everywhere is built in.
#
# What does it look for? Here are the eight filters it has found, and what they say to one digit:

# %%
shares = (1, 1.8, 2)
figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained", width_ratios=shares)
seven = X_test[y_test == 7][:1]
axes[0].imshow(seven[0, 0], cmap="gray")
axes[0].set_title("a seven")
axes[0].axis("off")
tm.plots.filters(conv1.weight.numpy(), ax=axes[1])
maps = tm.functional.relu(conv1(seven)).numpy()[0]
tm.plots.feature_maps(maps, ax=axes[2]);

# %% [markdown]
# Compare a filter with its map, in the same place: where blue lies on ink, the map is bright. Some look for strokes in one direction, some for edges from one side.
#
# ## Exercises
#
# ### 08.1 How large is the map?
#
# Predict it, before you compute one.

# %%
# exercise 08.1

# %% [markdown]
# ### 08.2 Convolution with padding and stride
#
# Begin with `convolve_by_hand`. What changes when the window moves by $s$, and there are $p$ zeros around the picture? (`np.pad(x, p)` puts them there.)

# %%
# exercise 08.2

# %% [markdown]
# ### 08.3 Several channels
#
# This convolution of a picture with $C$ channels has a fault. With one channel it is right. Find it.

# %%
# exercise 08.3

# %% [markdown]
# ### 08.4 Who gets the gradient?
#
# Max pooling in blocks of 2 × 2 lets one pixel through in each block. If a little change of the other three changes nothing, what is the slope for them? You are given the gradient
# $g$ for the pooled map, and want that for the picture.

# %%
# exercise 08.4

# %% [markdown]
# ### 08.5 How many numbers?
#
# How many weights and biases does a layer of convolution have?

# %%
# exercise 08.5

# %%
progress();
# %% [markdown]
# ## What you now know
#
# - A filter is a small neuron that looks at every window with the same weights. What it says is a feature map.
# - What moves in the picture, moves alike in the map. Max pooling forgets where in its block something was.
# - The filters are found by descent.
# - A map has $\lfloor (H + 2p - k) / s \rfloor + 1$ rows. A layer has $O\,(C k^2 + 1)$ numbers, however large the picture is.
#
# ### What breaks if you forget it
#
# Forget the pooling. The maps still move with the digit, and the last neurons have one weight for each place again:

# %%
tm.manual_seed(0)
no_pooling = tm.nn.Sequential(
    tm.nn.Conv2d(1, 8, 3), tm.nn.ReLU(), tm.nn.Conv2d(8, 32, 5), tm.nn.ReLU(),
    tm.nn.Flatten(), tm.nn.Linear(32 * 8 * 8, 10),
)  # fmt: skip
train(no_pooling)
for right in (0, 1, 2):
    there, gone = accuracy(sees, right=right), accuracy(no_pooling, right=right)
    print(f"moved by {right}: with pooling {there:.1%}, without {gone:.1%}")

# %% [markdown]
# Where nothing moves, it is even a little better without: to know the place is worth something, as long as the place stays. Pooling is a choice. It says: *the place shall not
# count*.

# %% [markdown]
# **Next:** another way to the same end is to show the model moved digits. [Lesson 9](09_preparing_data.ipynb) prepares data.
