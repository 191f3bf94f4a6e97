"""The same digit drawn, spoken and typed: three senses of one thing, paired across sources."""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from tinymm.data.datasets.dataset import Dataset, Senses, as_samples, chosen_rows
from tinymm.data.datasets.images import load_digits
from tinymm.data.datasets.spoken import load_spoken_digits
from tinymm.data.datasets.typed import TypedDigit, same_when_typed, typed_digits
from tinymm.data.text.mistyping import mistype

TEST_SHARE = 0.2  # of the images of each digit, and of the voices
TEST_FORMS = 0.25  # of the ways to type a digit in each language
ERRORS = (0.5, 0.35, 0.15)  # how often there are 0, 1 and 2 typing errors in a text


@dataclass(frozen=True, eq=False, repr=False)
class MultimodalDataset:
    """Samples that are seen, heard and read at once. All arrays have one entry per sample.

    Attributes:
        image: (N, C, H, W) float32 in [0, 1].
        audio: (N,) objects, each a sound (samples,) float32 in [−1, 1].
        text: (N,) objects, each a str.
        y: (N,) int64 labels, indices into `class_names`.
        image_number: (N,) int64, which image of the source this is.
        voice: (N,) names of the voices.
        form: (N,) objects, each a str: what the text was before typing errors.
        class_names: one name per class.
        rate: of the sounds, samples per second in Hz.
        name, source, licence: what to cite and what is allowed.
    """

    image: np.ndarray
    audio: np.ndarray
    text: np.ndarray
    y: np.ndarray
    image_number: np.ndarray
    voice: np.ndarray
    form: np.ndarray
    class_names: tuple[str, ...]
    rate: int
    name: str
    source: str
    licence: str

    @property
    def senses(self) -> dict[str, np.ndarray]:
        """The samples by sense: "image", "audio" and "text"."""
        return {"image": self.image, "audio": self.audio, "text": self.text}

    def sense(self, name: str) -> Dataset:
        """Return one sense alone, "image", "audio" or "text", with the voice or the form as `groups`.

        Raises:
            ValueError: there is no such sense.
        """
        if name not in self.senses:
            raise ValueError(f"MultimodalDataset: there is no sense {name!r}: choose one of {', '.join(self.senses)}")
        return Dataset(
            *(self.senses[name], self.y, self.class_names, f"{self.name}, {name}", self.source, self.licence),
            groups={"image": None, "audio": self.voice, "text": self.form}[name],
            rate=self.rate if name == "audio" else None,
        )

    def together(self) -> Dataset:
        """Return samples that are `Senses`, with the voice as `groups` and the image's number as `index`."""
        x = [Senses(*sample) for sample in zip(self.image, self.audio, self.text, strict=True)]
        return Dataset(
            *(x, self.y, self.class_names, self.name, self.source, self.licence),  # type: ignore[arg-type]
            groups=self.voice,
            index=self.image_number,
            rate=self.rate,
        )

    def subset(self, chosen: Any) -> "MultimodalDataset":
        """Return the samples at these indices, (n,) int, or where this mask, (N,) bool, is true, with all they have."""
        rows = chosen_rows(chosen, len(self))
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: a[rows] for name, a in arrays.items() if isinstance(a, np.ndarray)})

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        voices, forms = len(np.unique(self.voice)), len(set(self.form))
        return (
            f"{self.name}: {len(self):,} samples seen, heard and read, {voices} voices, {forms:,} typed forms, "
            f"{len(self.class_names)} classes ({self.licence})"
        )


class MultimodalDigits(NamedTuple):
    """Two parts that share no image, no voice and no typed form."""

    train: MultimodalDataset
    test: MultimodalDataset

    def __repr__(self) -> str:
        return f"{self.train!r}\n{self.test!r}"


def load_multimodal_digits(seed: int = 0) -> MultimodalDigits:
    """Return the bundled digits drawn, spoken and typed: each of the 1,797 images with a sound and a text of its digit.

    A fifth of the images of each digit, a fifth of the voices (whole), and a quarter of the typed forms of each digit
    in each language are the test set. Equal seeds give equal sets. See `pair_digits`.

    >>> train, test = load_multimodal_digits()
    >>> train.image.shape, train.audio[0].dtype, len(test)
    ((1438, 1, 8, 8), dtype('float32'), 359)
    """
    return pair_digits(load_digits(), load_spoken_digits(), seed)


def pair_digits(images: Dataset, sounds: Dataset, seed: int = 0) -> MultimodalDigits:
    """Pair each image with a sound and a typed text of the same digit, and cut all into training and test.

    The test set shares with the training set
    - no image: a fifth of each digit's images are kept for it;
    - no voice: a fifth of `sounds.groups`, at least one, is kept for it whole;
    - no typed form: of the ways to type a digit in each language a quarter is kept for it. Half of the texts have one
      or two typing errors; with them, too, no text is the same in both parts, nor the same as one for another digit,
      even when case, spaces and marks are not looked at (`same_when_typed`).

    Args:
        images: `Dataset` of digits, such as `load_digits()` or `fetch_mnist()`.
        sounds: `Dataset` of spoken digits with the voices as `groups`, such as `fetch_fsdd("all")`.
        seed: everything random follows from it.

    Raises:
        ValueError: the labels are not the digits 0 to 9; there are fewer than two voices, or a digit lacks images or
            voices for one of the parts.
    """
    voice = _voices(images, sounds)
    rng = np.random.default_rng(seed)
    voices = rng.permutation(np.unique(voice))
    heard_in_test = np.isin(voice, voices[: max(1, round(TEST_SHARE * len(voices)))])
    seen_in_test = np.zeros(len(images), bool)
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(images.y == digit))
        seen_in_test[rows[: max(1, round(TEST_SHARE * len(rows)))]] = True
    forms = _split_forms(rng)
    typist = _Typist(forms)
    parts = []
    for part, seen, heard in (("train", ~seen_in_test, ~heard_in_test), ("test", seen_in_test, heard_in_test)):
        rows = np.flatnonzero(seen)
        labels = images.y[rows]
        heard_rows = _paired(labels, np.flatnonzero(heard), sounds.y, part, rng)
        chosen = [_draw(forms[part][digit], rng) for digit in labels]
        texts = [typist.type(form, part, rng) for form in chosen]
        parts.append(
            MultimodalDataset(
                image=images.x[rows],
                audio=sounds.x[heard_rows],
                text=as_samples(texts),
                y=labels,
                image_number=rows,
                voice=voice[heard_rows],
                form=as_samples([form.text for form in chosen]),
                class_names=tuple("0123456789"),
                rate=sounds.rate or 0,
                name=f"Multimodal digits {part}",
                source=f"{images.source}; {sounds.source}",
                licence=f"images {images.licence}, sounds {sounds.licence}, texts MIT",
            )
        )
    return MultimodalDigits(*parts)


def _voices(images: Dataset, sounds: Dataset) -> np.ndarray:
    """The voice of each sound, once it is certain that the two can be paired."""
    for what, data in (("images", images), ("sounds", sounds)):
        if not np.array_equal(np.unique(data.y), np.arange(10)):
            raise ValueError(f"pair_digits: the {what} have labels {np.unique(data.y)}, expected all digits 0 to 9")
    if images.sense != "image" or sounds.sense != "audio":
        raise ValueError(f"pair_digits: got {images.sense} and {sounds.sense}, expected images first and sounds second")
    if sounds.groups is None or len(np.unique(sounds.groups)) < 2:
        raise ValueError("pair_digits: the sounds name fewer than two voices, but one is kept for the test: set groups")
    return np.asarray(sounds.groups)


def _split_forms(rng: np.random.Generator) -> dict[str, list[list[TypedDigit]]]:
    """For each part, the forms of each digit. Each family is in both parts, if it has two forms."""
    families: dict[tuple[int, str], list[TypedDigit]] = {}
    for form in typed_digits():
        families.setdefault((form.digit, form.family), []).append(form)
    parts: dict[str, list[list[TypedDigit]]] = {part: [[] for _ in range(10)] for part in ("train", "test")}
    for (digit, _), forms in families.items():
        order = rng.permutation(len(forms))
        n_test = max(1, round(TEST_FORMS * len(forms))) if len(forms) > 1 else 0
        for i in order:
            parts["test" if i in order[:n_test] else "train"][digit].append(forms[i])
    return parts


def _draw(forms: list[TypedDigit], rng: np.random.Generator) -> TypedDigit:
    return forms[rng.integers(len(forms))]


def _paired(labels: np.ndarray, rows: np.ndarray, of: np.ndarray, part: str, rng: np.random.Generator) -> np.ndarray:
    """For each label a row with the same one; all rows are used about equally often."""
    paired = np.empty(len(labels), np.int64)
    for digit in range(10):
        wanted, there = np.flatnonzero(labels == digit), rng.permutation(rows[of[rows] == digit])
        if not len(wanted) or not len(there):
            lacking = "images" if not len(wanted) else "voices"
            raise ValueError(f"pair_digits: digit {digit} has no {lacking} for the {part} set: give more of them")
        paired[wanted] = np.resize(there, len(wanted))
    return paired


class _Typist:
    """Types forms, with errors that keep the parts apart and never turn one digit into another."""

    def __init__(self, forms: dict[str, list[list[TypedDigit]]]) -> None:
        self.owner = {  # what a text, same when typed, belongs to
            same_when_typed(form.text): (part, form.digit)
            for part, digits in forms.items()
            for of_digit in digits
            for form in of_digit
        }

    def type(self, form: TypedDigit, part: str, rng: np.random.Generator) -> str:
        text = self._erring(form, part, rng)
        style = rng.choice(["as it is", "capital", "capitals"], p=[0.6, 0.25, 0.15])
        if style != "as it is":
            text = text.upper() if style == "capitals" else text[:1].upper() + text[1:]
        return text + rng.choice(["", ".", "!"], p=[0.8, 0.1, 0.1])

    def _erring(self, form: TypedDigit, part: str, rng: np.random.Generator) -> str:
        errors = int(rng.choice(len(ERRORS), p=ERRORS))
        if errors and form.family != "Roman":  # there a letter more or less is another number
            for _ in range(10):
                text = mistype(form.text, rng, errors)
                key = same_when_typed(text)
                if self.owner.setdefault(key, (part, form.digit)) == (part, form.digit):
                    return text
        return form.text
