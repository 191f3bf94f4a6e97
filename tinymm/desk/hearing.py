"""Hearing: sound reaches the transcriber in chunks, as from a telephone, and partial transcripts come back."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np

CHUNK = 0.1  # seconds of sound in one piece
BEAM = 16  # hypotheses of what was said that are followed to the end of the sound

# Probabilities that the transcript of the model for numbers must have. Of spoken numbers it is heard so in 95 %, of requests
# in 7 % (voices that were held out of training; chosen on them, with other numbers than the evaluation's).
ALONE, SECONDED = 0.6, 0.2

OnPartial = Callable[[float, str], None]


class Listens(Protocol):
    """What the desk asks of a transcriber, see `tinymm.transcriber.Transcriber`."""

    rate: int

    def feed(self, samples: np.ndarray) -> str: ...
    def finish(self) -> Any: ...
    def reset(self) -> None: ...


@dataclass(frozen=True)
class HeardSound:
    """What was heard.

    Attributes:
        text, confidence: the transcript, and the probability that it is right.
        partials: (seconds after the sound began, transcript so far), one for each change.
        seconds: length of the sound. wait: seconds from the end of the sound to what was made of it.
        others: what else may have been said, each with its probability.
    """

    text: str
    confidence: float
    partials: tuple[tuple[float, str], ...]
    seconds: float
    wait: float
    others: tuple[tuple[str, float], ...] = ()

    @property
    def hypotheses(self) -> list[tuple[str, float]]:
        """All that may have been said, with probabilities, the transcript first."""
        return [(self.text, self.confidence), *self.others]


class NumbersAndRequests:
    """Hears with two transcribers at once: one knows nothing but numbers, and hears them better; one hears requests.

    It is a number if the first is sure of it, or half sure where the second hears mostly digits too.

    Raises ValueError if their sounds have different rates.
    """

    def __init__(self, numbers: Listens, requests: Listens):
        if numbers.rate != requests.rate:
            raise ValueError(
                f"the desk's model for numbers hears {numbers.rate:,} samples a second, but that for requests "
                f"{requests.rate:,}: train it at that rate, or leave out requests"
            )
        self.numbers, self.requests, self.rate = numbers, requests, requests.rate

    def feed(self, samples: np.ndarray) -> str:
        number, request = self.numbers.feed(samples), self.requests.feed(samples)
        return number if is_number(request) else request

    def finish(self) -> Any:
        number, request = self.numbers.finish(), self.requests.finish()
        enough = SECONDED if is_number(request.text) else ALONE
        return number if number.text and number.confidence >= enough else request

    def reset(self) -> None:
        self.numbers.reset()
        self.requests.reset()


def is_number(text: str) -> bool:
    """Whether a transcript is mostly digits: a misheard one or two among them make no request of a number."""
    words = text.split()
    return 2 * sum(map(str.isdecimal, words)) > len(words)


def listen(
    transcriber: Listens,
    sound: np.ndarray | Iterable[np.ndarray],
    speed: float = 1.0,
    on_partial: OnPartial | None = None,
) -> HeardSound:
    """Let a transcriber hear a sound at its rate, chunk by chunk, as it arrives.

    Args:
        sound: (samples,), or chunks of them that come when they are there, such as `wav_chunks`.
        speed: of a sound that is there as a whole: 1 is as fast as it was spoken, 2 twice as fast, 0 without waiting.
        on_partial: called with the seconds of sound so far and the transcript whenever it changes.

    An interrupt leaves the transcriber ready for the next sound.
    """
    partials: list[tuple[float, str]] = []
    before, arrived = "", 0.0
    try:
        for chunk in _paced(sound, transcriber.rate, speed) if isinstance(sound, np.ndarray) else sound:
            text = transcriber.feed(chunk)
            arrived += len(chunk) / transcriber.rate
            if text != before:
                before = text
                partials.append((round(arrived, 2), text))
                if on_partial:
                    on_partial(arrived, text)
        ended = time.perf_counter()
        final = transcriber.finish()
    finally:
        transcriber.reset()
    wait = time.perf_counter() - ended
    return HeardSound(final.text, final.confidence, tuple(partials), round(arrived, 4), wait, final.others)


def _paced(sound: np.ndarray, rate: int, speed: float) -> Iterator[np.ndarray]:
    """The chunks of a sound (samples,), each when it would have been spoken to its end."""
    size, began = max(round(CHUNK * rate), 1), time.perf_counter()
    for start in range(0, len(sound), size):
        chunk = sound[start : start + size]
        if speed:
            time.sleep(max(began + (start + len(chunk)) / rate / speed - time.perf_counter(), 0))
        yield chunk


def wav_chunks(stream: BinaryIO, rate: int) -> Iterator[np.ndarray]:
    """The sound of a WAV file of 16 bits that is still being written, as from a microphone: chunks (n,) float32.

    What the header says about its length is not believed; the sound ends with the stream. Channels are averaged.
    ValueError: no such WAV, or one of another rate.
    """
    try:
        file = wave.Wave_read(stream)
    except (wave.Error, EOFError) as error:
        raise ValueError(f"what arrives is not a WAV sound that can be read ({str(error) or 'it broke off'})") from None
    channels, width, its_rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
    if (width, its_rate) != (2, rate):
        raise ValueError(
            f"the sound arrives with {8 * width} bits at {its_rate:,} samples a second, but it must be 16 bits at {rate:,}: "
            f"record it so, as with arecord -f S16_LE -r {rate}"
        )
    size = max(round(CHUNK * rate), 1)
    while content := file.readframes(size):
        samples = np.frombuffer(content[: len(content) // (2 * channels) * 2 * channels], "<i2")
        yield samples.reshape(-1, channels).mean(axis=1, dtype=np.float32) / np.float32(32768)
