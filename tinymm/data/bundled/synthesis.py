"""Free speech synthesisers, to make the bundled sounds with: many voices from four engines, at 8 kHz.

It needs Debian's packages espeak-ng, flite, festival, festvox-kallpc16k, festvox-kdlpc16k, festvox-us-slt-hts and,
from its section non-free, libttspico-utils; and `pip install "tinymm[audio]"`. Nothing is drawn without a seed.

Three things make one voice into takes that differ: speed, pitch, and for recorded voices the length of the vocal
tract. The last is changed by playing the sound faster or slower, after the engine spoke as much slower or faster.
"""

import io
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinymm.data.audio.mdct import mdct, quantize
from tinymm.data.audio.sound import read_sound, resample
from tinymm.data.audio.voice_activity import trim_silence
from tinymm.data.datasets.spoken import RATE

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ENDINGS = (".", ".", "", "?", "!", ",")  # each has a melody of its own
LOUDNESS = 0.1  # root mean square of every sound
SHORTEST = 0.12  # seconds of a sound in which something is said
ESPEAK_DATA = Path("/usr/lib/x86_64-linux-gnu/espeak-ng-data")
ESPEAK_FAMILIES = ("gmw", "itc", "roa", "sit", "zlw")  # of languages; all voices together are too many for it
ESPEAK_SPEAKERS = 72  # made here, by `espeak_speaker`
ESPEAK_ACCENTS = (
    *("en-us", "en-us", "en-gb", "en-gb-x-rp", "en-us-nyc"),
    *("en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029"),
)
ESPEAK_VARIANTS = (  # those that come with it and sound like people
    *("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5"),
    *("klatt", "klatt2", "klatt3", "klatt4", "croak", "Alex", "Andrea", "Gene", "Marco", "Michael", "Lee"),
    *("adam", "anika", "belinda", "benjamin", "boris", "david", "edward", "grandpa", "john", "linda"),
    *("norbert", "quincy", "rob", "steph", "travis", "zac"),
)
RECORDED = (  # voices made from people's recordings: engine, voice, accent
    *(("flite", voice, "en-us") for voice in ("kal", "awb", "rms", "slt")),
    *(("festival", voice, "en-us") for voice in ("kal", "ked", "slt")),
)


@dataclass(frozen=True)
class Take:
    """One recording to be made: `text` as the engine must see it; `label` says what it is.

    Speed and pitch: 1 is the voice's own; tract: above 1 is a shorter one.
    """

    engine: str
    voice: str
    accent: str
    label: int
    text: str
    speed: float
    pitch: float
    tract: float = 1.0


def espeak_voices() -> list[str]:
    """Those made here, and those that come with it."""
    return [f"own{number}" for number in range(ESPEAK_SPEAKERS)] + list(ESPEAK_VARIANTS)


def espeak_speaker(number: int) -> str:
    """A voice for eSpeak NG, in its own format: formants in per cent of the usual, pitch in hertz."""
    rng = np.random.default_rng(number)
    low = number % 3 > 0
    size = rng.uniform(0.86, 1.02) if low else rng.uniform(1.0, 1.2)  # of the formants' frequencies
    base = rng.uniform(60, 125) if low else rng.uniform(140, 240)
    lines = ["language variant", f"name own{number}", f"gender {'male' if low else 'female'}"]
    lines.append(f"pitch {base:.0f} {base * rng.uniform(1.1, 1.6):.0f}")
    for formant in range(1, 6):
        frequency = 100 * size * rng.uniform(0.95, 1.05)
        lines.append(f"formant {formant} {frequency:.0f} {rng.uniform(70, 115):.0f} {rng.uniform(80, 160):.0f}")
    lines += [f"formant {formant} 100 {rng.uniform(20, 100):.0f} 100" for formant in range(6, 9)]
    lines.append(f"flutter {rng.integers(0, 9)}")
    lines.append(f"roughness {rng.integers(0, 5)}")
    lines.append(f"voicing {rng.uniform(70, 150):.0f}")
    lines.append(f"consonants {rng.uniform(70, 130):.0f} {rng.uniform(70, 130):.0f}")
    tilt = rng.uniform(0.25, 1.0)  # of the high frequencies
    lines.append("tone 100 255 " + " ".join(f"{hz} {255 * tilt ** (hz / 1500):.0f}" for hz in (600, 1200, 2000, 3000)))
    if rng.random() < 0.4:
        lines.append("breath 0" + f" {rng.integers(1, 6)}" * 7)
    if rng.random() < 0.3:
        lines.append(f"klatt {rng.integers(1, 6)}")
    return "\n".join(lines) + "\n"


def espeak(take: Take, speed: float, pitch: float, folder: Path, wav: Path) -> None:
    speaking = ["-s", f"{175 * speed:.0f}", "-p", f"{np.clip(50 + 50 * np.log2(pitch), 0, 99):.0f}"]
    run("espeak-ng", f"--path={folder}", "-v", f"{take.accent}+{take.voice}", *speaking, "-w", wav, take.text)


def flite(take: Take, speed: float, pitch: float, folder: Path, wav: Path) -> None:
    voice, melody = take.voice, f"f0_shift={pitch:.3f}"
    if voice == "kal":
        voice, melody = "kal16", f"int_f0_target_mean={105 * pitch:.0f}"
    stretch = f"duration_stretch={1 / speed:.3f}"
    run("flite", "-voice", voice, "--setf", stretch, "--setf", melody, "-t", take.text, "-o", wav)


def festival(take: Take, speed: float, pitch: float, folder: Path, wav: Path) -> None:
    if take.voice == "slt":  # its pitch follows from the tract alone
        set_up = (
            f'(voice_cmu_us_slt_arctic_hts) (set! hts_engine_params (cons (list "-r" {speed:.3f}) hts_engine_params))'
        )
    else:
        melody = f"((target_f0_mean {105 * pitch:.0f}) (target_f0_std 14) (model_f0_mean 170) (model_f0_std 34))"
        stretch = f"(Parameter.set 'Duration_Stretch {1 / speed:.3f})"
        set_up = f"(voice_{take.voice}_diphone) {stretch} (set! int_lr_params '{melody})"
    run("text2wave", "-eval", f"(begin {set_up})", "-o", wav, given=take.text)


def pico(take: Take, speed: float, pitch: float, folder: Path, wav: Path) -> None:
    levels = f"<pitch level='{np.clip(100 * pitch, 50, 200):.0f}'><speed level='{np.clip(100 * speed, 20, 500):.0f}'>"
    run("pico2wave", "-l", take.accent, "-w", wav, f"{levels}{take.text}</speed></pitch>")


ENGINES: dict[str, Callable[[Take, float, float, Path, Path], None]] = {
    "espeak-ng": espeak,
    "flite": flite,
    "festival": festival,
    "pico": pico,
}


def espeak_take(
    voice: str, label: int, text: str, rng: np.random.Generator, speeds: tuple[float, float] = (0.75, 1.4)
) -> Take:
    """A text in one of eSpeak NG's voices, in an accent, a melody and a manner of chance."""
    accent, ending = (str(rng.choice(options)) for options in (ESPEAK_ACCENTS, ENDINGS))
    return Take("espeak-ng", voice, accent, label, text + ending, rng.uniform(*speeds), rng.uniform(0.8, 1.25))


def recorded_takes(
    engine: str,
    voice: str,
    accent: str,
    texts: Iterable[tuple[int, str]],
    rng: np.random.Generator,
    speeds: tuple[float, float] = (0.8, 1.5),
) -> list[Take]:
    """Texts with their labels in a recorded voice, all with the vocal tract of one person."""
    women, planned = voice == "slt" or engine == "pico", []
    tract = rng.uniform(0.74, 1.1) if women else rng.uniform(0.9, 1.2)
    for label, text in texts:
        pitch = rng.uniform(0.8, 1.2) * (0.65 if women and rng.random() < 0.5 else 1)
        if (engine, voice) == ("festival", "slt"):
            pitch = tract
        ended = text + str(rng.choice(ENDINGS))
        planned.append(Take(engine, voice, accent, label, ended, rng.uniform(*speeds), pitch, tract))
    return planned


def speak(take: Take, folder: Path, longest: float) -> np.ndarray:
    """The sound of a take: at 8 kHz, trimmed, equally loud. ValueError if nothing is heard, or more than `longest` s."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        ENGINES[take.engine](take, take.speed / take.tract, take.pitch / take.tract, folder, Path(wav.name))
        sound, rate = read_sound(wav.name)
    played = round(rate * take.tract / 50) * 50  # a rate that shares factors with 8000
    sound = resample(sound - sound.mean(), played, RATE)
    sound = trim_silence(sound / np.abs(sound).max(), RATE, range_db=50)
    if not SHORTEST * RATE < len(sound) < longest * RATE:
        raise ValueError(f"{take}: {len(sound) / RATE:.2f} s for this")
    sound = sound * (LOUDNESS / np.sqrt(np.mean(sound**2)))
    return sound / max(1.0, np.abs(sound).max())


def run(*command, given: str | None = None) -> None:
    subprocess.run([str(part) for part in command], input=given, text=True, check=True, capture_output=True, timeout=60)


def speak_all(planned: Sequence[Take], longest: float) -> list[np.ndarray]:
    """The sounds of all takes, see `speak`."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copytree(ESPEAK_DATA, Path(folder) / ESPEAK_DATA.name))
        for family in (data / "lang").iterdir():
            if family.is_dir() and family.name not in ESPEAK_FAMILIES:
                shutil.rmtree(family)
        voices = data / "voices" / "!v"
        for number in range(ESPEAK_SPEAKERS):
            (voices / f"own{number}").write_text(espeak_speaker(number))
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda take: speak(take, Path(folder), longest), planned))


def write_sounds(
    path: Path, planned: Sequence[Take], sounds: Sequence[np.ndarray], step: float, **more: np.ndarray
) -> None:
    """Write the sounds of these takes and how they were made; `more` are arrays to keep beside them.

    `step` is that of the stored numbers: smaller is finer and larger on disk.
    """
    write_npz(
        path,
        codes=np.concatenate([quantize(mdct(sound), step) for sound in sounds]),
        step=np.array(step, np.float32),
        lengths=np.array([len(sound) for sound in sounds], np.int32),
        **more,
        **{name: np.array([getattr(take, name) for take in planned]) for name in ("engine", "voice", "accent")},
        **{
            name: np.array([getattr(take, name) for take in planned], np.float32)
            for name in ("speed", "pitch", "tract")
        },
    )
    print(f"{path.name}: {len(sounds):,} sounds, {path.stat().st_size:,} bytes")


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """What `np.savez_compressed` does, but packed by LZMA, a sixth smaller; `np.load` reads both."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_LZMA)
