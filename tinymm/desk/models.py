"""The desk's models: trained on first use on what comes with the package, tested, and kept in the cache.

| model | trained on | what its confidence is chosen on |
|---|---|---|
| intent, sentiment | all desk requests | the predictions of five models for the fifth that each had not seen, by language |
| digits | four fifths of the handwritten digits, framed | the other fifth: single digits, and numbers put together of them |
| speech | five of six groups of the synthetic voices, saying digits | nothing: a spoken number is always read back |
| requests | the same voices, saying requests and half of the digits | nothing, too |

A run that is given instead has its confidence chosen on what it held out.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tinymm
from tinymm import checkpoint
from tinymm.data.datasets import BUNDLED, Dataset, load_desk_requests
from tinymm.desk.confidence import NEVER, RISK, Confidence, threshold_at_risk
from tinymm.desk.hearing import BEAM
from tinymm.desk.seeing import framed_digits
from tinymm.desk.spoken import training_digits, training_sounds
from tinymm.desk.understanding import language_of
from tinymm.files import user_folder
from tinymm.prediction import load_trained
from tinymm.recipes import Recipe, Trained, train_model
from tinymm.runs import load_kernels
from tinymm.splits import StratifiedKFold, train_test_split

FOLDS = 5
LONGEST_NUMBER = 8  # digits of the numbers put together to choose a threshold
NUMBERS = 1000  # so many of them
STRINGS = 400  # so many spoken ones
FEW = 50  # samples of a language, below which all samples choose its confidence
LANGUAGES = ("en", "zh")

Confidences = dict[str, Confidence]  # by language; "" where there is none

RECIPES = {
    "intent": Recipe(data="desk", model="substrings"),
    "sentiment": Recipe(data="desk", model="questions"),
    "digits": Recipe(data="digits", model="cnn", epochs=12),
    "speech": Recipe(data="spoken-digits", model="ctc", epochs=25),
    "requests": Recipe(data="spoken-requests", model="ctc-requests", schedule="warmup"),
}
SENSES = {"intent": "text", "sentiment": "text", "digits": "image", "speech": "audio", "requests": "audio"}
FILES = {
    "intent": ["desk_requests.tsv"],
    "sentiment": ["desk_requests.tsv"],
    "digits": ["digits.npz"],
    "speech": ["spoken_digits.npz"],
    "requests": ["spoken_requests.npz", "spoken_digits.npz", "pronunciations.tsv"],
}


@dataclass(frozen=True)
class Ready:
    """A model and what its probabilities are worth."""

    trained: Trained
    confidence: Confidences


def load_model(name: str, run: str | os.PathLike[str] | None = None, progress: bool = True) -> Ready:
    """One of the desk's models, "intent", "sentiment", "digits", "speech" or "requests".

    With a `run`, the model of that run folder or checkpoint; its confidence is chosen on what the run held out. Without,
    the desk's own, which is trained now unless it is in the cache, whole and of this version.
    """
    if run is None:
        path = cached(name)
        try:
            return _load(name, path)
        except (FileNotFoundError, checkpoint.CheckpointError):
            return _load(name, train_own(name, progress))
    return _load(name, Path(run))


def _load(name: str, path: Path) -> Ready:
    trained = load_trained(path)
    if trained.front_end.sense != SENSES[name]:
        raise ValueError(
            f"{path} holds a model for {trained.front_end.sense}, but the desk's model for {name} must be one for "
            f"{SENSES[name]}"
        )
    kept = checkpoint.load(path / "checkpoint.npz" if path.is_dir() else path).get("confidence")
    if kept:
        return Ready(trained, {language: Confidence(**state) for language, state in kept.items()})
    return Ready(trained, _confidence_of_run(name, trained))


def cached(name: str) -> Path:
    """Where the cache has a model of the desk, by what it was made of; the file need not be there."""
    made_of = f"{tinymm.__version__} {RECIPES[name].complete()}".encode()
    made_of += b"".join((BUNDLED / file).read_bytes() for file in FILES[name])
    return user_folder("cache") / "desk" / f"{name}-{hashlib.sha256(made_of).hexdigest()[:12]}.npz"


def train_own(name: str, progress: bool = True) -> Path:
    """Train one of the desk's models, choose its confidence, and put it into the cache, whole or not at all."""
    load_kernels()
    ready = MAKERS[name](RECIPES[name], name if progress else None)
    if ready.trained.history.interrupted:
        raise KeyboardInterrupt(f"the model for {name} was not kept")
    state = ready.trained.state_dict()
    state["confidence"] = {language: confidence.state_dict() for language, confidence in ready.confidence.items()}
    return checkpoint.save(state, cached(name))


def desk_requests(what: str) -> Dataset:
    """The bundled requests with the labels of "intent" or "sentiment"; `groups` are the languages."""
    requests = load_desk_requests()
    y, names = (
        (requests.intents, requests.intent_names)
        if what == "intent"
        else (requests.sentiments, requests.sentiment_names)
    )
    texts = np.array(requests.texts, dtype=object)
    return Dataset(
        texts, y, names, "Customer-desk requests", "bundled/desk_requests.md", "MIT", groups=requests.languages
    )


def cross_validated(recipe: Recipe, data: Dataset, title: str | None, seed: int = 0) -> np.ndarray:
    """The probabilities (N, classes) of each sample by a model that was trained on the folds without it."""
    held = np.empty((len(data), len(data.class_names)))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(data.x, data.y)
    for number, (train, test) in enumerate(folds, 1):
        part = f"{title}, fold {number}/{FOLDS}" if title else None
        trained = train_model(recipe, data.subset(train), None, part, seed + number)
        if trained.history.interrupted:
            raise KeyboardInterrupt(f"the model for {title} was not kept")
        held[test] = trained.probabilities(data.x[test])
    return held / held.sum(axis=1, keepdims=True)  # in float64 they sum to 1


def _make_text(recipe: Recipe, title: str | None, what: str) -> Ready:
    data = desk_requests(what)
    held = cross_validated(recipe, data, title)
    confidence = {}
    for language in LANGUAGES:
        rows = data.groups == language
        confidence[language] = Confidence.fit(held[rows], data.y[rows])
    return Ready(train_model(recipe, data, None, title), confidence)


def _make_digits(recipe: Recipe, title: str | None) -> Ready:
    data = framed_digits()
    train, held = train_test_split(np.arange(len(data)), test_size=1 / FOLDS, stratify=data.y, random_state=0)
    trained = train_model(recipe, data.subset(train), None, title)
    return Ready(trained, {"": digits_confidence(trained.probabilities(data.x[held]), data.y[held])})


def _make_speech(recipe: Recipe, title: str | None) -> Ready:
    """Its voices are synthetic, which says too little about people: what it hears is read back, however sure it is."""
    data = training_digits() if recipe.data == "spoken-digits" else training_sounds()
    return Ready(train_model(recipe, data, None, title), {"": Confidence(1.0, NEVER)})


def digits_confidence(probabilities: np.ndarray, y: np.ndarray) -> Confidence:
    """The temperature for single digits, (N, 10) and (N,), and the threshold for whole numbers made of them at random."""
    single = Confidence(max(Confidence.fit(probabilities, y).temperature, 1.0))  # surer on other people's writing: no
    p = single(probabilities)
    rng = np.random.default_rng(0)
    confidence, right = np.empty(NUMBERS), np.empty(NUMBERS, bool)
    for i in range(NUMBERS):
        rows = rng.integers(0, len(y), rng.integers(1, LONGEST_NUMBER + 1))
        confidence[i], right[i] = p[rows].max(axis=1).prod(), (p[rows].argmax(axis=1) == y[rows]).all()
    return Confidence(single.temperature, max(threshold_at_risk(confidence, right), 1 - RISK))


def speech_confidence(trained: Trained, held: Dataset) -> Confidence:
    """The threshold of a transcript's probability, from strings of recordings that were held out."""
    strings = trained.task.test_set(held)
    confidence, right = heard_strings(trained, strings.subset(np.arange(min(len(strings), STRINGS))))
    return Confidence(1.0, threshold_at_risk(confidence, right))


def heard_strings(trained: Trained, strings: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the transcript of each string, (N,), and whether it is right, (N,) bool."""
    from tinymm.transcriber import Transcriber

    transcriber = Transcriber(trained, BEAM)
    heard = [transcriber.transcribe(sound) for sound in strings.x]
    right = [found.text == said for found, said in zip(heard, strings.y, strict=True)]
    return np.array([found.confidence for found in heard]), np.array(right)


def _confidence_of_run(name: str, trained: Trained) -> Confidences:
    """From what a run held out, which takes its data. ValueError, OSError: they cannot be had any more."""
    task, recipe = trained.task, trained.recipe
    loaded = task.load(recipe)
    held = loaded.data.subset(task.cut(recipe, loaded).held)
    if name == "speech":
        return {"": speech_confidence(trained, held)}
    if name == "digits":
        return {"": digits_confidence(trained.probabilities(held.x), held.y)}
    probabilities = trained.probabilities(held.x)
    languages = np.array([language_of(text) or "" for text in held.x])
    confidence = {}
    for language in LANGUAGES:
        rows = languages == language
        rows = rows if rows.sum() >= FEW else np.ones(len(held), bool)
        confidence[language] = Confidence.fit(probabilities[rows], held.y[rows])
    return confidence


MAKERS: dict[str, Callable[[Recipe, str | None], Ready]] = {
    "intent": lambda recipe, title: _make_text(recipe, title, "intent"),
    "sentiment": lambda recipe, title: _make_text(recipe, title, "sentiment"),
    "digits": _make_digits,
    "speech": _make_speech,
    "requests": _make_speech,
}
