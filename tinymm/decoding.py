"""From log-probabilities over time to sequences of labels: reading what a network trained with `ctc_loss` writes.

An alignment names a label or the blank for each step; merging its repeats and dropping its blanks gives the labels it
says. The greedy decoder reads the one best alignment, for whole sequences or chunk by chunk; the prefix beam search
looks for the best labels, whose probability is a sum over alignments, and can listen to a language model.

Sources: Graves, Fernández, Gomez & Schmidhuber, "Connectionist temporal classification" (2006), section 3.2; Hannun,
Maas, Jurafsky & Ng, "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs"
(2014).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from tinymm.functional.checks import checked_lengths
from tinymm.functional.ctc import check_blank, check_probabilities, ctc_loss
from tinymm.recording import no_grad


class LanguageModel(Protocol):
    """How likely each label is after others; a state stands for the labels so far."""

    def begin(self) -> Any:
        """The state before any label."""

    def after(self, state: Any, label: int) -> Any:
        """The state after one more label."""

    def scores(self, state: Any) -> Any:
        """C numbers below infinity, which are added to the log-score when the label comes next."""

    def end(self, state: Any) -> float:
        """What is added to the log-score if no label follows."""


class _ByPrefix:
    """A language model that is a function of all labels so far."""

    def __init__(self, function: Callable[[tuple[int, ...]], Any]):
        self.scores = function

    def begin(self) -> tuple[int, ...]:
        return ()

    def after(self, state: tuple[int, ...], label: int) -> tuple[int, ...]:
        return (*state, label)

    def end(self, state: tuple[int, ...]) -> float:
        return 0.0


def greedy(log_probs: Any, lengths: Any = None, blank: int = 0) -> list[list[int]]:
    """The most likely label of each step, repeats merged and blanks dropped: N lists of labels.

    log_probs (N, T, C), or logits, for only their order counts; lengths (N,) how many steps count, None for all. Of
    equals the lowest label wins. ValueError for shapes, lengths or a blank that do not fit and for NaN.

    >>> greedy(np.log([[[0.1, 0.8, 0.1], [0.1, 0.7, 0.2], [0.6, 0.2, 0.2], [0.3, 0.5, 0.2]]]))
    [[1, 1]]
    """
    sequences = _sequences("greedy", log_probs, lengths, blank)
    return [_collapse(y.argmax(1), blank, before=blank) for y in sequences]


class GreedyDecoder:
    """`greedy` for sound that still arrives: feed it the steps as they come.

    `feed` returns the labels that are new, `labels` holds all so far. However the steps are cut into chunks, the
    labels are those of the whole. One decoder reads one sequence: make a new one for the next.

    >>> decoder = GreedyDecoder()
    >>> decoder.feed(np.log([[0.1, 0.8, 0.1], [0.1, 0.7, 0.2]])), decoder.feed(np.log([[0.1, 0.7, 0.2]]))
    ([1], [])
    """

    def __init__(self, blank: int = 0):
        self.blank = blank
        self.labels: list[int] = []
        self._last = blank  # the alignment's last label

    def feed(self, log_probs: Any) -> list[int]:
        """Read the next steps (T, C), T ≥ 0, of one sequence; return the labels that they add."""
        (steps,) = _sequences("GreedyDecoder", _one("GreedyDecoder", log_probs)[None], None, self.blank)
        alignment = steps.argmax(1)
        new = _collapse(alignment, self.blank, before=self._last)
        if len(alignment):
            self._last = int(alignment[-1])
        self.labels += new
        return new


def probability(log_probs: Any, labels: Sequence[int], blank: int = 0) -> float:
    """How likely these labels are, given the sequence: Σ_π Πₜ p(t, πₜ) over their alignments, from 0 to 1.

    log_probs (T, C) of one sequence; its CTC loss is −ln of this. Errors as in `ctc_loss`.

    >>> round(probability(np.log([[0.5, 0.5], [0.5, 0.5]]), [1]), 4)
    0.75
    """
    return float(np.exp(log_probability(log_probs, labels, blank)))


def log_probability(log_probs: Any, labels: Sequence[int], blank: int = 0) -> float:
    """ln `probability`, which for a long sequence is too small for a number."""
    with no_grad():
        loss = ctc_loss(np.asarray(log_probs)[None], [list(labels)], blank=blank, reduction="sum")
    return min(-float(np.asarray(loss)), 0.0)


class Hypothesis(NamedTuple):
    """What may have been said, and the logarithm of how likely that is."""

    labels: tuple[int, ...]
    log_score: float


def prefix_beam_search(
    log_probs: Any,
    lengths: Any = None,
    beam_width: int = 16,
    blank: int = 0,
    language_model: LanguageModel | Callable[[tuple[int, ...]], Any] | None = None,
) -> list[list[Hypothesis]]:
    """For each of N sequences up to `beam_width` hypotheses, the best first.

    The log-score of labels is log Σ_π Πₜ p(t, πₜ) over their alignments, the negative of their CTC loss, and is exact if
    the beam is wide enough for all prefixes; a narrow one leaves out alignments, so that a score can only be too low.
    Each step keeps the `beam_width` best prefixes; per prefix the probabilities of ending in a blank and in its
    last label are told apart, for only after a blank does a repeated label count anew.

    A language model adds to the log-score when a label joins a prefix, as α log p(label | prefix) + β for a model of
    weight α and a bonus β per label (Hannun et al. 2014, algorithm 1), and at the end of the sequence. It has the methods
    of `LanguageModel`, as `LexiconModel` has, or is a function that takes a tuple of labels and returns C numbers.

    log_probs (N, T, C), lengths as in `greedy`. Where no alignment is possible the one hypothesis is ((), −∞).
    ValueError for shapes, lengths, a beam or a blank that do not fit, for NaN and for log_probs above 0.

    >>> half = np.log(np.full((1, 2, 2), 0.5))
    >>> [(labels, round(float(np.exp(score)), 2)) for labels, score in prefix_beam_search(half)[0]]
    [((1,), 0.75), ((), 0.25)]
    """
    sequences = _sequences("prefix_beam_search", log_probs, lengths, blank)
    check_probabilities("prefix_beam_search", log_probs)
    found = []
    for steps in sequences:
        decoder = BeamDecoder(beam_width, blank, language_model)
        decoder._read(steps.astype(np.float64))
        found.append(decoder.hypotheses())
    if not sequences:
        _check_width(beam_width)
    return found


class BeamDecoder:
    """`prefix_beam_search` for sound that still arrives: feed it the steps (T, C) of one sequence as they come.

    `labels` are the best so far; `hypotheses()` are those of the search over all steps that came, as if nothing followed.
    However the steps are cut into chunks, they are those of the whole.

    >>> decoder = BeamDecoder()
    >>> decoder.feed(np.log([[0.1, 0.8, 0.1], [0.1, 0.7, 0.2]])), decoder.feed(np.log([[0.1, 0.7, 0.2]]))
    ((1,), (1,))
    """

    def __init__(
        self,
        beam_width: int = 16,
        blank: int = 0,
        language_model: LanguageModel | Callable[[tuple[int, ...]], Any] | None = None,
    ):
        _check_width(beam_width)
        self.beam_width, self.blank = int(beam_width), blank
        if language_model is None or hasattr(language_model, "begin"):
            self.language_model: LanguageModel | None = language_model  # type: ignore[assignment]
        else:
            self.language_model = _ByPrefix(language_model)  # type: ignore[arg-type]
        self._prefixes = _Prefixes(self.language_model)
        # The beam: of each prefix its number, its parent's, its last label, and log p of ending in a blank and in that
        # label; and what the language model added.
        self._node, self._parent, self._last = np.array([0]), np.array([-1]), np.array([blank])
        self._in_blank, self._in_label, self._bias = np.array([0.0]), np.array([-np.inf]), np.array([0.0])

    @property
    def labels(self) -> tuple[int, ...]:
        if not len(self._node):
            return ()
        scores = np.logaddexp(self._in_blank, self._in_label) + self._bias
        return self._prefixes.labels(int(self._node[scores.argmax()]))

    def feed(self, log_probs: Any) -> tuple[int, ...]:
        """Read the next steps (T, C), T ≥ 0, of one sequence; return the best labels so far."""
        (steps,) = _sequences("BeamDecoder", _one("BeamDecoder", log_probs)[None], None, self.blank)
        check_probabilities("BeamDecoder", steps)
        self._read(steps.astype(np.float64))
        return self.labels

    def hypotheses(self) -> list[Hypothesis]:
        """Up to `beam_width` hypotheses of what was said, the best first; one, ((), −∞), if none is possible."""
        scores = np.logaddexp(self._in_blank, self._in_label) + self._bias
        scores = scores + np.array([self._prefixes.end(number) for number in self._node.tolist()])
        order = [i for i in np.argsort(-scores, kind="stable") if scores[i] > -np.inf]
        return [Hypothesis(self._prefixes.labels(self._node[i]), float(scores[i])) for i in order] or [
            Hypothesis((), -np.inf)
        ]

    def _read(self, steps: np.ndarray) -> None:
        for y in steps:
            if len(self._node):
                self._step(y)

    def _step(self, y: np.ndarray) -> None:
        node, parent, last = self._node, self._parent, self._last
        total = np.logaddexp(self._in_blank, self._in_label)
        grown = total[:, None] + y
        rows = np.arange(len(node))
        grown[rows, last] = self._in_blank + y[last]  # the same label anew
        grown[:, self.blank] = -np.inf
        in_blank, in_label = total + y[self.blank], self._in_label + y[last]
        child, of = np.nonzero(parent[:, None] == node)  # where a prefix and its parent are both in the beam
        in_label[child] = np.logaddexp(in_label[child], grown[of, last[child]])
        grown[of, last[child]] = -np.inf

        bias = self._bias
        stays = np.logaddexp(in_blank, in_label) + bias
        following = bias[:, None] + self._prefixes.scores(node, len(y))
        scores = np.concatenate([stays, (grown + following).ravel()])
        best = np.argsort(-scores, kind="stable")[: self.beam_width]
        best = best[scores[best] > -np.inf]
        kept = best[best < len(node)]
        source, label = np.divmod(best[best >= len(node)] - len(node), len(y))
        new = self._prefixes.children(node[source], label)
        self._parent = np.concatenate([parent[kept], node[source]])
        self._node = np.concatenate([node[kept], new])
        self._last = np.concatenate([last[kept], label])
        self._in_blank = np.concatenate([in_blank[kept], np.full(len(new), -np.inf)])
        self._in_label = np.concatenate([in_label[kept], grown[source, label]])
        self._bias = np.concatenate([bias[kept], following[source, label]])


class _Prefixes:
    """Sequences of labels by number: each is its parent's with one more label; 0 is the empty one."""

    def __init__(self, language_model: LanguageModel | None):
        self.links: list[tuple[int, int]] = [(-1, -1)]
        self.numbers: dict[tuple[int, int], int] = {}
        self.language_model = language_model
        self.states: dict[int, Any] = {} if language_model is None else {0: language_model.begin()}
        self.known: dict[int, np.ndarray] = {}

    def children(self, parents: np.ndarray, labels: np.ndarray) -> np.ndarray:
        found = []
        for link in zip(parents.tolist(), labels.tolist(), strict=True):
            number = self.numbers.setdefault(link, len(self.links))
            if number == len(self.links):
                self.links.append(link)
            found.append(number)
        return np.array(found, int)

    def labels(self, number: int) -> tuple[int, ...]:
        labels = []
        while number:
            number, label = self.links[number]
            labels.append(label)
        return tuple(reversed(labels))

    def scores(self, numbers: np.ndarray, classes: int) -> Any:
        """What the language model adds for each label that may follow (W, C)."""
        if self.language_model is None:
            return np.zeros(classes)
        for number in set(numbers.tolist()) - self.known.keys():
            scores = np.asarray(self.language_model.scores(self.state(number)), np.float64)
            if scores.shape != (classes,) or not (scores < np.inf).all():
                raise ValueError(
                    f"prefix_beam_search: language_model gave {scores.shape} scores, but it must give one number below "
                    f"infinity for each of the {classes} classes"
                )
            self.known[number] = scores
        return np.array([self.known[number] for number in numbers.tolist()]).reshape(len(numbers), classes)

    def state(self, number: int) -> Any:
        """Of the language model. A prefix comes into a beam only after its parent."""
        assert self.language_model is not None
        if number not in self.states:
            parent, label = self.links[number]
            self.states[number] = self.language_model.after(self.states[parent], label)
        return self.states[number]

    def end(self, number: int) -> float:
        return 0.0 if self.language_model is None else float(self.language_model.end(self.state(number)))


def _check_width(beam_width: int) -> None:
    if isinstance(beam_width, bool) or not isinstance(beam_width, int | np.integer) or beam_width < 1:
        raise ValueError(
            f"prefix_beam_search: beam_width is {beam_width!r}, but it must be a whole number of at least 1"
        )


def _one(where: str, log_probs: Any) -> np.ndarray:
    """The steps (T, C) of one sequence."""
    steps = np.asarray(log_probs)
    if steps.ndim != 2:
        hint = ": one sequence at a time, try log_probs[0]" if steps.ndim == 3 else ""
        raise ValueError(f"{where}: log_probs are {steps.shape}, but expected (T, C){hint}")
    return steps


def _sequences(where: str, log_probs: Any, lengths: Any, blank: int) -> list[np.ndarray]:
    """Each sequence as far as it goes, (T, C)."""
    values = np.asarray(log_probs)
    if values.ndim != 3:
        hint = ", for one sequence try log_probs[None]" if values.ndim == 2 else ""
        raise ValueError(f"{where}: log_probs are {values.shape}, but expected (N, T, C){hint}")
    check_blank(where, blank, values.shape[2])
    lengths = checked_lengths(where, "lengths", lengths, np.full(len(values), values.shape[1]))
    sequences = [y[:length] for y, length in zip(values, lengths, strict=True)]
    for n, y in enumerate(sequences):
        if np.isnan(y).any():
            raise ValueError(f"{where}: log_probs of sample {n} hold NaN: look for the model's first NaN")
    return sequences


def _collapse(alignment: np.ndarray, blank: int, before: int) -> list[int]:
    """Merge repeats, `before` being the label of the step before, then drop blanks."""
    changed = np.diff(alignment, prepend=before) != 0
    return alignment[changed & (alignment != blank)].tolist()
