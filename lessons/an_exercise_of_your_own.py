# %% [markdown]
# # An exercise of your own
#
# *For teachers. 10 minutes.*
#
# You can use this package in notebooks of your own, with exercises that are judged at once. An exercise is a function, and is
# described in about ten lines:
#
# - `given` makes the inputs of one trial, from a random generator. So no answer can be learned by heart.
# - The function below it is the solution. Its docstring is the task.
# - Each `mistake` is a wrong answer that people give, and what helps them on. The judge recognises it, because it gives the same
#   numbers.

# %%
import numpy as np

import tinymm as tm
from tinymm.lessons import check, exercise, hint, solution


@exercise(
    "mine.1",
    given=lambda rng: (rng.integers(2, size=20), rng.integers(2, size=20)),
    hints=("Compare the two arrays.", "The mean of True and False is the share of True."),
)
def accuracy(y_true, y_pred):
    """Return the share of right answers, a number from 0 to 1."""
    return np.mean(y_true == y_pred)


accuracy.mistake("Divide by how many there are.", lambda y, p: np.sum(y == p))
accuracy.mistake("This is the share of wrong answers.", lambda y, p: np.mean(y != p))

# %% [markdown]
# That is all. A learner's answer, and what the judge says:


# %%
def my_answer(y_true, y_pred):
    return np.sum(y_true == y_pred)


check("mine.1", my_answer)

# %% [markdown]
# Mistakes that nobody has foreseen are described too: a wrong shape, a sign, a factor, a constant, an error, an input that was changed:

# %%
check("mine.1", lambda y_true, y_pred: 2 * np.mean(y_true == y_pred))
check("mine.1", lambda y_true, y_pred: (y_true == y_pred).astype(float))
check("mine.1", lambda y_true, y_pred: 0.5)
check("mine.1", lambda y_true, y_pred: y_true @ y_pred.T[:3])
check("mine.1", tm.metrics.accuracy_score)

# %%
hint("mine.1")
hint("mine.1")
solution("mine.1")

# %% [markdown]
# ## When the truth comes from elsewhere
#
# The judge need not trust your solution. Give it the `truth`: a formula of `tm.formulas`, or a gradient that is measured. `returns` names the
# parts of the answer in the learner's words.

# %%
def loss(W, b, x):
    return np.sum((x @ W.T + b) ** 2)


@exercise(
    "mine.2",
    given=lambda rng: (rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(5, 2))),
    truth=lambda W, b, x: (
        tm.formulas.numerical_gradient(lambda W: loss(W, b, x), W),
        tm.formulas.numerical_gradient(lambda b: loss(W, b, x), b),
    ),
    returns=("gradient for W", "gradient for b"),
    rtol=1e-4,
)
def slopes(W, b, x):
    """Return the gradients of the sum of (W x + b)², over 5 samples."""
    error = 2 * (x @ W.T + b)
    return error.T @ x, error.sum(axis=0)


slopes.mistake("Sum over the batch.", lambda W, b, x: ((e := 2 * (x @ W.T + b)).T @ x, e))
check("mine.2", lambda W, b, x: ((e := 2 * (x @ W.T + b)).T @ x, e))
check("mine.2", slopes)

# %% [markdown]
# ## Pictures
#
# Every function of `tm.plots` takes Matplotlib's Axes and returns them, so you can put pictures together and change them:

# %%
import matplotlib.pyplot as plt

digits = tm.datasets.load_digits()
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
tm.plots.images(digits.x[:10], labels=digits.y[:10], ax=left)
left.set_title("what it sees")
steps = [(-2, 2), (-1, 1), (0, 1)]
tm.plots.contours(lambda x, y: np.sin(x) + y**2 / 5, paths={"steps": steps}, ax=right)
right.set_title("where it goes");

# %% [markdown]
# ## A slider
#
# `explore` calls your drawing function with a slider for each of its arguments: lowest, highest, first. Where no kernel runs, it draws once.

# %%
from tinymm.lessons import explore


def draw(slope):
    plt.figure(figsize=(4, 2.4))
    plt.plot([-1, 1], [-slope, slope])
    plt.ylim(-3, 3)
    plt.show()


explore(draw, slope=(-3.0, 3.0, 1.0))

# %% [markdown]
# ## A whole lesson
#
# The lessons are made of sources like `lessons/01_a_neuron.py`, with `python -m tinymm.lessons.build`: one source gives the learner's notebook
# and the solution. [README.md](README.md) says how to change a lesson or add one.
