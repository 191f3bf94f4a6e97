"""The desk's models at work: from a text, a sound or a picture to what was understood of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Set
from dataclasses import replace
from functools import cached_property

import numpy as np

from tinymm.data.audio import read_sound
from tinymm.data.image import read_image
from tinymm.desk.confidence import Confidence
from tinymm.desk.hearing import BEAM, HeardSound, Listens, NumbersAndRequests, OnPartial, listen, wav_chunks
from tinymm.desk.models import cached, load_model
from tinymm.desk.numbers import find_number
from tinymm.desk.seeing import NumberReader
from tinymm.desk.session import Session
from tinymm.desk.understanding import Understanding, Understood
from tinymm.runs import load_kernels

NAMES = ("intent", "sentiment", "digits", "speech", "requests")
Path = str | os.PathLike[str]


class Desk:
    """A customer desk that reads texts, hears sounds and sees pictures of numbers.

        desk = tm.desk.Desk()
        session = desk.session("talk.jsonl")
        print(session.say("where is my parcel").reply.text)
        print(session.see("number.png").reply.text)

    Args:
        intent, sentiment, digits, speech: run folders of models to use instead of the desk's own, which are trained when
            they are first needed, in some minutes in all, and kept in the cache. The one for speech hears numbers; one
            that knows words hears everything alone.
        numbers_only: hear no spoken requests; the model for them takes longest to train.
        progress: show bars while they are trained.
    """

    def __init__(
        self,
        intent: Path | None = None,
        sentiment: Path | None = None,
        digits: Path | None = None,
        speech: Path | None = None,
        progress: bool = True,
        numbers_only: bool = False,
    ):
        self.runs = dict(zip(NAMES, (intent, sentiment, digits, speech, None), strict=True))
        if numbers_only:
            del self.runs["requests"]
        self.progress = progress

    @cached_property
    def understanding(self) -> Understanding:
        """Reads texts."""
        intent, sentiment = (load_model(name, self.runs[name], self.progress) for name in ("intent", "sentiment"))
        return Understanding(intent.trained, sentiment.trained, intent.confidence, sentiment.confidence)

    @cached_property
    def number_reader(self) -> NumberReader:
        """Reads pictures of numbers."""
        ready = load_model("digits", self.runs["digits"], self.progress)
        return NumberReader(ready.trained, ready.confidence[""])

    @cached_property
    def _speech(self) -> tuple[Listens, Confidence, Confidence]:
        """What hears, and how sure it must be of a number and of a request."""
        from tinymm.transcriber import Transcriber

        numbers = load_model("speech", self.runs["speech"], self.progress)
        transcriber, sure = Transcriber(numbers.trained, BEAM), numbers.confidence[""]
        if "requests" not in self.runs or transcriber.knows_words:
            return transcriber, sure, sure
        requests = load_model("requests", progress=self.progress)
        both = NumbersAndRequests(transcriber, Transcriber(requests.trained, BEAM))
        return both, sure, requests.confidence[""]

    @property
    def transcriber(self) -> Listens:
        """Hears numbers and requests in English."""
        return self._speech[0]

    def prepare(self) -> None:
        """Load all models, training those that are missing, and use each once: after that no turn waits for anything."""
        self._load(set(self.runs))

    def load(self) -> None:
        """Load the models for texts, and those others that are there already; the rest wait until they are needed."""
        missing = {name for name, run in self.runs.items() if not run and not cached(name).is_file()}
        if missing & {"speech", "requests"}:
            missing |= {"speech", "requests"}  # they hear together
        self._load(set(self.runs) - missing)

    def _load(self, names: Set[str]) -> None:
        """Load models, and take a turn with each, so that what is compiled or read on first use is there."""
        load_kernels()
        self.read("Hello, 你好")
        if "digits" in names:
            for width in (40, 900):  # small and large work have kernels of their own
                bars = np.ones((1, 120, width), np.float32)
                for left in range(15, width - 15, 60):
                    bars[:, 30:90, left : left + 8] = 0
                self.see(bars)
        if "speech" in names:
            self.hear(np.random.default_rng(0).normal(0, 1e-3, self.transcriber.rate), speed=0)

    def read(self, text: str, language: str = "en") -> Understood:
        """Understand a text. ValueError if there are no words in it."""
        return self.understanding(text, language)

    def see(self, picture: Path | np.ndarray, language: str = "en") -> Understood:
        """Understand a picture of a handwritten number: a file, or a grey image (1, H, W) in [0, 1].

        ValueError, OSError: it cannot be read, or shows no number.
        """
        image = picture if isinstance(picture, np.ndarray) else read_image(picture)
        seen = self.number_reader(image)
        sure = seen.confidence >= self.number_reader.confidence.threshold
        return _number(seen.digits, seen.digits, seen.confidence, sure, language)

    def sound(self, source: Path | tuple[np.ndarray, int]) -> np.ndarray | Iterator[np.ndarray]:
        """A sound file, or a sound (samples,) with its rate, at the rate of the transcriber; "-" is what arrives at the
        standard input, in chunks. ValueError, OSError.
        """
        from tinymm.data.audio import resample

        rate = self.transcriber.rate
        if source == "-":
            return wav_chunks(sys.stdin.buffer, rate)
        return resample(*source, rate) if isinstance(source, tuple) else read_sound(source, rate)[0]

    def hear(
        self,
        sound: np.ndarray | Iterator[np.ndarray],
        language: str = "en",
        speed: float = 1.0,
        on_partial: OnPartial | None = None,
    ) -> tuple[Understood | None, HeardSound]:
        """Understand a sound (samples,), or its chunks, see `listen`. None if nothing was said in it."""
        transcriber, number_sure, request_sure = self._speech
        understanding = self.understanding  # loading them is not part of the turn
        heard = listen(transcriber, sound, speed, on_partial)
        began = time.perf_counter()
        understood = None
        if heard.text.replace(" ", "").isdecimal():
            number, sure = find_number(heard.text), heard.confidence >= number_sure.threshold
            understood = _number(heard.text, number, heard.confidence, sure, language)
        elif heard.text:
            understood = understanding.heard(heard.hypotheses, request_sure.threshold, language)
        return understood, replace(heard, wait=heard.wait + time.perf_counter() - began)

    def session(self, transcript: Path | None = None) -> Session:
        """A conversation, of which a transcript is kept in this file, if one is given."""
        return Session(self, transcript)


def _number(text: str, number: str, probability: float, sure: bool, language: str) -> Understood:
    """A number that was heard or seen."""
    return Understood(text, language, (("order_number", probability),), 0.0, number=number, number_sure=sure)
