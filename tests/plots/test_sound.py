"""The picture of a sound and of what a classifier makes of it as it goes on."""

import numpy as np
import pytest

from tinymm import plots
from tinymm.data.audio import LogMel

pytest.importorskip("matplotlib")
RATE = 8000
LOG_MEL = LogMel(RATE)
TIME = np.arange(RATE) / RATE
TONE = np.where(TIME < 0.5, 0.0, np.sin(2 * np.pi * 1000 * TIME))  # silence, then 1 kHz
TIMES = np.array([0.25, 0.5, 1.0])
P = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.05, 0.05, 0.9]])


def test_the_tone_is_where_and_when_it_sounds():
    (ax,) = plots.spectrogram(TONE, LOG_MEL)
    picture = ax.images[0]
    values, (left, right, bottom, top) = np.asarray(picture.get_array()), picture.get_extent()
    band, step = np.unravel_index(values.argmax(), values.shape)
    assert values.max() == 0  # decibels below the loudest
    when = left + (step + 0.5) / values.shape[1] * (right - left)
    assert 0.5 < when < 1.0 and values[:, : int(0.4 / 0.01)].max() < -50
    ticks = dict(zip([t.get_text() for t in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    height = bottom + (band + 0.5) / len(values) * (top - bottom)
    assert ticks["500"] < height < ticks["2,000"] and abs(height - ticks["1,000"]) < (top - bottom) / 40


def test_the_prediction_over_time_names_those_that_led():
    axes = plots.spectrogram(TONE, LOG_MEL, P, TIMES, ["no", "maybe", "yes"])
    lines = {line.get_label(): line for line in axes[1].lines}
    np.testing.assert_allclose(lines["yes"].get_xydata(), np.stack([TIMES, P[:, 2]], axis=1))
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == ["yes", "no"]  # the surest first
    assert lines.keys() >= {"yes", "no"} and "maybe" not in lines
    assert axes[0].get_xlim() == axes[1].get_xlim() == (0, 1)


def test_it_is_a_picture_drawn_where_it_is_told():
    from matplotlib.figure import Figure

    mine = Figure().subplots(2)
    axes = plots.spectrogram(TONE, LOG_MEL, P, TIMES, ax=mine)
    assert (axes == mine).all()
    for sound in (np.zeros(1), np.zeros(4000), TONE[:300].astype(np.float32)):
        assert plots.png(plots.spectrogram(sound, LOG_MEL)).startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plots.spectrogram(np.zeros(0), LOG_MEL), r"the sound is \(0,\)"),
        (lambda: plots.spectrogram(np.zeros((2, 9)), LOG_MEL), r"the sound is \(2, 9\)"),
        (lambda: plots.spectrogram([0.0, np.nan], LOG_MEL), "finite"),
        (lambda: plots.spectrogram(TONE, LOG_MEL, P), r"they are \(3, 3\) and none"),
        (lambda: plots.spectrogram(TONE, LOG_MEL, P, TIMES[:2]), r"they are \(3, 3\) and \(2,\)"),
        (lambda: plots.spectrogram(TONE, LOG_MEL, P, TIMES, ["a"]), "1 class_names for 3 classes"),
        (lambda: plots.spectrogram(TONE, LOG_MEL, P, TIMES, ax=[None]), "2 panels need as many Axes, not 1"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^spectrogram: .*{sentence}"):
        call()
