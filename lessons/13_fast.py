# %% [markdown]
# # 13 · Fast
#
# *35 minutes. You need [lesson 1](01_a_neuron.ipynb).*
#
# ## The question
#
# A model that sees and hears makes billions of multiplications before it has learned anything. If each takes as long as one line of Python, you
# wait for days. The same computer can do them in seconds.
#
# **How can the same formula run a thousand times faster?**

# %%
import importlib.util
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt
import numba
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# Two things cost time: what the computer is told to do for each number, and where the number is. First, where it is. Memory is one long row of
# places. An array of 4 rows and 6 columns lies in it row after row. The numbers below are the places; the line is the way of a loop.

# %%
rows, columns = 4, 6
place_of = np.arange(rows * columns).reshape(rows, columns)
figure, axes = plt.subplots(1, 2, figsize=(8.5, 2.9), layout="constrained")
for ax, name, order in (
    (axes[0], "along the rows: 0, 1, 2, 3, …", "C"),
    (axes[1], "down the columns: 0, 6, 12, 18, 1, …", "F"),
):
    ax.imshow(place_of, cmap="Blues", vmax=60)
    way = place_of.ravel(order)
    ax.plot(way % columns, way // columns, color="#D55E00", linewidth=1)
    for n in way:
        white = {"color": "white", "alpha": 0.8, "pad": 1}
        ax.text(n % columns, n // columns, n, ha="center", va="center", bbox=white)
    ax.set_title(name, fontsize=10)
    ax.axis("off")

# %% [markdown]
# Memory is fetched in pieces of 16 neighbours (64 bytes). Along the rows, all 16 are used. Down the columns of a large array, one is used, and the
# piece is thrown away: fifteen sixteenths of the work for nothing.
#
# ## The formula
#
# We take the formula that everything here is made of, a layer of neurons without its bias (lesson 1):
#
# $$Y_{n,k} = \sum_{d=1}^{D} X_{n,d} \, W_{k,d}$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $X$ | $N$ samples of $D$ numbers | `X`, shape `(N, D)` |
# | $W$ | the weights of $K$ neurons | `W`, shape `(K, D)` |
# | $Y$ | what comes out | `Y`, shape `(N, K)` |
#
# It takes $N \cdot K \cdot D$ multiplications and as many additions. How many of these a program does in one second is its **speed**, whatever the sizes
# are. A billion in a second is 1 GFLOP/s.
#
# ## The formula in ten lines


# %%
def product_by_loops(X, W):
    N, D = X.shape
    K = len(W)
    Y = np.empty((N, K), np.float32)
    for n in range(N):
        for k in range(K):
            total = np.float32(0)
            for d in range(D):
                total += X[n, d] * W[k, d]
            Y[n, k] = total
    return Y


rng = np.random.default_rng(0)
X, W = rng.normal(size=(2, 400, 400)).astype(np.float32)
small_X, small_W = X[:32, :32].copy(), W[:32, :32].copy()  # loops in Python are slow: a small piece
print(product_by_loops(small_X, small_W)[:2, :3])

# %% [markdown]
# ## Check it
#
# A fast program that is wrong is worth nothing. So every version below is first compared with NumPy's product.
#
# Here are the versions. Python looks at each line anew, every time: which types are these, which "times" is meant? That takes a hundred times longer
# than the multiplication. **Numba** compiles the function: it works out the types once and writes machine code. *The same ten lines*, and one more:

# %%
compiled = numba.njit(product_by_loops)

# %% [markdown]
# The machine can multiply 8 or 16 numbers in one go (**SIMD**: one instruction, many numbers). But to add them up in eight sums at once changes the order of
# the additions, and so the last digits (lesson 4). The compiler does this only if we allow it:

# %%
many_at_once = numba.njit(fastmath={"reassoc", "contract"}, nogil=True)(product_by_loops)

# %% [markdown]
# And there is more than one core. Two **threads** can each do half of the rows. `nogil` above lets them run at the same time; without it, Python lets only
# one of them work:


# %%
def in_threads(X, W):
    half = len(X) // 2
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(many_at_once, (X[:half], X[half:]), (W, W))
    return np.concatenate(list(parts))


other_layout = np.asfortranarray(W)  # the same numbers, but column after column in memory
for name, version in (
    ("compiled", lambda: compiled(X, W)),
    ("compiled, W column by column", lambda: compiled(X, other_layout)),
    ("many at once", lambda: many_at_once(X, W)),
    ("in two threads", lambda: in_threads(X, W)),
):
    print(f"{name:30} equal: {np.allclose(version(), X @ W.T, rtol=1e-3, atol=1e-3)}")

# %% [markdown]
# ## The package's version is the same number
#
# `tm.functional.linear` multiplies with a kernel of its own, in blocks that fit the registers, and in threads. Nothing else has to be installed.

# %%
Y = tm.functional.linear(X, W)
print("equal:", np.allclose(Y, X @ W.T, rtol=1e-3, atol=1e-3))

# %% [markdown]
# Now the race. Each version runs again and again for half a second, and its best time counts: the others were disturbed by something else. The first run, in
# which things are compiled, does not count. NumPy, and PyTorch if it is installed, run in processes of their own, because packages with threads disturb each
# other. First all run on one core, to be fair; then two versions get two threads.


# %%
def best_time(function, *arguments):
    function(*arguments)  # compile, and fetch into the cache
    times = []
    while len(times) < 3 or sum(times) < 0.5:
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


def speed(function, X, W):
    return 2 * len(X) * W.size / best_time(function, X, W) / 1e9  # GFLOP/s


speeds = {
    "Python loops": speed(product_by_loops, small_X, small_W),
    "compiled, W column by column": speed(compiled, X, other_layout),
    "compiled": speed(compiled, X, W),
    "many at once": speed(many_at_once, X, W),
}
others = """
import os, time
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
{setup}
times = []
while len(times) < 3 or sum(times) < 0.5:
    start = time.perf_counter()
    X @ W.T
    times.append(time.perf_counter() - start)
print(2 * 400**3 / min(times) / 1e9)
"""
peers = {"NumPy": "import numpy; X, W = numpy.random.normal(size=(2, 400, 400)).astype('float32')"}
if importlib.util.find_spec("torch"):
    peers["PyTorch"] = "import torch; torch.set_num_threads(1); X, W = torch.randn(2, 400, 400)"
for name, setup in peers.items():
    program = [sys.executable, "-c", others.format(setup=setup)]
    answer = subprocess.run(program, capture_output=True, text=True)
    if answer.returncode == 0:
        speeds[name] = float(answer.stdout)
threads = tm.get_num_threads()
tm.set_num_threads(1)
speeds["tinymm"] = speed(tm.functional.linear, X, W)
tm.set_num_threads(2)
speeds["many at once, two threads"] = speed(in_threads, X, W)
speeds["tinymm, two threads"] = speed(tm.functional.linear, X, W)
tm.set_num_threads(threads)

plt.figure(figsize=(7.5, 3.6))
bars = plt.barh(list(speeds), list(speeds.values()))
for bar, name in zip(bars, speeds, strict=True):
    bar.set_color("#D55E00" if name.startswith("tinymm") else "#0072B2")
plt.bar_label(bars, fmt="%.3g", padding=3)
plt.xscale("log")
plt.xlim(right=1000)
plt.gca().invert_yaxis()
plt.xlabel("GFLOP/s (billions of operations in a second); each mark is ten times faster")
plt.title("the same product, on the computer that made this page");

# %% [markdown]
# From the first bar to the last it is the same formula and the same numbers. Your computer gives other numbers than this picture, but nearly the same
# order. (Two threads help only if two cores are free.)
#
# Look at the second bar: the same compiled code is slower when its inner loop jumps through memory. And the package's kernel is faster than our
# threads, because it uses each number many times while it is in a **register**, the few places that are inside the processor.
#
# ## On real data
#
# The simplest reader of digits learns nothing at all. It compares a new picture with all pictures that it knows, and says what the nearest one is. The
# distance of two pictures is $\sum_d (X_{n,d} - C_{m,d})^2$ over their 64 pixels. That is 1,347 distances for each new digit:

# %%
digits = tm.datasets.load_digits()
C, X, y_known, y = tm.validation.train_test_split(
    digits.x.reshape(-1, 64), digits.y, stratify=digits.y, random_state=0
)


def nearest(X, C):
    best = np.zeros(len(X), np.int64)
    for n in range(len(X)):
        least = np.inf
        for m in range(len(C)):
            distance = 0.0
            for d in range(X.shape[1]):
                distance += (X[n, d] - C[m, d]) ** 2
            if distance < least:
                least, best[n] = distance, m
    return best


fast_nearest = numba.njit(nearest)
print("the first two, by slow loops:", nearest(X[:2], C), "  compiled:", fast_nearest(X[:2], C))
said = y_known[fast_nearest(X, C)]
print(f"{np.mean(said == y):.1%} of {len(X)} new digits right")

# %%
slow = best_time(nearest, X[:1], C)
quick = best_time(fast_nearest, X, C) / len(X)
plt.figure(figsize=(6, 1.8))
bars = plt.barh(["Python loops", "compiled"], [1000 * slow, 1000 * quick], color="#0072B2")
plt.bar_label(bars, fmt="%.3g ms", padding=3)
plt.xscale("log")
plt.xlim(right=3000 * slow)
plt.gca().invert_yaxis()
plt.xlabel("milliseconds for one new digit");

# %% [markdown]
# When is it worth it? First measure where the time goes. Making fast what takes one hundredth of the time saves one hundredth at most.
#
# ## Exercises
#
# ### 13.1 Where is it?
#
# A batch of images has four axes, and memory has one. Where does pixel $(n, c, i, j)$ lie?

# %%
# exercise 13.1

# %% [markdown]
# ### 13.2 How much work?
#
# Predict it: all multiplications and additions of a layer, this time with its bias.

# %%
# exercise 13.2

# %% [markdown]
# ### 13.3 Distances without loops
#
# All distances at once, in NumPy. Multiply the square out, and most of the work becomes one matrix product.

# %%
# exercise 13.3

# %% [markdown]
# ### 13.4 Share the work
#
# Cut the rows into shards, one for each thread. Every row must be in exactly one of them.

# %%
# exercise 13.4

# %%
progress();

# %% [markdown]
# ## What you now know
#
# - A loop in Python spends its time on finding out what to do. Compiled, the same loop is some hundred times faster.
# - Memory comes in pieces of neighbours: let the inner loop run along them.
# - SIMD, threads and registers do the rest. Each version must first give the same numbers.
# - Measure: the best of several runs, without the first one, and nothing else running.
#
# ### What breaks if you forget it
#
# Forget the memory, and a fast program stops altogether. `((X[:, None] - C[None]) ** 2).sum(axis=2)` has no loop, and looks clever. But on the way it makes an
# array with *all* differences, $N \cdot M \cdot D$ numbers. Exercise 13.3 needs no more than the result, $N \cdot M$:

# %%
for name, n, m, d in (("our digits", 450, 1347, 64), ("MNIST", 10_000, 60_000, 784)):
    differences, product = 8 * n * m * d / 1e9, 8 * n * m / 1e9
    print(f"{name:11} all differences: {differences:8,.1f} GB   the result: {product:.3f} GB")

# %% [markdown]
# **Next:** seeing, reading and hearing come together. [Lesson 14](14_three_senses.ipynb) is the last one.
