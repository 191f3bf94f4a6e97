"""How good are the predictions? Scores for classifiers, with the names and the numbers of scikit-learn.

Everything that judges predicted *labels* follows from one table, the confusion matrix C, where C[i, j]
counts the samples of class i that were predicted as class j. For class c

    TP = C[c, c]            FP = Σᵢ C[i, c] − TP            FN = Σⱼ C[c, j] − TP

    precision P = TP / (TP + FP)    recall R = TP / (TP + FN)    F1 = 2PR / (P + R) = 2TP / (2TP + FP + FN)

(C. D. Manning, P. Raghavan, H. Schütze, "Introduction to Information Retrieval", 2008, chapter 8.3.)

Probabilities are judged by whether they come true (`tinymm.metrics.calibration`).
Retrieval is judged by what is among the first k found (`tinymm.metrics.retrieval`).
Transcripts are judged by the edits that make them right (`tinymm.metrics.transcripts`).

Labels are one-dimensional arrays of whole numbers, booleans or text. Arrays, lists and Tensors may be
passed.
"""

from tinymm.metrics.calibration import (
    Reliability,
    brier_score_loss,
    expected_calibration_error,
    fit_temperature,
    reliability_curve,
)
from tinymm.metrics.checks import UndefinedMetricWarning
from tinymm.metrics.labels import (
    accuracy_score,
    classification_report,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
)
from tinymm.metrics.retrieval import recall_at_k
from tinymm.metrics.scores import log_loss, roc_auc_score, top_k_accuracy_score
from tinymm.metrics.transcripts import Edits, character_error_rate, count_edits, word_error_rate

__all__ = [
    "Edits",
    "Reliability",
    "UndefinedMetricWarning",
    "accuracy_score",
    "brier_score_loss",
    "character_error_rate",
    "classification_report",
    "confusion_matrix",
    "count_edits",
    "expected_calibration_error",
    "f1_score",
    "fit_temperature",
    "log_loss",
    "precision_recall_fscore_support",
    "precision_score",
    "recall_at_k",
    "recall_score",
    "reliability_curve",
    "roc_auc_score",
    "top_k_accuracy_score",
    "word_error_rate",
]
