"""Speech to text while the sound arrives: the same as of the whole sound, however it is cut."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import checkpoint
from tinymm.data.datasets import Dataset
from tinymm.data.datasets.strings import Joining
from tinymm.recipes import Recipe, Trained, train_model
from tinymm.recipes.transcription import log_probabilities
from tinymm.transcriber import Transcriber, Transcript


def buzz(turns):
    """A tone with overtones, so that a masked band does not make it silent."""
    return np.sign(np.sin(2 * np.pi * turns))


def tones(n=12, seed=0):
    """Three words, each a tone of its own."""
    random = np.random.default_rng(seed)
    y, x = np.arange(n) % 3, []
    for label in y:
        time = np.arange(int(random.uniform(0.15, 0.25) * 8000)) / 8000
        x.append((0.2 * np.hanning(len(time)) * buzz((300, 500, 800)[label] * time)).astype(np.float32))
    return Dataset(x, y, ("low", "mid", "high"), "tones", "made here", "none", rate=8000)


@pytest.fixture(scope="module", params=["ctc", "ctc-bidirectional"])
def trained(request):
    """Either model, after it has learned a handful of tones."""
    return train_model(Recipe(model=request.param, epochs=40, batch_size=4, lr=0.005), tones(24), seed=1)


@pytest.fixture(scope="module")
def strings():
    return Joining(most=4)(tones(seed=5), 12, np.random.default_rng(7))


def test_a_handful_of_sounds_is_learned(trained, strings):
    transcriber = Transcriber(trained)
    found = [transcriber.transcribe(sound) for sound in strings.x]
    assert np.mean([f.text == text for f, text in zip(found, strings.y, strict=True)]) > 0.8
    assert all(0 <= f.confidence <= 1 for f in found) and np.mean([f.confidence for f in found]) > 0.5


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 11), st.integers(0, 9999), st.sampled_from([60, 400, 1600, 20_000]))
def test_however_the_sound_is_cut(trained, strings, i, seed, longest):
    sound, transcriber, random = strings.x[i], Transcriber(trained), np.random.default_rng(seed)
    seen, at = [""], 0
    while at < len(sound):
        size = int(random.integers(0, longest))
        seen.append(transcriber.feed(sound[at : at + size]))
        at += size
    assert all(after.startswith(before) for before, after in pairwise(seen))
    if trained.model.gru.bidirectional:
        assert set(seen) == {""}
    (features,) = trained.front_end.prepare(strings.x[i : i + 1])
    whole = log_probabilities(trained.model, features)
    steps = len(transcriber.log_probs)
    np.testing.assert_allclose(transcriber.log_probs, whole[:steps], atol=2e-4)
    found = transcriber.finish()
    assert found.text == trained.predict(strings.x[i : i + 1])[0] and found.text.startswith(seen[-1])
    (answer,) = trained.task.answers(trained, strings.x[i : i + 1], 1)
    assert answer.values["confidence"] == pytest.approx(found.confidence, abs=1e-3)


def test_the_first_words_come_while_the_sound_arrives(trained, strings):
    if trained.model.gru.bidirectional:
        pytest.skip("it hears the whole sound first")
    transcriber = Transcriber(trained)
    i = int(np.argmax([len(text.split()) for text in strings.y]))
    sound = strings.x[i]
    partial = [transcriber.feed(chunk) for chunk in np.array_split(sound, 20)]
    assert partial[10] and partial[10] != partial[-1]
    assert 0 < transcriber.look_ahead < 0.1


def test_finishing_and_resetting_make_it_fresh(trained, strings):
    transcriber = Transcriber(trained)
    assert transcriber.finish() == Transcript("", 1.0)
    first = transcriber.transcribe(strings.x[0])
    transcriber.feed(strings.x[1])
    transcriber.reset()
    assert transcriber.feed(strings.x[0][:0]) == transcriber.text == ""
    transcriber.feed(strings.x[0])
    assert transcriber.finish() == first == transcriber.transcribe(strings.x[0])


def test_the_beam_finds_at_least_as_likely_a_text(trained, strings):
    greedy, beam = Transcriber(trained), Transcriber(trained, beam_width=8)
    for sound in strings.x[:4]:
        assert beam.transcribe(sound).confidence >= greedy.transcribe(sound).confidence - 1e-6


def test_the_beam_tells_what_else_may_have_been_said(trained, strings):
    assert Transcriber(trained).transcribe(strings.x[0]).others == ()
    text, confidence, others = Transcriber(trained, beam_width=6).transcribe(strings.x[0])
    assert 0 < len(others) < 6 and text not in [other for other, _ in others]
    chances = [p for _, p in others]
    assert chances == sorted(chances, reverse=True) and confidence + sum(chances) <= 1 + 1e-6


def test_it_comes_back_from_its_folder(trained, strings, tmp_path):
    checkpoint.save(trained.state_dict(), tmp_path / "checkpoint.npz")
    again = Transcriber.load(tmp_path)
    assert again.rate == 8000 and again.labels.names == ("high", "low", "mid")
    assert again.transcribe(strings.x[2]) == Transcriber(trained).transcribe(strings.x[2])
    assert isinstance(Trained.from_state(trained.state_dict()).task, type(trained.task))


@pytest.mark.parametrize("sound", [np.zeros(8000), np.array([0.5]), np.full(500, 50.0), np.zeros(3, np.float32)])
def test_sounds_without_words(trained, sound):
    found = Transcriber(trained).transcribe(sound)
    assert isinstance(found.text, str) and 0 <= found.confidence <= 1


@pytest.mark.parametrize(
    ("samples", "error", "words"),
    [
        (np.zeros((4, 2)), ValueError, r"samples are \(4, 2\), but expected \(n,\): one channel, try samples.mean"),
        (np.zeros(4, np.int16), TypeError, "samples are int16, .* try samples.astype"),
        (np.array([0.1, np.nan]), ValueError, "NaN or infinity"),
        (np.array([0.0, -9000.0]), ValueError, "samples go up to 9e\\+03, but expected −1 to 1: try samples / 32768"),
        (np.zeros(301 * 8000, np.float32), ValueError, "more than 300 seconds came without a pause: call finish"),
    ],
)
def test_samples_that_are_none(trained, samples, error, words):
    transcriber = Transcriber(trained)
    with pytest.raises(error, match=words):
        transcriber.feed(samples)
    assert transcriber.finish() == Transcript("", 1.0)


def test_other_models_write_nothing():
    with pytest.raises(ValueError, match="a SpeechCNN writes no transcripts: train one with"):
        Transcriber(train_model(Recipe(model="cnn", epochs=1), tones()))


@pytest.mark.slow
def test_characters_spell_transcripts():
    data = tones(24)
    said = np.array([{"low": "a b", "mid": "ba", "high": "c"}[data.class_names[y]] for y in data.y], dtype=object)
    data = replace(data, y=said)
    trained = train_model(Recipe(model="ctc-characters", epochs=40, batch_size=4, lr=0.007), data, seed=0)
    assert trained.front_end.labels.names == (" ", "a", "b", "c")
    assert np.mean(trained.predict(data.x) == said) > 0.8
    tested = trained.task.test_set(data)
    judged = trained.task.judge([(tested, trained.predict(tested.x))])
    assert judged.summary["character error rate"][0] < 0.2 and len(judged.tested) == 24


SAID = {"low": "lo", "mid": "mid", "lomid": "lo mid", "high": "hi"}  # pronounced by the tones they are made of


def phrases(n=36, seed=0):
    """Words of one tone or two: "lomid" sounds like "low mid", but is never said beside another word."""
    single = tones(n, seed)
    low, mid, high = (single.x[single.y == label] for label in range(3))
    sounds, texts = [], []
    for i in range(n):
        text, sound = [("low", low[i % len(low)]), ("mid", mid[i % len(mid)]), ("high", high[i % len(high)])][i % 3]
        if i % 4 == 0:
            text, sound = "high low", np.concatenate([high[i % len(high)], low[i % len(low)]])
        if i % 4 == 2:
            text, sound = "lomid", np.concatenate([low[i % len(low)], mid[i % len(mid)]])
        sounds.append(sound)
        texts.append(text)
    return Dataset(sounds, np.array(texts, object), tuple(SAID), "phrases", "made here", "none", rate=8000)


@pytest.fixture(scope="module")
def speller():
    """A model that writes phonemes, of which a language model makes words."""
    with pytest.MonkeyPatch.context() as patch:
        said = {word: tuple(phonemes.split()) for word, phonemes in SAID.items()}
        patch.setattr("tinymm.recipes.speech.load_pronunciations", lambda: said)
        return train_model(Recipe(model="ctc-requests", epochs=28, batch_size=4, lr=0.004), phrases(), seed=0)


def test_phonemes_become_words(speller):
    data = phrases(seed=3)
    tested = speller.task.test_set(data)
    assert tested.x is data.x  # as they are
    heard = speller.predict(tested.x)
    assert np.mean(heard == data.y) > 0.8 and "lomid" in heard
    assert set(" ".join(heard).split()) <= set(SAID)


def test_phonemes_become_words_while_the_sound_arrives(speller):
    data, transcriber = phrases(seed=3), Transcriber(speller)
    i = data.y.tolist().index("high low")
    partial = [transcriber.feed(chunk) for chunk in np.array_split(data.x[i], 8)]
    found = transcriber.finish()
    assert partial[0] == "" and set(" ".join(partial).split()) <= set(SAID)
    whole = transcriber.transcribe(data.x[i])
    assert found.text == whole.text == speller.predict(data.x[i : i + 1])[0]
    assert found.confidence == pytest.approx(whole.confidence, abs=1e-4)
    assert 0.2 < found.confidence <= 1 and found.confidence + sum(p for _, p in found.others) <= 1 + 1e-6
    assert len({text for text, _ in [(found.text, 0), *found.others]}) == len(found.others) + 1


def test_noise_is_no_sure_word(speller):
    sure = [Transcriber(speller).transcribe(sound).confidence for sound in phrases(seed=3).x[:6]]
    noise = 0.1 * np.random.default_rng(0).standard_normal(3000).astype(np.float32)
    assert Transcriber(speller).transcribe(noise).confidence < np.mean(sure)


def test_a_speller_comes_back_from_its_state(speller):
    again, sound = Trained.from_state(speller.state_dict()), phrases(seed=3).x[1]
    assert again.front_end.bigrams.words == speller.front_end.bigrams.words
    assert Transcriber(again).transcribe(sound).text == Transcriber(speller).transcribe(sound).text


def test_words_of_unknown_sound_are_refused():
    data = phrases()
    with pytest.raises(ValueError, match="it is not known how high, lomid, low, … is pronounced"):
        train_model(Recipe(model="ctc-requests", epochs=1), replace(data, y=data.y))
