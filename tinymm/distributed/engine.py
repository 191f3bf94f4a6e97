"""Where a recipe is trained: in this process, in several, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tinymm import training
from tinymm.training import History


@dataclass(frozen=True)
class Engine:
    """How training is spread over processes; the recipe says the rest.

    workers: how many. asynchronous: they do not wait for each other; without Ray they share the memory of this machine.
    staleness_aware: a gradient that τ updates have overtaken counts 1 / max(1, τ). distributed: "ray", or None for this
    machine. address: of a Ray cluster, None for a new local one.

    ValueError for options that make no sense together; MissingRayError if Ray is needed and not installed.
    """

    workers: int = 1
    asynchronous: bool = False
    staleness_aware: bool = False
    distributed: str | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}, but there must be at least 1")
        if self.distributed not in (None, "ray"):
            raise ValueError(f"distributed is {self.distributed!r}, but ray is the only engine")
        if self.workers > 1 and not (self.asynchronous or self.distributed):
            raise ValueError(
                f"workers is {self.workers}, but how they work together is not said: add --async for workers that share "
                "the memory of this machine, or --distributed ray for workers in step"
            )
        if self.staleness_aware and not self.asynchronous:
            raise ValueError("staleness_aware is for asynchronous training: add --async")
        if self.address and not self.distributed:
            raise ValueError("address is that of a Ray cluster: add --distributed ray")
        if self.distributed:
            from tinymm.distributed.cluster import load_ray

            load_ray()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Keep the cluster, if there is one, for all that is done in the block."""
        if self.distributed:
            from tinymm.distributed.cluster import cluster

            with cluster(self.address, self.workers):
                yield
        else:
            yield

    def fit(self, *args: Any, **options: Any) -> History:
        """`training.fit`, or what does the same in several processes."""
        if self.asynchronous:
            options |= {"workers": self.workers, "staleness_aware": self.staleness_aware}
        if self.distributed:
            options |= {"workers": self.workers, "address": self.address}
        if self.distributed and self.asynchronous:
            from tinymm.distributed import parameter_server as way
        elif self.distributed:
            from tinymm.distributed import synchronous as way  # type: ignore[no-redef]
        elif self.asynchronous:
            from tinymm.distributed import hogwild as way  # type: ignore[no-redef]
        else:
            return training.fit(*args, **options)
        return way.fit(*args, **options)

    def map(self, function: Callable[..., Any], items: Iterable[tuple], *shared: Any) -> Iterator[Any]:
        """`function(*item, *shared)` for each item, in order; on a cluster in parallel, one processor each."""
        if self.distributed:
            from tinymm.distributed.parallel import parallel

            return parallel(function, items, *shared, workers=self.workers, address=self.address)
        return (function(*item, *shared) for item in items)

    @property
    def several(self) -> bool:
        """Whether other processes take part."""
        return self.asynchronous or self.distributed is not None

    def arguments(self) -> list[str]:
        """The options of the command, as they are typed."""
        words = [f"--workers {self.workers}"] if self.workers > 1 else []
        words += ["--async"] if self.asynchronous else []
        words += ["--staleness-aware"] if self.staleness_aware else []
        words += [f"--distributed {self.distributed}"] if self.distributed else []
        words += [f"--address {self.address}"] if self.address else []
        return words
