"""What the tape keeps: changes in place are noticed, and memory is freed as soon as it is spent."""

import gc
import weakref

import numpy as np
import pytest

import tinymm as tm
from tinymm.tape import Operation


def leaf(*values, dtype=np.float32):
    return tm.tensor(np.array(values if len(values) != 1 else values[0], dtype), requires_grad=True)


@pytest.fixture
def without_gc():
    """Only reference counts free memory inside: what lives in a circle stays alive."""
    gc.disable()
    yield
    gc.enable()


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


def change_raw_array(t):
    t.data[0] = 9.0
    t.mark_changed()


CHANGES = [
    *(change_by_index, change_by_addition, change_by_data),
    *(change_by_view, change_by_view_of_view, change_by_detached, change_raw_array),
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


def test_change_after_create_graph_is_noticed():
    x = leaf(1.0, 2.0)
    y = np.exp(x)
    g = tm.grad(y.sum(), x, create_graph=True)
    with tm.no_grad():
        y *= 2
    with pytest.raises(RuntimeError, match=REFUSED):
        g.sum().backward()


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


def test_deep_chain_dies_without_backward(without_gc):
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    last = weakref.ref(y)
    del y
    assert last() is None


def wanting(*values):
    return tm.tensor(np.array(values, np.float32), requires_grad=True)


def test_gradient_of_a_leaf_that_changed_its_shape():
    x = wanting(1, 2)
    y = (x * 2).sum()
    x.data = np.ones(5, np.float32)
    with pytest.raises((RuntimeError, ValueError)):
        y.backward()


def test_reshape_that_copied_is_no_view():
    w = tm.tensor(np.ones((2, 2), np.float32)).T
    x = wanting(1, 2, 3, 4)
    y = (x.reshape(2, 2) * w).sum()
    w.reshape(4)[0] = 9
    y.backward()
