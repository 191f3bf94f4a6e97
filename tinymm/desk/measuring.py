"""How right the desk is, on what its models were not trained on, and how long its turns take on this computer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinymm import metrics
from tinymm.data.datasets import Dataset, SpokenRequests, load_desk_requests, load_digits
from tinymm.data.image import resize
from tinymm.desk import models
from tinymm.desk.confidence import RISK, Confidence
from tinymm.desk.desk import Desk
from tinymm.desk.models import LANGUAGES, cross_validated, desk_requests
from tinymm.desk.numbers import find_number
from tinymm.desk.spoken import held_digits, held_requests
from tinymm.splits import StratifiedKFold, train_test_split

TURNS = 200  # of each kind, for latencies
ROWS = 200  # pictures of numbers that are read for the evaluation
STRINGS = 250  # spoken numbers that are heard for it, and at most so many spoken requests of each kind
MOST = 8  # digits of a number
RISKS = (0.03, 0.05, RISK)  # shares of mistakes for which the share answered is shown
Row = dict[str, float]


@dataclass(frozen=True)
class Measured:
    """Tables of numbers: title → row → column → value; printed, or as JSON by `to_dict`.

    `notes` says for each table how it was measured.
    """

    tables: dict[str, dict[str, Row]]
    notes: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {title: {"how": self.notes.get(title, ""), "rows": rows} for title, rows in self.tables.items()}

    def __str__(self) -> str:
        blocks = []
        for title, rows in self.tables.items():
            columns = list(dict.fromkeys(column for row in rows.values() for column in row))
            wide = max(len(name) for name in rows)
            lines = [title, *([self.notes[title]] if title in self.notes else [])]
            lines.append(f"  {'':<{wide}}  " + "  ".join(columns))
            for name, row in rows.items():
                cells = [f"{_shown(column, row[column]) if column in row else '':>{len(column)}}" for column in columns]
                lines.append(f"  {name:<{wide}}  " + "  ".join(cells))
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks)


def _shown(column: str, value: float) -> str:
    """Counts as whole numbers, times with a decimal, shares in per cent."""
    if column in ("samples", "numbers", "turns"):
        return f"{value:,.0f}"
    return f"{value:.1f}" if column.endswith("ms") else f"{value:.1%}"


def evaluate(desk: Desk) -> Measured:
    """Intent and sentiment by cross-validation; numbers and spoken requests that the desk's models have not seen."""
    tables: dict[str, dict[str, Row]] = {}
    notes: dict[str, str] = {}
    for what in ("intent", "sentiment"):
        data = desk_requests(what)
        held = cross_validated(models.RECIPES[what], data, what if desk.progress else None)
        fitted = {risk: _cross_fitted(data, held, risk) for risk in RISKS}
        for language in LANGUAGES:
            rows, part = np.asarray(data.groups == language), f"{what}, {language}"
            honest = fitted[RISK][0]
            tables[part] = _per_class(data, honest, rows)
            notes[part] = f"{models.FOLDS} stratified folds; precision, recall and F1 over all of them."
            tables[f"{part}: probabilities"] = {"all": _honesty(data, held, honest, rows)}
            notes[f"{part}: probabilities"] = "The temperature was chosen on the other folds."
            if what == "intent":
                tables[f"{part}: answered at once"] = {
                    f"at most {risk:.0%} mistakes": _answered(data, *fitted[risk], rows) for risk in RISKS
                }
                notes[f"{part}: answered at once"] = (
                    "Thresholds for these risks were chosen on the other folds; the rest is asked again. "
                    f"The desk uses {RISK:.0%}."
                )
    tables["numbers"] = {
        "typed in the bundled requests": _typed(),
        "written, drawn from held-out digits": _written(desk),
        "spoken, held-out voices": _spoken(desk),
    }
    notes["numbers"] = (
        f"Whole numbers, but for the typed ones of 1 to {MOST} digits: right, accepted at once (the rest is read back), and "
        "right among the accepted. The digits of the written ones are by the people whose other digits were trained on."
    )
    if "requests" not in desk.runs:
        return Measured(tables, notes)
    tables["spoken requests"] = _spoken_requests(desk)
    notes["spoken requests"] = (
        "By voices that were held out; the intent is right, would be if they were typed so, is answered at once (the rest "
        "is asked again), and is right among those. Known wordings were trained on with other voices, new ones were not."
    )
    return Measured(tables, notes)


def _cross_fitted(data: Dataset, held: np.ndarray, risk: float) -> tuple[np.ndarray, np.ndarray]:
    """Honest probabilities, and which are sure enough, by temperatures and thresholds chosen without the fold's samples."""
    honest, answered = np.empty_like(held), np.empty(len(held), bool)
    for language in LANGUAGES:
        rows = np.flatnonzero(np.asarray(data.groups == language))
        for others, fold in StratifiedKFold(models.FOLDS, shuffle=True, random_state=1).split(rows, data.y[rows]):
            confidence = Confidence.fit(held[rows[others]], data.y[rows[others]], risk)
            p = confidence(held[rows[fold]])
            honest[rows[fold]], answered[rows[fold]] = p, p.max(axis=1) >= confidence.threshold
    return honest, answered


def _per_class(data: Dataset, p: np.ndarray, rows: np.ndarray) -> dict[str, Row]:
    y, predicted = data.y[rows], p[rows].argmax(axis=1)
    scores: Any = metrics.precision_recall_fscore_support(y, predicted, zero_division=0)
    precision, recall, f1, support = scores
    table = {
        data.class_names[c]: {"precision": precision[i], "recall": recall[i], "F1": f1[i], "samples": support[i]}
        for i, c in enumerate(np.unique(np.concatenate([y, predicted])))
    }
    mean = {"precision": precision.mean(), "recall": recall.mean(), "F1": f1.mean(), "samples": len(y)}
    return {
        name: {column: float(value) for column, value in row.items()} for name, row in (table | {"mean": mean}).items()
    }


def _honesty(data: Dataset, raw: np.ndarray, p: np.ndarray, rows: np.ndarray) -> Row:
    y, labels = data.y[rows], np.arange(len(data.class_names))
    first_two = np.argsort(-p[rows], axis=1)[:, :2]
    return {
        "accuracy": float((first_two[:, 0] == y).mean()),
        "among the first two": float((first_two == y[:, None]).any(axis=1).mean()),
        "calibration error": metrics.expected_calibration_error(y, p[rows], labels=labels),
        "without temperature": metrics.expected_calibration_error(y, raw[rows], labels=labels),
    }


def _answered(data: Dataset, p: np.ndarray, answered: np.ndarray, rows: np.ndarray) -> Row:
    right, sure = (p.argmax(axis=1) == data.y)[rows], answered[rows]
    return {
        "answered": float(sure.mean()),
        "right of these": float(right[sure].mean()) if sure.any() else 0.0,
        "right of the others": float(right[~sure].mean()) if not sure.all() else 0.0,
    }


def _typed() -> Row:
    """Whether a number is found in those requests that give one, and in no others."""
    requests = load_desk_requests()
    gives = requests.intents == requests.intent_names.index("order_number")
    found = np.array([bool(find_number(text)) for text in requests.texts])
    return {
        "numbers": float(gives.sum()),
        "found": float(found[gives].mean()),
        "found in other requests": float(found[~gives].mean()),
    }


def _written(desk: Desk) -> Row:
    digits = load_digits()
    _, held = train_test_split(np.arange(len(digits)), test_size=1 / models.FOLDS, stratify=digits.y, random_state=0)
    pictures, truth = draw_numbers(digits.x[held], digits.y[held], ROWS, np.random.default_rng(0))
    seen = [desk.see(picture) for picture in pictures]
    return _accepted([heard.number for heard in seen], truth, [heard.number_sure for heard in seen])


def _spoken(desk: Desk) -> Row:
    strings = spoken_numbers(desk, STRINGS)
    heard = [desk.hear(sound, speed=0) for sound in strings.x]
    numbers = [found.number if found else "" for found, _ in heard]
    row = _accepted(
        numbers, [text.replace(" ", "") for text in strings.y], [bool(f and f.number_sure) for f, _ in heard]
    )
    row["word error rate"] = metrics.word_error_rate(list(strings.y), [sound.text for _, sound in heard])
    return row


def spoken_numbers(desk: Desk, count: int) -> Dataset:
    """Numbers spoken by voices that the desk's own model was not trained on."""
    from tinymm.data.datasets.strings import Joining

    return Joining(most=MOST)(held_digits(), count, np.random.default_rng(0))


def _spoken_requests(desk: Desk) -> dict[str, Row]:
    table = {}
    for name, requests in (("known wordings", held_requests()), ("new wordings", held_requests(new=True))):
        computed = requests.engines == "espeak-ng"
        for kind, chosen in (("computed", computed), ("recorded", ~computed)):
            table[f"{name}, {kind} voices"] = _requested(desk, requests.subset(chosen))
        table[f"{name}, all"] = _requested(desk, requests)
    return table


def _requested(desk: Desk, requests: SpokenRequests) -> Row:
    few = min(len(requests.rows), STRINGS)
    requests = requests.subset(np.random.default_rng(0).choice(len(requests.rows), few, replace=False))
    meant = [requests.intent_names[intent] for intent in requests.intents]
    texts = list(requests.sounds.y)
    heard = [desk.hear(sound, speed=0) for sound in requests.sounds.x]
    understood = [found for found, _ in heard]
    right = np.array([u is not None and u.intent == i for u, i in zip(understood, meant, strict=True)])
    sure = np.array([u is not None and u.sure for u in understood])
    return {
        "samples": float(len(texts)),
        "word error rate": metrics.word_error_rate(texts, [sound.text for _, sound in heard]),
        "intent": float(right.mean()),
        "typed": float(np.mean([desk.read(text).intent == i for text, i in zip(texts, meant, strict=True)])),
        "answered": float(sure.mean()),
        "right of these": float(right[sure].mean()) if sure.any() else 0.0,
    }


def _accepted(found: Sequence[str], truth: Sequence[str], sure: Sequence[bool]) -> Row:
    right, accepted = np.array([f == t for f, t in zip(found, truth, strict=True)]), np.array(sure)
    return {
        "numbers": float(len(right)),
        "right": float(right.mean()),
        "accepted": float(accepted.mean()),
        "right of these": float(right[accepted].mean()) if accepted.any() else 0.0,
    }


def draw_numbers(
    digits: np.ndarray, y: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[str]]:
    """Pictures (1, H, W) of numbers put together of single digits (N, 1, h, w): dark on paper, in uneven light.

    Size, gaps, heights in the row, the light and the noise are drawn at random.
    """
    pictures, truth = [], []
    for _ in range(count):
        rows = rng.integers(0, len(digits), rng.integers(1, MOST + 1))
        side = int(rng.integers(24, 90))
        parts = []
        for image in resize(digits[rows], side)[:, 0]:
            columns = np.flatnonzero((image > 0.1).any(axis=0))
            moved = np.roll(
                np.pad(image[:, columns[0] : columns[-1] + 1], ((8, 8), (0, 0))), rng.integers(-5, 6), axis=0
            )
            parts += [moved, np.zeros((side + 16, int(rng.integers(3, side // 3))))]
        ink: np.ndarray = np.pad(np.concatenate(parts, axis=1), side // 4)
        light = np.linspace(rng.uniform(0.6, 1), rng.uniform(0.6, 1), ink.shape[1])
        paper = light * (1 - rng.uniform(0.6, 0.95) * ink) + rng.normal(0, 0.02, ink.shape)
        pictures.append(np.clip(paper, 0, 1)[None].astype(np.float32))
        truth.append("".join(str(y[i]) for i in rows))
    return pictures, truth


def latency(desk: Desk) -> Measured:
    """From the end of what came to the answer, over many turns of each kind, after loading: median and 95th percentile.

    Sound arrives without waiting here, so that a chunk may come while the last is still being worked on.
    """
    desk.prepare()
    session, rng = desk.session(), np.random.default_rng(0)
    digits = load_digits()
    texts = [str(text) for text in rng.choice(load_desk_requests().texts, TURNS)]
    pictures, _ = draw_numbers(digits.x, digits.y, TURNS // 4, rng)
    sounds = [(sound, desk.transcriber.rate) for sound in spoken_numbers(desk, TURNS // 4).x]
    requests = [(sound, desk.transcriber.rate) for sound in held_requests().sounds.x[: TURNS // 4]]
    kinds: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
        "typed": (session.say, texts),
        "a picture of a number": (session.see, pictures),
        "a spoken number: after the end of the sound": (lambda sound: session.hear(sound, speed=0), sounds),
        "a spoken request: after the end of the sound": (lambda sound: session.hear(sound, speed=0), requests),
    }
    table = {}
    for name, (turn, given) in kinds.items():
        times = []
        for item in given:
            session.restart()
            times.append(turn(item).milliseconds)
        table[name] = _spread(times)
    table["spoken: a chunk of 0.1 s"] = _spread(
        [1000 * t for sound, _ in sounds[:20] + requests[:20] for t in _chunk_times(desk, sound)]
    )
    first = []
    for sound, rate in sounds + requests:
        partials = desk.hear(sound, speed=0)[1].partials
        if partials:
            first.append(1000 * (len(sound) / rate - partials[0][0]))
    notes = {"latency": "After loading, from the end of what came to the answer; in milliseconds."}
    tables = {"latency": table}
    if first:
        tables["first partial transcript"] = {"before the end of the sound": _spread(first)}
        notes["first partial transcript"] = "How long before the end of the sound it appears; in milliseconds."
    return Measured(tables, notes)


def _chunk_times(desk: Desk, sound: np.ndarray) -> list[float]:
    """Seconds of work for each chunk of a sound."""
    transcriber, times = desk.transcriber, []
    size = transcriber.rate // 10
    for start in range(0, len(sound), size):
        began = time.perf_counter()
        transcriber.feed(sound[start : start + size])
        times.append(time.perf_counter() - began)
    transcriber.reset()
    return times


def _spread(milliseconds: Sequence[float]) -> Row:
    return {
        "turns": float(len(milliseconds)),
        "median ms": float(np.median(milliseconds)),
        "95 % ms": float(np.quantile(milliseconds, 0.95)),
        "longest ms": float(np.max(milliseconds)),
    }
