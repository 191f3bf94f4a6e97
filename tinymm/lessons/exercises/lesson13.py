"""Lesson 13: fast code."""

import numpy as np

from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(13, "Fast", minutes=35, question="How can the same formula run a thousand times faster?")


# --- 13.1 ------------------------------------------------------------------------------------------------


def _place_given(rng):
    shape = [int(n) for n in rng.permutation([2, 3, 4, 5, 6])[:4]]
    return [int(rng.integers(n)) for n in shape], shape


@exercise(
    "13.1",
    given=_place_given,
    truth=lambda index, shape: int(np.ravel_multi_index(index, shape)),
    returns=("place",),
    hints=(
        "Begin with two axes, as in the picture: row i, column j of an array with `columns` columns is at i * columns + j.",
        "One step along an axis jumps over everything that lies in the axes behind it. Along the last axis it jumps by 1.",
        "Go through the axes from left to right: place = place * shape[axis] + index[axis].",
    ),
)
def place(index, shape):
    """Return the place in memory, from 0, of the element at `index` in an array of this shape.

    index and shape are lists of four numbers, such as n, c, i, j and N, C, H, W.
    The last axis runs fastest, as in NumPy.
    """
    found = 0
    for i, size in zip(index, shape, strict=True):
        found = found * size + i
    return found


place.mistake(
    "Here the first axis runs fastest; in NumPy it is the last one.",
    lambda index, shape: int(np.ravel_multi_index(index, shape, order="F")),
)
place.mistake(
    "The place must be multiplied by the size of the axis that comes next, not of the axis that it has just passed.",
    lambda index, shape: ((index[0] * shape[0] + index[1]) * shape[1] + index[2]) * shape[2] + index[3],
)
place.mistake(
    "A step along the first axes jumps over whole blocks: do not just add up the index.",
    lambda index, shape: sum(index),
)
place.mistake(
    "This is the memory behind one axis only: multiply by the sizes of all axes behind it.",
    lambda index, shape: index[0] * shape[1] + index[1] * shape[2] + index[2] * shape[3] + index[3],
)
place.mistake(
    "One too many: the first element is at place 0.", lambda index, shape: int(np.ravel_multi_index(index, shape)) + 1
)


# --- 13.2 ------------------------------------------------------------------------------------------------


def _counted(N, K, D):
    """One by one, as a loop would do it."""
    multiplications = additions = 0
    for _ in range(N * K):
        for d in range(D):
            multiplications += 1
            additions += d > 0  # the first product is not added to anything
        additions += 1  # the bias
    return multiplications + additions


@exercise(
    "13.2",
    given=lambda rng: tuple(int(n) for n in rng.integers(2, 12, size=3)),
    truth=_counted,
    returns=("number of operations",),
    hints=(
        "One number of the result first: a neuron multiplies D times. How many additions join D products and a bias?",
        "D - 1 additions join D products, and one more adds the bias: D. Now count the neurons: N times K.",
    ),
)
def operations(N, K, D):
    """Return how many multiplications and additions X @ W.T + b takes.

    X is (N, D), W (K, D) and b (K,). To join D products takes D − 1 additions.
    """
    return N * K * 2 * D


operations.mistake("These are the multiplications. Each product must be added, too.", lambda N, K, D: N * K * D)
operations.mistake(
    "The bias must be added, too: one more addition for each number of the result.",
    lambda N, K, D: N * K * (2 * D - 1),
)
operations.mistake("This is one sample: there are N of them.", lambda N, K, D: K * 2 * D)
operations.mistake("This is one neuron: there are K of them.", lambda N, K, D: N * 2 * D)
operations.mistake(
    "One too many: D products are joined by D - 1 additions, and the bias makes it D.",
    lambda N, K, D: N * K * (2 * D + 1),
)


# --- 13.3 ------------------------------------------------------------------------------------------------


def _points_given(rng):
    n, m, d = (int(size) for size in rng.permutation([3, 4, 5, 6])[:3])
    return rng.normal(size=(n, d)), rng.normal(size=(m, d))


def _distances_by_loops(X, C):
    return np.array(
        [[sum((X[n, d] - C[m, d]) ** 2 for d in range(X.shape[1])) for m in range(len(C))] for n in range(len(X))]
    )


@exercise(
    "13.3",
    given=_points_given,
    truth=_distances_by_loops,
    returns=("squared distances",),
    hints=(
        "(x - c)² = x² - 2 x c + c². Add up over the D numbers: |x|² - 2 x·c + |c|².",
        "x·c for all pairs at once is one matrix product: X @ C.T, of shape (N, M).",
        "|x|² is one number per row of X: np.sum(X**2, axis=1)[:, None], a column. |c|² belongs into the columns: "
        "np.sum(C**2, axis=1), a row.",
    ),
)
def squared_distances(X, C):
    """Return (N, M): Σ_d (X[n, d] − C[m, d])² for X (N, D), C (M, D), with no loop.

    And with no array of shape (N, M, D).
    """
    return np.sum(X**2, axis=1)[:, None] - 2 * X @ C.T + np.sum(C**2, axis=1)


squared_distances.mistake(
    "The 2 is missing: (x - c)² = x² - 2 x c + c².",
    lambda X, C: np.sum(X**2, axis=1)[:, None] - X @ C.T + np.sum(C**2, axis=1),
)
squared_distances.mistake(
    "The sign of the product: it is minus 2 x c.",
    lambda X, C: np.sum(X**2, axis=1)[:, None] + 2 * X @ C.T + np.sum(C**2, axis=1),
)
squared_distances.mistake(
    "|c|² is missing: without it the far ones look near.", lambda X, C: np.sum(X**2, axis=1)[:, None] - 2 * X @ C.T
)
squared_distances.mistake("|x|² is missing: add it to each row.", lambda X, C: np.sum(C**2, axis=1) - 2 * X @ C.T)
squared_distances.mistake(
    "These are the distances; their squares are asked for: no root.",
    lambda X, C: np.sqrt(_distances_by_loops(X, C)),
)
squared_distances.mistake("This is (M, N): rows belong to X, columns to C.", lambda X, C: _distances_by_loops(C, X))


# --- 13.4 ------------------------------------------------------------------------------------------------


def _shards(count, threads, *, size=lambda count, threads, i: count // threads + (i < count % threads)):
    found, start = [], 0
    for i in range(threads):
        stop = start + size(count, threads, i)
        found.append([start, stop])
        start = stop
    return found


def _shards_given(rng):
    threads = int(rng.integers(2, 6))
    return threads * int(rng.integers(2, 9)) + int(rng.integers(1, threads)), threads


@exercise(
    "13.4",
    given=_shards_given,
    truth=lambda count, threads: [
        [int(part[0]), int(part[-1]) + 1] for part in np.array_split(np.arange(count), threads)
    ],
    returns=("list of [start, stop]",),
    hints=(
        "count // threads rows for each, and count % threads rows are left over: the first ones take one of them each.",
        "Shard i has count // threads + (i < count % threads) rows. It starts where the one before stopped.",
    ),
)
def shards(count, threads):
    """Return a list of [start, stop], one for each thread: rows start to stop − 1 are its own.

    Together they are all rows from 0 to count − 1, in order. No two shards differ by more than
    one row, and the longer ones come first.
    """
    found, start = [], 0
    for i in range(threads):
        stop = start + count // threads + (i < count % threads)
        found.append([start, stop])
        start = stop
    return found


shards.mistake(
    "The rows that are left over are nobody's: count % threads of them are never computed.",
    lambda count, threads: _shards(count, threads, size=lambda count, threads, i: count // threads),
)
shards.mistake(
    "All rows that are left over went to the last thread; the others wait for it. Give one to each of the first.",
    lambda count, threads: _shards(
        count, threads, size=lambda count, threads, i: count // threads + (count % threads) * (i == threads - 1)
    ),
)
shards.mistake(
    "stop is the first row that is no longer the shard's own, as in range(start, stop).",
    lambda count, threads: [[start, stop - 1] for start, stop in _shards(count, threads)],
)
shards.mistake(
    "Rounded up, the first shards are too long: the last thread gets too little, or more than there is.",
    lambda count, threads: [[i * -(-count // threads), (i + 1) * -(-count // threads)] for i in range(threads)],
)
