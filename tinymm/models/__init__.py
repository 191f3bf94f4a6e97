"""Models: the one the package is named for, and the plain ones for images, sounds and texts."""

from tinymm.models.baselines import CNN, RowRNN
from tinymm.models.mmbigmodel import MMBigModel
from tinymm.models.shared_space import SharedSpace
from tinymm.models.speech import SpeechCNN, SpeechCRNN, SpeechToText
from tinymm.models.text import BagOfTerms, TextRNN

__all__ = [
    "CNN",
    "BagOfTerms",
    "MMBigModel",
    "RowRNN",
    "SharedSpace",
    "SpeechCNN",
    "SpeechCRNN",
    "SpeechToText",
    "TextRNN",
]
