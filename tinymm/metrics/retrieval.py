"""Judging retrieval: is what was looked for among the first that were found?"""

import numpy as np
from numpy.typing import ArrayLike

from tinymm.metrics.checks import labels_of, same_kind

BLOCK = 1024  # queries compared at a time, so that large collections stay in memory


def recall_at_k(
    queries: ArrayLike, items: ArrayLike, query_labels: ArrayLike, item_labels: ArrayLike, k: int = 1
) -> float:
    """The share of queries with an item of their own label among the k items of the highest cosine.

    queries (N, D) and items (M, D) are points of one space, such as sounds and images after contrastive training; k is
    from 1 to M. Of items equally near the earlier one is found first. Where queries and items are the same points, each
    finds itself. Raises ValueError for other shapes, no queries, NaN and infinity. Source: Jégou, Douze & Schmid
    (2011), Product quantization for nearest neighbor search, IEEE TPAMI 33(1), section V (recall@R).

    >>> recall_at_k([[1, 0], [0, 1]], [[2, 1], [1, 2]], ["one", "two"], ["one", "one"])
    0.5
    """
    where = "recall_at_k"
    points = []
    for name, given, labels in (("queries", queries, query_labels), ("items", items, item_labels)):
        x = np.asarray(given)
        x = x if x.dtype.kind == "f" else x.astype(np.float64)
        if x.ndim != 2 or not len(x):
            raise ValueError(f"{where}: {name} are {x.shape}, but must be one or more points, one in a row: (N, D)")
        if not np.isfinite(x).all():
            raise ValueError(f"{where}: {name} hold NaN or infinity: look for the model's first NaN")
        y = labels_of(where, "query_labels" if name == "queries" else "item_labels", labels)
        if len(y) != len(x):
            raise ValueError(f"{where}: there are {len(x)} {name} but {len(y)} labels of them")
        points.append((x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(x.dtype).tiny), y))
    (q, q_labels), (i, i_labels) = points
    same_kind(where, "query_labels", q_labels, "item_labels", i_labels)
    if q.shape[1] != i.shape[1]:
        raise ValueError(f"{where}: queries {q.shape} and items {i.shape} lie in spaces of different size")
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= len(i):
        raise ValueError(f"{where}: k is {k!r}, but must be a whole number from 1 to the number of items, {len(i)}")
    hits = 0
    for start in range(0, len(q), BLOCK):
        block = slice(start, start + BLOCK)
        nearest = np.argsort(-(q[block] @ i.T), axis=1, kind="stable")[:, :k]
        hits += int((i_labels[nearest] == q_labels[block, None]).any(axis=1).sum())
    return hits / len(q)
