"""Where the boxes of a graph go: in rows, from the sources above to the output below.

Source: K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of Hierarchical System
Structures", IEEE Trans. SMC 11 (1981): rows by longest path, places along the long edges, crossings reduced by
barycentres, then positions.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

Point = tuple[float, float]

SWEEPS, MOVES = 24, 100  # for the order, for the positions
TRUNK, BRANCH = 16.0, 1.0  # how much an edge wants to be upright: from a computed box, from a source


class Layout(NamedTuple):
    """Centres of the boxes, the points that each edge passes between its ends, and (width, height) of it all."""

    centres: list[Point]
    routes: list[list[Point]]
    size: Point


def layout(sizes: Sequence[Point], edges: Sequence[tuple[int, int]], gap: float = 0.3, rise: float = 0.6) -> Layout:
    """Place boxes of these sizes (width, height) so that every edge (from, to) leads down, y growing upwards.

    `gap` is the least distance between boxes of a row, `rise` that between rows. The graph has no cycles.

    >>> layout([(1, 1), (1, 1), (1, 1)], [(0, 1), (0, 1), (1, 2)], rise=1).centres
    [(0.5, 4.5), (0.5, 2.5), (0.5, 0.5)]
    """
    rank = _ranks(len(sizes), edges)
    widths = [width for width, _ in sizes]
    sources = set(range(len(sizes))) - {b for _, b in edges}
    steps: list[tuple[int, int, float]] = []  # edges from a row to the next: (above, below, strength)
    chains: list[list[int]] = []  # the places that each edge takes up in the rows between its ends
    for a, b in edges:
        chain = list(range(len(rank), len(rank) + rank[a] - rank[b] - 1))
        rank += range(rank[a] - 1, rank[b], -1)
        widths += [0.0] * len(chain)
        chains.append(chain)
        ends = BRANCH if a in sources else TRUNK
        steps += [(c, d, ends if c == a or d == b else TRUNK) for c, d in pairwise([a, *chain, b])]

    rows = _order(rank, steps)
    x = _positions(rows, widths, steps, gap)
    heights = [max((sizes[i][1] for i in row if i < len(sizes)), default=0.0) for row in rows]
    bottoms = np.concatenate([[0.0], np.cumsum(np.array(heights) + rise)])
    middle = [bottoms[r] + heights[r] / 2 for r in range(len(rows))]
    routes = [
        [(x[i], y) for i in chain for y in (bottoms[rank[i]] + heights[rank[i]], bottoms[rank[i]])] for chain in chains
    ]
    right = max(x[i] + widths[i] / 2 for i in range(len(widths)))
    centres = [(x[i], float(middle[rank[i]])) for i in range(len(sizes))]
    return Layout(centres, [[(a, float(b)) for a, b in r] for r in routes], (right, float(bottoms[-1] - rise)))


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """How many edges the longest way down from each box has."""
    rank = [0] * count
    for _ in range(count):
        for a, b in edges:
            rank[a] = max(rank[a], rank[b] + 1)
    return rank


def _order(rank: list[int], steps: list[tuple[int, int, float]]) -> list[list[int]]:
    """The rows, lowest first, each from left to right, with as few crossings as the sweeps find."""
    above: list[list[int]] = [[] for _ in rank]
    below: list[list[int]] = [[] for _ in rank]
    for a, b, _ in steps:
        above[b].append(a)
        below[a].append(b)
    rows: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    seen: set[int] = set()
    stack = [i for i in range(len(rank)) if rank[i] == 0]
    while stack:  # depth first from the output: a tree comes out without crossings
        i = stack.pop()
        if i not in seen:
            seen.add(i)
            rows[rank[i]].append(i)
            stack.extend(reversed(above[i]))

    best, fewest = rows, _crossings(rows, steps)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        neighbours = (above, below)[sweep % 2]
        rows = [list(row) for row in rows]
        for row in rows if sweep % 2 else reversed(rows):
            place = {i: p for r in rows for p, i in enumerate(r)}
            row.sort(key=lambda i: np.mean([place[j] for j in neighbours[i]] or [place[i]]))
        if (crossings := _crossings(rows, steps)) < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: list[list[int]], steps: list[tuple[int, int, float]]) -> int:
    place = {i: (r, p) for r, row in enumerate(rows) for p, i in enumerate(row)}
    ends = np.array([(*place[a], place[b][1]) for a, b, _ in steps]).reshape(-1, 3)
    same_row = ends[:, None, 0] == ends[None, :, 0]
    left, right = ends[:, None, 1] < ends[None, :, 1], ends[:, None, 2] > ends[None, :, 2]
    return int(np.sum(same_row & left & right))


def _positions(
    rows: list[list[int]], widths: list[float], steps: list[tuple[int, int, float]], gap: float
) -> list[float]:
    """The centre x of everything: edges as upright as the order and the widths of the boxes allow."""
    x = np.zeros(len(widths))
    pull: list[list[tuple[int, float]]] = [[] for _ in widths]
    for a, b, strength in steps:
        pull[a].append((b, strength))
        pull[b].append((a, strength))
    offsets = []
    for row in rows:
        spaces = [(widths[i] + widths[j]) / 2 + gap for i, j in pairwise(row)]
        offsets.append(np.concatenate([[0.0], np.cumsum(spaces)]))
        x[row] = offsets[-1] - offsets[-1][-1] / 2
    for move in range(MOVES):
        way = 1 - 2 * (move % 2)  # up and down in turn
        for row, offset in zip(rows[::way], offsets[::way], strict=True):
            weights = np.array([sum(s for _, s in pull[i]) or 1.0 for i in row])
            wished = np.array([sum(s * x[j] for j, s in pull[i]) for i in row]) / weights
            x[row] = offset + _rising(wished - offset, weights)
    x -= np.min(x - np.array(widths) / 2)
    return [float(value) for value in x]


def _rising(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The nearest sequence that never falls (weighted least squares): neighbours that would fall share their mean.

    Source: the pool-adjacent-violators rule, Ayer et al., Ann. Math. Statist. 26 (1955).
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values, weights, strict=True):
        mean, total, count = value, weight, 1
        while pools and pools[-1][0] > mean:
            m, w, c = pools.pop()
            mean, total, count = (m * w + mean * total) / (w + total), w + total, c + count
        pools.append((mean, total, count))
    return np.repeat([mean for mean, _, _ in pools], [count for _, _, count in pools])
