"""Lesson 9: preparing data."""

import numpy as np

from tinymm.data import Standardizer
from tinymm.data.image import affine, clean
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(9, "Preparing data", minutes=35, question="What must be done to data before a model may see it?")


# --- 09.1 ------------------------------------------------------------------------------------------------


def _standardise_given(rng):
    scale, middle = 10 ** rng.uniform(-1, 2, size=4), 5 * rng.normal(size=4)
    train, test = rng.normal(size=(7, 4)) * scale + middle, rng.normal(size=(3, 4)) * scale + middle
    train[:, int(rng.integers(0, 4))] = rng.normal()  # a constant feature
    return train, test


def _by_package(train, test):
    fitted = Standardizer("pixel").fit(train)
    return fitted.transform(train), fitted.transform(test)


@exercise(
    "09.1",
    given=_standardise_given,
    truth=_by_package,
    returns=("training part", "test part"),
    hints=(
        "Mean and standard deviation of each column: train.mean(axis=0) and train.std(axis=0).",
        "A constant feature has the standard deviation 0: np.where(std == 0, 1, std) replaces it by 1.",
        "Both parts get the mean and the standard deviation of the training part.",
    ),
    rtol=1e-5,
    atol=1e-7,
)
def standardise(train, test):
    """Return both parts, (N, D) and (M, D), standardised by mean and std of the training part.

    A feature that is constant in training is divided by 1.
    """
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(train.min(axis=0) == train.max(axis=0), 1.0, std)
    return (train - mean) / std, (test - mean) / std


def _scaled(train, test, mean, std):
    constant = train.min(axis=0) == train.max(axis=0)
    std = np.where(constant, 1.0, std)
    return (train - mean) / std, (test - mean) / std


standardise.mistake(
    "The test part was standardised with its own mean and std: it must get those of the training part.",
    lambda train, test: (_by_package(train, test)[0], _scaled(test, test, test.mean(axis=0), test.std(axis=0))[1]),
)
standardise.mistake(
    "A leak: the mean and std are those of both parts together.",
    lambda train, test: (lambda both: _scaled(train, test, both.mean(axis=0), both.std(axis=0)))(
        np.concatenate([train, test])
    ),
)
standardise.mistake(
    "This divides by the variance: the root is missing.",
    lambda train, test: _scaled(train, test, train.mean(axis=0), train.var(axis=0)),
)
standardise.mistake(
    "The mean must be taken away first.", lambda train, test: _scaled(train, test, 0.0, train.std(axis=0))
)
standardise.mistake(
    "One mean and std for all numbers: each feature, each column, has its own. Take axis=0.",
    lambda train, test: ((train - train.mean()) / train.std(), (test - train.mean()) / train.std()),
)
standardise.mistake(
    "The mean is gone, but not the scale: divide by std.",
    lambda train, test: _scaled(train, test, train.mean(axis=0), 1.0),
)
standardise.mistake(
    "A constant feature is divided by 0 and gives NaN: divide it by 1.",
    lambda train, test: tuple(
        np.where(train.min(axis=0) == train.max(axis=0), np.nan, part) for part in _by_package(train, test)
    ),
)


# --- 09.2 ------------------------------------------------------------------------------------------------


def _clean_given(rng):
    n, classes = int(rng.integers(8, 12)), int(rng.integers(3, 6))
    X, y = rng.uniform(size=(n, 4)).round(2), rng.integers(0, classes, size=n)
    broken, empty, above, below, twin = rng.permutation(np.arange(1, n))[:5]
    X[broken, int(rng.integers(0, 4))] = np.nan
    X[empty] = rng.uniform()
    y[above], y[below] = classes, -1
    X[twin], y[twin] = X[0], y[0]
    return X, y, classes


def _kept(X, y, K):
    return clean(X[:, None, None, :], y, n_classes=K)[2].kept


def _keep(X, y, K, broken=np.isnan, twins="first", lowest=0, highest=-1, empty=True):
    kept = []
    for n in range(len(X)):
        bad = broken(X[n]).any() or (empty and X[n].min() == X[n].max()) or not lowest <= y[n] <= K + highest
        same = [m for m in range(len(X)) if m != n and np.array_equal(X[m], X[n]) and y[m] == y[n]]
        bad |= bool(same) and (twins == "none" or (twins == "first" and min(same) < n))
        if not bad:
            kept.append(n)
    return np.array(kept)


@exercise(
    "09.2",
    given=_clean_given,
    truth=_kept,
    returns=("samples to keep",),
    hints=(
        "A loop over the samples n, with an `if` for each problem; collect the numbers of those that have none.",
        "Holes: np.isnan(X[n]).any(). Empty: X[n].min() == X[n].max(). Label: 0 <= y[n] < K.",
        "A twin: any(np.array_equal(X[m], X[n]) and y[m] == y[n] for m in range(n)) looks only at earlier ones.",
    ),
)
def keep(X, y, K):
    """Return the numbers of the samples to keep, rising. X (N, D) pixels, y (N,) labels.

    Leave out a sample with NaN in it, one whose pixels are all equal, one whose label is not
    0 … K − 1, and one that has an earlier twin (the same pixels and the same label).
    """
    kept = []
    for n in range(len(X)):
        holes, empty = np.isnan(X[n]).any(), X[n].min() == X[n].max()
        twin = any(np.array_equal(X[m], X[n]) and y[m] == y[n] for m in range(n))
        if not holes and not empty and 0 <= y[n] < K and not twin:
            kept.append(n)
    return np.array(kept)


keep.mistake(
    "Samples with NaN are still in. X == np.nan is never True: use np.isnan(X).",
    lambda X, y, K: _keep(X, y, K, broken=lambda x: x == np.nan),
)
keep.mistake("With K classes the largest label is K − 1.", lambda X, y, K: _keep(X, y, K, highest=0))
keep.mistake("Labels below 0 are wrong too.", lambda X, y, K: _keep(X, y, K, lowest=-9))
keep.mistake(
    "Twins are still in: leave out one that came earlier already.", lambda X, y, K: _keep(X, y, K, twins="all")
)
keep.mistake("Of two twins the first one is good: keep it.", lambda X, y, K: _keep(X, y, K, twins="none"))
keep.mistake("Empty samples are still in: all their pixels are equal.", lambda X, y, K: _keep(X, y, K, empty=False))
keep.mistake(
    "These are the samples to throw away; asked are those to keep.",
    lambda X, y, K: np.setdiff1d(np.arange(len(X)), _keep(X, y, K)),
)


# --- 09.3 ------------------------------------------------------------------------------------------------


@exercise(
    "09.3",
    given=lambda rng: (rng.uniform(0.1, 1, size=(5, 6)), int(rng.integers(1, 3)), int(rng.integers(3, 5))),
    truth=lambda x, down, right: affine(x[None, None], shift=(down, right))[0, 0],
    returns=("moved picture",),
    hints=(
        "Begin with np.zeros_like(x). Where in it does the pixel x[0, 0] go?",
        "It goes to [down, right]. So the part moved[down:, right:] takes what of x still has room.",
        "x[: H - down, : W - right] has room, with H, W = x.shape.",
    ),
)
def shift(x, down, right):
    """Return x (H, W) moved by so many pixels, down and right both above 0; outside is 0."""
    H, W = x.shape
    moved = np.zeros_like(x)
    moved[down:, right:] = x[: H - down, : W - right]
    return moved


shift.mistake(
    "What leaves on the right comes in on the left: np.roll goes round. Here paper comes in.",
    lambda x, down, right: np.roll(x, (down, right), axis=(0, 1)),
)
shift.mistake(
    "It goes up and to the left. Rows count from above, and a larger column is further right.",
    lambda x, down, right: np.pad(x[down:, right:], ((0, down), (0, right))),
)
shift.mistake(
    "Down and right are exchanged: the first axis holds the rows.",
    lambda x, down, right: shift.solution(x, right, down),
)
shift.mistake(
    "The picture has grown: what leaves it must be cut off.",
    lambda x, down, right: np.pad(x, ((down, 0), (right, 0))),
)
shift.mistake("It only goes down.", lambda x, down, right: shift.solution(x, down, 0))
shift.mistake(
    "The edge is smeared in from outside. Outside is paper: 0.",
    lambda x, down, right: np.pad(x, ((down, 0), (right, 0)), mode="edge")[: x.shape[0], : x.shape[1]],
)


# --- 09.4 ------------------------------------------------------------------------------------------------


def _more_given(rng):
    n = int(rng.integers(6, 10))
    return (
        rng.normal(size=(n, 3)),
        int(rng.integers(2, 4)),
        rng.uniform(0.1, 0.5),
        np.random.default_rng(rng.integers(1000)),
    )


def _leaky_more(X, n_test, std, rng):
    """Return (training, test). X (N, D); the last n_test samples are the test, just as they came.

    Training: the others, then one noisy copy of each, with noise = rng.normal(0, std, size=…).
    """
    X = np.concatenate([X, X + rng.normal(0, std, size=X.shape)])
    return X[:-n_test], X[-n_test:]


@exercise(
    "09.4",
    given=_more_given,
    returns=("training", "test"),
    starter=_leaky_more,
    hints=(
        "Which samples are in the test here, and where are they without noise?",
        "Cut first: train, test = X[:-n_test], X[-n_test:]. Then make copies of the training part only.",
    ),
)
def more_data(X, n_test, std, rng):
    """Return (training, test). X (N, D); the last n_test samples are the test, just as they came.

    Training: the others, then one noisy copy of each, with noise = rng.normal(0, std, size=…).
    """
    train, test = X[:-n_test], X[-n_test:]
    return np.concatenate([train, train + rng.normal(0, std, size=train.shape)]), test


more_data.mistake(
    "The leak is still there: the test holds noisy copies of training samples. Cut before you copy.",
    lambda X, n_test, std, rng: _leaky_more(X, n_test, std, rng),
)
more_data.mistake(
    "The test must stay as it came: no noise on it.",
    lambda X, n_test, std, rng: (
        more_data.solution(X, n_test, std, rng)[0],
        X[-n_test:] + rng.normal(0, std, size=X[-n_test:].shape),
    ),
)
more_data.mistake(
    "The samples as they came belong to the training too, before their copies.",
    lambda X, n_test, std, rng: (X[:-n_test] + rng.normal(0, std, size=X[:-n_test].shape), X[-n_test:]),
)
more_data.mistake(
    "The test samples are also in the training part.",
    lambda X, n_test, std, rng: (np.concatenate([X, X + rng.normal(0, std, size=X.shape)]), X[-n_test:]),
)
more_data.mistake(
    "The same noise for every sample: draw it with the shape of the whole training part.",
    lambda X, n_test, std, rng: (
        np.concatenate([X[:-n_test], X[:-n_test] + rng.normal(0, std, size=X.shape[1])]),
        X[-n_test:],
    ),
)
more_data.mistake(
    "There are no copies: training is only the first part.", lambda X, n_test, std, rng: (X[:-n_test], X[-n_test:])
)
