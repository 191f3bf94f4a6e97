"""Ray, which runs workers on this machine or on many; it is an extra, and loaded when it is asked for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinymm.distributed.crew import ONE_THREAD
from tinymm.distributed.links import LinkError


class MissingRayError(ValueError):
    """Ray is not installed."""


def load_ray() -> Any:
    """The module `ray`. MissingRayError says what to install."""
    try:
        import ray
    except ImportError:
        raise MissingRayError(
            'Ray, which trains on several machines, is not installed: pip install "tinymm[distributed]" '
            "(asynchronous training in processes of this machine needs nothing more)"
        ) from None
    return ray


def failures() -> tuple[type[Exception], ...]:
    """What is raised when a worker, or the machine it was on, is gone."""
    errors = load_ray().exceptions
    return LinkError, errors.RayActorError, errors.WorkerCrashedError, errors.ObjectLostError, errors.NodeDiedError


@contextmanager
def cluster(address: str | None = None, workers: int = 2) -> Iterator[Any]:
    """Ray, ready to start workers: the cluster that this process is in, the one at `address`, or a new local one.

    What was started or joined here is left at the end. A local cluster has a place for each of the workers. On the
    machines of a real one tinymm must be installed, in the same version. ConnectionError if nobody answers there.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    options["runtime_env"] = {"env_vars": ONE_THREAD}
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of answers that nobody waits for any more
    if address is None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"num_cpus": max(workers, os.cpu_count() or 1), "include_dashboard": False}
    try:
        ray.init(address=address or "local", **options)
    except Exception as error:  # Ray raises whatever it stumbles over
        where = f"the cluster at {address} cannot be joined" if address else "a local cluster cannot be started"
        raise ConnectionError(
            f"Ray: {where} ({str(error).strip().splitlines()[0]}): is there enough memory, and time to start?"
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()
