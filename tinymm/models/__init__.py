"""Models: the one the package is named for, and the plain ones it is compared with."""

from tinymm.models.baselines import CNN, RowRNN
from tinymm.models.mmbigmodel import MMBigModel

__all__ = ["CNN", "MMBigModel", "RowRNN"]
