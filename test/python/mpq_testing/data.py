"""Synthetic data with known truth: rendered text lines, pages, turned lines; and sentences.

Words, fonts, colours, blur and noise follow from the seed. Seeds below 100000 are for calibration, from
100000 on for evaluation. The order in which random numbers are drawn is part of the data set: changing it
changes every number that has been published for it.
"""

import functools
import random
import re
import string
import subprocess

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

EVALUATION = 100000  # first seed of evaluation data

LINE_HEIGHT, LINE_WIDTH = 48, 320
DIRECTION_WIDTH = 192
# Normalization of PP-OCR's detector.
PAGE_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
PAGE_STD = np.array([0.229, 0.224, 0.225], np.float32)
PAGE_ALPHABET = string.ascii_lowercase + "ABCDEFGHIJ" + string.digits


@functools.cache
def fonts() -> tuple[str, ...]:
    """Files of the DejaVu and Liberation families, sorted."""
    listing = subprocess.run(["fc-list", ":", "file"], capture_output=True, text=True, check=True).stdout
    files = (line.split(":")[0].strip() for line in listing.splitlines())
    found = sorted(f for f in files if f.endswith(".ttf") and ("DejaVu" in f or "Liberation" in f))
    if not found:
        raise RuntimeError("no DejaVu or Liberation font: install fonts-dejavu-core and fonts-liberation")
    return tuple(found)


def _line_text(r: random.Random) -> str:
    def character():
        alphabet = string.ascii_lowercase if r.random() < 0.7 else string.ascii_letters + string.digits
        return r.choice(alphabet)

    count = r.randint(2, 3)
    words = ["".join(character() for _ in range(r.randint(2, 7))) for _ in range(count)]
    return " ".join(words)[:24].strip()


@functools.lru_cache(maxsize=1024)
def text_line(seed: int) -> tuple[np.ndarray, str]:
    """A rendered line as the recognizer's input (1x3x48x320), and its text."""
    r = random.Random(seed)
    text = _line_text(r)
    font = ImageFont.truetype(r.choice(fonts()), r.randint(22, 34))
    background, foreground = r.randint(170, 255), r.randint(0, 90)
    width = int(font.getlength(text)) + 16
    image = Image.new("RGB", (width, LINE_HEIGHT), (background,) * 3)
    top = (LINE_HEIGHT - font.size) // 2 - 3
    ink = (foreground, r.randint(0, 90), foreground)
    ImageDraw.Draw(image).text((8, top), text, font=font, fill=ink)
    if r.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(r.random() * 1.1))
    noise = np.random.default_rng(seed).normal(0, r.random() * 16, (LINE_HEIGHT, width, 3))
    noisy = np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8)
    image = Image.fromarray(noisy).resize((min(LINE_WIDTH, width), LINE_HEIGHT))
    pixels = (np.asarray(image, np.float32) / 255 - 0.5) / 0.5
    result = np.zeros((1, 3, LINE_HEIGHT, LINE_WIDTH), np.float32)
    result[0, :, :, : pixels.shape[1]] = pixels.transpose(2, 0, 1)
    return result, text


def page(seed: int, size: int = 640) -> tuple[np.ndarray, np.ndarray]:
    """A page of text as the detector's input (1x3xSxS), and the mask (SxS) of the drawn boxes."""
    r = random.Random(seed)
    background = tuple(r.randint(150, 255) for _ in range(3))
    image = Image.new("RGB", (size, size), background)
    draw = ImageDraw.Draw(image)
    truth = np.zeros((size, size), bool)
    y = r.randint(10, 40)
    while y < size - 40:
        font = ImageFont.truetype(r.choice(fonts()), r.randint(14, 40))
        count = r.randint(1, 5)
        words = ["".join(r.choice(PAGE_ALPHABET) for _ in range(r.randint(2, 9))) for _ in range(count)]
        x = r.randint(5, 120)
        ink = tuple(r.randint(0, 110) for _ in range(3))
        draw.text((x, y), " ".join(words), font=font, fill=ink)
        left, top, right, bottom = draw.textbbox((x, y), " ".join(words), font=font)
        truth[max(0, top) : bottom, max(0, left) : min(size, right)] = True
        y = bottom + r.randint(8, 60)
    if r.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(r.random()))
    noise = np.random.default_rng(seed).normal(0, r.random() * 12, (size, size, 3))
    pixels = np.clip(np.asarray(image, np.float32) + noise, 0, 255) / 255
    normalized = (pixels - PAGE_MEAN) / PAGE_STD
    return normalized.transpose(2, 0, 1)[None].astype(np.float32), truth


def direction(seed: int) -> tuple[np.ndarray, int]:
    """A line for the direction classifier (1x3x48x192); odd seeds are upside down (label 1)."""
    x = text_line(seed)[0][..., :DIRECTION_WIDTH]
    upside_down = seed % 2
    return np.ascontiguousarray(x[:, :, ::-1, ::-1] if upside_down else x), upside_down


@functools.cache
def _prose() -> tuple[str, ...]:
    import pydoc_data.topics

    text = re.sub(r"\s+", " ", " ".join(pydoc_data.topics.topics.values()))
    return tuple(s.strip() for s in re.split(r"(?<=[.])\s+", text) if 40 < len(s) < 220)


def sentences(count: int, seed: int = 0) -> list[str]:
    """Sentences of the documentation that every Python ships, shuffled by the seed; those for evaluation and those
    for calibration have none in common."""
    evaluates = seed >= EVALUATION
    shuffled = [s for index, s in enumerate(dict.fromkeys(_prose())) if (index % 2 == 1) == evaluates]
    random.Random(seed).shuffle(shuffled)
    return shuffled[:count]


@functools.cache
def sentence_feeds(count: int, seed: int = 0, pool: int | None = None, length: int = 128):
    """Inputs of the sentence encoder for the first `count` of `pool` shuffled sentences."""
    from tokenizers import Tokenizer

    from . import minilm

    tokenizer = Tokenizer.from_file(str(minilm.wheel_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length)
    encoded = tokenizer.encode_batch(sentences(pool or count, seed)[:count])
    return [{"input_ids": np.array([e.ids], np.int64), "attention_mask": np.array([e.attention_mask], np.int64)}
            for e in encoded]
