"""The tape: recording, the reverse sweep, and what it refuses."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import functional as F
from tinymm.tape import Operation, is_recording


def leaf(*values, dtype=np.float32):
    return tm.tensor(np.array(values if len(values) != 1 else values[0], dtype), requires_grad=True)


# --- backward ---------------------------------------------------------------------------------------------


def test_diamond_and_multiple_use():
    x = leaf(2.0)
    a = x * x
    b = a + x * a  # x² + x³
    y = a * b + a  # x⁴ + x⁵ + x²
    y.backward()
    assert x.grad.item() == 4 * 8 + 5 * 16 + 2 * 2


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_random_graphs_of_sums_and_products(data):
    """Each node adds or multiplies two earlier ones; the gradient is that of dual numbers carried forward."""
    x = leaf(1.5, dtype=np.float64)
    nodes, slopes = [x], [1.0]
    for _ in range(data.draw(st.integers(1, 12))):
        i, j = (data.draw(st.integers(0, len(nodes) - 1)) for _ in range(2))
        if data.draw(st.booleans()):
            slope, node = slopes[i] + slopes[j], nodes[i] + nodes[j]
        else:
            slope = slopes[i] * nodes[j].item() + nodes[i].item() * slopes[j]
            node = nodes[i] * nodes[j] * 0.5
            slope *= 0.5
        nodes.append(node)
        slopes.append(slope)
    nodes[-1].backward()
    np.testing.assert_allclose(x.grad.item(), slopes[-1], rtol=1e-12)


def test_accumulation():
    x = leaf(1.0, 2.0)
    (x * 2).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    assert x.grad.tolist() == [4, 6] and first.tolist() == [2, 2]


def test_gradient_argument():
    x = leaf(1.0, 2.0)
    (x * 3).backward(np.array([1, 10]))
    assert x.grad.tolist() == [3, 30] and x.grad.dtype == np.float32
    (x * 3).backward(tm.tensor([1.0, 0.0]))
    assert x.grad.tolist() == [6, 30]
    with pytest.raises(ValueError, match=r"^backward: the gradient has shape \(3,\), but the output has shape \(2,\)"):
        (x * 3).backward(np.ones(3))
    given_gradient = np.ones(2, np.float32)
    x.grad = None
    (x + 0).backward(given_gradient)
    assert not np.shares_memory(x.grad.data, given_gradient)


def test_backward_of_a_leaf():
    x = leaf(3.0)
    x.backward()
    assert x.grad.item() == 1


def test_needs_a_scalar():
    with pytest.raises(RuntimeError, match=r"^backward: the output has shape \(2,\), and only a scalar has one"):
        (leaf(1.0, 2.0) * 2).backward()
    with pytest.raises(RuntimeError, match=r"^grad: the output has shape \(2,\)"):
        x = leaf(1.0, 2.0)
        tm.grad(x * 2, x)


def test_nothing_recorded():
    message = "^backward: nothing was recorded for this output"
    with pytest.raises(RuntimeError, match=message):
        tm.tensor(1.0).backward()
    with pytest.raises(RuntimeError, match=message), tm.no_grad():
        (leaf(1.0) * 2).backward()
    with pytest.raises(RuntimeError, match=message):
        (leaf(1.0) > 0).backward()


def test_called_twice():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match=r"^backward: the graph behind this multiply was already used"):
        y.backward()
    assert x.grad.item() == 4
    h = x * x
    (h + 1).backward()
    with pytest.raises(RuntimeError, match="already used"):  # another output with the same trunk
        (h * 2).backward()


def test_retain_graph():
    x = leaf(2.0)
    y = np.exp(x * x)
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.item(), 2 * 4 * np.exp(4), rtol=1e-6)
    with pytest.raises(RuntimeError, match="already used"):
        y.backward()


def test_only_wanted_leaves_get_gradients():
    x, w = tm.tensor([1.0, 2.0]), leaf(3.0, 4.0)
    h = x * w
    h.sum().backward()
    assert x.grad is None and h.grad is None and w.grad.tolist() == [1, 2]


def test_leaf_gradients_share_no_memory():
    a, b, c = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(1.0, 1.0)
    y = (a + b + c.reshape(2)).sum() + np.broadcast_to(c, (2, 2)).sum()
    y.backward()
    arrays = [t.grad.data for t in (a, b, c)] + [t.data for t in (a, b, c)]
    for i, one in enumerate(arrays):
        assert one.flags.writeable and one.flags.c_contiguous
        assert not any(np.shares_memory(one, other) for other in arrays[:i])
    a.grad[0] = 9
    assert b.grad.tolist() == [1, 1]


# --- deep graphs ------------------------------------------------------------------------------------------


def test_deep_chain():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):  # many more than Python may nest calls
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1


def test_wide_sum():
    x = leaf(1.0)
    sum([x] * 5_000, start=tm.tensor(0.0)).backward()
    assert x.grad.item() == 5_000


# --- errors leave everything as it was --------------------------------------------------------------------


def test_error_inside_a_derivative_changes_no_gradient():
    def broken(g):
        raise ZeroDivisionError

    fails = Operation(lambda x: x * 1)
    fails.gradient(x=broken)
    a = leaf(1.0)
    with pytest.raises(ZeroDivisionError):
        (a * 2 + fails(a)).backward()
    assert a.grad is None


def test_fused_operation_without_second_derivative():
    fused = Operation(lambda x: np.square(x), composed="functional.square")
    fused.gradient(x=lambda g, x: g * (2 * x))
    x = leaf(3.0)
    fused(x).backward()
    assert x.grad.item() == 6
    with pytest.raises(RuntimeError, match=r"the fused kernel has no second derivative: use functional.square$"):
        tm.grad(fused(x), x, create_graph=True)


# --- tm.grad ----------------------------------------------------------------------------------------------


def test_grad_of_several_inputs():
    a, b, apart = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(1.0, 1.0, 1.0)
    b.grad = tm.tensor([7.0, 7.0])
    ga, gb, nothing = tm.grad((a * b).sum(), [a, b, apart])
    assert (ga.tolist(), gb.tolist(), nothing.tolist()) == ([3, 4], [1, 2], [0, 0, 0])
    assert a.grad is None and b.grad.tolist() == [7, 7] and not ga.requires_grad
    assert isinstance(tm.grad((a * b).sum(), [a]), tuple)


def test_grad_of_recorded_inputs():
    x = leaf(2.0)
    h = x * x
    other = x * 3
    y = h * h + other
    gy, gh, gx, g_other = tm.grad(y, [y, h, x, other])
    assert (gy.item(), gh.item(), gx.item(), g_other.item()) == (1, 8, 35, 1)


def test_grad_with_one_of_several_outputs():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    first, second = np.split(x * 2, 2)
    g_first, g_second = tm.grad((first * first).sum() + (second * 5).sum(), [first, second])
    assert (g_first.tolist(), g_second.tolist()) == ([4, 8], [5, 5])


def test_grad_wants_tensors_that_want_gradients():
    x = leaf(1.0)
    for wrong in (tm.tensor(1.0), np.ones(2)):
        with pytest.raises(ValueError, match=r"^grad: input 1 does not want a gradient"):
            tm.grad(x * 1, [x, wrong])


def test_grad_frees_the_graph_unless_told():
    x = leaf(2.0)
    y = x * x
    assert tm.grad(y, x, retain_graph=True).item() == tm.grad(y, x).item() == 4
    with pytest.raises(RuntimeError, match="already used"):
        tm.grad(y, x)


# --- derivatives of derivatives ---------------------------------------------------------------------------


def test_third_derivative():
    x = leaf(2.0, dtype=np.float64)
    y = x**4
    for expected in (32, 48, 48, 24):
        y = tm.grad(y, x, create_graph=True)
        assert y.item() == expected


def test_create_graph_in_backward():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    g, x.grad = x.grad, None
    (g * g).backward()  # d(9x⁴)/dx
    assert x.grad.item() == 36 * 8


def test_gradient_penalty_reaches_the_weights():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    g = tm.grad(np.sum(w * x * x), x, create_graph=True)
    np.sum(g * g).backward()  # Σ (2wx)²
    np.testing.assert_allclose(w.grad.data, 8 * w.data * x.data**2)


# --- recording or not -------------------------------------------------------------------------------------


def test_no_grad_and_enable_grad():
    x = leaf(1.0)
    with tm.no_grad():
        assert not is_recording() and not (x * 2).requires_grad
        with tm.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert is_recording() and (x * 2).requires_grad


def test_no_grad_as_decorator():
    @tm.no_grad()
    def evaluate(x, factor=2):
        """Doubles."""
        return x * factor

    @tm.enable_grad()
    def record(x):
        return x * 2

    x = leaf(1.0)
    assert not evaluate(x, factor=3).requires_grad and evaluate.__doc__ == "Doubles."
    with tm.no_grad():
        assert record(x).requires_grad
    assert evaluate.__name__ == "evaluate" and is_recording()


def test_no_grad_ends_with_an_exception_and_can_be_used_again():
    context = tm.no_grad()
    for _ in range(2):
        with pytest.raises(KeyError), context, context:
            raise KeyError
        assert is_recording()


def test_recording_is_each_threads_own():
    found = []
    with tm.no_grad():
        thread = threading.Thread(target=lambda: found.append((leaf(1.0) * 2).requires_grad))
        thread.start()
        thread.join()
        assert not is_recording()
    assert found == [True]


def test_independent_graphs_in_threads():
    results = {}

    def work(seed):
        x = leaf(float(seed))
        for _ in range(20):
            y = x
            for _ in range(20):
                y = y * 1.0 + x
            (y * y).backward(retain_graph=seed % 2 == 0)
        results[seed] = x.grad.item()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {seed: 20 * 2 * 21 * 21 * seed for seed in range(1, 9)}


def wanting(*values):
    return tm.tensor(np.array(values, np.float32), requires_grad=True)


def test_grad_results_share_no_memory():
    x = wanting(1, 2)
    a, b = x * 1, x * 2
    ga, gb = tm.grad((a + b).sum(), [a, b])
    assert not np.shares_memory(ga.data, gb.data) and ga.data.flags.writeable


@pytest.mark.parametrize(
    "call",
    [
        lambda x, b: np.clip(x, b, None),
        lambda x, b: F.leaky_relu(x, b),
        lambda x, b: np.pad(x, 1, constant_values=b),
        lambda x, b: F.cross_entropy(x, [0, 1], weight=b),
    ],
)
def test_a_gradient_that_cannot_be_given_is_refused_not_dropped(call):
    x = tm.tensor(np.ones((2, 2), np.float32), requires_grad=True)
    with pytest.raises(TypeError, match=r"has no derivative with respect to .* pass its .detach"):
        call(x, tm.tensor(np.ones(2, np.float32), requires_grad=True))


def test_repeated_places_given_as_tuples_add_up():
    x = tm.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[((0, 0),)].sum().backward()
    assert x.grad.tolist() == [2, 0, 0]


def test_an_index_list_may_change_after_its_use():
    x, places = tm.tensor([1.0, 2.0, 3.0], requires_grad=True), [0, 1]
    y = (x[places] ** 2).sum()
    places[0] = 2
    y.backward()
    assert x.grad.tolist() == [2, 4, 0]


def test_the_gradient_of_an_inner_tensor_leaves_what_is_before_it():
    x = tm.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    assert tm.grad((y * y).sum(), y).tolist() == [4, 8]
    assert tm.grad(y.sum(), x).tolist() == [2, 2]


def test_create_graph_records_inside_no_grad_too():
    x = tm.tensor(3.0, requires_grad=True)
    y = x**3
    with tm.no_grad():
        first = tm.grad(y, x, create_graph=True)
    assert tm.grad(first, x).item() == 18


def test_no_grad_decorates_without_parentheses():
    @tm.no_grad
    def double(x):
        return x * 2

    assert not double(tm.tensor(1.0, requires_grad=True)).requires_grad


def test_an_experiment_does_not_take_the_place_of_ours():
    from tinymm.tape import OPERATIONS, operation

    ours = OPERATIONS["tanh"]

    @operation()
    def tanh(x):
        return x

    assert OPERATIONS["tanh"] is ours
    with pytest.raises(ValueError, match=r"np.tanh already has one"):
        operation(np.tanh)(lambda x: x)
    with pytest.raises(ValueError, match="no argument 'z'"):
        tanh.gradient(z=lambda g: g)


def test_a_list_is_refused_with_a_mend():
    weight = tm.Tensor(np.ones((3, 2), np.float32))
    for operation, args in (("linear", (weight, None)), ("softmax", ()), ("var", ())):
        with pytest.raises(TypeError, match=rf"^{operation}: takes arrays or Tensors, not \[.*make one with np.array"):
            getattr(tm.functional, operation)([[1.0, 2.0]], *args)
