"""Says when a prompt is far from every caption the model learnt from, and which three are nearest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from mllm_motion.errors import FileFormatError
from mllm_motion.files import atomic_path

_VECTORS, _TEXTS = "captions.safetensors", "captions.json"
FAR = 0.6
"""Cosine similarity below which the nearest caption counts as far."""


class Familiarity:
    """Sentence vectors (K, W) of the captions a model knows; empty if the model ships none."""

    def __init__(self, sentences: list[str], vectors: np.ndarray, far: float = FAR) -> None:
        self.sentences, self.vectors, self.far = sentences, vectors, far
        self._unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)

    @classmethod
    def load(cls, folder: Path) -> Familiarity:
        """The captions that lie beside a model's weights."""
        if not (folder / _VECTORS).is_file():
            return cls([], np.zeros((0, 1), np.float32))
        try:
            sentences = json.loads((folder / _TEXTS).read_text(encoding="utf-8"))
            vectors = load_file(folder / _VECTORS)["pooled"].astype(np.float32) / 127.0
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise FileFormatError(
                f"the known captions in {folder} are damaged ({error}); install them again"
            ) from error
        return cls(sentences, vectors)

    def save(self, folder: Path) -> None:
        """Write the captions beside a model's weights, a byte a number."""
        with atomic_path(folder / _VECTORS) as temporary:
            save_file({"pooled": np.round(self.vectors * 127).astype(np.int8)}, temporary)
        with atomic_path(folder / _TEXTS) as temporary:
            temporary.write_text(json.dumps(self.sentences, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    def nearest(self, pooled: np.ndarray, count: int = 3) -> list[tuple[str, float]]:
        """The captions most like a sentence vector (W,), with their cosine similarity, best first."""
        if not self.sentences:
            return []
        scores = self._unit @ pooled
        best = np.argpartition(-scores, min(count, len(scores) - 1))[:count]
        return [(self.sentences[k], float(scores[k])) for k in best[np.argsort(-scores[best])]]

    def notes(self, pooled: np.ndarray) -> list[str]:
        """[] for a familiar prompt, else one sentence for the user."""
        found = self.nearest(pooled)
        if not found or found[0][1] >= self.far:
            return []
        known = "; ".join(f"'{sentence}'" for sentence, _ in found)
        return [
            f"this prompt is far from everything the model learnt, so the motion may not fit; nearest known: {known}"
        ]
