"""Batches: cut arrays into small pieces, in a new order each epoch, reproducibly from one seed."""

import operator
from collections.abc import Callable, Iterator

import numpy as np

from tinymm.data.prefetching import ahead
from tinymm.sparse import Rows, as_rows

ALL = slice(None)


class DataLoader:
    """Iterate over aligned arrays in batches.

    Each `for` loop is one epoch: every sample once, in a new random order. Everything follows from `seed` and
    the numbers of the epoch and the batch, so a run can be repeated, or resumed in the middle of an epoch, bit
    for bit:

        state = loader.state_dict()      # inside the loop: the batches handed out so far are done
        loader.load_state_dict(state)    # later: the next loop gives the rest of that epoch

    Args:
        arrays: one or more arrays, `x, y` as a rule, with equal first axes. Sounds and texts come as arrays of objects, as
            in a `Dataset`, counted words as a `CSRMatrix`.
        batch_size: samples in a batch; the last one may have fewer.
        shuffle: a new order each epoch; otherwise the order of the arrays.
        seed: a whole number ≥ 0.
        drop_last: leave out the last batch when it is short.
        augment: `(x, rng) -> x`, applied to each batch of the first array, `rng` being a fresh Generator.

    Yields:
        one tuple per batch with a part of each array. The parts are copies: change them freely (but not the objects
        in them: sounds are shared).

    Raises:
        ValueError: no data, lengths that differ, `batch_size` < 1, seed < 0, or `drop_last` leaves nothing.

    >>> loader = DataLoader(np.arange(5), np.arange(5) * 10, batch_size=2, shuffle=False)
    >>> for x, y in loader:
    ...     print(x, y)
    [0 1] [ 0 10]
    [2 3] [20 30]
    [4] [40]
    """

    prefetch = 0  # batches that a background thread makes in advance

    def __init__(
        self,
        *arrays: np.ndarray | Rows,
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    ):
        self.arrays = tuple(as_rows(array) for array in arrays)
        lengths = [len(array) if array.ndim else 0 for array in self.arrays]
        if not lengths or 0 in lengths:
            shapes = ", ".join(str(array.shape) for array in self.arrays) or "nothing"
            raise ValueError(f"DataLoader: got {shapes}, expected arrays with at least one sample each")
        if len(set(lengths)) > 1:
            raise ValueError(
                f"DataLoader: arrays have {', '.join(map(str, lengths))} samples: all need the same number"
            )
        self.batch_size = _whole("batch_size", batch_size, least=1)
        self.seed = _whole("seed", seed, least=0)
        if drop_last and lengths[0] < self.batch_size:
            raise ValueError(
                f"DataLoader: drop_last leaves no batch, as {lengths[0]} samples are fewer than batch_size "
                f"{self.batch_size}: use a smaller batch or drop_last=False"
            )
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.augment = augment
        self.epoch = 0  # the epoch under way, or to come
        self.batch = 0  # batches of it that were handed out
        self._resumed = False
        self._order: tuple[int, np.ndarray] = -1, np.arange(0)  # of the epoch that was last asked for

    @property
    def n_samples(self) -> int:
        """The number of samples in an epoch, before `drop_last`."""
        return len(self.arrays[0])

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(self.n_samples, self.batch_size)
        return whole + bool(rest and not self.drop_last)

    def __repr__(self) -> str:
        return (
            f"DataLoader({self.n_samples:,} samples, {len(self)} batches of {self.batch_size}, "
            f"shuffle={self.shuffle}, seed={self.seed})"
        )

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        if self.batch and not self._resumed:  # the last loop was left early: begin the next epoch
            self.epoch, self.batch = self.epoch + 1, 0
        self._resumed = False
        epoch = self.epoch
        made = (self.at(epoch, batch) for batch in range(self.batch, len(self)))
        for batch, parts in enumerate(ahead(made, self.prefetch), self.batch):
            self.epoch, self.batch = epoch, batch + 1
            yield parts
        self.epoch, self.batch = epoch + 1, 0

    def at(self, epoch: int, batch: int, own: np.ndarray | slice = ALL) -> tuple[np.ndarray, ...]:
        """One batch of an epoch, both counted from 0: the same in whatever order, or process, they are asked for.

        `own` are those of its samples that are wanted, by their place in the batch, (n,) int or a slice.
        """
        chosen = self.rows(epoch, batch)
        if self.augment is None:
            return tuple(array[chosen[own]] for array in self.arrays)
        first, *others = (array[chosen] for array in self.arrays)
        first = self.augment(first, self._generator(epoch, batch))  # all, as what is drawn depends on it
        return (first, *others) if own is ALL else tuple(part[own] for part in (first, *others))

    def rows(self, epoch: int, batch: int) -> np.ndarray:
        """Which samples a batch has, (n,)."""
        if self._order[0] != epoch:
            shuffled = self.shuffle
            order = self._generator(epoch).permutation(self.n_samples) if shuffled else np.arange(self.n_samples)
            self._order = epoch, order
        return self._order[1][batch * self.batch_size : (batch + 1) * self.batch_size]

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def state_dict(self) -> dict:
        """Return the position: the epoch, the batches of it handed out, and what their order depends on."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "seed": self.seed,
            "n_samples": self.n_samples,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go to a saved position; the next loop gives the rest of that epoch.

        Raises:
            ValueError: an entry is missing, or the state has another number of samples, batch size, seed, ...
                than this loader, so that the batches would not be the same.
        """
        own = self.state_dict()
        if missing := own.keys() - state.keys():
            raise ValueError(f"DataLoader.load_state_dict: {', '.join(sorted(missing))} missing from the state")
        for key in own.keys() - {"epoch", "batch"}:
            if state[key] != own[key]:
                raise ValueError(
                    f"DataLoader.load_state_dict: the state has {key} {state[key]}, this loader {own[key]}: "
                    "the batches would not be the same"
                )
        epoch = _whole("epoch", state["epoch"], least=0)
        batch = _whole("batch", state["batch"], least=0)
        if batch > len(self):
            raise ValueError(f"DataLoader.load_state_dict: batch {batch} of {len(self)} does not exist")
        self.epoch, self.batch, self._resumed = epoch, batch, True


def _whole(name: str, value: int, least: int) -> int:
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"DataLoader: {name} {value!r} must be a whole number") from None
    if value < least:
        raise ValueError(f"DataLoader: {name} {value} must be at least {least}")
    return value
