"""Speech to text while the sound arrives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.models import SpeechToText
from tinymm.recipes.speech import LONGEST, SpeechFrontEnd
from tinymm.recipes.writing import Transcript, Writer
from tinymm.recording import no_grad

TOO_LOUD = 100.0  # times full scale: these are whole numbers, not yet divided

if TYPE_CHECKING:
    from tinymm.recipes import Trained


class Transcriber:
    """Writes down speech that comes in chunks of any size.

        transcriber = Transcriber.load("runs/digits")
        for chunk in microphone:            # (n,) floats from −1 to 1, `transcriber.rate` per second
            print(transcriber.feed(chunk))  # the transcript so far
        print(transcriber.finish())         # Transcript(text="7 1 5", confidence=0.98)

    However the sound is cut, the log-probabilities are those of the whole sound up to rounding. A model that reads in one
    direction hears at most `look_ahead` seconds beyond the step it writes about, so that a partial transcript is behind
    the sound by so much; a bidirectional one writes nothing before the end.

    Args:
        trained: a model for transcription, from `train_model` or `load_trained`.
        beam_width: None takes the most likely label of each step; with a number, `finish` looks for the most likely text
            by `prefix_beam_search`, may correct what the partial transcripts said, and tells what else may have been said.
            A model that writes phonemes always has a beam, which finds the words.

    Attributes:
        rate: samples per second of the sound to come. labels: what transcripts are written with.
        look_ahead: seconds.

    Raises:
        ValueError: the model is for another task.
    """

    def __init__(self, trained: Trained, beam_width: int | None = None):
        if not isinstance(trained.model, SpeechToText) or not isinstance(trained.front_end, SpeechFrontEnd):
            raise ValueError(
                f"Transcriber: a {type(trained.model).__name__} writes no transcripts: train one with "
                "`tinymm train speech-to-text`"
            )
        self.model, self.front_end = trained.model, trained.front_end
        self._writer = Writer(self.front_end, beam_width)
        self.rate, self.labels = self.front_end.rate, self.front_end.labels
        log_mel = self.front_end.log_mel
        self.look_ahead = self.model.LOOK_AHEAD * log_mel.hop + log_mel.frame / 2
        self.reset()

    @classmethod
    def load(cls, path: str | os.PathLike[str], beam_width: int | None = None) -> Transcriber:
        """The transcriber of a run's folder or checkpoint. FileNotFoundError, CheckpointError, ValueError: there is none."""
        from tinymm.prediction import load_trained

        return cls(load_trained(path), beam_width)

    def reset(self) -> None:
        """Forget the sound so far, and be ready for another."""
        self._stream = self.front_end.log_mel.stream()
        self._waiting = np.zeros((self.model.BEFORE, self.front_end.bands), np.float32)
        self._writer.reset()
        self._state: Any = None
        self._samples = 0  # that came
        self._pieces: list[np.ndarray] = []  # of a bidirectional model, which reads at the end

    @property
    def knows_words(self) -> bool:
        """Whether it makes words of phonemes, by a lexicon, and so hears more than its labels say."""
        return self._writer.knows_words

    @property
    def log_probs(self) -> np.ndarray:
        """The log-probabilities (steps, classes) so far; class 0 is the blank."""
        return self._writer.log_probs

    @property
    def text(self) -> str:
        """The transcript so far."""
        return self._writer.text

    def feed(self, samples: np.ndarray) -> str:
        """Hear the next samples (n,), n ≥ 0, and return the transcript so far.

        What is a little louder than ±1 is clipped. TypeError for samples that are no floats; ValueError if they are not
        (n,), far too loud, NaN or infinite, and for more than five minutes without `finish`.
        """
        samples = np.asarray(samples)
        if samples.ndim != 1:
            hint = ": one channel, try samples.mean(axis=1)" if samples.ndim == 2 else ""
            raise ValueError(f"Transcriber.feed: samples are {samples.shape}, but expected (n,){hint}")
        if samples.dtype.kind != "f" and len(samples):
            hint = " / 32768" if samples.dtype == np.int16 else ""
            raise TypeError(
                f"Transcriber.feed: samples are {samples.dtype}, but expected floats from −1 to 1: try "
                f"samples.astype(np.float32){hint}"
            )
        if not np.isfinite(samples).all():
            raise ValueError("Transcriber.feed: samples hold NaN or infinity: record or copy the sound again")
        if np.abs(samples).max(initial=0) > TOO_LOUD:
            raise ValueError(
                f"Transcriber.feed: samples go up to {np.abs(samples).max():.3g}, but expected −1 to 1: try samples / 32768"
            )
        if self._samples + len(samples) > LONGEST * self.rate:
            raise ValueError(
                f"Transcriber.feed: more than {LONGEST} seconds came without a pause: call finish() after each utterance"
            )
        if len(samples):
            self._samples += len(samples)
            self._hear(self._stream.push(self.front_end.clipped(samples)))
        return self.text

    def finish(self) -> Transcript:
        """The transcript of the whole sound; then be ready for another. Without any sound, ("", 1.0)."""
        if self._samples:
            after = np.zeros((self.model.AFTER, self.front_end.bands), np.float32)
            self._hear(self._stream.finish(), after)
            if self._pieces:
                with no_grad():
                    self._read(np.concatenate(self._pieces, axis=1))
        found = self._writer.finish()
        self.reset()
        return found

    def transcribe(self, sound: np.ndarray) -> Transcript:
        """The transcript of a whole sound (samples,)."""
        self.reset()
        self.feed(sound)
        return self.finish()

    @no_grad()
    def _hear(self, features: np.ndarray, after: np.ndarray | None = None) -> None:
        """Read the next features (T, bands): as many steps as are complete with them."""
        parts = [self._waiting, self.front_end.standardized(features)] + ([] if after is None else [after])
        waiting = np.concatenate(parts)
        stride, field = self.model.STRIDE, self.model.FIELD
        steps = (len(waiting) - field) // stride + 1
        if steps > 0:
            pieces = np.asarray(self.model.convolve(waiting[None, : (steps - 1) * stride + field]))
            if self.model.gru.bidirectional:
                self._pieces.append(pieces)
            else:
                self._read(pieces)
            waiting = waiting[steps * stride :]
        self._waiting = waiting

    def _read(self, pieces: np.ndarray) -> None:
        log_probs, self._state = self.model.read(pieces, self._state)
        self._writer.feed(np.asarray(log_probs)[0])
