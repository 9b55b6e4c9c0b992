"""Where things are: the checkout, the build tree, and the folder of generated models."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("MPQ_BUILD_DIR", ROOT / "build"))
MODELS = Path(os.environ.get("MPQ_MODEL_DIR", BUILD / "models"))
RECIPES = ROOT / "recipes"


def model_file(name: str) -> Path:
    """Path of a generated file; the folder exists afterwards."""
    MODELS.mkdir(parents=True, exist_ok=True)
    return MODELS / name
