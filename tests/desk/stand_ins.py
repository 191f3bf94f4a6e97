"""Stand-ins for models: small, exact, and quick."""

import numpy as np

from tinymm.desk.hearing import listen
from tinymm.desk.numbers import find_number
from tinymm.desk.understanding import Understood, language_of, yes_or_no
from tinymm.transcriber import Transcript

WORDS = {"parcel": "delivery", "hello": "greeting", "bye": "goodbye", "person": "person", "退款": "refund"}


class Parrot:
    """A transcriber at 100 samples a second that hears 4, 7 and, at the end, 1, whatever is said."""

    rate = 100

    def __init__(self):
        self.chunks, self.resets = [], 0

    def feed(self, samples):
        self.chunks.append(samples)
        heard = sum(map(len, self.chunks))
        return "4 7" if heard >= 60 else "4" if heard >= 30 else ""

    def finish(self):
        return Transcript("4 7 1" if sum(map(len, self.chunks)) > 5 else "", 0.9)

    def reset(self):
        self.resets += 1


class PlainDesk:
    """A desk that knows five words."""

    number_reader = None

    def read(self, text, language="en"):
        if not text.strip():
            raise ValueError("nothing was said")
        intent = next((intent for word, intent in WORDS.items() if word in text), "other")
        p = 0.9 if intent != "other" else 0.1
        number = find_number(text)
        if number:
            intent, p = "order_number", 0.9
        language = language_of(text) or language
        return Understood(text, language, ((intent, p),), number=number, yes=yes_or_no(text))

    def see(self, picture, language="en"):
        if isinstance(picture, str):
            raise FileNotFoundError(f"read_image: cannot open {picture} (no such file): is the path right?")
        return Understood("4711", language, (("order_number", 0.5),), number="4711", number_sure=False)

    def sound(self, source):
        return source[0]

    def hear(self, sound, language="en", speed=1.0, on_partial=None):
        heard = listen(Parrot(), np.asarray(sound), speed, on_partial)
        number = find_number(heard.text)
        understood = Understood(heard.text, language, (("order_number", 0.9),), number=number) if number else None
        return understood, heard
