"""The tape: recording, the reverse sweep, what it refuses, and what it leaves in memory."""

import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm.tape import Operation, is_recording

DEEP = 100_000


def leaf(*values, dtype=np.float32):
    return tm.tensor(np.array(values if len(values) != 1 else values[0], dtype), requires_grad=True)


@pytest.fixture
def without_gc():
    """Only reference counts free memory inside: what lives in a circle stays alive."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


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
    with pytest.raises(
        ValueError, match=r"^backward: the gradient has shape \(3,\), but the output has shape \(2,\)"
    ):
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
    with pytest.raises(
        RuntimeError, match=r"^backward: the output has shape \(2,\), and only a scalar has one"
    ):
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
    with pytest.raises(RuntimeError, match=message):
        leaf(1.0).astype(np.int64).backward()


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


def chain(x, length):
    for _ in range(length):
        x = x + 1.0
    return x


def test_deep_chain():
    x = leaf(1.0)
    chain(x, DEEP).backward()
    assert x.grad.item() == 1


def test_deep_chain_dies_without_backward(without_gc):
    x = leaf(1.0)
    y = chain(x, DEEP)
    last = weakref.ref(y)
    del y
    assert last() is None


def test_wide_sum():
    x = leaf(1.0)
    sum([x] * 20_000, start=tm.tensor(0.0)).backward()
    assert x.grad.item() == 20_000


# --- in-place changes -------------------------------------------------------------------------------------


def change_by_index(t):
    t[0] = 9.0


def change_by_addition(t):
    t += 1.0


def change_by_data(t):
    t.data = np.zeros(2, np.float32)


def change_by_view(t):
    t[:1][0] = 9.0


def change_by_view_of_view(t):
    t.reshape(1, 2).T[0, 0] = 9.0


def change_by_detached(t):
    t.detach()[0] = 9.0


CHANGES = [
    *(change_by_index, change_by_addition, change_by_data),
    *(change_by_view, change_by_view_of_view, change_by_detached),
]
REFUSED = r"^backward: a tensor that \w+ needs for its derivative was changed in place"


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_a_needed_leaf(change):
    w = leaf(1.0, 2.0)
    y = (w * w).sum()
    with tm.no_grad():
        change(w)
    with pytest.raises(RuntimeError, match=REFUSED):
        y.backward()
    assert w.grad is None


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_a_needed_constant(change):
    w, x = leaf(1.0, 2.0), tm.tensor([3.0, 4.0])
    y = (w * x).sum()
    change(x)
    with pytest.raises(RuntimeError, match=REFUSED):
        y.backward()


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_a_needed_output(change):
    w = leaf(1.0, 2.0)
    y = np.exp(w)
    total = y.sum()
    with tm.no_grad():
        change(y)
    with pytest.raises(RuntimeError, match=REFUSED.replace(r"\w+", "exp")):
        total.backward()


def test_change_through_the_base_of_a_view():
    w, x = leaf(1.0, 2.0), tm.tensor([[3.0, 4.0]])
    y = (w * x[0]).sum()
    x[0, 0] = 0
    with pytest.raises(RuntimeError, match=REFUSED):
        y.backward()


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_what_no_derivative_needs(change):
    w, x = leaf(1.0, 2.0), tm.tensor([3.0, 4.0])
    y = (w + x).sum() + (w * tm.tensor([2.0, 3.0])).sum()
    with tm.no_grad():
        change(x)
        change(w)
    y.backward()
    assert w.grad.tolist() == [3, 4]


def test_change_after_backward_is_fine():
    w = leaf(1.0, 2.0)
    for _ in range(3):
        w.grad = None
        (w * w).sum().backward()
        with tm.no_grad():
            w -= 0.25 * w.grad
    assert w.tolist() == [0.125, 0.25]


def test_leaf_cannot_change_while_recording():
    w = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"^in-place add: a leaf .* inside `with tm.no_grad\(\):`"):
        w += 1
    assert w.tolist() == [1, 2]


def test_copy_is_no_view():
    w, x = leaf(1.0, 2.0), tm.tensor([3.0, 4.0])
    y = (w * x).sum()
    x.copy()[0] = 9
    tm.tensor(x)[0] = 9
    y.backward()
    assert w.grad.tolist() == [3, 4]


# --- errors leave everything as it was --------------------------------------------------------------------


def test_failed_backward_changes_no_gradient():
    a, b = leaf(1.0, 2.0), leaf(1.0, 2.0)
    a.grad = tm.tensor([5.0, 5.0])
    product = b * b
    y = a.sum() + product.sum()
    with tm.no_grad():
        b += 1
    with pytest.raises(RuntimeError, match=REFUSED):
        y.backward()
    assert a.grad.tolist() == [5, 5] and b.grad is None


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
    with pytest.raises(
        RuntimeError, match=r"the fused kernel has no second derivative: use functional.square$"
    ):
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


def test_change_after_create_graph_is_noticed():
    x = leaf(1.0, 2.0)
    y = np.exp(x)
    g = tm.grad(y.sum(), x, create_graph=True)
    with tm.no_grad():
        y *= 2
    with pytest.raises(RuntimeError, match=REFUSED):
        g.sum().backward()


# --- memory -----------------------------------------------------------------------------------------------


def test_no_reference_circles(without_gc):
    """Tensors and arrays die with their last user, graphs that were never swept included."""
    x = leaf(1.0, 2.0)
    for sweep in (False, True):
        h = np.exp(x * 2)
        y = (h * h).sum()
        died = [weakref.ref(o) for o in (h, h.data, y)]
        if sweep:
            y.backward(create_graph=True)
            x.grad = None
        del h, y
        assert [ref() for ref in died] == [None] * 3


def test_backward_frees_what_it_used(without_gc):
    """The output alone may live on: nothing behind it does."""
    x = leaf(1.0, 2.0)
    h = np.exp(x)
    y = (h * h).sum()
    array = weakref.ref(h.data)
    del h
    assert array() is not None
    y.backward()
    assert array() is None


def test_buffers_are_freed_on_the_way(without_gc):
    """When the sweep reaches an early node, those of the later ones are gone."""
    alive = []

    def look(g):
        alive.extend(ref() is not None for ref in arrays)
        return g

    early = Operation(lambda x: x * 1)
    early.gradient(x=look)
    x = leaf(1.0, 2.0)
    h1 = np.exp(early(x))
    h2 = np.exp(h1)
    arrays = [weakref.ref(h1.data), weakref.ref(h2.data)]
    y = h2.sum()
    del h1, h2
    y.backward()
    assert alive == [False, False]


def test_what_no_derivative_needs_is_not_kept(without_gc):
    x = leaf(1.0, 2.0)
    h = x * 2
    array = weakref.ref(h.data)
    y = h + 1
    del h
    assert array() is None and y.requires_grad


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
