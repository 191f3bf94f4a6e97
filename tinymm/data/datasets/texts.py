"""Text sets: sentiment of sentences, requests to a bank, and questions by topic.

One convention: `x` is (N,) str, as it stands in the file; cleaning is for whoever reads it.
"""

import io
import os
from pathlib import Path

import numpy as np

from tinymm.data.datasets.dataset import Dataset, check_subset
from tinymm.data.download import RemoteFile, fetch_file, find_file

SENTIMENT_ADDRESSES = ("https://archive.ics.uci.edu/static/public/331",)
SENTIMENT_ARCHIVE = RemoteFile(
    "sentiment+labelled+sentences.zip",
    84_188,
    "afc26626d710899948693e1a61405dce197f57ffa719fa1130d346b4cc095343",
)
SENTIMENT_FILES = {  # what is in the archive; copies with CRLF at the ends of lines will do as well
    "amazon": RemoteFile(
        "amazon_cells_labelled.txt",
        58_226,
        "47003fc0a0d4840b00e96e715b6189bad09e7443a3da41c4cbe12ffc79f86ae3",
        also=("d631a137c89205e2b5091543d79d6f77e50446a11bab7bb7b9e528d46dd9a6dc",),
    ),
    "imdb": RemoteFile(
        "imdb_labelled.txt",
        85_285,
        "aef2e49e3da25714d61175e3a6e68eeef74a20a2f914318dc3be9947ea86512d",
        also=("d12a866cf337cf871233c5d52ccca717f124d9678101e37fb3415c830f72e574",),
    ),
    "yelp": RemoteFile(
        "yelp_labelled.txt",
        61_320,
        "c76468b7b5c6e56a0804d728345c5f84aa2142ddb214420f61cc9cfd4c00d2ea",
        also=("eeb9e1493ffcde9fb838bf8e20ff48ec51bbb349355e5760e02746b707d399d1",),
    ),
}

BANKING77_ADDRESSES = (
    "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/"
    "57ec275d8078af65b7731c2a98be812d844a6d6b/banking_data",
)
BANKING77_FILES = {
    "train": RemoteFile(
        "train.csv",
        839_073,
        "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
    ),
    "test": RemoteFile(
        "test.csv",
        239_961,
        "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
    ),
    "names": RemoteFile(
        "categories.json",
        2_036,
        "53261da888122daf2d120d925458631d9619e15d82e56052e7a42e535ce32b63",
    ),
}

TREC_ADDRESSES = ("https://cogcomp.seas.upenn.edu/Data/QA/QC",)
TREC_FILES = {  # copies without the quotation marks and apostrophes hold the same questions in the same order
    "train": RemoteFile(
        "train_5500.label",
        335_858,
        "9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3",
        also=("8bd6e79493f43bbd22c364587366a1dced54e1e31259eaa92721a0f526031116",),
    ),
    "test": RemoteFile(
        "TREC_10.label",
        23_354,
        "033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e",
        also=("86ad53c8fc9d397ab2f4be7c967d8efb470b260140557d3e57afad69d1b88b76",),
    ),
}
TREC_TOPICS = {
    "ABBR": "abb exp",
    "DESC": "def desc manner reason",
    "ENTY": "animal body color cremat currency dismed event food instru lang letter other plant product religion sport "
    "substance symbol techmeth termeq veh word",
    "HUM": "desc gr ind title",
    "LOC": "city country mount other state",
    "NUM": "code count date dist money ord other perc period speed temp volsize weight",
}
TREC_COARSE = tuple(TREC_TOPICS)
TREC_FINE = tuple(f"{coarse}:{fine}" for coarse, names in TREC_TOPICS.items() for fine in names.split())


def fetch_sentiment(data_home: str | os.PathLike | None = None) -> Dataset:
    """Return the Sentiment Labelled Sentences, downloaded on first use: 3,000 sentences, half of them positive.

    1,000 each from reviews on Amazon (phones), IMDb (films) and Yelp (restaurants), which `groups` names. There is no
    official test set: use cross-validation. `data_home` as for `fetch_mnist`; the subfolder is `sentiment`.

    Returns:
        Dataset: `x` (3000,) str, `y` 0 for negative and 1 for positive.

    Raises:
        ValueError: a file that is not the official one.
        ConnectionError: no network; the message says where to put the file.

    Source: Kotzias, Denil, de Freitas and Smyth (2015), From group to individual labels using deep features, KDD;
    UCI Machine Learning Repository, data set 331, CC BY 4.0, https://doi.org/10.24432/C57604.
    """
    paths = {site: find_file(file, "sentiment", data_home) for site, file in SENTIMENT_FILES.items()}
    archive = None
    if None in paths.values():
        archive = fetch_file(SENTIMENT_ARCHIVE, "sentiment", SENTIMENT_ADDRESSES, data_home)
    texts, labels, groups = [], [], []
    for site, path in paths.items():
        content = path.read_bytes() if path and not archive else _from_zip(archive, SENTIMENT_FILES[site])
        for line in _lines(content.decode("utf-8")):
            text, _, label = line.rpartition("\t")
            texts.append(text.strip(" "))
            labels.append(int(label))
            groups.append(site)
    return Dataset(
        x=texts,  # type: ignore[arg-type]
        y=np.array(labels, np.int64),
        class_names=("negative", "positive"),
        name="Sentiment Labelled Sentences",
        source="https://doi.org/10.24432/C57604",
        licence="CC BY 4.0",
        groups=np.array(groups),
    )


def fetch_banking77(subset: str = "train", data_home: str | os.PathLike | None = None) -> Dataset:
    """Return banking77, downloaded on first use: what customers write to a bank, by 77 intents.

    Args:
        subset: "train" (10,003 requests), "test" (3,080, 40 of each intent) or "all".
        data_home: the folder that keeps downloads, as for `fetch_mnist`; the subfolder is `banking77`.

    Returns:
        Dataset: `x` (N,) str, `y` the intent, in the order of the official list of names.

    Raises:
        ValueError: an unknown subset, or a file that is not the official one.
        ConnectionError: no network; the message says where to put the files.

    Source: Casanueva, Temčinas, Gerz, Henderson and Vulić (2020), Efficient intent detection with dual sentence
    encoders, NLP for Conversational AI, arXiv:2003.04807, CC BY 4.0.
    """
    import csv
    import json

    check_subset("fetch_banking77", subset, ("train", "test", "all"))
    keys = ["names", *(("train", "test") if subset == "all" else (subset,))]
    names, *parts = (
        fetch_file(BANKING77_FILES[key], "banking77", BANKING77_ADDRESSES, data_home).read_bytes().decode("utf-8")
        for key in keys
    )
    class_names = tuple(json.loads(names))
    number = {name: i for i, name in enumerate(class_names)}
    rows = [row for part in parts for row in csv.DictReader(io.StringIO(part, newline=""))]
    return Dataset(
        x=[row["text"] for row in rows],  # type: ignore[arg-type]
        y=np.array([number[row["category"]] for row in rows], np.int64),
        class_names=class_names,
        name="banking77" + (f" {subset}" if subset != "all" else ""),
        source="https://github.com/PolyAI-LDN/task-specific-datasets",
        licence="CC BY 4.0",
    )


def fetch_trec(subset: str = "train", fine: bool = False, data_home: str | os.PathLike | None = None) -> Dataset:
    """Return the TREC questions, downloaded on first use: what does a question ask for?

    Args:
        subset: "train" (5,452 questions), "test" (500) or "all".
        fine: 50 classes, such as "LOC:city", instead of the 6 topics.
        data_home: the folder that keeps downloads, as for `fetch_mnist`; the subfolder is `trec`.

    Returns:
        Dataset: `x` (N,) str, words and marks separated by spaces, `y` the topic.

    Raises:
        ValueError: an unknown subset, or a file that is not the official one.
        ConnectionError: no network; the message says where to put the files.

    Source: Li and Roth (2002), Learning question classifiers, COLING; for research, https://cogcomp.seas.upenn.edu.
    """
    check_subset("fetch_trec", subset, ("train", "test", "all"))
    labels, texts = [], []
    for part in ("train", "test") if subset == "all" else (subset,):
        path = fetch_file(TREC_FILES[part], "trec", TREC_ADDRESSES, data_home)
        for line in _lines(path.read_bytes().decode("latin-1")):
            label, _, text = line.partition(" ")
            labels.append(TREC_FINE.index(label) if fine else TREC_COARSE.index(label.partition(":")[0]))
            texts.append(text.strip())
    return Dataset(
        x=texts,  # type: ignore[arg-type]
        y=np.array(labels, np.int64),
        class_names=TREC_FINE if fine else TREC_COARSE,
        name="TREC questions" + (f" {subset}" if subset != "all" else ""),
        source="https://cogcomp.seas.upenn.edu/Data/QA/QC",
        licence="for research",
    )


def _lines(text: str) -> list[str]:
    """The lines, ended by LF or CRLF alone: `str.splitlines` would cut at the next-line characters inside some too."""
    return [line.removesuffix("\r") for line in text.split("\n") if line]


def _from_zip(archive: Path | None, file: RemoteFile) -> bytes:
    import zipfile

    assert archive is not None
    with zipfile.ZipFile(archive) as stored:
        return stored.read(f"sentiment labelled sentences/{file.name}")
