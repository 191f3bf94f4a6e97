"""What is likely to be said: word bigrams, and a lexicon that turns them into probabilities of the next label.

A network trained with CTC writes labels, such as phonemes; `prefix_beam_search` asks a language model how likely each
label is after those before. Here it is one that knows words: a label string that is the beginning of no sequence of known
words is impossible, any other as likely as the word sequences that begin with it.

Sources: Brown, Della Pietra, deSouza, Lai & Mercer (1992), Class-based n-gram models of natural language, Computational
Linguistics 18(4); Witten & Bell (1991), The zero-frequency problem, IEEE Trans. Information Theory 37(4); Ortmanns, Ney
& Eiden (1996), Language-model look-ahead for large vocabulary speech recognition, ICSLP; Graves & Jaitly (2014), Towards
end-to-end speech recognition with recurrent neural networks, ICML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Token = tuple[int, int]  # the word before, and the node that the word under way has reached
Tokens = dict[Token, float]
ROOT = 0  # the node where each word begins


class Bigrams:
    """How likely each word is after another: `probabilities` (V + 1, V + 1) for a vocabulary of V words.

    Row v is p(· | word v), the last row that of the beginning of an utterance, the last column its end. Words that are
    alike, as the ten digits, share their counts: p(w | v) = p(class of w | class of v) / size of the class of w. Classes
    are smoothed after Witten and Bell: with c(v, w) the count of w after v, c(v) its sum over w, and n(v) the number of
    different w that came after v,

        p(w | v) = (c(v, w) + n(v) p(w)) / (c(v) + n(v)),    p(w) = (c(w) + 1) / (Σ c(w) + number of classes).

    Args:
        words: the vocabulary. probabilities: as above; rows sum to 1.

    >>> bigrams = Bigrams.of(["send it", "send 1 2"], alike=["0 1 2"])
    >>> bigrams.words, round(float(bigrams.p("send", "2")), 2), round(float(bigrams.p("send", "send")), 2)
    (('0', '1', '2', 'it', 'send'), 0.13, 0.14)
    """

    def __init__(self, words: Sequence[str], probabilities: np.ndarray):
        self.words, self.probabilities = tuple(words), np.asarray(probabilities, np.float64)
        size = len(self.words) + 1
        if self.probabilities.shape != (size, size) or not (self.probabilities >= 0).all():
            raise ValueError(
                f"Bigrams: probabilities {self.probabilities.shape} must be {(size, size)} numbers from 0 for "
                f"{len(self.words)} words"
            )
        self.numbers = {word: number for number, word in enumerate(self.words)}

    @classmethod
    def of(cls, texts: Iterable[str], alike: Iterable[str] = ()) -> Bigrams:
        """Estimated from texts, each different one counting once; `alike` are groups of words with spaces between them.

        ValueError if there are no words, or a word is in two groups.
        """
        groups = [group.split() for group in alike]
        name = {word: group[0] for group in groups for word in group}
        if len(name) < sum(map(len, groups)):
            raise ValueError("Bigrams: a word is in two groups of words that are alike")
        said = {tuple(name.get(word, word) for word in text.split()) for text in texts}
        classes = sorted({word for words in said for word in words})
        if not classes:
            raise ValueError("Bigrams: there are no words to learn from")
        number = {word: i for i, word in enumerate(classes)}
        end = len(classes)
        counts = np.zeros((end + 1, end + 1))
        for words in sorted(said):
            line = [end, *(number[word] for word in words), end]
            np.add.at(counts, (line[:-1], line[1:]), 1)
        total, different = counts.sum(axis=1, keepdims=True), (counts > 0).sum(axis=1, keepdims=True)
        unigrams = (counts.sum(axis=0) + 1) / (counts.sum() + end + 1)
        p = (counts + different * unigrams) / np.maximum(total + different, 1)
        members = {first: next((group for group in groups if group[0] == first), [first]) for first in classes}
        vocabulary = sorted(word for group in members.values() for word in group)
        of_class = np.array([*(number[name.get(word, word)] for word in vocabulary), end])
        sizes = np.array([*(len(members[name.get(word, word)]) for word in vocabulary), 1])
        return cls(vocabulary, p[np.ix_(of_class, of_class)] / sizes)

    def p(self, before: str | None, word: str | None) -> float:
        """p(word | before); None is the beginning, and the end, of an utterance."""
        v, w = (len(self.words) if name is None else self.numbers[name] for name in (before, word))
        return float(self.probabilities[v, w])

    def state_dict(self) -> dict[str, Any]:
        return {"words": list(self.words), "probabilities": self.probabilities.astype(np.float32)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Bigrams:
        return cls(state["words"], state["probabilities"])


class LexiconModel:
    """A language model over labels, for `prefix_beam_search`: α log p(label | prefix) + β.

    p(label | prefix) = p(prefix + label) / p(prefix), where p(prefix) is the sum of the probabilities of all word
    sequences whose labels begin with the prefix, by the bigrams. So a long word counts as soon as it can only become
    that word, and words that sound alike, or join without a gap, are all kept in mind.

    A state of it is what a prefix may be: tokens (the word before, the place in the word under way) with probabilities,
    given the prefix.

    Args:
        bigrams: of the words. pronunciations: the labels of each word, one or more; class 0 is the blank.
        classes: how many labels there are, the blank among them.
        weight: α, how much it counts against the network. bonus: β, for each label: a network misses more than it adds.

    Raises:
        ValueError: a word without labels, or labels outside the classes.
    """

    def __init__(
        self,
        bigrams: Bigrams,
        pronunciations: Mapping[str, Sequence[int]],
        classes: int,
        weight: float = 1.0,
        bonus: float = 0.0,
    ):
        self.bigrams, self.classes, self.weight, self.bonus = bigrams, classes, weight, bonus
        self._children: list[dict[int, int]] = [{}]  # the tree of all words: label → node, at each node
        self._ending: list[list[int]] = [[]]  # words whose labels end at a node
        through: list[tuple[int, int]] = []  # (word, node) for each node on a word's way
        for word, name in enumerate(bigrams.words):
            labels = [int(label) for label in pronunciations.get(name, ())]
            if not labels or not all(0 < label < classes for label in labels):
                raise ValueError(
                    f"LexiconModel: {name!r} has the labels {labels}: expected some from 1 to {classes - 1}"
                )
            node = ROOT
            for label in labels:
                through.append((word, node))
                node = self._child(node, label)
            through.append((word, node))
            self._ending[node].append(word)
        self._labels = [np.array(list(found), int) for found in self._children]  # that may follow at each node
        self._next = [np.array(list(found.values()), int) for found in self._children]
        goes = np.zeros((len(bigrams.words) + 1, len(self._children)))
        goes[tuple(np.array(through).T)] = 1
        self._p = bigrams.probabilities
        self._mass = self._p @ goes  # (V + 1, nodes): probability that the word after v goes through the node

    def _child(self, node: int, label: int) -> int:
        if label not in self._children[node]:
            self._children[node][label] = len(self._children)
            self._children.append({})
            self._ending.append([])
        return self._children[node][label]

    def begin(self) -> Tokens:
        """The state of the empty prefix."""
        return {(len(self.bigrams.words), ROOT): 1.0}

    def after(self, state: Tokens, label: int) -> Tokens:
        """The state after one more label; Σ p(token) mass(token) = 1, or no tokens where no words fit."""
        found: Tokens = {}
        for token, p in state.items():
            for to, factor, _ in self._moves(token, label):
                found[to] = found.get(to, 0.0) + p * factor
        total = sum(p * float(self._mass[token]) for token, p in found.items())
        return {token: p / total for token, p in found.items()} if total > 0 else {}

    def scores(self, state: Tokens) -> np.ndarray:
        """α log p(label | prefix) + β for each label (classes,)."""
        p = np.zeros(self.classes)
        for (before, node), probability in state.items():
            p[self._labels[node]] += probability * self._mass[before, self._next[node]]
            for word in self._ending[node]:
                p[self._labels[ROOT]] += probability * self._p[before, word] * self._mass[word, self._next[ROOT]]
        with np.errstate(divide="ignore"):
            return self.weight * np.log(p) + self.bonus

    def end(self, state: Tokens) -> float:
        """α log p(nothing more | prefix): −∞ in the middle of a word."""
        p = sum(probability * self._over(token) for token, probability in state.items())
        return self.weight * float(np.log(p)) if p > 0 else -np.inf

    def words(self, labels: Sequence[int]) -> list[str]:
        """The likeliest words with these labels, without a last one that is incomplete. [] if they fit no words."""
        best: dict[Token, tuple[float, list[int]]] = {token: (p, []) for token, p in self.begin().items()}
        for label in labels:
            found: dict[Token, tuple[float, list[int]]] = {}
            for token, (p, said) in best.items():
                for to, factor, word in self._moves(token, int(label)):
                    if p * factor > found.get(to, (0.0, said))[0]:
                        found[to] = p * factor, said if word is None else [*said, word]
            largest = max((p for p, _ in found.values()), default=1.0)
            best = {token: (p / largest, said) for token, (p, said) in found.items()}
        ends = [(p * self._over(token), token, said) for token, (p, said) in best.items()]
        p, (before, node), said = max(ends, default=(0.0, (0, ROOT), []))
        if p > 0 and self._ending[node]:
            said = [*said, max(self._ending[node], key=lambda word: self._p[before, word] * self._p[word, -1])]
        elif ends:
            _, said = max((p * float(self._mass[token]), said) for token, (p, said) in best.items())
        return [self.bigrams.words[word] for word in said]

    def _over(self, token: Token) -> float:
        """Probability that the utterance is over at this token."""
        before, node = token
        here = float(self._p[before, -1]) if node == ROOT else 0.0
        return here + float(sum(self._p[before, word] * self._p[word, -1] for word in self._ending[node]))

    def _moves(self, token: Token, label: int) -> list[tuple[Token, float, int | None]]:
        """Where a label leads: on in the word, or into the next one, with the probability of the word that is over."""
        before, node = token
        moves: list[tuple[Token, float, int | None]] = []
        if label in self._children[node]:
            moves.append(((before, self._children[node][label]), 1.0, None))
        if label in self._children[ROOT]:
            first = self._children[ROOT][label]
            moves += [((word, first), float(self._p[before, word]), word) for word in self._ending[node]]
        return moves
