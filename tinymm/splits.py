"""Cutting samples into parts: folds for cross-validation, and training, validation and test sets.

A part drawn in proportion to the classes ("stratified") keeps rare classes from missing in it, and gives
estimates of less bias and variance (R. Kohavi, "A study of cross-validation and bootstrap for accuracy
estimation and model selection", IJCAI 1995).
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinymm.metrics.checks import labels_of
from tinymm.random import generator
from tinymm.sparse import as_rows

Fold = tuple[np.ndarray, np.ndarray]  # indices of the training samples, indices of the test samples


class KFold:
    """k folds: each sample is in exactly one test fold, and the folds' sizes differ by at most 1.

    Without `shuffle` the folds are consecutive, the larger ones first, exactly as scikit-learn's.
    `random_state` is a seed, or a `numpy.random.Generator` that each `split` draws from; equal seeds give
    equal folds. Raises ValueError for fewer than 2 folds and, in `split`, for more folds than samples.

    >>> for train, test in KFold(3).split(["a", "b", "c", "d"]):
    ...     print(train, test)
    [2 3] [0 1]
    [0 1 3] [2]
    [0 1 2] [3]
    """

    def __init__(
        self, n_splits: int = 5, shuffle: bool = False, random_state: int | np.random.Generator | None = None
    ) -> None:
        where = type(self).__name__
        if isinstance(n_splits, bool) or not isinstance(n_splits, (int, np.integer)):
            raise TypeError(f"{where}: n_splits must be a whole number, not {n_splits!r}")
        if n_splits < 2:
            raise ValueError(
                f"{where}: n_splits={n_splits}, but it takes 2 folds to train on one and test on the other"
            )
        if random_state is not None and not shuffle:
            raise ValueError(f"{where}: random_state has no effect without shuffling: add shuffle=True")
        self.n_splits, self.shuffle, self.random_state = int(n_splits), shuffle, random_state

    def __repr__(self) -> str:
        settings = f"n_splits={self.n_splits}, shuffle={self.shuffle}, random_state={self.random_state!r}"
        return f"{type(self).__name__}({settings})"

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """The number of folds k; the arguments are there for the sake of code written for scikit-learn."""
        return self.n_splits

    def split(self, X: Any, y: Any = None) -> Iterator[Fold]:
        """Yield k pairs (training indices, test indices), both sorted. Only the length of X is looked at."""
        n = len(X)
        if n < self.n_splits:
            raise ValueError(
                f"{type(self).__name__}: {self.n_splits} folds need at least {self.n_splits} samples, but there are {n}"
            )
        if y is not None and len(y) != n:
            raise ValueError(f"{type(self).__name__}: X has {n} samples but y has {len(y)}")
        fold = self._fold_of_each(n, y)
        return _folds(fold, self.n_splits)

    def _fold_of_each(self, n: int, y: Any) -> np.ndarray:
        fold = np.sort(np.arange(n) % self.n_splits)
        if self.shuffle:
            _generator(self.random_state).shuffle(fold)
        return fold


class StratifiedKFold(KFold):
    """k folds in which every class is spread evenly: its counts, and the folds' sizes, differ by at most 1.

    `split(X, y)` takes the class of each sample, y (N,), numbers or text. Without `shuffle` the samples of
    a class go to the folds in the order they come, exactly as scikit-learn's. Arguments and errors as in
    `KFold`; also ValueError if there is one class only or every class has fewer than k members, and a
    UserWarning if some has.

    >>> for train, test in StratifiedKFold(2).split(range(6), list("aabbbb")):
    ...     print(train, test)
    [1 4 5] [0 2 3]
    [0 2 3] [1 4 5]
    """

    def _fold_of_each(self, n: int, y: Any) -> np.ndarray:
        k = self.n_splits
        if y is None:
            raise ValueError("StratifiedKFold: split(X, y) needs the classes y: without them use KFold")
        codes, counts = _classes("StratifiedKFold", y)
        if counts.max() < k:
            raise ValueError(f"StratifiedKFold: no class has {k} members, one for each fold: use fewer folds or KFold")
        if counts.min() < k:
            warnings.warn(
                f"StratifiedKFold: the smallest class has {counts.min()} sample(s) for {k} folds, "
                "so some folds will lack it",
                stacklevel=3,
            )
        rng = _generator(self.random_state) if self.shuffle else None
        # Lay the samples out class by class and deal them like cards: the i-th goes to fold i mod k.
        fold, dealt = np.empty(n, dtype=np.intp), np.arange(n) % k
        start = 0
        for c, count in enumerate(counts):
            hand = np.sort(dealt[start : start + count])
            if rng is not None:
                rng.shuffle(hand)
            fold[codes == c] = hand
            start += count
        return fold


class GroupKFold(KFold):
    """k folds that keep groups whole, such as the recordings of one speaker: none is in training and test at once.

    `split(X, y, groups)` takes the group of each sample, groups (N,), numbers or text; y is not looked at. Without
    `shuffle` the largest groups come first, and each goes to the fold with the fewest samples so far, as in
    scikit-learn; with it the folds get equally many groups (± 1), at random. Arguments as in `KFold`; ValueError
    without groups or for fewer groups than folds.

    >>> for train, test in GroupKFold(2).split(range(6), groups=list("aabbbc")):
    ...     print(train, test)
    [0 1 5] [2 3 4]
    [2 3 4] [0 1 5]
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Fold]:
        """Yield k pairs (training indices, test indices), both sorted."""
        codes, counts = _groups("GroupKFold", X, groups)
        if len(counts) < self.n_splits:
            raise ValueError(f"GroupKFold: {self.n_splits} folds need as many groups, but there are {len(counts)}")
        fold_of_group = self._fold_of_each(len(counts), None) if self.shuffle else _fill_evenly(counts, self.n_splits)
        return _folds(fold_of_group[codes], self.n_splits)


class LeaveOneGroupOut:
    """One fold for each group, which is its test set: how well does a model do on a speaker it never heard?

    `split(X, y, groups)` takes the group of each sample, groups (N,), numbers or text; y is not looked at. The folds
    come in the sorted order of the groups, as in scikit-learn. ValueError without groups or for only one.

    >>> for train, test in LeaveOneGroupOut().split(range(4), groups=["b", "a", "b", "c"]):
    ...     print(train, test)
    [0 2 3] [1]
    [1 3] [0 2]
    [0 1 2] [3]
    """

    def __repr__(self) -> str:
        return "LeaveOneGroupOut()"

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """The number of folds, which is that of the groups."""
        return len(_groups("LeaveOneGroupOut", groups, groups)[1])

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Fold]:
        """Yield a pair (training indices, test indices), both sorted, for each group."""
        codes, counts = _groups("LeaveOneGroupOut", X, groups)
        if len(counts) < 2:
            raise ValueError("LeaveOneGroupOut: there is one group only, so nothing would be left to train on")
        return _folds(codes, len(counts))


def train_test_split(
    *arrays: Any,
    test_size: float | int | None = None,
    train_size: float | int | None = None,
    stratify: Any = None,
    shuffle: bool = True,
    random_state: int | np.random.Generator | None = None,
) -> list[Any]:
    """Cut arrays of equal length into a training and a test part: [a_train, a_test, b_train, b_test, …].

    Sizes are shares of the samples (floats; the test part is rounded up, the training part down) or numbers
    of them (ints); alone, `test_size` is 0.25. `stratify` (N,) are classes to be shared out in proportion.
    Without `shuffle` the test part is the end. Lists give lists, everything else NumPy arrays. Raises
    ValueError for no arrays, lengths that differ, sizes that leave a part empty or exceed the data, and a
    class too small to be in both parts.

    >>> train_test_split([1, 2, 3, 4], list("abcd"), test_size=1, shuffle=False)
    [[1, 2, 3], [4], ['a', 'b', 'c'], ['d']]
    """
    where = "train_test_split"
    n = common_length(where, arrays)
    if test_size is None:
        test_size = 0.25 if train_size is None else n - _part(where, "train_size", train_size, n, math.floor)
    n_test = _part(where, "test_size", test_size, n, math.ceil)
    n_train = n - n_test if train_size is None else _part(where, "train_size", train_size, n, math.floor)
    parts = _parts(where, [n_train, n_test], n, stratify, shuffle, random_state)
    return [take(array, part) for array in arrays for part in parts]


def train_validation_test_split(
    *arrays: Any,
    validation_size: float | int = 0.15,
    test_size: float | int = 0.15,
    stratify: Any = None,
    shuffle: bool = True,
    random_state: int | np.random.Generator | None = None,
) -> list[Any]:
    """Cut arrays into three parts: [a_train, a_validation, a_test, b_train, b_validation, b_test, …].

    Learn from the first, choose with the second, report the third. Both sizes are shares, or numbers, of
    all the samples; arguments and errors otherwise as in `train_test_split`.

    >>> train, validation, test = train_validation_test_split(range(20), random_state=0)
    >>> len(train), len(validation), len(test)
    (14, 3, 3)
    """
    where = "train_validation_test_split"
    n = common_length(where, arrays)
    n_validation = _part(where, "validation_size", validation_size, n, math.ceil)
    n_test = _part(where, "test_size", test_size, n, math.ceil)
    sizes = [n - n_validation - n_test, n_validation, n_test]
    parts = _parts(where, sizes, n, stratify, shuffle, random_state)
    return [take(array, part) for array in arrays for part in parts]


def _parts(
    where: str, sizes: Sequence[int], n: int, stratify: Any, shuffle: bool, random_state: Any
) -> list[np.ndarray]:
    """Disjoint index arrays of these sizes. Stratified: each part takes its share of every class that is left."""
    if min(sizes) < 1 or sum(sizes) > n:
        raise ValueError(f"{where}: parts of {', '.join(map(str, sizes))} samples cannot be cut from {n}")
    if stratify is None:
        order = _generator(random_state).permutation(n) if shuffle else np.arange(n)
        return np.split(order, np.cumsum(sizes))[: len(sizes)]
    if not shuffle:
        raise ValueError(f"{where}: stratify draws from every class, which needs shuffle=True")
    if len(stratify) != n:
        raise ValueError(f"{where}: stratify has {len(stratify)} classes for {n} samples")
    codes, counts = _classes(where, stratify)
    if counts.min() < len(sizes):
        raise ValueError(
            f"{where}: the smallest class has {counts.min()} of the {len(sizes)} samples it takes to be in every part"
        )
    if min(sizes) < len(counts):
        raise ValueError(f"{where}: a part of {min(sizes)} samples cannot hold all {len(counts)} classes")
    rng = _generator(random_state)
    order = rng.permutation(n)
    members = [order[codes[order] == c] for c in range(len(counts))]
    parts = []
    for size in sizes:
        left = np.array([len(m) for m in members])
        share = _in_proportion(left, size)
        parts.append(rng.permutation(np.concatenate([m[:s] for m, s in zip(members, share, strict=True)])))
        members = [m[s:] for m, s in zip(members, share, strict=True)]
    return parts


def _in_proportion(counts: np.ndarray, size: int) -> np.ndarray:
    """Whole shares of `size` in proportion to the counts: rounded down, what is missing to the largest remainders."""
    exact = counts * (size / counts.sum())
    share = np.floor(exact).astype(np.intp)
    share[np.argsort(share - exact, kind="stable")[: size - share.sum()]] += 1
    return share


def _part(where: str, name: str, size: Any, n: int, rounded: Callable[[float], int]) -> int:
    if isinstance(size, (int, np.integer)) and not isinstance(size, bool) and 0 < size < n:
        return int(size)
    if isinstance(size, (float, np.floating)) and 0 < size < 1:
        return rounded(float(size) * n)
    raise ValueError(f"{where}: {name}={size!r} must be a share between 0 and 1, or a number of the {n} samples")


def _folds(fold: np.ndarray, k: int) -> Iterator[Fold]:
    """The pairs (training indices, test indices) when sample i is tested in fold[i]."""
    return ((np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(k))


def _fill_evenly(counts: np.ndarray, k: int) -> np.ndarray:
    """A fold for each group: the largest first, each to the fold with the fewest samples (R. L. Graham, "Bounds on
    multiprocessing timing anomalies", SIAM J. Appl. Math. 17, 1969: the fullest has at most 4/3 of what is possible)."""
    fold, filled = np.empty(len(counts), np.intp), np.zeros(k, np.intp)
    for group in np.argsort(counts, kind="stable")[::-1]:
        fold[group] = filled.argmin()
        filled[fold[group]] += counts[group]
    return fold


def _groups(where: str, X: Any, groups: Any) -> tuple[np.ndarray, np.ndarray]:
    """Each sample's group number, in sorted order, and the number of samples per group."""
    if groups is None:
        raise ValueError(f"{where}: the groups are missing: split(X, y, groups) keeps each of them whole")
    if len(groups) != len(X):
        raise ValueError(f"{where}: X has {len(X)} samples but there are {len(groups)} groups: each sample needs one")
    _, codes = np.unique(labels_of(where, "groups", groups), return_inverse=True)
    return codes, np.bincount(codes)


def _generator(random_state: Any) -> np.random.Generator:
    if random_state is None:
        return generator()
    if isinstance(random_state, (np.random.Generator, int, np.integer)) and not isinstance(random_state, bool):
        return np.random.default_rng(random_state)
    raise TypeError(f"random_state must be a seed, a numpy.random.Generator or None, not {type(random_state).__name__}")


def _classes(where: str, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Each sample's class number, counted in order of first appearance, and the number of samples per class."""
    labels = labels_of(where, "y", y)
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    if len(first) < 2:
        raise ValueError(f"{where}: y has one class only, so there is nothing to stratify: check y, or leave it out")
    codes = np.argsort(np.argsort(first))[codes]
    return codes, np.bincount(codes)


def common_length(where: str, arrays: Sequence[Any]) -> int:
    if not arrays:
        raise ValueError(f"{where}: pass at least one array to split")
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{where}: the arrays must have the same number of samples, not {', '.join(map(str, lengths))}"
        )
    return lengths[0]


def take(array: Any, index: np.ndarray) -> Any:
    return [array[i] for i in index] if isinstance(array, (list, tuple)) else as_rows(array)[index]
