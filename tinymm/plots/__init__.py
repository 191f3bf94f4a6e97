"""Pictures of training, of results and of what a network looks at.

Every function draws into `ax`, or into a new figure if there is none, and returns the Axes, so that
pictures can be combined, changed and saved: `plots.save(plots.confusion_matrix(m), "confusion.png")`.

A new figure is pyplot's where somebody is looking (in a notebook or IPython, or when the program has
imported `matplotlib.pyplot` itself): it then shows by itself or with `plt.show()`. Elsewhere, as in a
training run, it is a plain `Figure`, which opens no window and is freed with its Axes. The backend and
rcParams are never touched.

Colours are those of M. Okabe and K. Ito, "Color Universal Design", 2008, and colour maps go from light to
dark, so that they can be told apart by colour-blind readers and in grey print.
"""

from tinymm.plots.calibration import reliability
from tinymm.plots.figure import png, save
from tinymm.plots.functions import contours
from tinymm.plots.graph import graph
from tinymm.plots.network import feature_maps, filters, images
from tinymm.plots.noise import accuracy_against_noise
from tinymm.plots.results import confusion_matrix, folds, learning_curves, scores_per_class
from tinymm.plots.sound import spectrogram
from tinymm.plots.space import shared_space
from tinymm.plots.speech import alignment
from tinymm.plots.staleness import accuracy_against_staleness, staleness
from tinymm.plots.text import heaviest_terms
from tinymm.plots.trials import trials

__all__ = [
    "accuracy_against_noise",
    "accuracy_against_staleness",
    "alignment",
    "confusion_matrix",
    "contours",
    "feature_maps",
    "filters",
    "folds",
    "graph",
    "heaviest_terms",
    "images",
    "learning_curves",
    "png",
    "reliability",
    "save",
    "scores_per_class",
    "shared_space",
    "spectrogram",
    "staleness",
    "trials",
]
