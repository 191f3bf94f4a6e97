# %% [markdown]
# # 10 · Remembering
#
# *40 minutes. You need [lesson 3](03_derivatives_by_machine.ipynb) and [lesson 5](05_logistic_regression.ipynb).*
#
# ## The question
#
# Someone reads you a telephone number. You hear one digit at a time, and at the end you know all of them. Sounds and sentences come like
# this: one piece after the other. The models of the lessons before see everything at once, and remember nothing.
#
# **How does a network know what came before?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# Give the neuron two inputs: what comes in now, and **what it said itself a moment ago**. What it says is called its **state** $h$.
# The same neuron is used again and again, once for each step of time:
#
#     first state h₀ ──►  h₁ ──►  h₂ ──►  h₃ ──►  …   each state goes on to the next step
#                         ▲       ▲       ▲
#                         x₁      x₂      x₃          one input for each step
#
# Two weights, then: $w$ for the input, $u$ for its own last state. Here is one such neuron. It hears a single beep, at step 3, and then
# silence. How long does it remember the beep? Move $u$.

# %%
x = np.zeros(20)
x[3] = 1.0


def draw_memory(u):
    h, states = 0.0, []
    for t in range(len(x)):
        h = np.tanh(2.0 * x[t] + u * h)
        states.append(h)
    plt.figure(figsize=(6, 2.8))
    plt.bar(range(20), x, width=0.3, color="#808080", label="input x")
    plt.plot(states, "o-", color="#0072B2", label=f"state h, with u = {u:.2f}")
    plt.axhline(0, color="black", linewidth=0.8)
    plt.ylim(-1.1, 1.1)
    plt.xticks(range(0, 20, 2))
    plt.xlabel("step t")
    plt.legend(loc="upper right")
    plt.show()


explore(draw_memory, u=(-1.5, 1.5, 0.8))

# %% [markdown]
# With $u = 0$ there is no memory. With $u = 0.8$ the beep fades away. Above 1 it stays for ever. With a negative $u$ the state swings.
# So $u$ decides how the past counts, and $u$ can be learned, like any weight.
#
# ## The formula
#
# With many inputs and many neurons, the weights are matrices:
#
# $$h_t = \tanh(W x_t + U h_{t-1} + b)$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $t$ | the step of time, 1 to $T$ | `t` |
# | $x_t$ | the input of step $t$, $D$ numbers; all steps together are $(T, D)$ | `x[t]`, shape `(D,)` |
# | $h_t$ | the state after step $t$, $H$ numbers; $h_0$ is zeros | `h`, shape `(H,)` |
# | $W$ | how each of the $H$ neurons weighs the input | `W`, shape `(H, D)` |
# | $U$ | how each of them weighs the last state | `U`, shape `(H, H)` |
# | $b$ | the biases | `b`, shape `(H,)` |
# | $\tanh$ | a curve from −1 to 1: it keeps the state from growing without end | `np.tanh` |
#
# $W$, $U$ and $b$ are the same at every step. This is the **tanh cell**, and a layer of it is called an RNN, a *recurrent neural
# network*: recurrent means "coming back".
#
# ## The formula in ten lines


# %%
def rnn_by_hand(x, W, U, b):
    h = np.zeros(len(b))
    states = []
    for x_t in x:  # one step after the other
        h = np.tanh(W @ x_t + U @ h + b)
        states.append(h)
    return np.array(states)  # (T, H)


rng = np.random.default_rng(0)
T, D, H = 5, 2, 3
x = rng.normal(size=(T, D))
W, U, b = rng.normal(size=(H, D)), rng.normal(size=(H, H)), rng.normal(size=H)
print(rnn_by_hand(x, W, U, b).round(3))

# %% [markdown]
# ## Check it
#
# Does the cell remember? Change only the *first* input, and look at the *last* state. And a cell with $U = 0$ must not care:

# %%
changed = x.copy()
changed[0] += 1.0
for name, u in (("U as it is", U), ("U = 0     ", 0 * U)):
    before, after = rnn_by_hand(x, W, u, b)[-1], rnn_by_hand(changed, W, u, b)[-1]
    print(name, " last state changes by", np.abs(after - before).round(6))

# %% [markdown]
# ## The package's version is the same number
#
# `tm.nn.RNN` takes a whole batch of sequences, $(N, T, D)$. It gives all states, $(N, T, H)$, and the last one. PyTorch's names
# for $W$ and $U$ are `weight_ih` (input to hidden) and `weight_hh` (hidden to hidden).

# %%
layer = tm.nn.RNN(D, H)
layer.weight_ih.data[:], layer.weight_hh.data[:], layer.bias.data[:] = W, U, b
states, last = layer(x[None].astype(np.float32))
print("shapes:", states.shape, last.shape)
print("the same:", np.allclose(states.numpy()[0], rnn_by_hand(x, W, U, b), atol=1e-6))

# %% [markdown]
# ## Back through time
#
# To learn, the gradient must go back through all the steps. It is the chain rule of lesson 3, along a long path. Take one neuron.
# Each step back multiplies by the slope of that step:
#
# $$\frac{\partial h_t}{\partial h_{t-1}} = u \, (1 - h_t^2)
# \qquad\text{so}\qquad \frac{\partial h_T}{\partial h_0} = \prod_{t=1}^{T} u \, (1 - h_t^2)$$
#
# $\prod$ means: multiply over all $t$. ($1 - h^2$ is the slope of tanh, as in exercise 03.1.) Does it agree with the measured slope?


# %%
def one_neuron(h, x, w=1.0, u=0.9):
    states = []
    for x_t in x:
        h = np.tanh(w * x_t + u * h)
        states.append(h)
    return np.array(states)


x = rng.normal(size=10)
states = one_neuron(0.0, x)
slopes = 0.9 * (1 - states**2)  # one for each step
measured = tm.formulas.numerical_gradient(lambda h: one_neuron(h, x)[-1], np.array(0.0))
print("the ten slopes:", slopes.round(2))
print(f"their product: {np.prod(slopes):.3e}   measured: {measured:.3e}")

# %% [markdown]
# Here is the trouble. Every slope is below 1, and a product of many numbers below 1 is almost nothing: $0.5^{10}$ is 0.001.
# **The gradient vanishes.** What happened long ago gets no share of the blame, so nothing is learned from it.
# (With slopes above 1 it *explodes* instead. The remedy for that is short: cut long gradients, `tm.optim.clip_grad_norm`.)
#
# ## Gates: the LSTM
#
# The remedy for vanishing is a second kind of state: a **memory** $c$ that is carried on by multiplying with a number that may be close to 1.
# Think of $c$ as a notebook. At each step, three **gates** between 0 (shut) and 1 (open) decide what happens to it. Each gate is a
# logistic regression (lesson 5) on $x_t$ and $h_{t-1}$, so the cell learns *when* to open it.
#
# $$c_t = \sigma(f) \cdot c_{t-1} + \sigma(i) \cdot \tanh(g)$$
# $$h_t = \sigma(o) \cdot \tanh(c_t)$$
#
# | symbol | what it is |
# |---|---|
# | $f$ | the **forget gate**: how much of the old memory stays |
# | $i$ | the **input gate**: how much of the new is written down |
# | $g$ | the new: what could be written down, from −1 to 1 after tanh |
# | $o$ | the **output gate**: how much of the memory is shown |
# | $\sigma$ | the sigmoid of lesson 5, from 0 to 1 |
#
# All four are $W x_t + U h_{t-1} + b$, each with weights of its own. In code they are one product that is cut in four, in the order
# $i, f, g, o$. So $W$ is $(4H, D)$, $U$ is $(4H, H)$ and $b$ is $(4H,)$. This is *long short-term memory*, LSTM.
#
# With one unit it is seven lines. The rows of `W` are $i$, $f$, $g$, $o$:


# %%
def lstm_of_one_unit(x, W, U, b):
    h, c, states = 0.0, 0.0, []
    for x_t in x:
        i, f, g, o = W * x_t + U * h + b  # four numbers
        c = tm.formulas.sigmoid(f) * c + tm.formulas.sigmoid(i) * np.tanh(g)
        h = tm.formulas.sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.array(states)


W, U, b = rng.normal(size=(3, 4))
layer = tm.nn.LSTM(1, 1)
layer.weight_ih.data[:, 0], layer.weight_hh.data[:, 0], layer.bias.data[:] = W, U, b
states, (last_h, last_c) = layer(x[None, :, None].astype(np.float32))
print("by hand:", lstm_of_one_unit(x, W, U, b)[:4].round(4))
print("package:", states.numpy()[0, :4, 0].round(4))

# %% [markdown]
# A step back along the memory multiplies by $\sigma(f)$ alone: no tanh, no $U$. If the bias of $f$ is 3, then $\sigma(3) = 0.95$, and
# after 40 steps $0.95^{40} = 0.14$ is left. For $\sigma(0) = 0.5$ it would be one millionth of a millionth.
#
# Now measure it. We let both layers read 40 steps, and ask: how large is the gradient of the last state for each input $x_t$?


# %%
def remembering(layer, forget_bias=None):
    if forget_bias is not None:
        H = layer.weight_hh.shape[1]
        layer.bias.data[H : 2 * H] = forget_bias  # the second of the blocks i, f, g, o
    return layer


def gradient_over_time(layer, T=40):
    x = np.random.default_rng(1).normal(size=(20, T, 8))  # 20 sequences of T steps
    x = tm.tensor(x, dtype=np.float32, requires_grad=True)
    states, _ = layer(x)
    (states[:, -1] ** 2).sum().backward()
    return np.sqrt((x.grad.numpy() ** 2).sum(axis=(0, 2)))  # its length at each step, (T,)


tm.manual_seed(0)
plt.figure(figsize=(7, 3.2))
for name, layer, colour in (
    ("tanh cell", tm.nn.RNN(8, 32), "#D55E00"),
    ("LSTM", tm.nn.LSTM(8, 32), "#56B4E9"),
    ("LSTM, bias of f = 3", remembering(tm.nn.LSTM(8, 32), 3.0), "#0072B2"),
):
    size = gradient_over_time(layer)
    plt.plot(range(1, 41), size / size[-1], color=colour, label=name)
plt.yscale("log")
plt.xlabel("step t of the input (40 is the last)")
plt.ylabel("size of its gradient")
plt.title("how much of the gradient comes back")
plt.legend();

# %% [markdown]
# From each mark on the left-hand scale to the next lower one the gradient is a hundred times smaller. For the tanh cell the first inputs
# might as well not exist. An LSTM with half-shut gates forgets too. With the forget gate open, all 40 steps count.
#
# ## On real data
#
# Let us read a digit as one reads a page: row by row, from above. Each picture is a sequence of $T = 8$ rows with $D = 8$ pixels. Ten
# neurons on the last state say which digit it was. To know it, the state must remember the rows above.

# %%
digits = tm.datasets.load_digits()
rows = digits.x.reshape(-1, 8, 8)  # (N, T, D)
x_train, x_test, y_train, y_test = tm.validation.train_test_split(
    rows, digits.y, stratify=digits.y, random_state=0
)


class Reader(tm.nn.Module):
    def __init__(self, layer):
        self.layer = layer
        self.classifier = tm.nn.Linear(32, 10)

    def forward(self, x):
        states, _ = self.layer(x)
        return self.classifier(states[:, -1])  # only what is left at the end


def accuracy(layer, wait=0, epochs=10):
    model = Reader(layer)
    optimizer = tm.optim.Adam(model.parameters(), lr=0.01)
    waiting = ((0, 0), (0, wait), (0, 0))  # so many empty rows at the end
    for epoch in range(epochs):
        batches = tm.data.DataLoader(np.pad(x_train, waiting), y_train, batch_size=32, seed=epoch)
        for x, y in batches:
            optimizer.zero_grad()
            tm.functional.cross_entropy(model(x), y).backward()
            tm.optim.clip_grad_norm(model.parameters(), 1.0)
            optimizer.step()
    with tm.no_grad():
        said = model(np.pad(x_test, waiting)).numpy().argmax(axis=1)
    return tm.metrics.accuracy_score(y_test, said)


tm.manual_seed(0)
print(f"row by row, tanh cell: {accuracy(tm.nn.RNN(8, 32)):.1%} of the new digits right")

# %% [markdown]
# Eight steps are few. Now make it hard: after the digit come empty rows, and only then we ask. The longer the wait, the longer the
# memory must last. (Each point below is a model of its own, trained anew.)

# %%
waits = [0, 10, 20]
tm.manual_seed(0)
tanh_cell = [accuracy(tm.nn.RNN(8, 32), wait) for wait in waits]
lstm = [accuracy(remembering(tm.nn.LSTM(8, 32), 3.0), wait) for wait in waits]
plt.figure(figsize=(5.5, 3))
plt.plot(waits, tanh_cell, "o-", color="#D55E00", label="tanh cell")
plt.plot(waits, lstm, "o-", color="#0072B2", label="LSTM, bias of f = 3")
plt.xticks(waits)
plt.xlabel("empty rows between the digit and the question")
plt.ylabel("accuracy on new digits")
plt.ylim(0, 1.02)
plt.legend();

# %% [markdown]
# ## Exercises
#
# ### 10.1 One step
#
# The formula, in one line.

# %%
# exercise 10.1

# %% [markdown]
# ### 10.2 How many weights?
#
# Predict it before you count: how many numbers does a tanh cell learn, and how many an LSTM?

# %%
# exercise 10.2

# %% [markdown]
# ### 10.3 Back through time
#
# The gradient of one neuron was a product of slopes. Now for $H$ neurons. Go back from the last step to the first. At each step there
# are three things to do: through the tanh, out to $U$ and $b$, and on to the step before. The judge measures the slopes.

# %%
# exercise 10.3

# %% [markdown]
# ### 10.4 One step of an LSTM
#
# As above, but with $H$ units: the four blocks are rows of one product.

# %%
# exercise 10.4

# %%
progress();

# %% [markdown]
# ## What you now know
#
# - A recurrent cell hears the input and its own last state: $h_t = \tanh(W x_t + U h_{t-1} + b)$, with the same weights at every step.
# - Its gradient goes back through all steps. It is a product of slopes, so it soon vanishes, or explodes.
# - The LSTM carries a memory $c$ on, and gates decide what to keep, to write and to show. With the forget gate open, the gradient comes back.
#
# ### What breaks if you forget it
#
# Forget the state, and the order is gone: a model that adds up its inputs cannot tell "man bites dog" from "dog bites man". Read one digit
# upside down, from the last row to the first. The sum of the rows does not notice; the cell does:

# %%
one, turned = rows[:1], rows[:1, ::-1]
tm.manual_seed(0)
layer = tm.nn.RNN(8, 32)
_, last = layer(one)
_, last_turned = layer(turned)
print(f"the sum of the rows changes by {np.abs(one.sum(axis=1) - turned.sum(axis=1)).max():.3f}")
print(f"the last state changes by      {np.abs(last.numpy() - last_turned.numpy()).max():.3f}")

# %% [markdown]
# **Next:** now we can read sentences. [Lesson 11](11_reading.ipynb) turns words into numbers.
