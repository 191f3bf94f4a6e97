"""What is emitted as instructions of the CPU does what its plain Python says."""

from functools import cache

import numpy as np
import pytest
from numba import config, njit

from tinymm.kernels import lock_free, memory, optim, rows, threads, tile, transpose, winograd_transforms

pytestmark = pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled: only the plain meaning is there")
DTYPES = [np.float32, np.float64]


@cache  # compiled once for each type of array
def compiled(function):
    @njit
    def call(*arguments):
        return function(*arguments)

    return call


def both(function, *arguments):
    """What the plain and what the compiled function return, and the arrays they were given, changed."""
    found = []
    for call in (function, compiled(function)):
        own = [np.copy(a) if isinstance(a, np.ndarray) else a for a in arguments]
        found.append([call(*own), *(a for a in own if isinstance(a, np.ndarray))])
    return found


def agree(function, *arguments, digits=5):
    (value, *plain), (other, *emitted) = both(function, *arguments)
    assert value == other
    for expected, got in zip(plain, emitted, strict=True):
        np.testing.assert_allclose(got, expected, rtol=10**-digits, atol=10**-digits)
    changed = [not np.array_equal(a, b) for a, b in zip(plain, [a for a in arguments if np.ndim(a)], strict=True)]
    assert any(changed)


@pytest.fixture(params=DTYPES)
def array(request):
    rng = np.random.default_rng(0)
    return lambda *shape: rng.standard_normal(shape).astype(request.param)


TABLES = [
    (tile.tile_by_tables, tile.ROWS, tile.VECTORS),
    (tile.flat_tile_by_tables, tile.FLAT_ROWS, tile.FLAT_VECTORS),
    (tile.row_by_tables, 1, tile.ROW_VECTORS),
]


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize(("function", "count", "vectors"), TABLES)
def test_tiles_by_tables(array, function, count, vectors, accumulate):
    rng, columns = np.random.default_rng(1), vectors * tile.VECTOR_BYTES // array(1).itemsize
    a_row, a_step, b_step = rng.integers(0, 100, 9), rng.integers(0, 100, 7), rng.integers(0, 100, 7)
    for given in {1, count}:
        work = array(300), 3, a_row, 1, given, a_step, array(300 + columns), 5, b_step, 6
        agree(function, *work, array(9 + count * (columns + 1)), 2, columns + 1, accumulate)


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("given", [1, tile.ROWS])
def test_tile_by_strides(array, given, accumulate):
    columns = tile.width(array(1).dtype)
    for a_row, a_step in ((1, 20), (20, 1)):
        work = array(20, 20), 4, a_row, a_step, given, array(20, columns + 3), 2, columns + 3, 11
        agree(tile.tile_by_strides, *work, array(tile.ROWS + 1, columns + 1), 1, columns + 1, accumulate)


@pytest.mark.parametrize("given", [1, tile.ROWS])
def test_tile_of_row(array, given):
    lanes = tile.VECTOR_BYTES // array(1).itemsize
    for apart in (0, lanes // 2, lanes):
        c_stride = lanes * tile.VECTORS + 1
        b_step = np.array([0, 9, 3, 30])
        work = array(tile.ROWS * 10), 2, 9, given, array(20), 3, array(50 + c_stride), 1, b_step, 4
        agree(tile.tile_of_row, *work, array(tile.ROWS * c_stride + 5), 4, c_stride, apart)


@pytest.mark.parametrize("given", [1, tile.PICTURE_ROWS])
def test_tile_of_picture(array, given):
    lanes = tile.VECTOR_BYTES // array(1).itemsize
    for apart in (0, lanes // 2, lanes):
        row = lanes * tile.VECTORS + 1
        b_step = np.array([0, 9, 3, 30])
        work = array(10), 2, array(5), 3, array(50 + row * (given + 1)), 1, row, b_step, 4
        agree(tile.tile_of_picture, *work, array((given + 1) * row + 5), 4, row, given, apart)


def test_row_by_panels(array):
    columns, depth = tile.width(array(1).dtype), 7
    size = columns * depth
    for a_step in (1, 2):
        work = array(20), 3, a_step, array(tile.THIN * size), 0, size, depth
        agree(tile._row_by_panels, *work, array(tile.THIN * columns + 2), 1)


@pytest.mark.parametrize("columns", [1, 8, 19, 32])
@pytest.mark.parametrize(
    ("dots", "places", "taps"),
    [(tile.tile_of_dots, tile.DOT_ROWS, tile.DOT_TAPS), (tile.row_of_dots, 1, tile.ROW_TAPS)],
)
def test_tile_of_dots(array, columns, dots, places, taps):
    lanes, rows_of_picture = tile.VECTOR_BYTES // array(1).itemsize, 3
    size, c_row = rows_of_picture * columns, taps * lanes
    b_step = np.array([0, 0, 1, 7, 2, 3, 9, 4, 6, 5])
    for planes in {1, places}:
        a, b = (array(planes * size + 2), 2, size, planes), (array(200), 3, b_step, 1, columns + 4)
        agree(dots, *a, *b, rows_of_picture, columns, array(places * c_row + 1), 1, c_row)


@pytest.mark.parametrize("count", [1, 7, 8, 16, 37])
def test_rows(array, count):
    number = array(1)[0]
    agree(rows.copy_row, array(60), 5, array(6, 10), 8, count, digits=15)
    agree(rows.add_row, array(60), 5, array(6, 10), 8, count)
    agree(rows.copy_row_plus, array(60), 5, array(6, 10), 8, count, number)


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("way", range(len(winograd_transforms.WAYS)))
def test_times_a_small_matrix(array, way, accumulate):
    lanes = winograd_transforms.VECTOR_BYTES // array(1).itemsize
    for letter in ("a", "b", "g", "g_turned"):
        times, count = getattr(winograd_transforms, f"times_{letter}"), 2 * lanes
        agree(times, way, array(9 * count), 2, count + 1, array(9 * count), 1, count + 2, count, accumulate)


def test_turned_block(array):
    agree(transpose._turn_block, array(20, 20), 3, 20, array(20, 20), 1, 30, digits=15)


def test_numbers_at_an_address(array):
    values = array(50)
    assert optim._part(values.ctypes.data, 10, 30, values).tolist() == values[10:40].tolist()
    assert optim._part.py_func(values.ctypes.data, 10, 30, values).tolist() == values[10:40].tolist()
    assert optim._part(0, 0, 30, values).size == optim._part.py_func(0, 0, 30, values).size == 0


def test_counters():
    counter = np.array([3, 5])
    agree(threads._add, counter, 1, -2)
    assert both(threads._add, counter, 1, -2)[0][0] == both(threads._look, counter, 1)[1][0] == 5
    agree(lock_free._compare_and_swap, counter, 0, 3, 8)
    (plain, *_), (emitted, *_) = both(lock_free._compare_and_swap, counter, 0, 4, 8)
    assert plain == emitted == 0


def test_fetching_changes_nothing(array):
    values = array(100)
    for function in (memory._for_reading, memory._for_writing):
        for _, got in both(function, values, 99):
            np.testing.assert_array_equal(got, values)
