# %% [markdown]
# # 2 · Going downhill
#
# *30 minutes. You need [lesson 1](01_a_neuron.ipynb).*
#
# ## The question
#
# In lesson 1 we chose the weights by a thought of our own. That does not get far: real models have thousands of weights.
#
# **How does a machine find its weights by itself?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# You stand on a hill in thick fog and want to go down to the valley. You cannot see the valley. But you feel with your feet
# which way the ground slopes. So you take a step downhill, feel again, take another step, and so on.
#
# To do this, a machine needs a hill: one number that says **how wrong** it is. We call it the **loss** $L$. High is bad, the
# bottom of the valley is best. And it needs the slope.
#
# Here is the simplest valley, $L(\theta) = \frac{1}{2} c\,\theta^2$, with one number $\theta$ (theta) to be found. Its slope is
# $c\,\theta$. One step is
#
# $$\theta \leftarrow \theta - \eta \cdot \text{slope}$$
#
# The arrow means: take the right side as the new $\theta$. The number $\eta$ (eta) is the **learning rate**: how long a stride we
# take. Move the slider. Where does it go wrong?

# %%
c = 2.0


def draw_descent(rate):
    theta, path = -2.5, [-2.5]
    for _ in range(12):
        theta = theta - rate * c * theta
        path.append(theta)
    path = np.array(path)
    valley = np.linspace(-4, 4, 100)
    plt.figure(figsize=(5, 3.2))
    plt.plot(valley, c * valley**2 / 2, color="#808080")
    plt.plot(path, c * path**2 / 2, "o-", color="#D55E00", ms=4, linewidth=1)
    plt.xlim(-4, 4)
    plt.ylim(-0.5, 16)
    plt.xlabel("θ")
    plt.ylabel("loss L")
    plt.title(f"12 steps with learning rate η = {rate:.2f}")
    plt.show()


explore(draw_descent, rate=(0.01, 1.1, 0.1))

# %% [markdown]
# - With a small rate it creeps.
# - With a larger one it arrives in a few steps, then it jumps from side to side.
# - With more than 1 each jump lands higher than the last. It **diverges**. (Exercise 02.3 asks why just 1.)
#
# ## The formula
#
# Back to the two thermometers. The model is $f(x) = w x + b$. We have $N$ samples: sample $n$ has the input $x_n$ and the right
# answer $y_n$. How wrong is the model? Take the error of each sample, square it, so that errors in both directions count, and take
# the mean:
#
# $$L(w, b) = \frac{1}{N} \sum_n (w x_n + b - y_n)^2$$
#
# This is the **mean squared error**. Its slopes, one for each number that may change, are found with the rules of school:
#
# $$\frac{\partial L}{\partial w} = \frac{2}{N} \sum_n (w x_n + b - y_n)\, x_n
# \qquad
# \frac{\partial L}{\partial b} = \frac{2}{N} \sum_n (w x_n + b - y_n)$$
#
# The sign $\partial$ says that the other numbers stand still meanwhile. All slopes together are the **gradient**, written
# $\nabla L$. It points straight uphill, as $w$ did in lesson 1. So we go against it. That is **gradient descent**:
#
# $$\theta \leftarrow \theta - \eta\, \nabla L(\theta)$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $\theta$ | all numbers that may change, here $w$ and $b$ | `theta`, shape `(2,)` |
# | $L$ | the loss: one number, how wrong the model is | `loss(theta)` |
# | $\nabla L$ | the gradient: one slope for each number in $\theta$ | `gradient(theta)`, shape `(2,)` |
# | $\eta$ | the learning rate | `lr` |
#
# ## The formula in ten lines
#
# The degrees are counted in tens, so that all numbers are small.

# %%
x = np.array([-1.0, 0.0, 1.0, 2.0, 3.0])  # Celsius, in tens of degrees
y = np.array([1.4, 3.2, 5.0, 6.8, 8.6])  # Fahrenheit, in tens of degrees


def loss(theta):
    w, b = theta
    return np.mean((w * x + b - y) ** 2)


def gradient(theta):
    w, b = theta
    error = w * x + b - y
    return np.array([2 * np.mean(error * x), 2 * np.mean(error)])


theta = np.array([0.0, 0.0])
for _ in range(60):
    theta = theta - 0.2 * gradient(theta)
print("w and b that the machine has found:", theta.round(3))

# %% [markdown]
# 1.8 and 3.2 (times ten: 32). Nobody told it the rule; it went downhill.
#
# Now from above. Both axes are numbers to be found; dark is a high loss. Four learning rates, the same start:


# %%
def path(lr, steps=25):
    theta = np.array([-0.5, 0.5])
    visited = [theta]
    for _ in range(steps):
        theta = theta - lr * gradient(theta)
        visited.append(theta)
    return np.array(visited)


figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
for ax, lr in zip(axes.flat, (0.01, 0.1, 0.27, 0.305), strict=True):
    tm.plots.contours(
        lambda w, b: ((w[..., None] * x + b[..., None] - y) ** 2).mean(axis=-1),
        x=(-1.5, 5),
        y=(-1, 6),
        levels=[0.1, 1, 3, 6, 10, 20, 35, 55],
        paths={f"η = {lr}": path(lr)},
        ax=ax,
    )
    ax.plot(1.8, 3.2, "*", color="black", ms=11)
    ax.set(xlabel="w", ylabel="b", title=f"loss after 25 steps: {loss(path(lr)[-1]):.3g}")

# %% [markdown]
# The valley is long and narrow: steep across, flat along. The steep side sets the limit for the rate (here between 0.27 and 0.305), and the flat side
# then takes many steps. Lesson 6 is about ways out.
#
# ## Check it
#
# Is our gradient right? The loss itself knows: move one number a little, to both sides, and see how much the loss changes.

# %%
theta, small = np.array([0.7, -1.0]), 1e-6
for i, name in enumerate("wb"):
    step = np.zeros(2)
    step[i] = small
    measured = (loss(theta + step) - loss(theta - step)) / (2 * small)
    print(f"slope for {name}: formula {gradient(theta)[i]:.6f}, measured {measured:.6f}")

# %% [markdown]
# ## The package's version is the same number
#
# `tm.formulas.gradient_descent` is one step as a textbook prints it. `tm.optim.GD` is what you will use from now on: it keeps the
# numbers and the rate, and `step()` takes the step. Ten steps of each:

# %%
by_formula = np.array([0.0, 0.0])
found = tm.tensor([0.0, 0.0], dtype=np.float64, requires_grad=True)
optimizer = tm.optim.GD([found], lr=0.2)
for _ in range(10):
    by_formula = tm.formulas.gradient_descent(by_formula, gradient(by_formula), lr=0.2)
    found.grad = tm.tensor(gradient(found.numpy()), dtype=np.float64)
    optimizer.step()
print("formula:", by_formula)
print("package:", found.numpy())

# %% [markdown]
# ## On real data
#
# Now the neuron of lesson 1 learns to tell ones from zeros by itself. It starts with all weights 0. The right answer is
# $y = 1$ for a one and $y = -1$ for a zero. There are 65 numbers to be found: 64 weights and the bias.

# %%
digits = tm.datasets.load_digits()
chosen = digits.y < 2
X = digits.x[chosen].reshape(-1, 64).astype(float)
y = np.where(digits.y[chosen] == 1, 1.0, -1.0)

w, b, losses, shots = np.zeros(64), 0.0, [], {}
for step in range(201):
    error = X @ w + b - y
    losses.append(np.mean(error**2))
    if step in (1, 10, 200):
        shots[step] = w
    w = w - 0.03 * 2 / len(y) * X.T @ error
    b = b - 0.03 * 2 * np.mean(error)
print(f"right after 200 steps: {np.mean(np.sign(X @ w + b) == y):.1%} of {len(y)}")

# %%
figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
axes[0].plot(losses, color="#0072B2")
axes[0].set(xlabel="step", ylabel="loss", title="downhill", yscale="log")
for ax, (step, weights) in zip(axes[1:], shots.items(), strict=True):
    limit = np.abs(weights).max()
    ax.imshow(weights.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
    ax.set(title=f"w after {step} steps")
    ax.axis("off")

# %% [markdown]
# After one step the weights look like the ones we made up in lesson 1: a one minus a zero. Then they get better than our thought.
#
# ## Exercises
#
# ### 02.1 The slopes
#
# The same loss with $D$ inputs for each sample: $f(x) = w \cdot x + b$, where $w \cdot x$ is short for $\sum_i w_i x_i$.
# Which way is uphill?

# %%
# exercise 02.1

# %% [markdown]
# ### 02.2 Go down
#
# Any loss, any number of steps. You are given a function `gradient` to ask for the slope.

# %%
# exercise 02.2

# %% [markdown]
# ### 02.3 How fast is too fast?
#
# In the first picture, with $c = 2$, everything beyond $\eta = 1$ diverged. And for any other $c$?

# %%
# exercise 02.3

# %% [markdown]
# ### 02.4 Predict the loss
#
# For this valley you can tell the loss after $n$ steps without taking one of them.

# %%
# exercise 02.4

# %%
progress();
# %% [markdown]
# ## What you now know
#
# - The loss is one number that says how wrong the model is.
# - The gradient $\nabla L$ has one slope for each number that may change, and points uphill.
# - Gradient descent goes against it, again and again: $\theta \leftarrow \theta - \eta\,\nabla L(\theta)$.
# - The learning rate $\eta$ has a limit, and the steepest direction sets it.
#
# ### What breaks if you forget it
#
# Forget the limit, and the loss does not get stuck: it explodes. The same neuron, the same digits, only a larger rate:

# %%
for lr in (0.03, 0.3):
    w, b = np.zeros(64), 0.0
    for _ in range(60):
        error = X @ w + b - y
        w, b = w - lr * 2 / len(y) * X.T @ error, b - lr * 2 * np.mean(error)
    print(f"learning rate {lr}: loss after 60 steps {np.mean((X @ w + b - y) ** 2):.3g}")

# %% [markdown]
# **Next:** we worked out the slopes by hand. [Lesson 3](03_derivatives_by_machine.ipynb) lets the machine do that, too.
