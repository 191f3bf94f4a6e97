"""Independent pieces of work on a cluster, such as the folds of a cross-validation and trials of recipes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tinymm.distributed.cluster import cluster, failures

TRIES = 3  # of a piece whose worker fails


def parallel(
    function: Callable[..., Any], items: Iterable[tuple], *shared: Any, workers: int = 2, address: str | None = None
) -> Iterator[Any]:
    """`function(*item, *shared)` for each item, up to `workers` at a time, each in one thread; results in order.

    `shared` goes to each machine once. A piece whose worker fails is done again, up to three times. An error of the
    function is raised here; ChildProcessError for a piece that failed every time.
    """
    with cluster(address, workers) as ray:
        inputs = [ray.put(value) for value in shared]
        remote = ray.remote(_one).options(num_cpus=1, max_retries=TRIES - 1)
        todo, results = list(items), list[Any]()
        try:
            for i in range(len(todo)):
                while len(results) < len(todo) and len(results) - i < workers:
                    results.append(remote.remote(function, todo[len(results)], *inputs))
                try:
                    found = ray.get(results[i])
                except failures() as error:
                    raise ChildProcessError(f"parallel: piece {i + 1} failed {TRIES} times: {error}") from None
                yield found
        finally:
            # Only what is still under way: to cancel a piece that has just come ends this process (a check within Ray fails).
            _, unfinished = ray.wait(results, num_returns=len(results), timeout=0) if results else ([], [])
            for result in unfinished:
                ray.cancel(result, force=True)


def _one(function: Callable[..., Any], item: tuple, *shared: Any) -> Any:
    from tinymm import set_num_threads

    set_num_threads(1)
    return function(*item, *shared)
