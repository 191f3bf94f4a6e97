"""Writing down what is said: the task of models that are trained with CTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm import functional
from tinymm.data.datasets import Dataset
from tinymm.data.datasets.dataset import chain
from tinymm.data.datasets.strings import Joining, transcripts
from tinymm.metrics import character_error_rate, count_edits, word_error_rate
from tinymm.models import SpeechToText
from tinymm.nn import Module
from tinymm.recipes.loading import Loaded, Parts, cut, load_data
from tinymm.recipes.speech import SpeechFrontEnd, StringBatches, Targets
from tinymm.recipes.task import MOST_MISTAKES, Answer, Drawing, Judged, Task
from tinymm.recipes.writing import Transcript, Writer
from tinymm.recording import no_grad

if TYPE_CHECKING:
    from tinymm.recipes.recipe import Recipe
    from tinymm.recipes.training import Trained

TEST_STRINGS = 500  # at most; and no more than two for each recording
TEST_SEED = 2006  # all models are tested on the same strings
WATCHED = 100  # strings that are transcribed after every epoch
MOST_ROWS = 12  # of the table by number of words


class Transcription(Task):
    """Each sound has a transcript. Predictions are texts, judged by how many edits make the transcripts of them.

    Args:
        joining: recordings are joined to strings so, for the test too, with a fixed seed. Where recordings have
            transcripts of their own, and where a "string" is one recording (`most=1`), the test has each as it is.
    """

    def __init__(self, joining: Joining | None = None):
        self.joining = joining or Joining()

    def load(self, recipe: Recipe) -> Loaded:
        try:
            return load_data(recipe)
        except ConnectionError as error:
            raise type(error)(f"{error}; or take the bundled synthetic voices: data='spoken-digits'") from None

    def cut(self, recipe: Recipe, loaded: Loaded) -> Parts:
        """As usual; but where speakers are known and no test set is official, whole speakers are held out."""
        recipe = recipe.complete()
        if recipe.split == "folds" and loaded.data.groups is not None:
            parts = cut(replace(recipe, split="groups", folds=recipe.folds or 5), loaded)
            return parts if recipe.folds else replace(parts, folds=[])
        return cut(recipe, loaded)

    def test_set(self, data: Dataset) -> Dataset:
        if self.joining.most == 1 or data.y.dtype == object:
            return replace(data, y=transcripts(data))
        return self.joining(data, min(TEST_STRINGS, 2 * len(data)), np.random.default_rng(TEST_SEED))

    def batches(
        self, recipe: Recipe, front_end: SpeechFrontEnd, prepared: Dataset, data: Dataset, seed: int
    ) -> StringBatches:
        size = len(data) if recipe.optimizer == "gd" else recipe.batch_size or 32
        return StringBatches(front_end, prepared, size, seed, bool(recipe.augment))

    def loss(self, outputs: Any, y: Targets) -> Any:
        return functional.ctc_loss(outputs, y.labels, y.steps, y.lengths, zero_infinity=True)

    def validation(self, front_end: Any, data: Dataset) -> Callable[[Module], dict[str, float]]:
        data = data.subset(np.arange(min(WATCHED, len(data))))
        features = front_end.prepare(data.x)

        def measure(model: Module) -> dict[str, float]:
            writer = Writer(front_end)
            heard = [transcribe(writer, model, x).text for x in features]
            return {"word_error_rate": word_error_rate(list(data.y), heard)}

        return measure

    def predict(self, trained: Trained, samples: np.ndarray) -> np.ndarray:
        front_end: Any = trained.front_end
        writer = Writer(front_end)
        heard = [transcribe(writer, trained.model, x).text for x in front_end.prepare(samples)]
        return np.array(heard, dtype=object)

    def judge(self, folds: Sequence[tuple[Dataset, np.ndarray]]) -> Judged:
        scores = [_scores(data.y, heard) for data, heard in folds]
        summary = {name: np.array([score[name] for score in scores]) for name in scores[0]}
        tested = chain([data for data, _ in folds])
        sizes = sorted({len(text.split()) for text in tested.y})
        table = {}
        for size in sizes if 1 < len(sizes) <= MOST_ROWS else []:
            chosen = [[len(text.split()) == size for text in data.y] for data, _ in folds]
            found = [_scores(data.y[rows], heard[rows]) for rows, (data, heard) in zip(chosen, folds, strict=True)]
            row = f"{size} word{'s' if size != 1 else ''}"
            table[row] = {name: np.array([score[name] for score in found]) for name in summary}
        return Judged(tested, np.concatenate([heard for _, heard in folds]), summary, table | {"all": summary})

    def answers(self, trained: Trained, samples: np.ndarray, top: int) -> list[Answer]:
        front_end: Any = trained.front_end
        found = []
        writer = Writer(front_end)
        for features in front_end.prepare(samples):
            text, confidence, _ = transcribe(writer, trained.model, features)
            line = f"{text or '(no words)'}   {confidence:6.1%}"
            found.append(Answer(line, {"transcript": text, "confidence": round(confidence, 6)}))
        return found

    def numbers(self, judged: Judged) -> dict[str, Any]:
        edits = [count_edits(said.split(), heard.split()) for said, heard in _pairs(judged)]
        return {
            "edits": {
                name: sum(getattr(e, name) for e in edits) for name in ("substitutions", "insertions", "deletions")
            },
            "words": sum(len(said.split()) for said, _ in _pairs(judged)),
        }

    def drawings(self, trained: Trained, judged: Judged) -> dict[str, Drawing]:
        from tinymm import plots

        front_end: Any = trained.front_end

        def draw(i: int) -> Any:
            (features,) = front_end.prepare(judged.tested.x[i : i + 1])
            return plots.alignment(
                features,
                log_probabilities(trained.model, features),
                front_end.labels.names,
                front_end.log_mel.hop,
                front_end.log_mel.hop * SpeechToText.STRIDE,
                title=f"said: {judged.tested.y[i]}     heard: {judged.predictions[i]}",
            )

        right = np.array([said == heard for said, heard in _pairs(judged)])
        words = np.array([len(text.split()) for text in judged.tested.y])
        found: dict[str, Drawing] = {}
        if right.any():
            example = int(np.where(right, words, -1).argmax())
            found["A string heard right"] = "alignment", lambda: draw(example)
        if not right.all():
            mistake = int(np.where(right, -1, words).argmax())
            found["A string misheard"] = "mistake", lambda: draw(mistake)
        return found

    def mistakes(self, judged: Judged) -> str:
        wrong = [f"{said}, heard as {heard or 'nothing'}" for said, heard in _pairs(judged) if said != heard]
        return "\n".join(f"{line:.300}" for line in wrong[:MOST_MISTAKES])


@no_grad()
def log_probabilities(model: Module, features: np.ndarray) -> np.ndarray:
    """What the model says of one sound's features (T, bands): log-probabilities (S, classes)."""
    return np.asarray(model(features[None]))[0]


def transcribe(writer: Writer, model: Module, features: np.ndarray) -> Transcript:
    """The transcript of one sound's features (T, bands)."""
    writer.reset()
    writer.feed(log_probabilities(model, features))
    return writer.finish()


def _pairs(judged: Judged) -> list[tuple[str, str]]:
    return list(zip(judged.tested.y, judged.predictions, strict=True))


def _scores(said: np.ndarray, heard: np.ndarray) -> dict[str, float]:
    if not len(said):
        return dict.fromkeys(("word error rate", "character error rate", "wrong strings"), np.nan)
    return {
        "word error rate": word_error_rate(list(said), list(heard)),
        "character error rate": character_error_rate(list(said), list(heard)),
        "wrong strings": float(np.mean(said != heard)),
    }
