"""Words for a motion: a caption, the answer to a question, or timed segments.

Shapes: T frames, J joints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mllm_motion import formats
from mllm_motion.errors import InvalidInputError
from mllm_motion.generation.chat import DESCRIBE, load_model
from mllm_motion.generation.clip_sources import as_captured
from mllm_motion.generation.embedding import embed_motions, embed_sentences
from mllm_motion.generation.familiarity import Familiarity
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.models.registry import CHAT, find_model
from mllm_motion.models.retrieval import Retrieval, load_retrieval
from mllm_motion.models.speaking import reply_to_all, stream
from mllm_motion.models.tokens import MOTION_SLOT, without_tokens
from mllm_motion.motion.clip import Motion
from mllm_motion.motion.conform import to_body_22

if TYPE_CHECKING:
    from mllm_motion.models.multimodal import MotionLanguageModel

SHORTEST_S, LONGEST_S = 1.5, 5.0
"""Of a segment of a timeline."""
BEST_OF = 8
"""Captions of a motion, of which the one that fits it best is taken."""
_AT_ONCE = 4  # motions
_TEMPERATURE = 0.7
_PAUSE = 0.35  # a segment is also cut where its speed falls below this share of its median


@dataclass(frozen=True)
class Moment:
    """What happens from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    text: str

    def __str__(self) -> str:
        return f"{self.start_s:5.1f} - {self.end_s:5.1f} s  {self.text}"


def describe(
    clip: Motion | str | Path,
    ask: str | None = None,
    *,
    weights: str | Path = CHAT,
    llm: str | None = None,
    max_tokens: int = 96,
    best_of: int = BEST_OF,
) -> str:
    """What a motion, or the motion in a file, shows: a caption, or the answer to `ask`.

    A caption is that one of `best_of`, and of the captions known from training, that the retrieval model finds
    nearest to the motion; 1 takes the language model's likeliest.

    Raises:
        InvalidInputError: no model is there for it, the clip cannot be read, or `ask` is empty.
    """
    if ask is not None and not ask.strip():
        raise InvalidInputError(
            "the question is empty; ask something, as in 'Which hand does he raise?', or leave it out for a caption"
        )
    motion = to_body_22(clip if isinstance(clip, Motion) else formats.read(clip))
    model = load_model(weights, llm)
    if ask is None:
        return captions(model, [motion], max_tokens, best_of)[0]
    return "".join(_words(model, motion, ask, max_tokens)).strip()


def timeline(
    clip: Motion | str | Path, *, weights: str | Path = CHAT, llm: str | None = None, best_of: int = BEST_OF
) -> list[Moment]:
    """What a motion shows from when to when: cut where the body pauses, neighbours of one caption joined."""
    motion = to_body_22(clip if isinstance(clip, Motion) else formats.read(clip))
    model = load_model(weights, llm)
    parts = segments(motion)
    told = captions(model, [motion.slice(start, stop) for start, stop in parts], best_of=best_of)
    found = [
        Moment(start / motion.fps, stop / motion.fps, text) for (start, stop), text in zip(parts, told, strict=True)
    ]
    same = [list(group) for _, group in groupby(found, key=lambda moment: moment.text)]
    return [Moment(group[0].start_s, group[-1].end_s, group[0].text) for group in same]


def captions(
    model: MotionLanguageModel, motions: Sequence[Motion], max_tokens: int = 48, best_of: int = BEST_OF
) -> list[str]:
    """A caption of each motion: of its `drafts` and the known captions the one nearest to the motion."""
    drafted = drafts(model, motions, max_tokens, best_of)
    return [nearest(texts, motion, known=best_of > 1) for texts, motion in zip(drafted, motions, strict=True)]


def drafts(
    model: MotionLanguageModel, motions: Sequence[Motion], max_tokens: int = 48, best_of: int = BEST_OF
) -> list[list[str]]:
    """`best_of` captions of each motion, the likeliest first, then those drawn by chance."""
    if best_of < 1:
        raise InvalidInputError(f"--best-of must be 1 or more captions; got {best_of}")
    question = [{"role": "user", "content": f"{MOTION_SLOT}\n{DESCRIBE}"}]
    found = []
    for at in range(0, len(motions), _AT_ONCE):
        some = motions[at : at + _AT_ONCE]
        with torch.no_grad():
            clips = model.project(some)
        said = reply_to_all(
            model.language,
            [question] * len(some),
            clips,
            max_tokens=max_tokens,
            kinds=(),
            drawn=best_of - 1,
            temperature=_TEMPERATURE,
        )
        texts = [reply.text for reply in said]
        found += [texts[place : place + best_of] for place in range(0, len(texts), best_of)]
    return found


def nearest(texts: Sequence[str], motion: Motion, known: bool = True) -> str:
    """Of captions, and of those `known` from training, the one that the retrieval model finds nearest to the motion.

    Empty captions do not count.
    """
    texts = list(dict.fromkeys(filter(None, texts)))
    if len(texts) < 2 and not known:
        return texts[0] if texts else ""
    model, encoder, familiar = _ranker()
    seen = embed_motions(model, [as_captured(to_body_22(motion))])[0]
    if known:
        texts += [text for text, _ in familiar.nearest(seen, 1)]
    return texts[int((embed_sentences(model, encoder, texts) @ seen).argmax())] if texts else ""


@lru_cache(maxsize=1)
def _ranker() -> tuple[Retrieval, TextEncoder, Familiarity]:
    """The retrieval model, its text encoder, and what it knows, as vectors of its own."""
    files = find_model("retrieval")
    return load_retrieval(files.folder), TextEncoder(), Familiarity.load(files.folder)


def _words(model: MotionLanguageModel, motion: Motion, ask: str, max_tokens: int) -> Iterator[str]:
    """What the model says about one clip; it may not answer by a motion."""
    language = model.language
    question = without_tokens(ask.strip(), language.tokenizer)
    with torch.no_grad():
        clips = model.project([motion])
    messages = [{"role": "user", "content": f"{MOTION_SLOT}\n{question}"}]
    for piece in stream(language, messages, clips, max_tokens=max_tokens, kinds=()):
        if isinstance(piece, str):
            yield piece


def segments(motion: Motion) -> list[tuple[int, int]]:
    """Frames [start, stop) of the parts of a motion of T frames, cut where the body moves least."""
    steps = np.diff(motion.joint_positions_m, axis=0)  # (T - 1, J, 3)
    speed = np.linalg.norm(steps, axis=-1).mean(1) * motion.fps  # m/s
    width = max(round(0.3 * motion.fps), 1)
    if len(speed) >= width:
        speed = np.convolve(
            np.pad(speed, (width // 2, width - 1 - width // 2), mode="edge"), np.ones(width) / width, "valid"
        )
    return list(_split(speed, 0, motion.frame_count, motion.fps))


def _split(speed: np.ndarray, start: int, stop: int, fps: float) -> Iterator[tuple[int, int]]:
    """[start, stop) halved where it is slowest, as long as it is too long or pauses."""
    margin = max(round(SHORTEST_S * fps), 1)
    inner = speed[start + margin : stop - margin]
    slowest = start + margin + int(inner.argmin()) if len(inner) else stop
    is_long = stop - start > LONGEST_S * fps
    if len(inner) and (is_long or speed[slowest] < _PAUSE * np.median(speed[start:stop])):
        yield from _split(speed, start, slowest, fps)
        yield from _split(speed, slowest, stop, fps)
    else:
        yield start, stop
