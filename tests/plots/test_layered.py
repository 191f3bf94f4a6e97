"""The layered layout: order, distances and crossings, for any graph without cycles."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.plots.layered import layout


@st.composite
def graphs(draw):
    """Sizes and edges; box 0 is the output, and every other box leads to an earlier one."""
    count = draw(st.integers(1, 12))
    sizes = [(draw(st.floats(0.5, 3)), draw(st.floats(0.3, 2))) for _ in range(count)]
    edges = [(i, draw(st.integers(0, i - 1))) for i in range(1, count)]
    for _ in range(draw(st.integers(0, 8)) if count > 1 else 0):
        a = draw(st.integers(1, count - 1))
        edges.append((a, draw(st.integers(0, a - 1))))
    return sizes, edges


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_boxes_keep_apart_edges_lead_down_and_all_fits(graph):
    sizes, edges = graph
    centres, routes, (width, height) = layout(sizes, edges)
    for (w, h), (x, y) in zip(sizes, centres, strict=True):
        assert x - w / 2 >= -1e-9 and x + w / 2 <= width + 1e-9
        assert y - h / 2 >= -1e-9 and y + h / 2 <= height + 1e-9
    for i, j in combinations(range(len(sizes)), 2):
        apart_x = abs(centres[i][0] - centres[j][0]) >= (sizes[i][0] + sizes[j][0]) / 2 + 0.3 - 1e-9
        apart_y = abs(centres[i][1] - centres[j][1]) >= (sizes[i][1] + sizes[j][1]) / 2 - 1e-9
        assert apart_x or apart_y
    for (a, b), route in zip(edges, routes, strict=True):
        heights = [centres[a][1] - sizes[a][1] / 2, *(y for _, y in route), centres[b][1] + sizes[b][1] / 2]
        assert all(upper >= lower for upper, lower in pairwise(heights))


@settings(max_examples=20, deadline=None)
@given(graphs())
def test_long_edges_pass_beside_the_boxes(graph):
    sizes, edges = graph
    centres, routes, _ = layout(sizes, edges)
    for route in routes:
        for (x, top), (_, bottom) in zip(route[::2], route[1::2], strict=True):
            for (w, h), (cx, cy) in zip(sizes, centres, strict=True):
                if cy + h / 2 <= top + 1e-9 and cy - h / 2 >= bottom - 1e-9:
                    assert abs(x - cx) >= w / 2 + 0.3 - 1e-9


def test_crossings_are_undone():
    # three rows, each given in the opposite order of the one below
    edges = [(1, 0), (2, 0), (4, 1), (3, 2), (5, 4), (6, 3)]
    x = [centre[0] for centre in layout([(1, 1)] * 7, edges).centres]
    assert (x[1] < x[2]) == (x[4] < x[3]) == (x[5] < x[6])


def test_a_chain_stands_upright():
    centres = layout([(1, 1), (3, 1), (2, 1)], [(2, 1), (1, 0)]).centres
    assert [x for x, _ in centres] == pytest.approx([1.5] * 3)
