"""The picture of a recorded graph: what is written in it, and that drawing changes nothing."""

import subprocess
import sys
import warnings
from io import BytesIO

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm import nn, plots

matplotlib = pytest.importorskip("matplotlib")


def neuron():
    x, w = tm.tensor(2.0), tm.tensor(-1.5, requires_grad=True)
    b = tm.tensor(0.5, requires_grad=True)
    return F.sigmoid(x * w + b), {"x": x, "w": w, "b": b}


def mlp(seed=0):
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    x, targets = rng.normal(size=(32, 8)).astype(np.float32), rng.integers(0, 3, 32)
    return model, F.cross_entropy(model(x), targets), x


def texts(ax):
    return [text.get_text() for text in ax.texts]


def boxes(ax):
    from matplotlib.patches import FancyBboxPatch

    return [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]


def arrows(ax):
    from matplotlib.patches import FancyArrowPatch

    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


def test_a_neuron_shows_formulas_values_and_gradients():
    y, names = neuron()
    ax = plots.graph(y, names=names)
    written = texts(ax)
    assert len(boxes(ax)) == 6 and len(arrows(ax)) == 5
    for line in ("multiply", "y = a · b", "y = a + b", "y = 1 / (1 + e⁻ˣ)", "x", "w", "b"):
        assert line in written
    assert "−3" in written and "−2.5" in written  # x w and x w + b: values that no derivative keeps
    slope = y.item() * (1 - y.item())
    assert f"∇ {2 * slope:.3g}" in written and written.count(f"∇ {slope:.3g}") == 3
    assert "∇ 1" in written


def test_drawing_touches_no_gradient_and_backward_still_works():
    model, loss, _ = mlp()
    model.parameters()[0].grad = before = tm.tensor(np.ones((16, 8), np.float32))
    plots.graph(loss)
    assert model.parameters()[0].grad is before
    assert all(p.grad is None for p in model.parameters()[1:])
    plots.graph(loss)
    model.zero_grad()
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_gradients_in_the_picture_are_those_of_backward():
    model, loss, _ = mlp()
    written = texts(plots.graph(loss, names=dict(model.named_parameters())))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert name in written
        if parameter.size > 3:
            assert f"‖∇‖ {np.linalg.norm(parameter.grad.data):.3g}" in written


def test_parameters_and_constant_arrays_have_names_shapes_and_spread():
    model, loss, x = mlp()
    written = texts(plots.graph(loss, names={**dict(model.named_parameters()), "pixels": x}))
    assert "pixels" in written
    spread = f"(32, 8)   {x.mean(dtype=float):.3g} ± {x.std(dtype=float):.3g}".replace("-", "−")
    assert spread in written
    assert "constant" in written and "(32,)   0 … 2" in written  # the targets, which nobody named
    assert "leaf" not in written


def test_a_tensor_used_twice_is_one_box_with_two_edges():
    x = tm.tensor(3.0, requires_grad=True)
    ax = plots.graph(x * x + np.exp(x))
    assert len(boxes(ax)) == 4 and len(arrows(ax)) == 5
    assert texts(ax).count("leaf") == 1
    assert f"∇ {6 + np.exp(3):.3g}" in texts(ax)


def test_an_intermediate_result_can_be_named():
    x = tm.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = F.tanh(x)
    written = texts(plots.graph((h + 1).sum(), names={"hidden": h}))
    assert "hidden: tanh" in written
    assert "b: a constant, not kept" in written


def test_numbers_among_the_arguments_are_written_inside():
    x = tm.tensor(3.0, requires_grad=True)
    assert "n = 2" in texts(plots.graph(x**2))


def test_every_used_output_of_a_fused_operation_is_shown():
    layer = nn.LSTM(1, 4)
    outputs, (h, _) = layer(np.ones((2, 3, 1), np.float32))
    written = texts(plots.graph(outputs.sum() + h.sum(), names={"last": h}))
    assert any(line.startswith("output 0   (2, 3, 4)") for line in written)
    assert any(line.startswith("last   (2, 4)") for line in written)
    assert not any(line.startswith("output 2") for line in written)


def test_a_leaf_alone_is_a_graph():
    ax = plots.graph(tm.tensor(4.0, requires_grad=True))
    assert texts(ax)[:3] == ["leaf", "4", "∇ 1"]


def test_values_that_are_not_finite_are_said_so():
    x = tm.tensor([1.0, np.nan, np.inf, 2.0], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "(4,)   2 of 4 not finite" in texts(plots.graph(x.sum()))


def test_text_is_drawn_as_it_is():
    x = tm.tensor(1.0, requires_grad=True)
    ax = plots.graph(x * 2.0, names={"$cost_{1}$ <b>": x})
    assert "$cost_{1}$ <b>" in texts(ax)
    assert plots.png(ax).startswith(b"\x89PNG\r\n")


def test_every_formula_has_its_letters_in_the_font():
    from matplotlib.figure import Figure

    from tinymm.tape import OPERATIONS, Operation

    figure = Figure()
    formulas = {op.__doc__.strip().splitlines()[0] for op in OPERATIONS.values() if isinstance(op, Operation)}
    for formula in formulas:
        figure.text(0, 0, formula, parse_math=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(BytesIO(), format="png")


def test_the_boxes_do_not_overlap_and_arrows_lead_down():
    _, loss, _ = mlp()
    ax = plots.graph(loss)
    corners = [patch.get_bbox().extents for patch in boxes(ax)]
    for i, (left, bottom, right, top) in enumerate(corners):
        for other in corners[:i]:
            assert right <= other[0] or other[2] <= left or top <= other[1] or other[3] <= bottom
    for arrow in arrows(ax):
        height = arrow.get_path().vertices[:, 1]
        assert height[0] > height[-1]


def test_kinds_differ_by_more_than_colour():
    y, names = neuron()
    ax = plots.graph(y, names=names)
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert entries == ["leaf that wants a gradient", "operation", "constant"]
    looks = {(patch.get_facecolor(), patch.get_linestyle()) for patch in boxes(ax)}
    assert len(looks) == 3 and len({style for _, style in looks}) == 2


def test_given_axes_are_drawn_into_with_letters_that_fit():
    from matplotlib.figure import Figure

    y, names = neuron()
    ax = Figure(figsize=(2, 2)).subplots()
    assert plots.graph(y, ax, names) is ax
    alone = plots.graph(y, names=names)
    assert ax.texts[0].get_fontsize() < alone.texts[0].get_fontsize()


def test_settings_stay_as_they_were():
    before = matplotlib.rcParams.copy()
    plots.png(plots.graph(neuron()[0]))
    assert matplotlib.rcParams.copy() == before


def test_no_pyplot_is_loaded():
    program = """
import sys
import tinymm as tm
x = tm.tensor(1.0, requires_grad=True)
tm.plots.png(tm.plots.graph(x * x))
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def spent():
    y = neuron()[0]
    y.backward()
    return y


def long(steps):
    y = tm.tensor(1.0, requires_grad=True)
    for _ in range(steps):
        y = F.tanh(y)
    return y


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: 3.0, TypeError, "expected a Tensor, not a float"),
        (lambda: tm.tensor([1.0, 2.0], requires_grad=True) * 2, ValueError, r"\(2,\).*\.sum\(\)"),
        (lambda: tm.tensor(1.0), RuntimeError, "nothing was recorded"),
        (spent, RuntimeError, r"before backward\(\).*retain_graph=True"),
        (lambda: long(60), ValueError, "61 boxes are too many"),
        (lambda: long(5000), ValueError, "5,000 operations are too many"),
    ],
)
def test_bad_input_is_one_clear_sentence(make, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        plots.graph(make())
    assert "\n" not in str(caught.value)


def test_a_kept_graph_can_be_drawn_after_backward():
    y, names = neuron()
    y.backward(retain_graph=True)
    assert len(boxes(plots.graph(y, names=names))) == 6
