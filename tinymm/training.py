"""Training: epochs of batches, with a progress bar, validation, and an honest stop when something goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm.data.loading import DataLoader
from tinymm.nn.module import Module, watch
from tinymm.optim import Optimizer, Schedule, clip_grad_norm
from tinymm.tape import no_grad
from tinymm.tensor import Tensor


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite, so training stopped."""


class History(dict[str, list[float]]):
    """What was measured after every epoch: `train_loss`, `train_accuracy`, and with validation data those of it.

    `interrupted` is True if Ctrl-C ended the training early; the lists then hold the epochs that were completed.
    """

    interrupted = False

    def note(self, **numbers: float) -> None:
        """Append one number to each list."""
        for name, number in numbers.items():
            self.setdefault(name, []).append(float(number))


def fit(
    model: Module,
    batches: DataLoader,
    optimizer: Optimizer,
    epochs: int,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    loss: Callable[[Tensor, np.ndarray], Tensor] = F.cross_entropy,
    schedule: Schedule | None = None,
    max_grad_norm: float | None = None,
    progress: str | None = None,
) -> History:
    """Train `model` for so many epochs; returns the `History`.

    Each step: logits = model(x), loss(logits, y), backward, clip the gradients' norm to `max_grad_norm` if given,
    optimizer.step(). After each epoch: the schedule's step, and loss and accuracy on `validation` (x, y). With
    `progress`, a title, a tqdm bar shows them. The training loss and accuracy are means over the epoch's batches, as
    they were while the model learned. Dropout and its like are active while training and off afterwards.

    Ctrl-C ends the training after the current step; the model keeps what it has learned. NonFiniteLossError (with
    epoch, step and the first layer whose output is not finite) if the loss is NaN or infinite; the parameters are
    then those before that step.
    """
    history = History()
    bar = _bar(progress, epochs * len(batches))
    try:
        for epoch in range(epochs):
            model.train()
            total = correct = samples = 0.0
            for x, y in batches:
                optimizer.zero_grad()
                logits = model(x)
                value = loss(logits, y)
                number = value.item()
                if not np.isfinite(number):
                    raise NonFiniteLossError(_diagnosis(model, x, number, epoch, batches))
                value.backward()
                if max_grad_norm is not None:
                    clip_grad_norm(optimizer.parameters, max_grad_norm)
                optimizer.step()
                total += number * len(y)
                correct += float((logits.data.argmax(axis=1) == y).sum())
                samples += len(y)
                bar.update()
                if bar.n % 10 == 0 or len(batches) < 10:
                    bar.set_postfix_str(f"loss {total / samples:.3f}, accuracy {correct / samples:.1%}")
            measured = {"train_loss": total / samples, "train_accuracy": correct / samples}
            if validation is not None:
                measured["validation_loss"], measured["validation_accuracy"] = evaluate(model, *validation, loss)
            history.note(**measured)
            shown = ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in measured.items())
            bar.set_postfix_str(f"epoch {epoch + 1}/{epochs}: {shown}")
            if schedule is not None:
                schedule.step()
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close()
        model.eval()
    return history


def _bar(title: str | None, steps: int) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=steps, desc=title, unit="step", disable=title is None, leave=True, dynamic_ncols=True)


def _diagnosis(model: Module, x: np.ndarray, number: float, epoch: int, batches: DataLoader) -> str:
    """Run the batch again and name the first module whose output is not finite."""
    names = {id(module): name or type(module).__name__ for name, module in model.named_modules()}
    found: list[str] = []

    def look(module: Module, inputs: tuple, output: Any) -> None:
        outputs = output if isinstance(output, tuple) else (output,)
        if not found and any(isinstance(o, Tensor) and not np.isfinite(o.data).all() for o in outputs):
            found.append(names.get(id(module), type(module).__name__))

    if not np.isfinite(x).all():
        where = "the batch itself holds NaN or infinity: clean the data first"
    else:
        with no_grad(), watch(look):
            model(x)
        where = f"the first layer whose output is not finite is {found[0]}" if found else "only the loss is not finite"
        where += ": try a smaller learning rate, or clip the gradients"
    return f"fit: the loss is {number} in epoch {epoch + 1}, step {batches.batch} of {len(batches)}; {where}"


@no_grad()
def predict(model: Module, x: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """The model's outputs for all of x, batch by batch, in evaluation mode and without recording."""
    training = model.training
    model.eval()
    try:
        outputs = [np.asarray(model(x[i : i + batch_size])) for i in range(0, len(x), batch_size)]
    finally:
        model.train(training)
    if not outputs:
        raise ValueError(f"predict: x is {np.shape(x)}, but there must be at least one sample")
    return np.concatenate(outputs)


def evaluate(
    model: Module,
    x: np.ndarray,
    y: np.ndarray,
    loss: Callable[[Tensor, np.ndarray], Tensor] = F.cross_entropy,
) -> tuple[float, float]:
    """The mean loss and the accuracy of the model on x with labels y."""
    logits = predict(model, x)
    return float(loss(Tensor(logits), y).item()), float((logits.argmax(axis=1) == y).mean())
