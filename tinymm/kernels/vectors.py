"""Vectors of numbers, which Numba does not have: what the tile and the rows are emitted with, as LLVM's instructions.

LLVM turns them into whatever the CPU has.
"""

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils


def _host() -> tuple[int, int]:
    """Bytes in a vector of this CPU, and how many vectors its registers hold."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx2"):
        return 32, 16
    if llvm.get_default_triple().startswith(("aarch64", "arm64")):
        return 16, 32
    return 16, 16


VECTOR_BYTES, REGISTERS = _host()


def splat(builder, value, lanes):
    """A vector of equal numbers."""
    first = builder.insert_element(
        ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined), value, ir.IntType(32)(0)
    )
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))


def first_lanes(builder, count, lanes):
    """A mask: true in the first `count` lanes."""
    numbers = ir.Constant(ir.VectorType(count.type, lanes), list(range(lanes)))
    return builder.icmp_signed("<", numbers, splat(builder, count, lanes))


def load_vector(builder, pointer, vector, mask=None):
    """A vector from memory; where the mask is false nothing is read, and there is 0."""
    align = ir.IntType(32)(_bits(vector) // 8)
    place = builder.bitcast(pointer, vector.as_pointer())
    if mask is None:
        return builder.load(place, align=align.constant)
    function = ir.FunctionType(vector, [place.type, align.type, mask.type, vector])
    function = cgutils.get_or_insert_function(builder.module, function, f"llvm.masked.load.{_name(vector)}.p0")
    return builder.call(function, [place, align, mask, ir.Constant(vector, [0.0] * vector.count)])


def store_vector(builder, value, pointer, mask=None):
    """A vector to memory; where the mask is false nothing is written."""
    align = ir.IntType(32)(_bits(value.type) // 8)
    place = builder.bitcast(pointer, value.type.as_pointer())
    if mask is None:
        builder.store(value, place, align=align.constant)
        return
    function = ir.FunctionType(ir.VoidType(), [value.type, place.type, align.type, mask.type])
    function = cgutils.get_or_insert_function(builder.module, function, f"llvm.masked.store.{_name(value.type)}.p0")
    builder.call(function, [value, place, align, mask])


def _bits(vector):
    return 64 if isinstance(vector.element, ir.DoubleType) else 32


def _name(vector):
    """As LLVM's functions are called: v16f32."""
    return f"v{vector.count}f{_bits(vector)}"


def multiply_add(builder, a, b, c):
    """a · b + c, in one rounding where the CPU can."""
    function = ir.FunctionType(c.type, [c.type] * 3)
    return builder.call(
        cgutils.get_or_insert_function(builder.module, function, f"llvm.fmuladd.{_name(c.type)}"), [a, b, c]
    )


def keep_rolled(builder, branch):
    """Tell LLVM not to unroll the loop that this branch closes: registers that are all in use would be spilled."""
    module = builder.module
    disable = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
    loop = ir.MDValue(module, [], name=str(len(module.metadata)))
    loop.operands = (loop, disable)  # a loop's name is a node that begins with itself
    branch.set_metadata("llvm.loop", loop)
