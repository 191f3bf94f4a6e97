import re
from collections import Counter

import numpy as np
import pytest

from tinymm.data.datasets.desk import FILE, LANGUAGES, load_desk_requests
from tinymm.data.text import clean_text, words
from tinymm.data.text.vocabulary import Vocabulary
from tinymm.validation import StratifiedKFold


@pytest.fixture(scope="module")
def requests():
    return load_desk_requests()


def test_there_are_enough_for_each_intent_in_each_language(requests):
    assert len(requests) >= 1200 and len(requests.intent_names) == 15
    found = Counter(zip(requests.languages.tolist(), requests.intents.tolist(), strict=True))
    assert len(found) == 2 * 15 and min(found.values()) >= 40
    for language in LANGUAGES:
        moods = np.bincount(load_desk_requests(language).sentiments)
        assert len(moods) == 3 and moods.min() >= 150


def test_all_parts_belong_together(requests):
    n = len(requests)
    assert requests.texts.shape == requests.languages.shape == (n,)
    assert requests.intents.dtype == requests.sentiments.dtype == np.int64
    named = dict(zip(requests.texts.tolist(), zip(requests.intents, requests.sentiments, strict=True), strict=True))
    intent, sentiment = named["The driver left my box in the rain, everything is soaked"]
    assert requests.intent_names[intent] == "delivery" and requests.sentiment_names[sentiment] == "negative"
    assert tuple(sorted(requests.intent_names)) == requests.intent_names


def test_one_language_is_a_part_of_both(requests):
    english, chinese = load_desk_requests("en"), load_desk_requests("zh")
    assert len(english) + len(chinese) == len(requests)
    assert set(english.languages) == {"en"} and set(chinese.languages) == {"zh"}
    of_both = {str(text) for text, language in zip(requests.texts, requests.languages, strict=True) if language == "zh"}
    assert {str(text) for text in chinese.texts} == of_both
    assert not any(re.search("[\u4e00-\u9fff]", text) for text in english.texts)
    assert np.mean([bool(re.search("[\u4e00-\u9fff]", text)) for text in chinese.texts]) > 0.95
    with pytest.raises(ValueError, match=r"load_desk_requests: language 'de'.*'en', 'zh' or None"):
        load_desk_requests("de")


def test_no_two_are_alike_after_cleaning(requests):
    """Neither the cleaned texts nor the same words in another order: folds would share them."""
    for form in (clean_text, lambda text: tuple(sorted(words(clean_text(text), punctuation=False)))):
        twice = [key for key, n in Counter(form(text) for text in requests.texts).items() if n > 1]
        assert not twice


def test_folds_hold_every_intent_and_share_no_text(requests):
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(requests.texts, requests.intents):
        assert not {clean_text(t) for t in requests.texts[train]} & {clean_text(t) for t in requests.texts[test]}
        assert set(requests.intents[test]) == set(range(15))


def test_the_words_of_other_requests_tell_the_intent_of_a_request(requests):
    """Naive Bayes on words, far from the best there is: nine in ten is not asked of it, chance is 1 in 15."""
    train, test = next(iter(StratifiedKFold(5, shuffle=True, random_state=0).split(requests.texts, requests.intents)))
    tokens = [set(words(clean_text(text))) for text in requests.texts]
    vocabulary = Vocabulary().fit([sorted(tokens[i]) for i in train])
    counts = np.ones((15, len(vocabulary)))
    for i in train:
        counts[requests.intents[i], vocabulary.encode(tokens[i])] += 1
    logs = np.log(counts / counts.sum(axis=1, keepdims=True))
    predicted = np.array([logs[:, vocabulary.encode(tokens[i])].sum(axis=1).argmax() for i in test])
    assert np.mean(predicted == requests.intents[test]) > 0.7


def test_the_file_is_plain_text_with_its_licence_beside_it():
    raw = FILE.read_bytes()
    assert len(raw) < 500_000 and b"\r" not in raw and raw.endswith(b"\n")
    lines = raw.decode("utf-8").splitlines()
    assert all(line.count("\t") == 3 and line == line.strip() for line in lines)
    text = FILE.with_suffix(".md").read_text(encoding="utf-8")
    assert "Licence" in text and "https://" in text
    n_requests, n_english, n_chinese = (int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d{3}", text)[:3])
    languages = Counter(line.split("\t")[0] for line in lines[1:])
    assert (n_requests, n_english, n_chinese) == (len(lines) - 1, languages["en"], languages["zh"])
