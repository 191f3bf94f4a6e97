"""Text: read, clean and cut it, number its words or count its terms, fill sequences up, make typing errors.

texts ─ clean_text ─ words ─ Vocabulary ─ pad_sequences      what networks read
texts ─ TfidfVectorizer(NGrams(...))                         what linear models read
"""

from tinymm.data.text.cleaning import clean_text
from tinymm.data.text.counts import CountVectorizer, HashingVectorizer
from tinymm.data.text.files import decode_text, read_lines
from tinymm.data.text.mistyping import mistype
from tinymm.data.text.ngrams import NGrams
from tinymm.data.text.padding import batches_by_length, pad_sequences, padding_mask
from tinymm.data.text.tfidf import LogCountRatio, TfidfTransformer, TfidfVectorizer
from tinymm.data.text.tokenizing import characters, words
from tinymm.data.text.vocabulary import Vocabulary

__all__ = [
    "CountVectorizer",
    "HashingVectorizer",
    "LogCountRatio",
    "NGrams",
    "TfidfTransformer",
    "TfidfVectorizer",
    "Vocabulary",
    "batches_by_length",
    "characters",
    "clean_text",
    "decode_text",
    "mistype",
    "pad_sequences",
    "padding_mask",
    "read_lines",
    "words",
]
