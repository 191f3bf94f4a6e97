"""What a transcript is written with: words, or characters, by number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

BLANK = 0  # the number of no label: CTC's blank


class Labels:
    """The labels of transcripts by number, from 1; 0 is the blank.

    Args:
        names: the labels in the order of their numbers.
        kind: "words", which spaces separate, or "characters", spaces among them.

    Raises:
        ValueError: no names, the same one twice, an unknown kind, or names that are no words or characters.

    >>> labels = Labels.of(["1 2", "2 3 1"], "words")
    >>> labels.encode("3 1 1"), labels.decode([3, 1, 1])
    (array([3, 1, 1]), '3 1 1')
    """

    def __init__(self, names: Iterable[str], kind: str = "words"):
        if kind not in ("words", "characters"):
            raise ValueError(f"Labels: kind {kind!r} is unknown: choose 'words' or 'characters'")
        self.names, self.kind = tuple(names), kind
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"Labels: {len(self.names)} names, {len(set(self.names))} different ones: name each once")
        if wrong := [name for name in self.names if self._cut(name) != [name]]:
            raise ValueError(f"Labels: {wrong[0]!r} is not one of {kind}")
        self._numbers = {name: number for number, name in enumerate(self.names, BLANK + 1)}

    @classmethod
    def of(cls, transcripts: Iterable[str], kind: str = "words") -> Labels:
        """The labels that occur in these transcripts, sorted."""
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
        return " ".join(found) if self.kind == "words" else " ".join("".join(found).split())

    def _cut(self, text: str) -> list[str]:
        return text.split() if self.kind == "words" else list(text)

    def state_dict(self) -> dict[str, Any]:
        return {"names": list(self.names), "kind": self.kind}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Labels:
        return cls(state["names"], state["kind"])
