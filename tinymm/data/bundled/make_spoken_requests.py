"""Make spoken_requests.npz: the requests of spoken_requests.tsv and their phrases, said by many voices.

    python make_spoken_requests.py

What it needs is said in `synthesis.py`. Each voice says some requests as a whole and some of the phrases that they are
made of; and something that is in no request, in other words or in another language, which a model learns to leave alone.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from tinymm.data.bundled.synthesis import (
    DIGITS,
    RECORDED,
    Take,
    espeak_take,
    espeak_voices,
    recorded_takes,
    speak_all,
    write_sounds,
)
from tinymm.data.datasets.spoken import NUMBER, request_rows

LONGEST = 8.0  # seconds
STEP = 0.04
REQUESTS = {"espeak-ng": 6, "recorded": 20}  # of each voice and size
PHRASES = {"espeak-ng": 4, "recorded": 12}
STRANGERS = {"espeak-ng": 1, "recorded": 3}
SIZES = {"espeak-ng": 1, "recorded": 3}  # of people that each voice stands for: vocal tracts of their own
SPEEDS = (0.75, 1.25)  # of a voice's own, which is brisk
SHORTEST_NUMBER, LONGEST_NUMBER = 3, 6  # digits
ENGLISH = (("pico", "en-US", "en-US"), ("pico", "en-GB", "en-GB"))
# what has nothing to do with a desk: by the language that is read
OTHER_WORDS = {
    "en": (
        *("music", "banana", "the weather", "mountain", "green grass", "a cup of tea", "philosophy", "elephant"),
        *("they were playing football", "seventeen", "it rains in the north", "blue sky", "chocolate cake", "river"),
        *("the teacher laughed", "history", "a small village", "butterfly", "hospital", "she sings every evening"),
        *("potato soup", "the moon", "guitar", "snow fell during the night", "train station", "yellow umbrella"),
    ),
    "de": ("guten Tag", "das Wetter ist schön", "wo wohnst du", "ein Apfel", "ich verstehe nicht", "Bahnhof"),
    "fr-fr": ("bonjour", "il fait beau", "je ne sais pas", "la voiture rouge", "demain matin", "quelle heure est-il"),
    "es": ("buenos días", "hace mucho calor", "la casa blanca", "no entiendo", "muchas gracias", "hasta luego"),
    "it": ("buongiorno", "la strada", "non capisco", "una bella giornata", "arrivederci"),
    "pl": ("dzień dobry", "nie wiem", "do widzenia", "ładna pogoda"),
    "cmn": ("你好", "今天天气很好", "我要退款", "谢谢", "请稍等", "再见"),
}


def takes() -> list[tuple[Take, str]]:
    """All recordings in the order of the file, each with its transcript: a take's label is the number of a request, or
    -1 for a phrase, or -2 for something else.
    """
    rng, planned = np.random.default_rng(1), list[tuple[Take, str]]()
    rows = request_rows()
    phrases = list(dict.fromkeys(phrase for row in rows for phrase in row.phrases if phrase != NUMBER))
    requests, parts = _shuffled(range(len(rows)), rng), _shuffled(phrases, rng)
    speakers = [("espeak-ng", voice, "") for voice in espeak_voices()] + [*RECORDED, *ENGLISH]
    kinds = ["espeak-ng" if engine == "espeak-ng" else "recorded" for engine, _, _ in speakers]
    people = [(*speaker, kind) for speaker, kind in zip(speakers, kinds, strict=True) for _ in range(SIZES[kind])]
    for engine, voice, accent, kind in people:
        said = [(number, _numbered(rows[number].text, rng)) for number in islice(requests, REQUESTS[kind])]
        said += [(-1, phrase) for phrase in islice(parts, PHRASES[kind])]
        texts = [(number, _spelled(text)) for number, text in said]
        if kind == "recorded":
            strange = [(-2, str(text)) for text in rng.choice(OTHER_WORDS["en"], STRANGERS[kind], replace=False)]
            made = recorded_takes(engine, voice, accent, texts + strange, rng, SPEEDS)
        else:
            made = [espeak_take(voice, number, text, rng, SPEEDS) for number, text in texts]
            for _ in range(STRANGERS[kind]):
                language = str(rng.choice(["en", *OTHER_WORDS]))
                strange_take = espeak_take(voice, -2, str(rng.choice(OTHER_WORDS[language])), rng)
                made.append(strange_take if language == "en" else replace(strange_take, accent=language))
        planned += zip(made, [text for _, text in said] + [""] * STRANGERS[kind], strict=True)
    return planned


def _shuffled(things: Sequence, rng: np.random.Generator):
    """All things in an order of chance, then in another, and so on: each equally often."""
    while True:
        yield from (things[i] for i in rng.permutation(len(things)))


def _numbered(text: str, rng: np.random.Generator) -> str:
    """A request with a number of chance in its place, digit by digit."""
    digits = rng.integers(0, 10, rng.integers(SHORTEST_NUMBER, LONGEST_NUMBER + 1))
    return text.replace(NUMBER, " ".join(map(str, digits)))


def _spelled(text: str) -> str:
    return " ".join(DIGITS[int(word)] if word.isdecimal() else word for word in text.split())


def main() -> None:
    planned = takes()
    made = [take for take, _ in planned]
    transcripts = np.array([text for _, text in planned])
    requests = np.array([take.label for take in made], np.int16)
    path = Path(__file__).with_name("spoken_requests.npz")
    write_sounds(path, made, speak_all(made, LONGEST), STEP, transcripts=transcripts, requests=requests)


if __name__ == "__main__":
    main()
