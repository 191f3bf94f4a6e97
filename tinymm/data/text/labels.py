"""What a transcript is written with: words, characters, or the phonemes of its words, by number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

KINDS = ("words", "characters", "phonemes")
BLANK = 0  # the number of no label: CTC's blank


class Labels:
    """The labels of transcripts by number, from 1; 0 is the blank.

    Args:
        names: the labels in the order of their numbers.
        kind: "words", which spaces separate, "characters", spaces among them, or "phonemes".
        pronunciations: for phonemes, the words that there are, each with its phonemes. Between words stands nothing, so
            that it takes a lexicon to `decode`: see `tinymm.language_model.LexiconModel`.

    Raises:
        ValueError: no names, the same one twice, an unknown kind, or names that are no words or characters; phonemes
            without pronunciations, or with others than the names.

    >>> labels = Labels.of(["1 2", "2 3 1"], "words")
    >>> labels.encode("3 1 1"), labels.decode([3, 1, 1])
    (array([3, 1, 1]), '3 1 1')
    """

    def __init__(
        self, names: Iterable[str], kind: str = "words", pronunciations: Mapping[str, Iterable[str]] | None = None
    ):
        if kind not in KINDS:
            raise ValueError(f"Labels: kind {kind!r} is unknown: choose one of {', '.join(map(repr, KINDS))}")
        self.names, self.kind = tuple(names), kind
        self.pronunciations = {word: tuple(said) for word, said in (pronunciations or {}).items()}
        if kind == "phonemes" and {name for said in self.pronunciations.values() for name in said} != set(self.names):
            raise ValueError(f"Labels: the names {' '.join(self.names):.60} are not the phonemes of the pronunciations")
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"Labels: {len(self.names)} names, {len(set(self.names))} different ones: name each once")
        if wrong := [name for name in self.names if self.kind != "phonemes" and self._cut(name) != [name]]:
            raise ValueError(f"Labels: {wrong[0]!r} is not one of {kind}")
        self._numbers = {name: number for number, name in enumerate(self.names, BLANK + 1)}

    @classmethod
    def of(
        cls, transcripts: Iterable[str], kind: str = "words", pronunciations: Mapping[str, Iterable[str]] | None = None
    ) -> Labels:
        """The labels that occur in these transcripts, sorted; for phonemes of these words. ValueError for other words."""
        if kind == "phonemes":
            known, said = pronunciations or {}, sorted({word for text in transcripts for word in text.split()})
            if unknown := [word for word in said if word not in known]:
                raise ValueError(
                    f"it is not known how {', '.join(unknown[:3])}{', …' if len(unknown) > 3 else ''} is pronounced: give "
                    "pronunciations with all words, or take a model that writes characters"
                )
            heard = {word: tuple(known[word]) for word in said}
            return cls(sorted({name for phonemes in heard.values() for name in phonemes}), kind, heard)
        empty = cls(["a"], kind)
        return cls(sorted({name for text in transcripts for name in empty._cut(text)}), kind)

    def __len__(self) -> int:
        """How many numbers there are, the blank among them: the classes of a model."""
        return len(self.names) + 1

    def __repr__(self) -> str:
        return f"Labels({len(self.names)} {self.kind}: {' '.join(self.names):.60})"

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a transcript's labels (S,) int64. ValueError for one that is not known."""
        cut = self._cut(text)
        if unknown := [name for name in cut if name not in self._numbers]:
            raise ValueError(f"the transcript {text!r:.80} holds {unknown[0]!r}, which is none of {self!r}")
        return np.array([self._numbers[name] for name in cut], np.int64)

    def decode(self, numbers: Iterable[int]) -> str:
        """The transcript of these numbers, blanks left out."""
        found = [self.names[number - 1] for number in numbers if number != BLANK]
        return " ".join("".join(found).split()) if self.kind == "characters" else " ".join(found)

    def words(self) -> dict[str, list[int]]:
        """Of phonemes, the numbers of each word that there is."""
        return {word: [self._numbers[name] for name in said] for word, said in self.pronunciations.items()}

    def _cut(self, text: str) -> list[str]:
        if self.kind == "phonemes":  # an unknown word is cut into itself, which is no phoneme
            return [name for word in text.split() for name in self.pronunciations.get(word, (word,))]
        return text.split() if self.kind == "words" else list(text)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {"names": list(self.names), "kind": self.kind}
        if self.kind == "phonemes":
            state["pronunciations"] = [f"{word} {' '.join(said)}" for word, said in self.pronunciations.items()]
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Labels:
        lines = [line.split(" ") for line in state.get("pronunciations", [])]
        return cls(state["names"], state["kind"], {word: said for word, *said in lines})
