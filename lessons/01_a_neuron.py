# %% [markdown]
# # 1 · A neuron
#
# *25 minutes. You need Python and school algebra.*
#
# ## The question
#
# It is warm, but it rains. Do you go for a walk? Warmth speaks for it, rain against it, and rain counts more.
# You weigh several things up, and one answer comes out.
#
# **How can a machine weigh many numbers up into one?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# Begin with one number. A thermometer shows $x$ degrees Celsius, and you want degrees Fahrenheit.
# Two numbers do it: multiply by 1.8, then add 32.
#
# - 1.8 is the **weight** $w$. It says how much $x$ counts: one degree more on the right is 1.8 more above.
# - 32 is the **bias** $b$. It is the answer when $x$ is 0.
#
# The weight tilts the line, the bias lifts it. Move the sliders until your line lies on the dots.

# %%
celsius = np.array([-10.0, 0.0, 10.0, 20.0, 30.0])
fahrenheit = np.array([14.0, 32.0, 50.0, 68.0, 86.0])


def draw_line(w, b):
    x = np.linspace(-20, 40, 2)
    plt.figure(figsize=(5, 3.2))
    plt.plot(celsius, fahrenheit, "o", color="black", label="two thermometers")
    plt.plot(x, w * x + b, color="#0072B2", label=f"f(x) = {w:.2f} x + {b:.1f}")
    plt.plot(0, b, "o", mfc="none", mec="#D55E00", ms=12, label="b: the height at x = 0")
    plt.xlabel("x (degrees Celsius)")
    plt.ylabel("f(x) (degrees Fahrenheit)")
    plt.ylim(-40, 110)
    plt.legend()
    plt.show()


explore(draw_line, w=(-1.0, 3.0, 1.0), b=(-20.0, 60.0, 10.0))

# %% [markdown]
# With two numbers $x_1$ and $x_2$ there are two weights, $w_1$ and $w_2$. Now $f$ is no line but a **plane that leans**.
# Below it is drawn twice: as a plane, and as a map seen from above. A white line joins points of equal height.

# %%
w = np.array([1.0, 0.5])
b = 2.0


def f(x1, x2):
    return w[0] * x1 + w[1] * x2 + b


figure = plt.figure(figsize=(9, 3.8), layout="constrained")
plane = figure.add_subplot(1, 2, 1, projection="3d")
x1, x2 = np.meshgrid(np.linspace(-3, 3, 7), np.linspace(-3, 3, 7))
plane.plot_surface(x1, x2, f(x1, x2), cmap="Blues", alpha=0.8)
plane.set(xlabel="x₁", ylabel="x₂", title="f(x) = 1 x₁ + 0.5 x₂ + 2")
seen_from_above = tm.plots.contours(f, ax=figure.add_subplot(1, 2, 2))
seen_from_above.annotate(
    "", xy=w, xytext=(0, 0), arrowprops={"color": "#D55E00", "width": 2, "headwidth": 8}
)
seen_from_above.text(1.1, 0.3, "w", color="#D55E00", fontsize=14)
seen_from_above.set(xlabel="x₁", ylabel="x₂", title="the same from above; w points uphill")
seen_from_above.set_aspect("equal")

# %% [markdown]
# The arrow is $w = (w_1, w_2)$. It points straight uphill: **the weights are the lean of the plane**.
#
# ## The formula
#
# $$f(x) = \sum_i w_i x_i + b$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $x$ | the inputs, $D$ numbers $x_1 … x_D$ | `x`, shape `(D,)` |
# | $w$ | the weights, one for each input | `w`, shape `(D,)` |
# | $b$ | the bias, one number | `b` |
# | $\sum_i$ | add up over all inputs $i$ | `np.sum` |
#
# This is one **neuron**. Everything in this course, up to a model that sees, reads and hears, is made of it.
#
# ## The formula in ten lines
#
# First as a loop, the way you would do it on paper:


# %%
def neuron_by_hand(x, w, b):
    total = 0.0
    for i in range(len(x)):
        total = total + w[i] * x[i]
    return total + b


x = np.array([3.0, 4.0])
w = np.array([1.0, 0.5])
print("1 · 3 + 0.5 · 4 + 2 =", neuron_by_hand(x, w, 2.0))

# %% [markdown]
# Most often there are many samples and many neurons. Put the samples into the rows of a matrix $X$, shape $(N, D)$, and the
# weights of each neuron into the rows of a matrix $W$, shape $(K, D)$. Then one product does all of it:
#
# $$f(X) = X W^\top + b$$
#
# Row $n$, column $k$ of the result is what neuron $k$ says about sample $n$.

# %%
X = np.array([[3.0, 4.0], [0.0, 0.0], [-1.0, 2.0]])  # N = 3 samples of D = 2 numbers
W = np.array([[1.0, 0.5], [0.0, -1.0]])  # K = 2 neurons
b = np.array([2.0, 0.0])
print(X @ W.T + b)

# %% [markdown]
# ## Check it
#
# Do the loop and the matrix product agree? Never believe it, compare all numbers:

# %%
by_hand = np.array([[neuron_by_hand(X[n], W[k], b[k]) for k in range(2)] for n in range(3)])
print("the same:", np.allclose(by_hand, X @ W.T + b))

# %% [markdown]
# Two more checks that follow from the formula. If $x$ is all zeros, the answer is $b$. If one input $x_i$ grows by 1, the
# answer grows by exactly $w_i$:

# %%
x, w, b = np.array([3.0, 4.0]), np.array([1.0, 0.5]), 2.0
print("at zero:", neuron_by_hand(np.zeros(2), w, b))
print("one more of x₂ adds", neuron_by_hand(x + [0, 1], w, b) - neuron_by_hand(x, w, b))

# %% [markdown]
# ## The package's version is the same number
#
# `tm.formulas.neuron` is the formula as this page prints it. `tm.nn.Linear` is a layer of neurons as you will use it
# from now on: its weight has the shape $(K, D)$, its bias $(K,)$, as above.
# It computes in float32, numbers of half the size; lesson 4 looks at what that costs.

# %%
layer_of_two = tm.nn.Linear(2, 2)
layer_of_two.weight.data[:] = W
layer_of_two.bias.data[:] = [2.0, 0.0]
print("formula:", tm.formulas.neuron(X[0], W[0], 2.0))
print("package:\n", layer_of_two(X.astype(np.float32)).numpy())

# %% [markdown]
# ## On real data
#
# Here are real handwritten digits: 8 × 8 pixels, 0 is paper and 1 is full ink. So each picture is $D = 64$ numbers.
# Can one neuron tell a 1 from a 0?

# %%
digits = tm.datasets.load_digits()
chosen = digits.y < 2
X, y = digits.x[chosen].reshape(-1, 64), digits.y[chosen]
tm.plots.images(digits.x[chosen][:14], labels=y[:14]);
# %% [markdown]
# Choose the weights by a simple thought: a pixel that is inked more often in a 1 than in a 0 speaks for a 1. So the weight of
# a pixel is its mean over the ones, minus its mean over the zeros. The bias puts 0 half-way between the two groups.
# (From lesson 2 on, the machine finds such numbers itself.)

# %%
zeros, ones = X[y == 0], X[y == 1]
w = ones.mean(axis=0) - zeros.mean(axis=0)
b = -(ones.mean(axis=0) @ w + zeros.mean(axis=0) @ w) / 2
score = X @ w + b

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
tm.plots.filters(w.reshape(1, 1, 8, 8), ax=left)
left.set_title("the weights w: blue speaks for a 1")
right.hist(
    [score[y == 0], score[y == 1]],
    bins=30,
    color=["#D55E00", "#0072B2"],
    label=["zeros", "ones"],
)
right.axvline(0, color="black", linewidth=1)
right.set(xlabel="f(x)", ylabel="how many digits", title="what the neuron says")
right.legend();
# %%
right_answers = (score > 0) == (y == 1)
print(
    f"{right_answers.sum()} of {len(y)} digits on the right side of 0: {right_answers.mean():.1%}"
)

# %% [markdown]
# One multiplication for each pixel, one sum, and the sign of the result already reads digits.
#
# ## Exercises
#
# Write the function in place of `...`, run the cell, and read what the judge says. It tries your function on random
# inputs. `hint("01.1")` helps, again and again; `solution("01.1")` shows an answer.
#
# ### 01.1 One neuron
#
# The formula, in one line of NumPy.

# %%
# exercise 01.1

# %% [markdown]
# ### 01.2 A layer of neurons
#
# Many samples, many neurons. Before you write it: which shape must come out?

# %%
# exercise 01.2

# %% [markdown]
# ### 01.3 Which way does it lean?
#
# Standing anywhere on the plane, which way is straight up, and how steep is it?
#
# The answer has two parts. The *direction* is an array of length 1 (in the sense of Pythagoras: $\sqrt{\sum_i d_i^2} = 1$).
# The *slope* is how much $f$ rises when you take one step of length 1 in that direction.

# %%
# exercise 01.3

# %% [markdown]
# ### 01.4 Where is the border?
#
# Where $f(x) > 0$ the neuron says yes, elsewhere no. With two inputs the border between them, $f(x) = 0$, is a line on the
# map. For a given $x_1$, where is it?

# %%
# exercise 01.4

# %%
progress();
# %% [markdown]
# ## What you now know
#
# - A neuron is $f(x) = \sum_i w_i x_i + b$: each input counts by its weight, and the bias shifts the whole.
# - It is a line, a plane, or the same with more inputs. The weights are its lean; the bias is its height at 0.
# - Many neurons on many samples are one matrix product, `X @ W.T + b`, of shape $(N, K)$.
#
# ### What breaks if you forget it
#
# Leave out the bias, and every line must go through 0. The best weight for the thermometers without a bias, found with
# a formula for it, is still wrong everywhere:

# %%
w_alone = np.sum(celsius * fahrenheit) / np.sum(celsius**2)
print(f"best weight without a bias: {w_alone:.2f}")
print("     °C     °F   without b   with b")
for x, right_answer in zip(celsius, fahrenheit, strict=True):
    print(f"{x:7.0f}{right_answer:7.0f}{w_alone * x:12.1f}{1.8 * x + 32:9.1f}")

# %% [markdown]
# **Next:** we guessed the weights. [Lesson 2](02_going_downhill.ipynb) lets the machine find them.
