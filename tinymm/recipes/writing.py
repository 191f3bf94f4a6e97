"""From log-probabilities of labels over time to a transcript, while they arrive."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinymm.decoding import BeamDecoder, GreedyDecoder, log_probability, prefix_beam_search, probability
from tinymm.recipes.speech import SpeechFrontEnd

BEAM = 16  # hypotheses that are followed with a language model, if nothing else is said


class Transcript(NamedTuple):
    """What was said, and how likely the model holds it, from 0 to 1: the probability of this very text given the sound.

    `others` are what else may have been said, the likeliest first, each with its probability, if a beam looked for them.
    """

    text: str
    confidence: float
    others: tuple[tuple[str, float], ...] = ()


class Writer:
    """Writes down an utterance: `feed` log-probabilities (steps, classes) as they come, then `finish`, then `reset`.

    Without a language model the text so far is the most likely label of each step, and a beam, if a `beam_width` is
    given, looks for the most likely text at the end. With one, for phonemes, a beam finds the words as they come and may
    still correct them.

    The probability of a text is then its share among the hypotheses of the beam and one that stands for anything else:
    the most likely phonemes whatever words they make, or none (a filler, as in Rose & Paul (1990), A hidden Markov model
    based keyword recognition system, ICASSP).
    """

    def __init__(self, front_end: SpeechFrontEnd, beam_width: int | None = None):
        self.labels, self.beam_width, self._language = front_end.labels, beam_width, front_end.language_model()
        self.reset()

    def reset(self) -> None:
        """Forget all that came, and be ready for another utterance."""
        self._greedy = GreedyDecoder()
        self._written = [np.empty((0, len(self.labels)), np.float32)]
        language = self._language
        self._beam = None if language is None else BeamDecoder(self.beam_width or BEAM, language_model=language)

    @property
    def knows_words(self) -> bool:
        """Whether there is a language model, which makes words of phonemes."""
        return self._language is not None

    @property
    def log_probs(self) -> np.ndarray:
        """All that came (steps, classes)."""
        return np.concatenate(self._written)

    @property
    def text(self) -> str:
        """The transcript so far."""
        if self._language is not None and self._beam is not None:
            return " ".join(self._language.words(self._beam.labels))
        return self.labels.decode(self._greedy.labels)

    def feed(self, log_probs: np.ndarray) -> None:
        """Read the next steps (T, classes), T ≥ 0."""
        self._written.append(log_probs)
        self._greedy.feed(log_probs)
        if self._beam is not None:
            self._beam.feed(log_probs)

    def finish(self) -> Transcript:
        """The transcript of all that came; of nothing, ("", 1.0)."""
        log_probs, labels = self.log_probs, tuple(self._greedy.labels)
        if not len(log_probs):
            return Transcript("", 1.0)
        if self._beam is not None:
            return self._among_words(log_probs)
        others: tuple[tuple[str, float], ...] = ()
        if self.beam_width is not None:
            best, *rest = prefix_beam_search(log_probs[None], beam_width=self.beam_width)[0]
            labels = best.labels
            others = tuple((self._decoded(found), min(float(np.exp(score)), 1.0)) for found, score in rest)
        return Transcript(self._decoded(labels), probability(log_probs, labels), others)

    def _among_words(self, log_probs: np.ndarray) -> Transcript:
        """The likeliest words, and their share among all hypotheses and the filler."""
        assert self._beam is not None and self._language is not None
        filler = log_probability(log_probs, self._greedy.labels)
        found: dict[str, float] = {}
        for labels, score in self._beam.hypotheses():
            if labels or score > -np.inf:
                text = " ".join(self._language.words(labels))
                found[text] = float(np.logaddexp(found.get(text, -np.inf), score))
        scores = np.array([*found.values(), filler])
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        ranked = sorted(zip(found, shares.tolist(), strict=False), key=lambda pair: -pair[1])
        if not ranked:
            return Transcript("", 0.0)
        (text, confidence), *others = ranked
        return Transcript(text, confidence, tuple(others))

    def _decoded(self, labels: tuple[int, ...]) -> str:
        return self.labels.decode(labels)
