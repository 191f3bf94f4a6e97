"""Training in several processes, and on several machines: the same model, data and optimiser.

`fit` of these modules trains like `training.fit`:

    hogwild            asynchronously, in processes of this machine that share the parameters
    synchronous        on a Ray cluster, all workers in step: the result of one process
    parameter_server   on a Ray cluster, asynchronously

`Engine` chooses between them; `parallel` does independent work, such as folds and trials, at once.
"""

from tinymm.distributed.cluster import MissingRayError
from tinymm.distributed.crew import WorkerError
from tinymm.distributed.engine import Engine
from tinymm.distributed.history import WorkersHistory

__all__ = ["Engine", "MissingRayError", "WorkerError", "WorkersHistory"]
