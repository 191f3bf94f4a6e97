import itertools

import numpy as np

from benchmarks.goals import GOALS
from benchmarks.rows import GATES, GROWTH, PARAMETERS, ROWS, convolution, recurrent, reference_flops


def test_every_row_has_a_name_of_its_own_and_a_goal():
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {row.kind for row in ROWS} - {"limit"} <= GOALS.keys()


def test_arrays_are_the_same_each_time_and_float32():
    row = next(iter(convolution(2, 3, 6, 4, 3)))
    first, second = row.arrays(), row.arrays()
    assert {name: a.shape for name, a in first.items()} == {"x": (2, 3, 6, 6), "weight": (4, 3, 3, 3), "bias": (4,)}
    for name, array in first.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, second[name])


def test_work_of_a_convolution():
    forward, both = convolution(2, 4, 6, 8, 3, stride=2, padding=1, groups=2)
    outputs, taps = 2 * 8 * 3 * 3, 2 * 3 * 3  # each output adds up so many products
    assert forward.flops == 2 * outputs * taps
    assert both.flops == 3 * forward.flops
    assert both.shapes["gradient"] == (2, 8, 3, 3)


def test_work_of_a_recurrence():
    for cell, gates in GATES.items():
        forward, _ = recurrent(cell, 2, 5, 3, 4)
        assert forward.flops == 2 * (2 * 5) * (gates * 4) * (3 + 4)


def test_reference_model():
    assert PARAMETERS == 308_106
    assert round(reference_flops(64, True) / 1e9, 1) == 4.2


def test_growth_multiplies_the_work():
    for growth in GROWTH:
        work = [row.flops for row in growth.rows]
        assert len(work) == 4
        factors = [after / before for before, after in itertools.pairwise(work)]
        assert all(abs(f - (4 if "channels" in growth.name else 2)) < 1e-6 for f in factors), growth.name
