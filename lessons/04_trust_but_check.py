# %% [markdown]
# # 4 · Trust, but check
#
# *30 minutes. You need [lesson 3](03_derivatives_by_machine.ipynb).*
#
# ## The question
#
# A wrong derivative does not crash. The model still learns, only worse, and nobody knows why. This is the most expensive kind of
# mistake in this field.
#
# **How do you know that a derivative is right?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# The slope is what you can measure. Take two points of the curve, close together, and draw a line through them. If they are close
# enough, the line has the slope of the curve. There are two ways: one step to the right, or one step to **both sides**.
# Move the slider: which of the two is right sooner?


# %%
def draw_secants(eps):
    x = np.linspace(-1.2, 2.2, 200)
    at, slope = 0.5, np.exp(0.5)
    plt.figure(figsize=(5.4, 3.6))
    plt.plot(x, np.exp(x), color="#808080", label="f(x) = eˣ")
    for left, right, colour, name in (
        (at, at + eps, "#D55E00", "one side"),
        (at - eps, at + eps, "#0072B2", "both sides"),
    ):
        measured = (np.exp(right) - np.exp(left)) / (right - left)
        plt.plot(x, np.exp(left) + measured * (x - left), color=colour, linewidth=1.2,
                 label=f"{name}: slope {measured:.3f}")
        plt.plot([left, right], np.exp([left, right]), "o", color=colour, ms=4)
    plt.ylim(-0.5, 7)
    plt.xlabel("x")
    plt.title(f"the true slope at 0.5 is {slope:.3f}; ε = {eps:.2f}")
    plt.legend()
    plt.show()


explore(draw_secants, eps=(0.01, 1.0, 0.6))

# %% [markdown]
# ## The formula
#
# The step is called $\varepsilon$ (epsilon). To both sides, it is the **central difference**:
#
# $$f'(x) \approx \frac{f(x + \varepsilon) - f(x - \varepsilon)}{2\,\varepsilon}$$
#
# For many numbers, move one at a time. If $e_i$ is 1 at place $i$ and 0 elsewhere:
#
# $$\frac{\partial f}{\partial x_i} \approx \frac{f(x + \varepsilon e_i) - f(x - \varepsilon e_i)}{2\,\varepsilon}$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $f'(x)$ | the true slope of $f$ at $x$ | |
# | $\varepsilon$ | a small step | `eps` |
# | $u$ | how coarsely the computer rounds: two numbers closer than $u$ (relative) look the same | `np.finfo(dtype).eps` |
#
# How small should $\varepsilon$ be? There are two errors, and they pull in opposite directions:
#
# - The curve bends between the two points. To both sides, this costs about $\varepsilon^2$; to one side, about $\varepsilon$.
# - The computer rounds $f(x)$ by about $u$. Divided by a tiny $\varepsilon$, that becomes large: about $u / \varepsilon$.
#
# ## The formula in ten lines


# %%
def central_by_hand(f, x, eps):
    slopes = np.zeros(len(x), dtype=x.dtype)
    for i in range(len(x)):
        step = np.zeros(len(x), dtype=x.dtype)
        step[i] = eps
        slopes[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return slopes


print(central_by_hand(lambda x: np.sum(x**2), np.array([1.0, 2.0, 3.0]), 1e-6))

# %% [markdown]
# The slopes of $x_1^2 + x_2^2 + x_3^2$ are $2 x_i$: 2, 4, 6.
#
# ## Check it
#
# Now the two errors, on screen. For $f(x) = e^x$ at $x = 1$ the true slope is $e$. Both axes count in powers of ten. *float64* numbers
# have about 16 digits, *float32* numbers about 7, and take half the memory.

# %%
eps = 10.0 ** np.arange(-14, 0.5, 0.5)
plt.figure(figsize=(7, 4))
for dtype, marker in ((np.float64, "o"), (np.float32, "s")):
    for sides, colour in (("one side", "#D55E00"), ("both sides", "#0072B2")):
        errors = []
        for e in eps:
            right = np.exp(dtype(1) + dtype(e))
            left = np.exp(dtype(1) - dtype(e)) if sides == "both sides" else np.exp(dtype(1))
            width = 2 * e if sides == "both sides" else e
            errors.append(abs(float(right - left) / width - np.e) + 1e-17)
        plt.loglog(eps, errors, marker=marker, ms=4, color=colour, linewidth=1,
                   label=f"{sides}, {np.dtype(dtype).name}")
plt.xlabel("ε")
plt.ylabel("error of the measured slope")
plt.legend();

# %% [markdown]
# Read it from the right. Down the slope the curve's bend gets less: with both sides twice as steeply. Then the
# rounding takes over, and it climbs again to the left. At the far left of float32 the two points have become *the same number*, and the
# measured slope is 0.
#
# So: **to both sides, in float64, with ε near 1e-5**. In float32, a slope can hardly be measured to more than four digits.
#
# ## The package's version is the same number
#
# `tm.formulas.numerical_gradient` is the formula for arrays of any shape. `tm.gradcheck` runs it against the tape of lesson 3, for every
# input and every element.

# %%
x = np.array([1.0, 2.0, 3.0])
print("by hand:", central_by_hand(lambda x: np.sum(np.tanh(x)), x, 1e-6))
print("formula:", tm.formulas.numerical_gradient(lambda x: np.sum(np.tanh(x)), x))
t = tm.tensor(x, dtype=np.float64, requires_grad=True)
np.sum(np.tanh(t)).backward()
print("tape:   ", t.grad.numpy())
print("all agree:", bool(tm.gradcheck(lambda t: np.sum(np.tanh(t)), x)))

# %% [markdown]
# Now a wrong one. An operation in tinymm is a formula, and right below it the derivative ($g$ is the gradient that arrives from below).
# The derivative of $x / (1 + |x|)$ is $1 / (1 + |x|)^2$. Somebody forgot the square:

# %%
from tinymm.tape import operation


@operation()
def softsign(x):
    """y = x / (1 + |x|)"""
    return x / (1 + np.abs(x))


softsign.gradient(x=lambda g, x: g / (1 + np.abs(x)))

print(tm.gradcheck(softsign, np.array([0.0, 0.5, -2.0]), raise_exception=False))

# %% [markdown]
# It names the worst element, what the derivative says, and what was measured. At 0 alone, nothing would have been found: there
# $1 + |x|$ is 1 and so is its square. **Check at random points.**
#
# ## On real data
#
# A model of two layers on real digits: 64 pixels → 8 neurons with tanh → 10 neurons. We check all its 610 derivatives at
# random weights, on 5 digits:

# %%
digits = tm.datasets.load_digits()
X, y = digits.x[:5].reshape(-1, 64).astype(np.float64), digits.y[:5]
rng = np.random.default_rng(0)
W1, b1 = rng.normal(size=(8, 64)) / 8, rng.normal(size=8)
W2, b2 = rng.normal(size=(10, 8)), rng.normal(size=10)


def loss(W1, b1, W2, b2):
    h = np.tanh(X @ W1.T + b1)
    return np.mean((h @ W2.T + b2 - np.eye(10)[y]) ** 2)


count = sum(theta.size for theta in (W1, b1, W2, b2))
print(f"all {count} derivatives are right:", bool(tm.gradcheck(loss, W1, b1, W2, b2)))

# %% [markdown]
# And what does a wrong derivative do to learning? Two layers again, once with our wrong softsign, once with the right one. Nothing crashes:

# %%
def fixed(x):
    return x / (1 + np.abs(x))  # the tape finds the derivative of each small step


X, Y = digits.x.reshape(-1, 64), np.eye(10, dtype=np.float32)[digits.y]
plt.figure(figsize=(5.4, 3))
for name, squash, colour in (("right", fixed, "#0072B2"), ("wrong", softsign, "#D55E00")):
    tm.manual_seed(0)
    first, second = tm.nn.Linear(64, 16), tm.nn.Linear(16, 10)
    optimizer = tm.optim.GD([*first.parameters(), *second.parameters()], lr=1.0)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        L = np.mean((second(squash(first(X))) - Y) ** 2)
        L.backward()
        optimizer.step()
        losses.append(L.item())
    plt.plot(losses, color=colour, label=f"{name} derivative: {losses[-1]:.4f} at the end")
plt.xlabel("step")
plt.ylabel("loss")
plt.legend();

# %% [markdown]
# It learns with the wrong derivative too. Looking at a curve like this, nobody would suspect anything.
#
# ## Exercises
#
# ### 04.1 Measure a slope
#
# One number, two points.

# %%
# exercise 04.1

# %% [markdown]
# ### 04.2 Measure a gradient
#
# Any array, one element at a time.

# %%
# exercise 04.2

# %% [markdown]
# ### 04.3 Find the wrong ones
#
# Somebody hands you eight functions with their derivatives. Some derivatives are wrong: a sign, a missing factor, one only by 2 %, one only at
# some places. Some slopes are huge, some tiny. Find the wrong ones, and blame no right one.

# %%
# exercise 04.3

# %% [markdown]
# ### 04.4 The best ε
#
# The error of the central difference is about $E(\varepsilon) = u\,|f| / \varepsilon + \varepsilon^2\,|f'''| / 6$: rounding, plus the bend
# ($f'''$ says how much the curve's bend changes). Where is it smallest? Call $|f|$ `f` and $|f'''|$ `f3`.

# %%
# exercise 04.4

# %%
progress();

# %% [markdown]
# ## What you now know
#
# - A slope can be measured: go to both sides, divide by $2 \varepsilon$.
# - Too large an $\varepsilon$ sees the bend, too small a one sees the rounding. In float64, 1e-5 or 1e-6 is about best.
# - The tape is quick and the measurement is sure. Use the measurement to test the tape: at random points, relative to the slope.
#
# ### What breaks if you forget it
#
# Measure in float32, as models compute, and a right derivative looks wrong:

# %%
for dtype in (np.float32, np.float64):
    x = np.array([1.0, 2.0, 3.0], dtype=dtype)
    measured = central_by_hand(lambda x: np.sum(np.exp(x)), x, 1e-6)
    print(f"{np.dtype(dtype).name}: measured {measured[0]:.4f}, true {np.e:.4f}")

# %% [markdown]
# **Next:** we can trust our slopes. [Lesson 5](05_logistic_regression.ipynb) makes the model say how sure it is.
