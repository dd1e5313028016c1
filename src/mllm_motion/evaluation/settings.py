"""What may be asked of an evaluation, checked before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mllm_motion.errors import InvalidInputError, unknown_name

SECTIONS = ("retrieval", "pairs", "physics", "behaviours", "memorisation")
LANGUAGE_SECTIONS = ("decisions", "captions", "questions", "edits", "paths", "requests")
"""Sections of a multimodal language model."""
WITHOUT_DATA = ("physics", "behaviours")
"""Sections that need no true clips."""


@dataclass(frozen=True)
class EvaluationConfig:
    """Settings of `mllm-motion evaluate`."""

    data: Path | None = None
    """A corpus made by mllm-motion prepare; without one only behaviours and physics can be measured."""
    split: str = "test"
    """Which of its splits to ask for."""
    repeats: int = 20
    """Replications: each draws captions, noise and pools anew."""
    only: tuple[str, ...] = ()
    """Sections, several with commas: retrieval, pairs, physics, behaviours, memorisation; of a language model
    decisions, captions, questions, edits, paths, requests; all if none is named."""
    limit: int | None = None
    """At most so many clips, spread over the split."""
    judge: str | None = None
    """Folder of the retrieval model that judges; the shipped one if not given."""
    t2m: Path | None = None
    """Folder of the official T2M evaluator's files, to judge with it as well."""
    also: tuple[str, ...] = ()
    """Another model to put beside this one; may be repeated."""
    seed: int = 0
    """Same seed, same figures."""
    seeds: int = 20
    """Clips of each behaviour."""
    baselines: bool = True
    """Whether training clips and the model without guidance and without clean-up are put beside it."""

    def __post_init__(self) -> None:
        names = tuple(name.strip() for entry in self.only for name in entry.split(",") if name.strip())
        object.__setattr__(self, "only", names)
        for name in names:
            if name not in (*SECTIONS, *LANGUAGE_SECTIONS):
                raise unknown_name("section", name, (*SECTIONS, *LANGUAGE_SECTIONS))
        if not 1 <= self.repeats <= 1000:
            raise InvalidInputError(f"--repeats must be a whole number from 1 to 1000; got {self.repeats}")
        if self.limit is not None and self.limit < 3:
            raise InvalidInputError(f"--limit must be at least 3, or the top three are no choice; got {self.limit}")
        if self.seeds < 1:
            raise InvalidInputError(f"--seeds must be at least 1; got {self.seeds}")
        if not 0 <= self.seed < 2**31:
            raise InvalidInputError(f"--seed must be a whole number from 0 to {2**31 - 1}; got {self.seed}")
        impossible = [name for name in names if name not in WITHOUT_DATA]
        if self.data is None and impossible:
            raise InvalidInputError(
                f"{' and '.join(impossible)} compare with true clips: give a prepared corpus with --data DIR, "
                f"or measure --only {','.join(WITHOUT_DATA)}"
            )

    @property
    def sections(self) -> tuple[str, ...]:
        """Those to measure, in the order of the report."""
        possible = SECTIONS if self.data is not None else WITHOUT_DATA
        return tuple(name for name in possible if not self.only or name in self.only)
