# %% [markdown]
# # 5 · Logistic regression
#
# *35 minutes. You need [lesson 3](03_derivatives_by_machine.ipynb).*
#
# ## The question
#
# A neuron says 3.7. Another one says −0.2. Is that a yes? A doctor, a bank or a customer wants to hear something else: *I am 98 %
# sure it is a 7*.
#
# **How sure is the machine?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# We squeeze the number that the neuron says, call it the **score** $z$, into a number between 0 and 1. Very negative scores shall
# become nearly 0, very positive ones nearly 1, and 0 shall become ½: no idea. The curve that does it is called $\sigma$ (sigma). Move the
# sliders: how do the weight and the bias of a neuron change its opinion?


# %%
def draw_sigmoid(w, b):
    x = np.linspace(-6, 6, 200)
    plt.figure(figsize=(5.4, 3))
    plt.plot(x, 1 / (1 + np.exp(-(w * x + b))), color="#0072B2")
    plt.axhline(0.5, color="#808080", linewidth=0.8)
    plt.axvline(-b / w, color="#D55E00", linewidth=0.8, label="here z = 0: no idea")
    plt.ylim(-0.05, 1.05)
    plt.xlabel("x")
    plt.ylabel("p: how sure of a yes")
    plt.title(f"σ({w:.1f} x + {b:.1f})")
    plt.legend()
    plt.show()


explore(draw_sigmoid, w=(0.2, 5.0, 1.0), b=(-5.0, 5.0, 1.0))

# %% [markdown]
# The weight says how quickly it makes up its mind, the bias moves the border.
#
# ## The formula
#
# For one question with yes or no:
#
# $$p = \sigma(w \cdot x + b) \qquad \sigma(z) = \frac{1}{1 + e^{-z}}$$
#
# For $K$ classes there are $K$ neurons, one row of $W$ each, and $K$ scores $z = W x + b$. Make all of them positive with $e^z$, then divide by
# their sum, so that together they are 1. That is the **softmax**:
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}$$
#
# And the loss? If the right class is $y$, the model should have given it a high $p_y$. The **cross-entropy** is
#
# $$L = -\log p_y$$
#
# averaged over the samples. It is 0 for $p_y = 1$. It grows without end for a model that was sure, and wrong.
#
# | symbol | what it is | in code |
# |---|---|---|
# | $z$ | the scores (*logits*), one for each class | `z`, shape `(K,)`, or `Z`, shape `(N, K)` |
# | $p$ | the probabilities, one for each class | `p`, shape `(K,)`, or `P`, shape `(N, K)` |
# | $y$ | the right class, a whole number from 0 | `y`, shape `(N,)` |
# | $W$, $b$ | weights $(K, D)$ and biases $(K,)$, as in lesson 1 | `W`, `b` |
# | $\log$ | the natural logarithm | `np.log` |

# %%
p = np.linspace(0.005, 1, 200)
plt.figure(figsize=(5, 2.8))
plt.plot(p, -np.log(p), color="#D55E00")
plt.xlabel("what the model gave to the right class, p")
plt.ylabel("loss -log p")
plt.title("sure and wrong is expensive");

# %% [markdown]
# ## The formula in ten lines
#
# Three classes, one sample:


# %%
def softmax_by_hand(z):
    powers = [np.exp(score) for score in z]
    return np.array([power / sum(powers) for power in powers])


z = np.array([2.0, 1.0, -1.0])
p = softmax_by_hand(z)
print("scores:", z, "→ probabilities:", p.round(3), "  sum:", p.sum().round(6))
for y in range(3):
    print(f"if class {y} is right, the loss is {-np.log(p[y]):.3f}")

# %% [markdown]
# ## Check it
#
# Two facts that follow from the formula. Adding the same number to all scores changes nothing. And with two classes, softmax *is* $\sigma$ of the
# difference of the two scores:

# %%
print("shifted:", np.allclose(softmax_by_hand(z), softmax_by_hand(z + 5)))
print("σ:", 1 / (1 + np.exp(-(2.0 - 1.0))), " softmax:", softmax_by_hand([2.0, 1.0])[0])

# %% [markdown]
# The gradient is the nicest of all. For the scores it is what the model says, minus what is right (1 for the right class, 0 for the others):
#
# $$\frac{\partial L}{\partial z_k} = p_k - [k = y]$$

# %%
y = 1
measured = tm.formulas.numerical_gradient(lambda z: -np.log(softmax_by_hand(z)[y]), z)
print("measured: ", measured.round(6))
print("p - right:", (p - np.eye(3)[y]).round(6))

# %% [markdown]
# ## The package's version is the same number
#
# `tm.functional.cross_entropy` takes the scores, not the probabilities: softmax and logarithm together can be computed so that nothing
# overflows. With a batch it gives the mean.

# %%
t = tm.tensor(z[None], requires_grad=True)  # a batch of one
L = tm.functional.cross_entropy(t, np.array([1]))
L.backward()
print("loss:", L.item(), " formula:", tm.formulas.cross_entropy(z[None], np.array([1]))[0])
print("gradient:", t.grad.numpy().round(6))

# %% [markdown]
# ## On real data
#
# Ten classes, 64 pixels. `tm.nn.LogisticRegression` holds $W$ and $b$. A quarter of the digits is put aside: the model never learns from
# them, so they show how well it does on new ones.

# %%
digits = tm.datasets.load_digits()
X_train, X_test, y_train, y_test = tm.validation.train_test_split(
    digits.x.reshape(-1, 64), digits.y, test_size=0.25, stratify=digits.y, random_state=0
)
model = tm.nn.LogisticRegression(64, classes=10)
optimizer = tm.optim.GD(model.parameters(), lr=1.0)
history = {"train_loss": [], "validation_loss": []}
for _ in range(200):
    optimizer.zero_grad()
    L = model.loss(X_train, y_train)
    L.backward()
    optimizer.step()
    history["train_loss"].append(L.item())
    history["validation_loss"].append(model.loss(X_test, y_test).item())
right = model.predict(X_test) == y_test
print(f"{right.mean():.1%} of {len(y_test)} new digits right")
tm.plots.learning_curves(history);

# %% [markdown]
# What has each neuron learned? Its row of $W$ is a picture again. Blue pixels speak for the digit, red ones against it:

# %%
figure, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
tm.plots.filters(model.weight.numpy().reshape(10, 1, 8, 8), ax=ax)
ax.set_title("W: the digits 0 to 9");

# %% [markdown]
# Look at the 0: ink in its middle speaks strongly against it.
#
# Now the answer to the question. Here are the new digits of which the model is least sure:

# %%
P = model.predict_proba(X_test)
unsure = P.max(axis=1).argsort()[:4]
figure, axes = plt.subplots(2, 4, figsize=(9, 3.8), layout="constrained", height_ratios=(1.3, 1))
for (top, bottom), n in zip(axes.T, unsure, strict=True):
    top.imshow(X_test[n].reshape(8, 8), cmap="gray_r")
    top.set_title(f"this is a {y_test[n]}", fontsize=10)
    top.axis("off")
    colours = ["#0072B2" if k == y_test[n] else "#808080" for k in range(10)]
    bottom.bar(range(10), P[n], color=colours)
    bottom.set_xticks(range(10))
    bottom.set_ylim(0, 1)
axes[1, 0].set_ylabel("p");

# %% [markdown]
# You would not be sure either. And is it right as often as it says? We sort the new digits by how sure the model was:

# %%
sure = P.max(axis=1)
for low, high in ((0.0, 0.6), (0.6, 0.9), (0.9, 0.99), (0.99, 1.0)):
    group = (sure > low) & (sure <= high)
    share = right[group].mean()
    print(f"says {low:4.0%} to {high:4.0%}: {group.sum():3d} digits, right in {share:.0%}")

# %% [markdown]
# ## Exercises
#
# ### 05.1 From a score to a probability
#
# For arrays, and for scores of any size.

# %%
# exercise 05.1

# %% [markdown]
# ### 05.2 From scores to probabilities
#
# The softmax of a batch. In the first row of each batch the scores are near 1000, and $e^{1000}$ is more than a computer can hold. Use the
# fact you have checked above: adding the same number to all scores changes nothing.

# %%
# exercise 05.2

# %% [markdown]
# ### 05.3 How wrong?
#
# The cross-entropy of a batch.

# %%
# exercise 05.3

# %% [markdown]
# ### 05.4 Which way is down?
#
# Everything together: the gradient of the mean cross-entropy, for $W$ and for $b$. Remember exercise 03.3.

# %%
# exercise 05.4

# %%
progress();

# %% [markdown]
# ## What you now know
#
# - $\sigma$ makes a probability of one score, softmax of many.
# - The cross-entropy $-\log p_y$ is small if the right class got a high probability. Sure and wrong is expensive.
# - Its gradient for the scores is $p$ minus what is right.
# - Linear neurons, softmax and cross-entropy are called **logistic regression**: 650 numbers that read digits, and say how sure they are.
#
# ### What breaks if you forget it
#
# Forget to take the maximum away, and large scores break everything. One such sample is enough: the loss is no number any more, then all
# gradients, then all weights.

# %%
large = np.array([1000.0, 0.0])
with np.errstate(all="ignore"):
    print("by hand:", softmax_by_hand(large))
print("package:", tm.formulas.softmax(large))

# %% [markdown]
# **Next:** plain descent is slow in narrow valleys. [Lesson 6](06_the_descent_family.ipynb) meets its faster relatives.
