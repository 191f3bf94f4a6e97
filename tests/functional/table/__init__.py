"""The table of all operations: how to call each, where, and what it must equal.

`test_operations.py` walks it; an operation without a row here fails there.
"""

from .contrastive import CONTRASTIVE
from .elementary import ARITHMETIC, REDUCTIONS, SHAPE
from .images import CONVOLUTION, POOLING
from .layers import ACTIVATIONS, LINEAR, LOSSES, NORMALIZATION
from .row import as_tuple as as_tuple
from .sequences import CTC, RECURRENT
from .sparse import SPARSE

ROWS = [
    *(*ARITHMETIC, *SHAPE, *REDUCTIONS),
    *(*LINEAR, *ACTIVATIONS, *NORMALIZATION, *LOSSES),
    *(*CONVOLUTION, *POOLING, *RECURRENT, *CTC),
    *SPARSE,
    *CONTRASTIVE,
]

# Truth values, indices and constants: the call, on Tensors and on arrays alike.
UNDIFFERENTIABLE = {
    **{
        name: lambda f, a, b, name=name: getattr(f, name)(a, b)
        for name in (
            *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isclose"),
            *("logical_and", "logical_or", "logical_xor"),
        )
    },
    **{
        name: lambda f, a, b, name=name: getattr(f, name)(a > 0, b > 0)
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
    },
    "invert": lambda f, a, b: f.invert(a > 0),
    **{
        name: lambda f, a, b, name=name: getattr(f, name)(a)
        for name in (
            *("logical_not", "isnan", "isinf", "isfinite", "signbit", "all", "any"),
            *("argmax", "argmin", "argsort", "count_nonzero", "zeros_like", "ones_like"),
        )
    },
}
