"""Training: epochs of batches, with a progress bar, validation, and an honest stop when something goes wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from tinymm import functional as F
from tinymm import interrupts
from tinymm.nn.module import Module, watch
from tinymm.optim import Optimizer, Schedule, clip_grad_norm
from tinymm.recording import no_grad
from tinymm.snapshots import Snapshots
from tinymm.sparse import CSRMatrix
from tinymm.tensor import Tensor

# What is tested on after an epoch: x and y, or a function that measures.
Validation = tuple[Any, np.ndarray] | Callable[[Module], dict[str, float]] | None


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite, so training stopped.

    `batch` is the (x, y) of that step, to look into; None where another process had it.
    """

    batch: tuple[Any, Any] | None = None


class History(dict[str, list[float]]):
    """What was measured after every epoch: `train_loss`, `train_accuracy`, and with validation data those of it.

    `interrupted` is True if Ctrl-C ended the training early; the lists then hold the epochs that were completed.
    """

    def __init__(self, *args: Any, **lists: Any):
        super().__init__(*args, **lists)
        self.interrupted = False

    def note(self, **numbers: float) -> None:
        """Append one number to each list."""
        for name, number in numbers.items():
            self.setdefault(name, []).append(float(number))


class Batches(Protocol):
    """The batches (x, y) of an epoch, each time it is looped over; a `DataLoader` is one."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...


def fit(
    model: Module,
    batches: Batches,
    optimizer: Optimizer,
    epochs: int,
    validation: Validation = None,
    loss: Callable[[Tensor, np.ndarray], Tensor] = F.cross_entropy,
    schedule: Schedule | None = None,
    max_grad_norm: float | None = None,
    progress: str | None = None,
    snapshots: Snapshots | None = None,
) -> History:
    """Train `model` for so many epochs; returns the `History`.

    Each step: logits = model(x), loss(logits, y), backward, clip the gradients' norm to `max_grad_norm` if given,
    optimizer.step(). After each epoch: the schedule's step, and loss and accuracy on `validation` (x, y), or what
    `validation(model)` measures by name. With `progress`, a title, a tqdm bar shows them. The training loss and
    accuracy are means over the epoch's batches, as they were while the model learned. Dropout and its like are active
    while training and off afterwards.

    With `snapshots` the state of everything is kept from time to time, and at Ctrl-C; where such a state is found, the
    training goes on from there, to the same weights, bit for bit, as if it had never been stopped. The batches must
    then have a `state_dict`, as a `DataLoader` has.

    Ctrl-C ends the training after the current step; the model keeps what it has learned. NonFiniteLossError (with
    epoch, step and the first layer whose output, or the parameter whose gradient, is not finite; its `batch` is the
    batch) if the loss or a gradient is NaN or infinite; the parameters are then those before that step. ValueError if
    there is nothing to train.
    Accuracy is left out where y holds no classes.
    """
    own = {id(parameter) for parameter in model.parameters()}
    if epochs < 0 or not any(id(parameter) in own for parameter in optimizer.parameters):
        problem = f"epochs is {epochs}" if epochs < 0 else "the optimiser holds none of the model's parameters"
        raise ValueError(f"fit: {problem}, so there is nothing to train")
    history, first, done = History(), 1, 0
    sums = np.zeros(3)  # loss, right predictions (NaN without classes), samples
    parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "batches": batches}
    parts |= {} if schedule is None else {"schedule": schedule}
    position = None if snapshots is None else snapshots.restore(parts)
    if position is not None:
        history.update(position["history"])
        first, done, sums = position["epoch"], position["step"], position["sums"]
    bar = progress_bar(progress, epochs * len(batches), (first - 1) * len(batches) + done)
    try:
        with interrupts.noted() as came:
            for epoch in range(first, epochs + 1):
                model.train()
                for step, (x, y) in enumerate(batches, done + 1):
                    try:
                        sums += train_step(model, x, y, optimizer, loss, max_grad_norm)
                    except NonFiniteLossError as error:
                        stop = NonFiniteLossError(f"fit: epoch {epoch}, step {step} of {len(batches)}: {error}")
                        stop.batch = x, y
                        raise stop from None
                    bar.update()
                    if bar.n % 10 == 0 or len(batches) < 10:
                        bar.set_postfix_str(f"{epoch}/{epochs}: {short(_means('train', sums))}", refresh=False)
                    if snapshots is not None and (snapshots.due() or came):
                        snapshots.save(parts, epoch=epoch, step=step, sums=sums, history=dict(history))
                    if came:
                        raise KeyboardInterrupt
                measured = after_epoch(model, sums, validation, loss)
                history.note(**measured)
                bar.set_postfix_str(f"{epoch}/{epochs}: {short(measured)}", refresh=epoch == epochs)
                if schedule is not None:
                    schedule.step()
                done, sums = 0, np.zeros(3)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close()
        model.eval()
    return history


def train_step(
    model: Module, x: Any, y: np.ndarray, optimizer: Optimizer, loss: Callable, max_grad_norm: float | None
) -> tuple[float, float, int]:
    """One update; returns the batch's summed loss, how many predictions were right, and its size."""
    optimizer.zero_grad()
    outputs = model(x)
    value = loss(outputs, y)
    number = value.item()
    if not np.isfinite(number):
        raise NonFiniteLossError(f"the loss is {number}; {_first_not_finite(model, x)}")
    value.backward()
    if not np.isfinite(clip_grad_norm(optimizer.parameters, max_grad_norm or np.inf)):
        raise NonFiniteLossError(f"the loss is {number:.4g}, but {_gradient_not_finite(model)}")
    optimizer.step()
    right = _count_right(outputs.data, y)
    return number * len(y), np.nan if right is None else right, len(y)


def after_epoch(model: Module, sums: np.ndarray, validation: Validation, loss: Callable) -> dict[str, float]:
    """What is noted after an epoch: of the training the means, given sums over its samples, and a test on `validation`."""
    measured = _means("train", sums)
    if callable(validation):
        measured |= {f"validation_{name}": n for name, n in validation(model.eval()).items()}
    elif validation is not None:
        value, accuracy = evaluate(model, *validation, loss)
        measured |= _means("validation", np.array([value, np.nan if accuracy is None else accuracy, 1]))
    return measured


def _means(part: str, sums: np.ndarray) -> dict[str, float]:
    means = {f"{part}_loss": sums[0] / sums[2], f"{part}_accuracy": sums[1] / sums[2]}
    return {name: float(mean) for name, mean in means.items() if name.endswith("loss") or not np.isnan(mean)}


def short(means: dict[str, float]) -> str:
    """For the progress bar, where room is scarce: loss 0.12 acc 96.1% val loss 0.15 val acc 95.2%"""
    shown = []
    for name, mean in means.items():
        part, measure = name.split("_", 1)
        value = f"acc {mean:.1%}" if measure == "accuracy" else f"{measure} {mean:.3f}"
        shown.append(f"val {value}" if part == "validation" else value)
    return ", ".join(shown)


def _count_right(outputs: np.ndarray, y: np.ndarray) -> float | None:
    """How many classes are right: the largest of the logits (N, C), or the sign of (N,); None if y holds no classes."""
    y = np.asarray(y)
    if y.dtype.kind not in "iub" or outputs.ndim > 2:
        return None
    return float(((outputs > 0) == y).sum() if outputs.ndim == 1 else (outputs.argmax(axis=1) == y).sum())


def progress_bar(title: str | None, steps: int, done: int = 0) -> Any:
    """A tqdm bar of so many steps; without a title, one that shows nothing."""
    from tqdm.auto import tqdm

    often = 0.1 if sys.stderr.isatty() else 2.0  # seconds: a log file wants fewer lines than a terminal
    options: dict[str, Any] = {"unit": "step", "dynamic_ncols": True, "mininterval": often, "maxinterval": often}
    return tqdm(total=steps, initial=done, desc=title, disable=title is None, **options)


def _first_not_finite(model: Module, x: Any) -> str:
    """Run the batch again and name the first module whose output is not finite."""
    if not all(np.isfinite(numbers).all() for numbers in _numbers_in(x)):
        return "the batch itself holds NaN or infinity: clean the data first"
    names = {id(module): name or type(module).__name__ for name, module in model.named_modules()}
    found: list[str] = []

    def look(module: Module, inputs: tuple, output: Any) -> None:
        outputs = output if isinstance(output, tuple) else (output,)
        if not found and any(isinstance(o, Tensor) and not np.isfinite(o.data).all() for o in outputs):
            found.append(names.get(id(module), type(module).__name__))

    state = model.state_dict()  # running statistics must not move twice
    with no_grad(), watch(look):
        model(x)
    model.load_state_dict(state)
    where = f"the first layer whose output is not finite is {found[0]}" if found else "only the loss is not finite"
    return f"{where}: try a smaller learning rate, or clip the gradients"


def _numbers_in(x: Any) -> Iterator[np.ndarray]:
    """The arrays of a batch, which may be one, or several by name or in a tuple."""
    if isinstance(x, dict | tuple):
        for part in x.values() if isinstance(x, dict) else x:
            yield from _numbers_in(part)
    else:
        yield np.asarray(x.values if isinstance(x, CSRMatrix) else x)


def _gradient_not_finite(model: Module) -> str:
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and not np.isfinite(parameter.grad.data).all():
            return f"the gradient of {name} is not finite"
    return "a gradient is not finite"


@no_grad()
def predict(model: Module, x: Any, batch_size: int = 256) -> np.ndarray:
    """The model's outputs for all of x, (N, ...), batch by batch, in evaluation mode and without recording.

    x is an array, a `CSRMatrix`, or anything else of a length whose slices are batches.

    TypeError if the model returns more than one array, ValueError if x is empty. Every module's mode is restored.
    """
    if not len(x):
        raise ValueError(f"predict: x is {np.shape(x)}, but there must be at least one sample")
    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    try:
        outputs = [model(x[i : i + batch_size]) for i in range(0, len(x), batch_size)]
    finally:
        for module, training in modes:
            module.training = training
    if isinstance(outputs[0], tuple):
        raise TypeError(
            f"predict: {type(model).__name__} returns {len(outputs[0])} outputs: wrap it in a module with one"
        )
    return np.concatenate([np.asarray(output) for output in outputs])


def evaluate(
    model: Module,
    x: Any,
    y: np.ndarray,
    loss: Callable[[Tensor, np.ndarray], Tensor] = F.cross_entropy,
) -> tuple[float, float | None]:
    """The mean loss and the accuracy of the model on x (N, ...) with labels y (N,); no accuracy if y holds no classes."""
    outputs = predict(model, x)
    right = _count_right(outputs, y)
    return float(loss(Tensor(outputs), y).item()), None if right is None else right / len(y)
