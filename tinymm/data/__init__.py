"""Data: cleaning, preparation, augmentation, batches and the data sets themselves.

`image`, `audio` and `text` hold what belongs to one sense, `datasets` the sets.
"""

from tinymm.data import audio, image, text
from tinymm.data.datasets import Dataset
from tinymm.data.image import Augmentation, clean, overlap
from tinymm.data.loading import DataLoader
from tinymm.data.standardizing import Standardizer
from tinymm.data.streaming import StreamingLoader, write_shards

__all__ = [
    *("Augmentation", "DataLoader", "Dataset", "Standardizer", "StreamingLoader", "audio", "clean", "image"),
    *("overlap", "text", "write_shards"),
]
