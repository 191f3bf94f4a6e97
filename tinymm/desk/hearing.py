"""Hearing: sound reaches the transcriber in chunks, as from a telephone, and partial transcripts come back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

CHUNK = 0.1  # seconds of sound in one piece

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
        seconds: length of the sound. wait: seconds from the end of the sound to the transcript.
    """

    text: str
    confidence: float
    partials: tuple[tuple[float, str], ...]
    seconds: float
    wait: float


def listen(
    transcriber: Listens, sound: np.ndarray, speed: float = 1.0, on_partial: OnPartial | None = None
) -> HeardSound:
    """Let a transcriber hear a sound (samples,) at its rate, chunk by chunk, as it would arrive.

    Args:
        speed: 1 is as fast as it was spoken, 2 twice as fast, 0 without waiting.
        on_partial: called with the seconds of sound so far and the transcript whenever it changes.

    An interrupt leaves the transcriber ready for the next sound.
    """
    size = max(round(CHUNK * transcriber.rate), 1)
    partials: list[tuple[float, str]] = []
    before = ""
    began = time.perf_counter()
    try:
        for start in range(0, len(sound), size):
            chunk = sound[start : start + size]
            arrived = (start + len(chunk)) / transcriber.rate
            if speed:
                time.sleep(max(began + arrived / speed - time.perf_counter(), 0))
            text = transcriber.feed(chunk)
            if text != before:
                before = text
                partials.append((round(arrived, 2), text))
                if on_partial:
                    on_partial(arrived, text)
        ended = time.perf_counter()
        final = transcriber.finish()
    finally:
        transcriber.reset()
    seconds = len(sound) / transcriber.rate
    return HeardSound(final.text, float(final.confidence), tuple(partials), seconds, time.perf_counter() - ended)
