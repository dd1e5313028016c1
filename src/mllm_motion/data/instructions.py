"""Instruction samples made from a prepared corpus: what to say, what to move, and when to do which.

DESIGN names the kinds in `instructions_schema.KINDS`. Rows keep their split; the wordings of requests are split too, so
that the test asks in words that training never saw. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mllm_motion.data.instructions_clips import ClipLibrary, ClipPool
from mllm_motion.data.instructions_comparisons import comparison
from mllm_motion.data.instructions_decisions import decision_requests
from mllm_motion.data.instructions_edits import edit
from mllm_motion.data.instructions_motion import motion_to_text, text_to_motion
from mllm_motion.data.instructions_plans import plan
from mllm_motion.data.instructions_questions import question
from mllm_motion.data.instructions_schema import KINDS, Sample, read_instructions, write_instructions
from mllm_motion.data.instructions_talk import conversation, refusal
from mllm_motion.data.instructions_words import Book
from mllm_motion.data.splits import SPLITS
from mllm_motion.errors import InvalidInputError, unknown_name

__all__ = [
    "InstructionsConfig",
    "decision_requests",
    "make_instructions",
    "read_instructions",
    "write_instructions",
]
Maker = Callable[[ClipPool, Book, np.random.Generator], Sample | None]
MAKERS: Mapping[str, Maker] = {
    "text_to_motion": text_to_motion,
    "motion_to_text": motion_to_text,
    "question": question,
    "comparison": comparison,
    "edit": edit,
    "plan": plan,
    "conversation": conversation,
    "refusal": refusal,
}
SHARES: Mapping[str, float] = {
    "text_to_motion": 0.24,
    "motion_to_text": 0.14,
    "question": 0.26,
    "comparison": 0.09,
    "edit": 0.09,
    "plan": 0.04,
    "conversation": 0.07,
    "refusal": 0.07,
}
"""Kind -> its share of the samples."""
_TRIES = 12


@dataclass(frozen=True)
class InstructionsConfig:
    """How many samples of what."""

    train: int = 40_000
    """Samples of the training split."""
    val: int = 1_500
    """Samples of the validation split, on its clips, in the wordings of training."""
    test: int = 4_000
    """Samples of the test split, on its clips, in wordings that training never saw."""
    permissive_only: bool = False
    """Leave out clips whose licence forbids commercial use."""
    seed: int = 0
    """Everything follows from it."""
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))
    """Kind of sample -> its share."""

    def __post_init__(self) -> None:
        for name in ("train", "val", "test"):
            if getattr(self, name) < 0:
                raise InvalidInputError(f"--{name} must not be negative; got {getattr(self, name)}")
        for kind in self.shares:
            if kind not in KINDS:
                raise unknown_name("kind of sample", kind, KINDS)


def make_instructions(
    corpus: Path, config: InstructionsConfig | None = None, progress: bool = False
) -> Iterator[Sample]:
    """The samples of all splits, kinds mixed; a split without clips has none.

    Raises:
        InvalidInputError: `corpus` holds no prepared corpus, or one without captions.
    """
    config = config or InstructionsConfig()
    library = ClipLibrary(corpus)
    rows = [row for row in library.rows.values() if row.get("texts") and row.get("action")]
    if not rows:
        raise InvalidInputError(f"the corpus {corpus} has no captioned clip; prepare it again")
    if config.permissive_only:
        from mllm_motion.data.loader import is_permissive  # imports torch

        rows = [row for row in rows if is_permissive(row)]
    for number, split in enumerate(SPLITS):
        pool = ClipPool(library, [row for row in rows if row["split"] == split])
        count = getattr(config, split)
        if not pool.rows:
            continue
        book = Book(held_out=split == "test")
        order = np.random.default_rng([config.seed, number]).permutation(count)
        for place in tqdm(order, desc=split, disable=None if progress else True):
            sample = _one(pool, book, int(place), count, config, number)
            if sample is not None:
                yield replace(sample, id=f"{sample.kind}-{split}-{place:06d}", split=split)


def _one(pool: ClipPool, book: Book, place: int, count: int, config: InstructionsConfig, split: int) -> Sample | None:
    """Sample `place` of `count`: the kinds lie one after the other in their shares; None if the clips yield none."""
    kinds = list(config.shares)
    edges = np.cumsum([config.shares[kind] for kind in kinds])
    kind = kinds[min(int(np.searchsorted(edges, (place + 0.5) / count * edges[-1])), len(kinds) - 1)]
    for attempt in range(_TRIES):
        sample = MAKERS[kind](pool, book, np.random.default_rng([config.seed, split, place, attempt]))
        if sample is not None:
            sample.check()
            return sample
    return None
