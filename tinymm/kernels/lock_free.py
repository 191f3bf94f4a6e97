"""What processes that share memory do to it without locks: take a piece of work, and change parameters."""

from llvmlite import ir
from numba import types

from tinymm.kernels.jit import instructions, kernel


def _compare_and_swap(array, index, expected, new):
    """If array[index] == expected it becomes new, in one indivisible step (in plain Python: two); returns whether it did."""
    same = array[index] == expected
    if same:
        array[index] = new
    return int(same)


@instructions(_compare_and_swap, returns=types.int64)
def _(context, builder, signature, arguments):
    array, index, expected, new = arguments
    pointer = builder.gep(context.make_array(signature.args[0])(context, builder, array).data, [index])
    swapped = builder.cmpxchg(pointer, expected, new, "seq_cst", "seq_cst")
    return builder.zext(builder.extract_value(swapped, 1), ir.IntType(64))


@kernel
def claim(owners, start, stop, me):
    """Put `me` into the first place of owners[start:stop] that is 0, and return the place, or −1 if there is none.

    owners int64; no two claims, of whatever thread or process, get the same place.
    """
    for i in range(start, stop):
        if owners[i] == 0 and _compare_and_swap(owners, i, 0, me):
            return i
    return -1


@kernel
def descend(theta, gradient, lr):
    """θᵢ ← θᵢ − η gᵢ where gᵢ is not 0, and nothing is written elsewhere: what others do there is not undone.

    theta and gradient one-dimensional. Source: Niu, Recht, Ré & Wright (2011), "Hogwild!", algorithm 1.
    """
    for i in range(theta.size):
        if gradient[i] != 0:
            theta[i] -= lr * gradient[i]
