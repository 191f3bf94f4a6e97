# %% [markdown]
# # 6 · The descent family
#
# *40 minutes. You need [lesson 5](05_logistic_regression.ipynb).*
#
# ## The question
#
# In lesson 2 the valley was long and narrow. The steep side set the limit for the learning rate, and along the flat side we crept.
# A second trouble: each single step looked at *all* samples. With a million of them, that is a long wait for one step.
#
# **How does one get down faster?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# Gradient descent forgets everything after each step. Think of a heavy ball instead. It keeps rolling: what pushes it to and
# fro across the valley cancels out, and what pushes it along the valley adds up.
#
# How much of its speed the ball keeps from step to step is a number $\mu$ (mu) between 0 and 1. With $\mu = 0$ it is plain gradient descent.
# Move the sliders. Which $\mu$ gets nearest to the star? What does a ball do that is too heavy?


# %%
def valley(a, b):
    return (a**2 + 50 * b**2) / 2


def slope(theta):  # the gradient of the valley
    return np.array([1.0, 50.0]) * theta


def draw_ball(lr, mu):
    theta, v, path = np.array([-2.5, 0.9]), np.zeros(2), []
    for _ in range(25):
        path.append(theta)
        v = mu * v + slope(theta)
        theta = theta - lr * v
    plt.figure(figsize=(7, 2.8))
    heights = [0.1, 0.5, 1.5, 3, 7, 14, 25]
    ball = {f"25 steps, η = {lr:.3f}, μ = {mu:.2f}": path}
    tm.plots.contours(valley, y=(-1.2, 1.2), paths=ball, levels=heights, ax=plt.gca())
    plt.plot(0, 0, "*", color="black", ms=11)
    plt.xlabel("θ₁")
    plt.ylabel("θ₂")
    plt.show()


explore(draw_ball, lr=(0.005, 0.045, 0.03), mu=(0.0, 0.95, 0.5))

# %% [markdown]
# The second idea: a stride of its own for each number. Along $\theta_2$ the slope is large, so make the strides short there. Along $\theta_1$
# it is small, so make them long. To know which is which, remember how large the slopes have been. Because slopes have both signs, we
# remember their squares.
#
# That is all. The whole family is made of these two memories: **where did I roll, and how steep was it?**
#
# ## The formula
#
# In every step $g = \nabla L(\theta)$ is the gradient at the present place. All products, squares and roots are taken number by number.
#
# | name | what it remembers | the step |
# |---|---|---|
# | gradient descent (GD) | nothing | $\theta \leftarrow \theta - \eta\, g$ |
# | momentum | $v \leftarrow \mu v + g$ | $\theta \leftarrow \theta - \eta\, v$ |
# | Nesterov | $v \leftarrow \mu v + g$ | $\theta \leftarrow \theta - \eta\, (g + \mu v)$ |
# | Adagrad | $s \leftarrow s + g^2$ | $\theta \leftarrow \theta - \eta\, g / (\sqrt{s} + \varepsilon)$ |
# | RMSprop | $s \leftarrow \alpha s + (1 - \alpha) g^2$ | $\theta \leftarrow \theta - \eta\, g / (\sqrt{s} + \varepsilon)$ |
# | Adam | $m \leftarrow \beta_1 m + (1 - \beta_1) g$ and $s \leftarrow \beta_2 s + (1 - \beta_2) g^2$ | $\theta \leftarrow \theta - \eta\, \hat m / (\sqrt{\hat s} + \varepsilon)$ |
#
# - **Momentum** is the ball. Its velocity is $v$.
# - **Nesterov** is a ball that looks ahead: it already counts the part $\mu v$ that it is going to roll anyway.
# - **Adagrad** adds up all squares. So its strides only get shorter.
# - **RMSprop** forgets old squares: each step, a share $\alpha$ stays and a share $1 - \alpha$ is new. Such a sum is called a *running mean*.
# - **Adam** has both: a running mean $m$ of the slopes (the ball), and one of their squares, $s$.
#
# Adam's hats mend the beginning. Both memories start at 0, so at first they are too small. At step $t = 1, 2, …$
#
# $$\hat m = \frac{m}{1 - \beta_1^t} \qquad \hat s = \frac{s}{1 - \beta_2^t}$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $\theta$, $g$ | the numbers to be found, and their gradient | `theta`, `g`, the same shape |
# | $\eta$ | the learning rate | `lr` |
# | $v$, $m$ | where it rolled: the memory of slopes | `v`, `m`, the shape of `theta` |
# | $s$ | how steep it was: the memory of squares | `s`, the shape of `theta` |
# | $\mu, \alpha, \beta_1, \beta_2$ | how much of a memory stays, from 0 to below 1 | `mu`, `alpha`, `beta1`, `beta2` |
# | $\varepsilon$ | a tiny number, so that nothing is divided by 0 | `1e-8` |
# | $t$ | the number of the step, from 1 | `t` |
#
# ## The formula in ten lines
#
# Each is two lines or three, with $\mu = 0.8$, $\alpha = \beta_1 = 0.9$ and $\beta_2 = 0.999$. `memory` holds what it remembers, with zeros at first:


# %%
def gd(theta, g, memory, lr, t):
    return theta - lr * g


def momentum(theta, g, memory, lr, t):
    memory["v"] = 0.8 * memory["v"] + g
    return theta - lr * memory["v"]


def nesterov(theta, g, memory, lr, t):
    memory["v"] = 0.8 * memory["v"] + g
    return theta - lr * (g + 0.8 * memory["v"])


def adagrad(theta, g, memory, lr, t):
    memory["s"] = memory["s"] + g**2
    return theta - lr * g / (np.sqrt(memory["s"]) + 1e-8)


def rmsprop(theta, g, memory, lr, t):
    memory["s"] = 0.9 * memory["s"] + 0.1 * g**2
    return theta - lr * g / (np.sqrt(memory["s"]) + 1e-8)


def adam(theta, g, memory, lr, t):
    memory["m"] = 0.9 * memory["m"] + 0.1 * g
    memory["s"] = 0.999 * memory["s"] + 0.001 * g**2
    m_hat, s_hat = memory["m"] / (1 - 0.9**t), memory["s"] / (1 - 0.999**t)
    return theta - lr * m_hat / (np.sqrt(s_hat) + 1e-8)


def run(step, lr, steps=60):
    theta = np.array([-2.5, 0.9])
    memory, path = {name: np.zeros(2) for name in "vms"}, [theta]
    for t in range(1, steps + 1):
        theta = step(theta, slope(theta), memory, lr, t)
        path.append(theta)
    return np.array(path)


print("after 60 steps, gradient descent:", run(gd, 0.036)[-1].round(4))
print("after 60 steps, Adam:            ", run(adam, 0.3)[-1].round(4))

# %% [markdown]
# Now the race. Left the balls, right those with a stride for each number. Below, the height of each over the steps: down is good.

# %%
rates = {gd: 0.036, momentum: 0.018, nesterov: 0.018, adagrad: 0.7, rmsprop: 0.1, adam: 0.3}
paths = {step: run(step, lr) for step, lr in rates.items()}
balls, strides = (gd, momentum, nesterov), (adagrad, rmsprop, adam)
heights = [0.1, 0.5, 1.5, 3, 7, 14, 25]
figure, (top, bottom) = plt.subplots(2, 2, figsize=(9, 6), layout="constrained")
for group, above, below in zip((balls, strides), top, bottom, strict=True):
    chosen = {step.__name__: paths[step][:30] for step in group}
    tm.plots.contours(valley, y=(-1.2, 1.2), paths=chosen, levels=heights, ax=above)
    above.plot(0, 0, "*", color="black", ms=11)
    above.set(xlabel="θ₁", ylabel="θ₂", title="30 steps")
    for step, colour in zip(group, ("#D55E00", "#009E73", "#CC79A7"), strict=True):
        label = f"{step.__name__}, η = {rates[step]}"
        below.semilogy(valley(*paths[step].T), color=colour, label=label)
    below.set(xlabel="step", ylabel="loss", ylim=(1e-5, 40))
    below.legend(fontsize=8);

# %% [markdown]
# Look at `gd`: it jumps from side to side, and along the valley it creeps. Its rate is close to the limit, which is $2 / 50 = 0.04$ here (exercise
# 02.3). The balls overshoot and come back, but they get along. The others walk diagonally from the very first step: for them the valley is
# no longer narrow.
#
# There is no winner for all valleys. And $\eta$ does not mean the same for all: with Adam it is about the length of a step itself.
#
# ## Check it
#
# Two facts follow from the formulas. First: on an even slope, always $g = 1$, the ball's velocity grows to $1 / (1 - \mu)$. With $\mu = 0.8$
# that is five times the slope. So momentum needs a smaller $\eta$ than plain descent.

# %%
v = 0.0
for _ in range(100):
    v = 0.8 * v + 1.0
print("velocity after 100 steps:", round(v, 3), "   1 / (1 - μ):", round(1 / (1 - 0.8), 3))

# %% [markdown]
# Second: Adam's first step has the length $\eta$ for each number, whether its slope is huge or tiny. At $t = 1$ the hats give
# $\hat m = g$ and $\hat s = g^2$, so it moves by $\eta\, g / |g|$:

# %%
memory = {"m": np.zeros(3), "s": np.zeros(3)}
g = np.array([1000.0, -0.001, 5.0])
print("first step of Adam, η = 0.1:", adam(np.zeros(3), g, memory, lr=0.1, t=1).round(4))

# %% [markdown]
# ## The package's version is the same number
#
# `tm.optim` has them all. Each keeps its own memory and gets the gradient from `.grad`. Ten steps, by hand and by the package:

# %%
optim = tm.optim
makers = {
    gd: lambda theta, lr: optim.GD([theta], lr),
    momentum: lambda theta, lr: optim.SGD([theta], lr, momentum=0.8),
    nesterov: lambda theta, lr: optim.SGD([theta], lr, momentum=0.8, nesterov=True),
    adagrad: lambda theta, lr: optim.Adagrad([theta], lr, eps=1e-8),
    rmsprop: lambda theta, lr: optim.RMSprop([theta], lr, alpha=0.9),
    adam: lambda theta, lr: optim.Adam([theta], lr),
}
for step, make in makers.items():
    theta = tm.tensor([-2.5, 0.9], dtype=np.float64, requires_grad=True)
    optimizer = make(theta, rates[step])
    for _ in range(10):
        optimizer.zero_grad()
        (0.5 * (theta[0] ** 2 + 50 * theta[1] ** 2)).backward()
        optimizer.step()
    (a, b), (c, d) = run(step, rates[step], steps=10)[-1], theta.numpy()
    print(f"{step.__name__:9s} by hand {a:9.6f} {b:9.6f}    package {c:9.6f} {d:9.6f}")

# %% [markdown]
# (`tm.formulas` has the same steps as functions. In Adam's paper, and there, our $s$ is called $v$.)
#
# ## On real data
#
# The model of lesson 5: ten neurons and softmax, 650 numbers, real digits. First the other trouble: one step of gradient descent
# looks at all 1347 digits. **Stochastic gradient descent** (SGD) looks at a few, drawn at random: a *mini-batch*. Its gradient is not quite right, but on
# average it is, and it costs a fraction. With batches of 32, one round through the data (an *epoch*) gives 43 steps instead of one.
#
# `tm.data.DataLoader` draws the batches.

# %%
digits = tm.datasets.load_digits()
X_train, X_test, y_train, y_test = tm.validation.train_test_split(
    digits.x.reshape(-1, 64), digits.y, test_size=0.25, stratify=digits.y, random_state=0
)


def train(make, batch_size=32, epochs=8):
    model = tm.nn.LogisticRegression(64, classes=10)
    optimizer = make(model.parameters())
    losses = [model.loss(X_train, y_train).item()]
    batches = tm.data.DataLoader(X_train, y_train, batch_size=batch_size, seed=0)
    for _ in range(epochs):
        for X, y in batches:
            optimizer.zero_grad()
            model.loss(X, y).backward()
            optimizer.step()
        losses.append(model.loss(X_train, y_train).item())
    return losses, (model.predict(X_test) == y_test).mean(), optimizer


competitors = {
    "GD, all at once": (lambda p: optim.GD(p, lr=2.0), len(y_train)),
    "SGD": (lambda p: optim.SGD(p, lr=3.0), 32),
    "momentum": (lambda p: optim.SGD(p, lr=0.3, momentum=0.9), 32),
    "Nesterov": (lambda p: optim.SGD(p, lr=1.0, momentum=0.9, nesterov=True), 32),
    "Adagrad": (lambda p: optim.Adagrad(p, lr=1.0), 32),
    "RMSprop": (lambda p: optim.RMSprop(p, lr=0.1), 32),
    "Adam": (lambda p: optim.Adam(p, lr=0.1), 32),
}
plt.figure(figsize=(8, 3.8), layout="constrained")
for name, (make, batch_size) in competitors.items():
    losses, accuracy, _ = train(make, batch_size)
    plt.semilogy(losses, "--" if "GD" in name else "-", marker=".", label=name)
    print(f"{name:16s} loss {losses[-1]:.3f}   right on new digits {accuracy:.1%}")
plt.xlabel("epochs: rounds through the training digits")
plt.ylabel("training loss")
plt.title("the race of the optimisers")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5));

# %% [markdown]
# Three learning rates were tried for each, and the one with the lowest training loss was taken. (Not the best on the new digits: lesson 7 says why.) The greatest leap is
# from all at once to mini-batches: the same work in each epoch, but 43 steps from it. And the lowest loss need not be the best on new digits: compare the columns.
#
# Where a line jumps up, some unlucky batches led astray: their gradients are right on average only, and these rates are large.
#
# ## Many workers
#
# Now four people work on one model. Each one reads $\theta$, computes a gradient, and hands it in. Nobody waits for the others. So while
# one computes, the others hand in theirs, and when a gradient arrives, $\theta$ is no longer what it was computed for. The gradient is
# **stale**.

# %%
figure, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
for worker in range(4):
    for turn in range(3):
        start = worker + 4 * turn
        marked = worker == 0 and turn == 1
        ax.barh(worker, 3.8, left=start, color="#D55E00" if marked else "#cfe3f1", height=0.6)
        ax.plot([start + 3.9] * 2, [worker - 0.3, 4], color="#808080", linewidth=0.8)
        ax.text(start + 3.9, 4.1, f"{start + 1}", ha="center", fontsize=8)
ax.text(5.9, 0, "reads θ, computes g …", ha="center", va="center", color="white", fontsize=8)
ax.set_yticks(range(4), [f"worker {k + 1}" for k in range(4)])
ax.set(xlabel="time", title="updates of θ, in their order", xlim=(-0.2, 16), ylim=(-0.5, 4.7))
ax.spines[:].set_visible(False);

# %% [markdown]
# The orange worker read $\theta$ after update 1 and hands in update 5. In between three others came, 2, 3 and 4. The **staleness** of its gradient is $\tau = 3$
# (tau). Count the updates from 0, so that $\theta_k$ is what there is after $k$ of them. Then **asynchronous SGD** is
#
# $$\theta_{k+1} = \theta_k - \eta\, \nabla L(\theta_{k - \tau})$$
#
# The newest $\theta$ is changed, by the slope at an old one. In ten lines, on the simple valley of lesson 2, $L = \frac{1}{2} c\,\theta^2$:


# %%
def stale_descent(lr, tau, steps=40, c=2.0):
    thetas = [-2.5]
    for k in range(steps):
        old = thetas[max(0, k - tau)]
        thetas.append(thetas[k] - lr * c * old)
    return np.array(thetas)


plt.figure(figsize=(7, 3.2))
for tau in (0, 1, 2):
    plt.plot(stale_descent(lr=0.35, tau=tau, steps=25), "o-", ms=3, label=f"τ = {tau}")
plt.ylim(-8, 8)
plt.xlabel("update k")
plt.ylabel("θ")
plt.title("one rate, η = 0.35, and older and older gradients")
plt.legend();

# %% [markdown]
# With fresh gradients it goes straight to 0. With stale ones it overshoots: it is still told to go on when it has long arrived. At $\tau = 2$ this rate
# diverges. So: **the older the gradients, the smaller the rate must be.** A simple cure is to divide the rate by $\tau$ (if $\tau$ is 1 or more).
#
# `tm.optim.AsyncSGD` plays the workers in one process, so that every run can be repeated. Is it the same number?

# %%
theta = tm.tensor(-2.5, dtype=np.float64, requires_grad=True)
optimizer = optim.AsyncSGD([theta], lr=0.1, delay=2)
for _ in range(12):
    optimizer.zero_grad()
    (theta**2).backward()  # ½ c θ² with c = 2
    optimizer.step()
print("staleness of each update:", optimizer.staleness)
print("package:", theta.item(), "  by hand:", stale_descent(lr=0.1, tau=2, steps=10)[-1])

# %% [markdown]
# Twelve gradients were sent, ten have arrived: the last two are still under way.
#
# Real workers do not take turns so neatly. Here the delay is drawn at random, 12 on average, and a few come very late (a *geometric* delay):

# %%
delay = optim.Delay("geometric", 12)
losses, accuracy, optimizer = train(lambda p: optim.AsyncSGD(p, lr=1.0, delay=delay, seed=0))
print(f"loss {losses[-1]:.3f}, right on new digits {accuracy:.1%}")
tm.plots.staleness(optimizer.staleness);

# %% [markdown]
# ## Exercises
#
# ### 06.1 How many steps?
#
# Each batch is one step. So how many steps do so many epochs give?

# %%
# exercise 06.1

# %% [markdown]
# ### 06.2 The ball
#
# One step of momentum. The velocity must live on: return it too.

# %%
# exercise 06.2

# %% [markdown]
# ### 06.3 Something is wrong with this RMSprop
#
# It runs, and it even goes downhill a little. But its memory is not a running mean. Find the fault and mend it.

# %%
# exercise 06.3

# %% [markdown]
# ### 06.4 Adam
#
# Everything together. This is one of the most used formulas of the field.

# %%
# exercise 06.4

# %% [markdown]
# ### 06.5 Workers that do not wait
#
# Asynchronous SGD with a different staleness in each update. Which $\theta$ is asked for the slope, and which one is changed?

# %%
# exercise 06.5

# %%
progress();
# %% [markdown]
# ## What you now know
#
# - SGD: a mini-batch gives a slope that is right on average, and many more steps for the same work.
# - Momentum and Nesterov remember where they rolled. Adagrad and RMSprop remember how steep it was. Adam does both.
# - The learning rate means something else for each of them. Try a few values for each.
# - Asynchronous workers hand in stale gradients. The staler, the smaller the rate must be.
#
# ### What breaks if you forget it
#
# Forget the staleness, and a rate that was good for one worker (delay 0) ruins the model of seventeen (delay 16). The staleness-aware rate, $\eta / \tau$,
# saves it:


# %%
def tally(delay, aware):
    losses, accuracy, _ = train(
        lambda p: optim.AsyncSGD(p, lr=1.0, delay=delay, staleness_aware=aware)
    )
    return f"{losses[-1]:8.3f}, {accuracy:.1%}"


print("delay   plain: loss, right    η / τ: loss, right")
for delay in (0, 8, 16, 32):
    print(f"{delay:5d}   {tally(delay, aware=False)}       {tally(delay, aware=True)}")

# %% [markdown]
# **Next:** all the time we said "right on new digits". [Lesson 7](07_measuring_honestly.ipynb) asks what such a number is worth.
