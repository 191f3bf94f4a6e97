"""Small data sets of each sense, whose classes are easy to tell apart."""

import numpy as np

from tinymm.data.datasets import Dataset, Senses

SOURCE = ("made here", "none")


def images(n=40, shape=(1, 8, 8), seed=0):
    """Class 1 is bright on the left, class 0 on the right."""
    random = np.random.default_rng(seed)
    x, y = random.random((n, *shape), dtype=np.float32) / 2, np.arange(n) % 2
    half = shape[2] // 2
    x[y == 1, :, :, :half] += 0.5
    x[y == 0, :, :, half:] += 0.5
    return Dataset(x, y, ("right", "left"), "halves", *SOURCE)


def sounds(n=24, rate=8000, seed=0):
    """Class 0 is a low tone, class 1 a high one, each from one of three speakers, with a little noise."""
    random = np.random.default_rng(seed)
    y, x = np.arange(n) % 2, []
    for label in y:
        time = np.arange(int(random.uniform(0.2, 0.5) * rate)) / rate
        tone = np.sin(2 * np.pi * (400 + 1200 * label) * time * random.uniform(0.95, 1.05))
        x.append((0.3 * tone * np.hanning(len(time)) + 0.001 * random.standard_normal(len(time))).astype(np.float32))
    groups = np.array(["anna", "ben", "carl"])[np.arange(n) // 2 % 3]
    return Dataset(x, y, ("low", "high"), "tones", *SOURCE, groups=groups, rate=rate)


GOOD = ("good", "great", "lovely", "fine", "nice")
BAD = ("bad", "awful", "terrible", "poor", "broken")
THINGS = ("phone", "film", "food", "place", "story", "parcel", "room")


def texts(n=60, seed=0):
    random = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = [
        f"the {random.choice(THINGS)} was {random.choice(GOOD if label else BAD)}, visit {i}"
        for i, label in enumerate(y)
    ]
    return Dataset(x, y, ("bad", "good"), "opinions", *SOURCE)


def together(n=24, seed=0):
    """The same class seen, heard and read."""
    seen, heard, read = images(n, seed=seed), sounds(n, seed=seed), texts(n, seed=seed)
    x = [Senses(*sample) for sample in zip(seen.x, heard.x, read.x, strict=True)]
    groups, index = heard.groups, np.arange(n)
    return Dataset(x, seen.y, ("no", "yes"), "triples", *SOURCE, groups=groups, index=index, rate=heard.rate)
