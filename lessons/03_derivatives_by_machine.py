# %% [markdown]
# # 3 · Derivatives by machine
#
# *35 minutes. You need [lesson 2](02_going_downhill.ipynb).*
#
# ## The question
#
# To go downhill we need a slope for every weight. In lesson 2 we worked out two formulas by hand. A model has thousands of weights, and
# its formula fills pages.
#
# **Who works out a thousand derivatives?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# However long a calculation is, it is made of small steps: a product, a sum, a square. The derivative of each small step is
# known. So we write down every step on a **tape** while we compute. Then we read the tape backwards and put the small derivatives
# together.
#
# Here is the loss of one neuron for one sample, $L = (w x + b - y)^2$. Read the picture from above: the values are
# computed on the way down. Then read it from below: $\nabla$ is the slope of $L$ with respect to that box, and it
# is computed on the way up. (A constant that no slope needs is not kept.)

# %%
w = tm.tensor(2.0, requires_grad=True)
b = tm.tensor(1.0, requires_grad=True)
x, y = 3.0, 5.0
L = (w * x + b - y) ** 2
tm.plots.graph(L, names={"w": w, "b": b});

# %% [markdown]
# Follow one path back. At the bottom $L$ changes itself one to one, so its slope is 1. The square of $z = 2$ has the slope
# $2 z = 4$. Adding and subtracting pass the 4 on. The product $w x$ has the slope $x = 3$ for $w$. So the slope of $L$ for $w$ is
# $4 \cdot 3 = 12$.
#
# ## The formula
#
# If $L$ depends on $z$, and $z$ depends on $w$, then
#
# $$\frac{\partial L}{\partial w} = \frac{\partial L}{\partial z} \cdot \frac{\partial z}{\partial w}$$
#
# This is the **chain rule**: along a path, multiply. If $w$ is used in several places, there are several paths, with $z_1, z_2, …$ on
# them:
#
# $$\frac{\partial L}{\partial w} = \sum_i \frac{\partial L}{\partial z_i} \cdot \frac{\partial z_i}{\partial w}$$
#
# Several paths: add. That is all of it.
#
# | symbol | what it is | in code |
# |---|---|---|
# | $L$ | the last value, one number | `L` |
# | $z$ | any value in between | the boxes |
# | $\frac{\partial L}{\partial z}$ | the gradient of $L$ for $z$: written $\nabla$ in the picture | `z.grad` |
# | $\frac{\partial z}{\partial w}$ | the slope of one small step | known for each operation |
#
# ## The formula in twenty lines
#
# A number that remembers how it was made. `made_of` is its piece of the tape: pairs of an input and the slope for it.


# %%
class Value:
    def __init__(self, value, made_of=()):
        self.value, self.made_of, self.grad = value, made_of, 0.0

    def __add__(self, other):
        return Value(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Value(self.value * other.value, [(self, other.value), (other, self.value)])

    def backward(self):
        order, seen = [], set()

        def visit(v):  # every value after all that it is made of
            if v not in seen:
                seen.add(v)
                for source, _ in v.made_of:
                    visit(source)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            for source, slope in v.made_of:
                source.grad += slope * v.grad  # along a path multiply, several paths add


w, b = Value(2.0), Value(1.0)
z = w * Value(3.0) + b + Value(-5.0)
L = z * z  # z is used twice: two paths
L.backward()
print("slope for w:", w.grad, "  slope for b:", b.grad)

# %% [markdown]
# 12 and 4, as in the picture. Look at `+=`: without it the square would have only one of its two paths.
#
# ## Check it
#
# The measured slope does not know about tapes. It moves $w$ a little and looks at $L$:

# %%
measured = tm.formulas.numerical_gradient(lambda w: (w * 3.0 + 1.0 - 5.0) ** 2, np.array(2.0))
print("measured slope for w:", measured.round(6))

# %% [markdown]
# ## The package's version is the same number
#
# `tm.Tensor` is our `Value` for whole arrays. `requires_grad=True` says: this one may change, I want its gradient. `backward()` reads
# the tape, and the gradient is in `.grad`.

# %%
w = tm.tensor(2.0, requires_grad=True)
b = tm.tensor(1.0, requires_grad=True)
L = (w * 3.0 + b - 5.0) ** 2
L.backward()
print("package:", w.grad.item(), b.grad.item())

# %% [markdown]
# NumPy's own functions work on it too, and whole arrays are one box. Here is a layer of 3 neurons with tanh (a curve that
# goes from −1 to 1; lesson 10 needs it) on 4 samples:

# %%
rng = np.random.default_rng(0)
X = rng.normal(size=(4, 2))
W = tm.tensor(rng.normal(size=(3, 2)), requires_grad=True)
b = tm.tensor(np.zeros(3), requires_grad=True)
L = np.mean(np.tanh(X @ W.T + b) ** 2)
tm.plots.graph(L, names={"W": W, "b": b, "X": X});
# %% [markdown]
# ## On real data
#
# All ten digits now, with ten neurons: $W$ has the shape $(10, 64)$, $b$ has $(10,)$. That is 650 numbers, and so 650 derivatives. Neuron $k$ shall
# say 1 for digit $k$, and 0 for all others. The right answers are the rows of `Y`.
#
# One call of `backward()` finds all 650 slopes:

# %%
digits = tm.datasets.load_digits()
X = digits.x.reshape(-1, 64).astype(np.float64)
Y = np.eye(10)[digits.y]  # (N, 10): a 1 in the column of the digit

W = tm.tensor(np.zeros((10, 64)), requires_grad=True)
b = tm.tensor(np.zeros(10), requires_grad=True)
L = np.mean((X @ W.T + b - Y) ** 2)
L.backward()
print("gradients:", W.grad.shape, "and", b.grad.shape)
figure, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
tm.plots.filters(-W.grad.numpy().reshape(10, 1, 8, 8), ax=ax)
ax.set_title("downhill for W: the digits 0 to 9");
# %% [markdown]
# Downhill, with no step taken yet, already looks like digits. Each neuron is told to like its own digit.
#
# Nobody works out a formula any more. The way down is four lines, for any model:

# %%
optimizer = tm.optim.GD([W, b], lr=0.3)
losses = []
for _ in range(300):
    optimizer.zero_grad()  # forget the last gradients: backward() adds to them
    L = np.mean((X @ W.T + b - Y) ** 2)  # forward: the tape is written
    L.backward()  # back: the tape is read
    optimizer.step()  # one step downhill
    losses.append(L.item())
right = (X @ W.numpy().T + b.numpy()).argmax(axis=1) == digits.y
print(f"loss {losses[0]:.3f} → {losses[-1]:.3f}; {right.mean():.1%} of {len(X)} digits right")

# %%
plt.figure(figsize=(5, 2.8))
plt.plot(losses, color="#0072B2")
plt.xlabel("step")
plt.ylabel("loss")
plt.yscale("log")
plt.title("300 steps downhill, 650 slopes each");
# %% [markdown]
# ## Exercises
#
# ### 03.1 Along one path
#
# Three small steps: $z = w x + b$, $h = \tanh(z)$, $L = (h - y)^2$. The derivative of $\tanh(z)$ is
# $1 - \tanh(z)^2$. Multiply along the path.

# %%
# exercise 03.1

# %% [markdown]
# ### 03.2 Read the tape
#
# The heart of it. The tape is a list; entry $i$ says what value $i$ was made of, as pairs $(j, \text{slope})$. For
# $z = w \cdot w$ with $w = 3$ the tape is `[[], [(0, 3.0), (0, 3.0)]]`, and the gradients are `[6.0, 1.0]`.

# %%
# exercise 03.2

# %% [markdown]
# ### 03.3 A whole layer
#
# The layer of lesson 1, $f = X W^\top + b$, is one box on the tape. From below comes $G$, the gradient of $L$ for $f$; its shape
# $(N, K)$ is that of $f$. What goes on to $X$, to $W$ and to $b$?

# %%
# exercise 03.3

# %% [markdown]
# ### 03.4 What NumPy has stretched
#
# When you add an array of shape $(N, K)$ and one of shape $(K,)$, NumPy copies the small one into every row. On the way back, the
# copies must come together again. (tinymm does it for every operation.)

# %%
# exercise 03.4

# %%
progress();
# %% [markdown]
# ## What you now know
#
# - A calculation is a chain of small steps. The tape keeps each step with its slopes.
# - Along a path slopes are multiplied, and several paths are added.
# - One reading of the tape, from the end, gives all derivatives at once, however many there are.
# - A gradient has the shape of what it belongs to. What was shared or copied collects a sum.
#
# ### What breaks if you forget it
#
# Forget that `backward()` *adds*, and old gradients pile up. Leave out `zero_grad()`, and the descent swings ever wider instead of
# settling:

# %%
for forget in (True, False):
    theta = tm.tensor(1.0, requires_grad=True)
    optimizer = tm.optim.GD([theta], lr=0.5)
    visited = []
    for _ in range(8):
        if forget:
            optimizer.zero_grad()
        (theta**2 / 2).backward()
        optimizer.step()
        visited.append(f"{theta.item():6.2f}")
    print("with zero_grad:   " if forget else "without zero_grad:", *visited)

# %% [markdown]
# **Next:** the tape is quick, but is it right? [Lesson 4](04_trust_but_check.ipynb) finds out.
