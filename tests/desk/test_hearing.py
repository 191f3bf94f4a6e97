"""Streaming, with a transcriber that is made of nothing but a list."""

import time

import numpy as np
import pytest

from tests.desk.stand_ins import Parrot
from tinymm.desk.hearing import CHUNK, listen


def test_partial_transcripts_come_while_sound_arrives():
    came = []
    heard = listen(Parrot(), np.zeros(80, np.float32), 0, lambda seconds, text: came.append((round(seconds, 2), text)))
    assert heard.partials == tuple(came) == ((0.3, "4"), (0.6, "4 7"))
    assert heard.text == "4 7 1" and heard.seconds == pytest.approx(0.8)


def test_sound_comes_as_fast_as_it_was_spoken():
    began = time.perf_counter()
    listen(Parrot(), np.zeros(300, np.float32), 1.0)
    assert time.perf_counter() - began >= 0.3
    began = time.perf_counter()
    listen(Parrot(), np.zeros(300, np.float32), 100.0)
    assert time.perf_counter() - began < 0.3


def test_chunks_make_up_the_sound():
    parrot, sound = Parrot(), np.arange(95, dtype=np.float32)
    listen(parrot, sound, 0)
    assert [len(chunk) for chunk in parrot.chunks] == [round(CHUNK * parrot.rate)] * 9 + [5]
    np.testing.assert_array_equal(np.concatenate(parrot.chunks), sound)


def test_an_interrupt_leaves_the_transcriber_ready():
    parrot = Parrot()

    def interrupt(seconds, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        listen(parrot, np.zeros(80, np.float32), 0, interrupt)
    assert parrot.resets == 1
