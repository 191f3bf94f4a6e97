"""Training in several processes, and on several machines.

`hogwild.fit` trains like `training.fit`, asynchronously, in processes that share the parameters.
"""

from tinymm.distributed.crew import WorkerError
from tinymm.distributed.hogwild import AsyncHistory

__all__ = ["AsyncHistory", "WorkerError"]
