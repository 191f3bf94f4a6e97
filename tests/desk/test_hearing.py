"""Streaming, with a transcriber that is made of nothing but a list."""

import io
import time
import wave

import numpy as np
import pytest

from tests.desk.stand_ins import Parrot
from tinymm.desk.hearing import CHUNK, listen, wav_chunks


def test_partial_transcripts_come_while_sound_arrives():
    came = []
    heard = listen(Parrot(), np.zeros(80, np.float32), 0, lambda seconds, text: came.append((round(seconds, 2), text)))
    assert heard.partials == tuple(came) == ((0.3, "4"), (0.6, "4 7"))
    assert heard.text == "4 7 1" and heard.seconds == pytest.approx(0.8)


def test_sound_comes_as_fast_as_it_was_spoken():
    began = time.perf_counter()
    listen(Parrot(), np.zeros(50, np.float32), 1.0)
    assert time.perf_counter() - began >= 0.5
    began = time.perf_counter()
    listen(Parrot(), np.zeros(50, np.float32), 100.0)
    assert time.perf_counter() - began < 0.4


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


def wav(samples, rate=100, width=2, channels=1):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(np.asarray(samples, "<i2").tobytes())
    return file.getvalue()


class Pipe(io.BytesIO):
    """A stream that cannot go back, as standard input."""

    def seekable(self):
        return False

    def tell(self):
        raise OSError("a pipe")

    seek = tell


def test_a_stream_is_heard_as_it_arrives():
    samples = np.arange(-40, 40) * 100
    chunks = list(wav_chunks(Pipe(wav(samples)), 100))
    assert [len(chunk) for chunk in chunks] == [10] * 8
    np.testing.assert_allclose(np.concatenate(chunks), samples / 32768, atol=1e-6)
    heard = listen(Parrot(), wav_chunks(Pipe(wav(samples)), 100))
    assert heard.text == "4 7 1" and heard.seconds == pytest.approx(0.8) and len(heard.partials) == 2


def test_channels_are_averaged_and_a_cut_off_stream_ends_there():
    stereo = np.stack([np.full(50, 1000), np.full(50, 3000)], axis=1)
    content = wav(stereo, channels=2)
    chunks = np.concatenate(list(wav_chunks(Pipe(content[:-7]), 100)))
    assert len(chunks) == 48 and chunks == pytest.approx(2000 / 32768)


def test_a_length_that_was_not_known_yet_is_not_believed():
    content = bytearray(wav(np.ones(30)))
    content[40:44] = b"\xff\xff\xff\x7f"  # as recorders write it
    assert sum(map(len, wav_chunks(Pipe(bytes(content)), 100))) == 30


@pytest.mark.parametrize(
    ("content", "words"),
    [
        *((b"", "not a WAV"), (b"hello, this is no sound", "not a WAV"), (wav([1])[:30], "not a WAV")),
        (wav([1], rate=44100), "16 bits at 44,100 samples a second, but it must be 16 bits at 100"),
    ],
)
def test_what_is_no_such_stream_is_one_sentence(content, words):
    with pytest.raises(ValueError, match=words):
        list(wav_chunks(Pipe(content), 100))
