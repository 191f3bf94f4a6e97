"""Data: cleaning, preparation, augmentation, batches and the data sets themselves."""

from tinymm.data.augmentation import Augmentation
from tinymm.data.cleaning import clean, overlap
from tinymm.data.datasets import Dataset
from tinymm.data.loading import DataLoader
from tinymm.data.standardizing import Standardizer

__all__ = ["Augmentation", "DataLoader", "Dataset", "Standardizer", "clean", "overlap"]
