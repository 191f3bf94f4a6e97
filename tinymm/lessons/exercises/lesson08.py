"""Lesson 8: seeing, by convolution and pooling."""

import numpy as np

from tinymm import formulas
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(
    8, "Seeing: convolution and pooling", minutes=40, question="How can a machine see a thing wherever it is?"
)


# --- 08.1 ------------------------------------------------------------------------------------------------


def _places(H, k, s, p):
    """Lay the window down, place by place."""
    return sum(start % s == 0 and start + k <= H + 2 * p for start in range(H + 2 * p))


@exercise(
    "08.1",
    given=lambda rng: (
        int(rng.integers(12, 40)),
        int(rng.integers(3, 8)),
        int(rng.integers(2, 4)),
        int(rng.integers(1, 4)),
    ),
    truth=_places,
    returns=("number of rows",),
    hints=(
        "With padding the picture has H + 2 p rows. Where does the window begin for the last time?",
        "It begins at 0, s, 2 s, … up to at most H + 2 p − k. How many such places are there?",
        "Rounding down is // in Python. And do not forget the place at 0.",
    ),
)
def map_rows(H, k, s, p):
    """Predict how many rows the map has: H rows, a window of k rows, stride s, padding p."""
    return (H + 2 * p - k) // s + 1


map_rows.mistake("The place at the very beginning counts too: one more.", lambda H, k, s, p: (H + 2 * p - k) // s)
map_rows.mistake("Zeros are put on both sides: 2 p rows.", lambda H, k, s, p: (H + p - k) // s + 1)
map_rows.mistake("The padding is missing.", lambda H, k, s, p: (H - k) // s + 1)
map_rows.mistake("This is for stride 1: divide by s.", lambda H, k, s, p: H + 2 * p - k + 1)
map_rows.mistake("There is no half a place: round down, with //.", lambda H, k, s, p: (H + 2 * p - k) / s + 1)
map_rows.mistake(
    "The + 1 is for the first place, and comes after the division.", lambda H, k, s, p: (H + 2 * p - k + 1) // s
)
map_rows.mistake("Only H // s: the window must still fit in, so take k away.", lambda H, k, s, p: (H + 2 * p) // s)


# --- 08.2 ------------------------------------------------------------------------------------------------


def _convolution_given(rng):
    s = int(rng.integers(2, 4))
    return (
        rng.normal(size=(int(rng.integers(6, 9)), 7)),
        rng.normal(size=(3, 3)),
        rng.normal(),
        s,
        int(rng.integers(1, 3)),
    )


@exercise(
    "08.2",
    given=_convolution_given,
    truth=lambda x, w, b, s, p: formulas.convolution(x[None, None], w[None, None], np.array([b]), s, p)[0, 0],
    returns=("map",),
    hints=(
        "First x = np.pad(x, p). Then the number of rows and columns, as in exercise 08.1.",
        "Pixel (i, j) of the map sees the window that begins at row i · s and column j · s.",
    ),
)
def convolve(x, w, b, s, p):
    """Return the map of x (H, W) under the filter w (k, k) with bias b, stride s and padding p."""
    x, k = np.pad(x, p), len(w)
    y = np.zeros(((x.shape[0] - k) // s + 1, (x.shape[1] - k) // s + 1))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = np.sum(w * x[i * s : i * s + k, j * s : j * s + k]) + b
    return y


convolve.mistake("The bias is missing.", lambda x, w, b, s, p: convolve.solution(x, w, 0.0, s, p))
convolve.mistake("The padding is missing: np.pad(x, p) first.", lambda x, w, b, s, p: convolve.solution(x, w, b, s, 0))
convolve.mistake(
    "The stride is missing: the window moves by s pixels.", lambda x, w, b, s, p: convolve.solution(x, w, b, 1, p)
)
convolve.mistake(
    "The map has the right size, but the windows still begin at i and j: take i · s and j · s.",
    lambda x, w, b, s, p: convolve.solution(x, w, b, 1, p)[
        : (len(x) + 2 * p - 3) // s + 1, : (x.shape[1] + 2 * p - 3) // s + 1
    ],
)
convolve.mistake(
    "The filter is upside down and mirrored. That is how mathematicians define convolution; here it lies as it is.",
    lambda x, w, b, s, p: convolve.solution(x, w[::-1, ::-1], b, s, p),
)
convolve.mistake(
    "Rows and columns of the filter are exchanged.", lambda x, w, b, s, p: convolve.solution(x, w.T, b, s, p)
)
convolve.mistake(
    "The bias counts once for each window, not once for each of its 9 products.",
    lambda x, w, b, s, p: convolve.solution(x, w, 9 * b, s, p),
)


# --- 08.3 ------------------------------------------------------------------------------------------------


def _channels_given(rng):
    channels = int(rng.integers(2, 4))
    return rng.normal(size=(channels, 5, 6)), rng.normal(size=(channels, 3, 3)), rng.normal()


def _buggy_channels(x, w, b):
    """Return the map of x (C, H, W) under ONE filter w (C, k, k) and bias b, over all channels."""
    k = w.shape[1]
    y = np.zeros((x.shape[1] - k + 1, x.shape[2] - k + 1))
    for c in range(len(x)):
        for i in range(y.shape[0]):
            for j in range(y.shape[1]):
                y[i, j] = np.sum(w[c] * x[c, i : i + k, j : j + k]) + b
    return y


@exercise(
    "08.3",
    given=_channels_given,
    truth=lambda x, w, b: formulas.convolution(x[None], w[None], np.array([b]))[0, 0],
    returns=("map",),
    starter=_buggy_channels,
    hints=(
        "Go through it with two channels: what is in y[i, j] after the first one, and what after the second?",
        "Each channel must be added to what is there: +=. And how often does the bias count then?",
    ),
)
def convolve_channels(x, w, b):
    """Return the map of x (C, H, W) under ONE filter w (C, k, k) and bias b, over all channels."""
    k = w.shape[1]
    y = np.full((x.shape[1] - k + 1, x.shape[2] - k + 1), b)
    for c in range(len(x)):
        for i in range(y.shape[0]):
            for j in range(y.shape[1]):
                y[i, j] += np.sum(w[c] * x[c, i : i + k, j : j + k])
    return y


convolve_channels.mistake(
    "Each channel still overwrites the one before: add them up, with +=.", lambda x, w, b: _buggy_channels(x, w, b)
)
convolve_channels.mistake(
    "Added up, but the bias too: it counts once for each window, not once for each channel.",
    lambda x, w, b: convolve_channels.solution(x, w, b * len(x)),
)
convolve_channels.mistake("Now the bias is gone.", lambda x, w, b: convolve_channels.solution(x, w, 0.0))
convolve_channels.mistake(
    "Every channel has weights of its own: w[c].",
    lambda x, w, b: convolve_channels.solution(x, np.repeat(w[:1], len(w), axis=0), b),
)
convolve_channels.mistake(
    "This is the mean over the channels; the filter adds them up.",
    lambda x, w, b: (convolve_channels.solution(x, w, 0.0)) / len(x) + b,
)


# --- 08.4 ------------------------------------------------------------------------------------------------


def _pool_given(rng):
    rows, columns = (int(n) for n in rng.integers(1, 4, size=2))
    x = rng.permutation(4 * rows * columns).reshape(2 * rows, 2 * columns) / 10  # all different
    return x, rng.normal(size=(rows, columns))


def _pooled(x):
    return formulas.max_pooling(x[None, None], 2)[0, 0]


def _blocks(array, times=1.0):
    """Each number of the map on all four pixels of its block."""
    return np.repeat(np.repeat(array, 2, axis=0), 2, axis=1) * times


@exercise(
    "08.4",
    given=_pool_given,
    truth=lambda x, g: formulas.numerical_gradient(lambda x: np.sum(g * _pooled(x)), x),
    returns=("gradient for x",),
    rtol=1e-4,
    atol=1e-7,
    hints=(
        "Begin with np.zeros(x.shape), and go through the blocks: x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].",
        "The pixel that is equal to the maximum of its block gets g[i, j], the others get 0.",
        "block == block.max() is 1 (True) where the maximum is, and 0 elsewhere.",
    ),
)
def pool_gradient(x, g):
    """Return the gradient for x (H, W), given that for its map, g (H/2, W/2), pooled by 2 × 2.

    No two pixels of a block are equal.
    """
    gradient = np.zeros(x.shape)
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            block = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            gradient[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = g[i, j] * (block == block.max())
    return gradient


pool_gradient.mistake(
    "Only the largest pixel of a block gets the gradient: the others were not let through.", lambda x, g: _blocks(g)
)
pool_gradient.mistake(
    "A quarter for each would be right for the mean of the block. The maximum comes from one pixel.",
    lambda x, g: _blocks(g, 0.25),
)
pool_gradient.mistake(
    "The slope of the maximum for its pixel is 1, so it gets g itself, not g times the pixel.",
    lambda x, g: _blocks(g) * x * (x == _blocks(_pooled(x))),
)
pool_gradient.mistake(
    "This is where the maxima are; each must get its own g[i, j].", lambda x, g: 1.0 * (x == _blocks(_pooled(x)))
)
pool_gradient.mistake(
    "The smallest pixel gets it here. Which one did max pooling let through?",
    lambda x, g: _blocks(g) * (x == -_blocks(_pooled(-x))),
)
pool_gradient.mistake("These are the pooled pixels, not a gradient for x.", lambda x, g: _pooled(x))


# --- 08.5 ------------------------------------------------------------------------------------------------


def _counted(C, O, k):
    from tinymm.nn import Conv2d

    return sum(p.size for p in Conv2d(C, O, k).parameters())


@exercise(
    "08.5",
    given=lambda rng: (int(rng.integers(2, 9)), int(rng.integers(2, 17)), int(rng.integers(2, 6))),
    truth=_counted,
    returns=("number of parameters",),
    hints=(
        "One filter first: a window of k × k pixels in each of the C channels.",
        "One bias for each filter. Then O filters.",
    ),
)
def convolution_size(C, O, k):
    """Predict how many numbers a layer has: O filters of k × k over C channels, and biases."""
    return O * (C * k * k + 1)


convolution_size.mistake("The biases are missing: one for each filter.", lambda C, O, k: O * C * k * k)
convolution_size.mistake("A filter has weights for every channel: C times as many.", lambda C, O, k: O * (k * k + 1))
convolution_size.mistake("One bias for each filter, not one for the whole layer.", lambda C, O, k: O * C * k * k + 1)
convolution_size.mistake("One bias for each filter, not one for each channel too.", lambda C, O, k: O * C * (k * k + 1))
convolution_size.mistake("The window is k × k: k squared.", lambda C, O, k: O * (C * k + 1))
convolution_size.mistake("This is one filter; there are O of them.", lambda C, O, k: C * k * k + 1)
