"""The plain models beside MMBigModel."""

import numpy as np
import pytest

from tinymm.models import CNN, RowRNN


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 5, 9)])
@pytest.mark.parametrize("model", [CNN, RowRNN])
def test_any_image_shape_gives_logits(model, shape):
    x = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    assert model(shape, 7)(x).shape == (2, 7)


def test_the_cnn_refuses_images_that_its_poolings_would_swallow():
    with pytest.raises(ValueError, match="too small"):
        CNN((1, 3, 8))


def test_the_rnn_reads_rows_from_top_to_bottom():
    model = RowRNN((2, 3, 4), 5)
    x = np.random.default_rng(0).random((1, 2, 3, 4), dtype=np.float32)
    rows = x.transpose(0, 2, 1, 3).reshape(1, 3, 8)
    outputs, state = model.rnn(rows)
    np.testing.assert_array_equal(model(x).data, model.classifier(state).data)
    # the first row reaches the first state, the last one does not
    changed = x.copy()
    changed[:, :, 2] += 1
    other, _ = model.rnn(changed.transpose(0, 2, 1, 3).reshape(1, 3, 8))
    assert np.array_equal(outputs.data[:, :2], other.data[:, :2]) and not np.array_equal(outputs.data, other.data)
