"""Make spoken_digits.npz: "zero" to "nine" from four free speech synthesisers, in many voices.

    python make_spoken_digits.py

What it needs is said in `synthesis.py`.
"""

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

LONGEST = 1.8  # seconds
STEP = 0.025
# English words as a voice of another language must see them to say them the way its people do
SPELLED = {
    "en-US": DIGITS,
    "en-GB": DIGITS,
    "de-DE": ("siero", "wann", "tuh", "sri", "foa", "faif", "ßicks", "sewwen", "ejt", "nain"),
    "fr-FR": ("ziro", "ouanne", "tou", "sri", "fore", "faïve", "sixe", "sévène", "éïte", "naïne"),
    "it-IT": ("siro", "uan", "tu", "sri", "for", "faiv", "sics", "seven", "eit", "nain"),
    "es-ES": ("siro", "uan", "tu", "sri", "for", "faif", "sics", "seven", "eit", "nain"),
}


def takes() -> list[Take]:
    """All recordings, in the order of the file."""
    rng = np.random.default_rng(0)
    planned = [
        espeak_take(voice, digit, word, rng)
        for voice in espeak_voices()
        for _ in range(2)
        for digit, word in enumerate(DIGITS)
    ]
    for engine, voice, accent in (*RECORDED, *(("pico", language, language) for language in SPELLED)):
        for _ in range(12):
            words = SPELLED[accent] if engine == "pico" else DIGITS
            planned += recorded_takes(engine, voice, accent, enumerate(words), rng)
    return planned


def main() -> None:
    planned = takes()
    labels = np.array([take.label for take in planned], np.uint8)
    path = Path(__file__).with_name("spoken_digits.npz")
    write_sounds(path, planned, speak_all(planned, LONGEST), STEP, labels=labels)


if __name__ == "__main__":
    main()
