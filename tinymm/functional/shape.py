"""Operations that move elements without changing them: reshape, transpose, join, cut, pad, pick.

The derivative of each moves the gradient back the way the elements came.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinymm.functional.checks import operand
from tinymm.tape import operation, plain_operation


@operation(np.reshape, view=True)
def reshape(x, shape):
    """The same elements, in row-major order, in another shape; one length may be -1."""
    try:
        return np.reshape(x, shape)
    except ValueError:
        raise ValueError(f"reshape: {np.size(x)} elements of shape {np.shape(x)} do not fit shape {shape}") from None


reshape.gradient(x=lambda g, x_shape: np.reshape(g, x_shape))


@operation(np.transpose, view=True)
def transpose(x, axes=None):
    """The axes in the order `axes`, e.g. (0, 3, 1, 2); reversed if None."""
    try:
        return np.transpose(x, axes)
    except ValueError:
        raise ValueError(f"transpose: axes {axes} do not name each axis of {np.shape(x)} once") from None


transpose.gradient(x=lambda g, axes: np.transpose(g, None if axes is None else np.argsort(_positive(axes))))


def _positive(axes):
    return [axis % len(axes) for axis in axes]


@operation(np.swapaxes, view=True)
def swapaxes(x, axis1, axis2):
    """Two axes exchanged."""
    return np.swapaxes(x, axis1, axis2)


swapaxes.gradient(x=lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2))


@operation(np.moveaxis, view=True)
def moveaxis(x, source, destination):
    """Axis `source` moved to position `destination`."""
    return np.moveaxis(x, source, destination)


moveaxis.gradient(x=lambda g, source, destination: np.moveaxis(g, destination, source))


@operation(np.broadcast_to, view=True)
def broadcast_to(x, shape):
    """x repeated along new axes and along axes of length 1; the gradient is summed over the repeats."""
    return np.broadcast_to(x, shape)


broadcast_to.gradient(x=lambda g: g)  # the tape undoes broadcasting


@operation(np.expand_dims, view=True)
def expand_dims(x, axis):
    """New axes of length 1 at the positions `axis` of the result."""
    return np.expand_dims(x, axis)


expand_dims.gradient(x=lambda g, x_shape: np.reshape(g, x_shape))


@operation(np.squeeze, view=True)
def squeeze(x, axis=None):
    """Axes of length 1 removed: all of them, or those named."""
    return np.squeeze(x, axis)


squeeze.gradient(x=lambda g, x_shape: np.reshape(g, x_shape))


@plain_operation(np.ravel)
def flatten(x, start_axis=0):
    """The axes from `start_axis` on laid out as one: (N, C, H, W) with start_axis=1 gives (N, C·H·W)."""
    shape = np.shape(x)
    if not -len(shape) <= start_axis <= max(len(shape) - 1, 0):
        raise ValueError(f"flatten: there is no axis {start_axis} in shape {shape}")
    start = start_axis % max(len(shape), 1)
    return np.reshape(x, (*shape[:start], int(np.prod(shape[start:]))))


@operation(np.flip, view=True)
def flip(x, axis=None):
    """The order of the elements reversed along `axis` (all axes if None)."""
    return np.flip(x, axis)


flip.gradient(x=lambda g, axis: np.flip(g, axis))


@operation(np.roll)
def roll(x, shift, axis=None):
    """Elements moved by `shift` places along `axis`; what leaves at one end returns at the other."""
    return np.roll(x, shift, axis)


roll.gradient(x=lambda g, shift, axis: np.roll(g, tuple(-np.atleast_1d(shift)), axis))


@operation()
def _concatenate(axis, *arrays):
    """The arrays one after the other along `axis`."""
    return np.concatenate(arrays, axis=axis)


@_concatenate.gradients
def _(g, axis, arrays_shape):
    ends = np.cumsum([shape[axis] for shape in arrays_shape])
    where = [slice(None)] * g.ndim
    pieces: list[Any] = [None]
    for end, shape in zip(ends, arrays_shape, strict=True):
        where[axis] = slice(end - shape[axis], end)
        pieces.append(g[tuple(where)])
    return pieces


@plain_operation(np.concatenate)
def concatenate(arrays, axis=0):
    """The arrays one after the other along `axis`; flattened first if axis is None. Their other axes must be equal."""
    if axis is None:
        return _concatenate(0, *(np.ravel(a) for a in arrays))
    return _concatenate(axis, *arrays)


@plain_operation(np.stack)
def stack(arrays, axis=0):
    """Arrays of one shape side by side along a new axis: k arrays (M, N) give (k, M, N) with axis 0."""
    return _concatenate(axis, *(np.expand_dims(a, axis) for a in arrays))


@plain_operation(np.split)
def split(x, indices_or_sections, axis=0):
    """A list of pieces: so many equal ones (ValueError if they cannot be equal), or cut before each given index."""
    x = operand(x)
    axis = normalize_axis_index(axis, x.ndim, "split")
    length = x.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        if indices_or_sections < 1 or length % indices_or_sections:
            raise ValueError(f"split: {length} elements cannot be cut into {indices_or_sections} equal pieces")
        cuts = [length // indices_or_sections * i for i in range(indices_or_sections + 1)]
    else:
        cuts = [0, *indices_or_sections, length]
    before = (slice(None),) * axis
    return [x[(*before, slice(start, stop))] for start, stop in itertools.pairwise(cuts)]


@operation(np.pad)
def pad(x, pad_width, mode="constant", constant_values=0):
    """`pad_width` elements of value `constant_values` around x, given as NumPy gives them. Only mode "constant"."""
    if mode != "constant":
        raise ValueError(f'pad: mode {mode!r} is not differentiable here: use "constant"')
    return np.pad(x, pad_width, constant_values=constant_values)


pad.gradient(
    x=lambda g, x_shape, pad_width: g[
        tuple(
            slice(int(before), int(before) + n)
            for (before, _), n in zip(np.broadcast_to(pad_width, (len(x_shape), 2)), x_shape, strict=True)
        )
    ]
)


@operation()
def scatter(values, index, shape):
    """Zeros of `shape` with `values` added at `index`: what `x[index]` picked goes back to its place."""
    out = np.zeros(shape, dtype=values.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, np.ndarray | list) and np.asarray(part).dtype != bool for part in parts):
        np.add.at(out, index, values)  # an integer array may name an element twice
    else:
        out[index] = values
    return out


scatter.gradient(values=lambda g, index: g[index])


@operation(view=True)
def getitem(x, index):
    """x[index]: slices, integers, None, Ellipsis, integer arrays, boolean masks. Repeated elements add up."""
    return x[index]


getitem.gradient(x=lambda g, index, x_shape: scatter(g, index, x_shape))


@plain_operation(np.take)
def take(x, indices, axis=None):
    """The elements (or sub-arrays along `axis`) at integer `indices`, whose shape takes the place of that axis."""
    indices = np.asarray(indices)
    if axis is None:
        return np.ravel(x)[indices]
    return x[(*(slice(None),) * normalize_axis_index(axis, np.ndim(x), "take"), indices)]
