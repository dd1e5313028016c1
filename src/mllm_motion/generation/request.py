"""What may be asked of the generator, checked before any model is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from mllm_motion.errors import InvalidInputError, unknown_name

MAX_PROMPT_CHARACTERS = 1000
MIN_SECONDS, MAX_SECONDS = 0.5, 600.0
MAX_COUNT, MAX_STEPS, MAX_GUIDANCE = 10_000, 1000, 20.0
# NumPy and torch generators take 64 bits; clip k of a request uses seed + k.
MAX_SEED = 2**62


def check_prompt(prompt: str) -> str:
    """The prompt without needless white space.

    Raises:
        InvalidInputError: it is empty, holds no letter, or is longer than 1,000 characters.
    """
    if not isinstance(prompt, str):
        raise InvalidInputError(f"a prompt is a text; got {type(prompt).__name__}")
    words = " ".join(prompt.split())
    if not words:
        raise InvalidInputError("the prompt is empty; say what the person does, as in 'a person bows'")
    if len(words) > MAX_PROMPT_CHARACTERS:
        raise InvalidInputError(
            f"the prompt has {len(words)} characters; at most {MAX_PROMPT_CHARACTERS} are read, so shorten it"
        )
    if not any(character.isalpha() for character in words):
        raise InvalidInputError(f"the prompt {words[:40]!r} holds no words; say what the person does")
    return words


def prompt_notes(prompt: str) -> list[str]:
    """Sentences for the user about a prompt that is usable but probably not understood."""
    letters = [character for character in prompt if character.isalpha()]
    if sum(not character.isascii() for character in letters) > 0.2 * len(letters):
        return ["the prompt does not look English; the model learnt English only, so the motion may not fit"]
    return []


def check_seconds(seconds: float | None) -> float | None:
    """`seconds` if it is a usable length, or None (predict the length).

    Raises:
        InvalidInputError: not a number from 0.5 to 600.
    """
    if seconds is None:
        return None
    if not math.isfinite(seconds) or not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise InvalidInputError(f"--seconds must be a number from {MIN_SECONDS:g} to {MAX_SECONDS:g}; got {seconds:g}")
    return float(seconds)


Via = Literal["text", "llm"]


@dataclass(frozen=True)
class Sampling:
    """How clips are made; None leaves a value to the model's own default."""

    seconds: float | None = None
    """Length of the clip; predicted from the words if not given."""
    steps: int | None = None
    """Steps of the sampler; more is slower and a little better."""
    guidance: float | None = None
    """How strongly the words pull; 1 to 2.5 is sensible."""
    raw: bool = False
    """Leave out the clean-up: foot lock, floor, joint limits, smoothing."""
    loop: bool = False
    """Make the last frame lead into the first."""
    in_place: bool = False
    """Keep the character on one spot."""
    as_one: bool = False
    """Take the words as one action, also where they tell steps ("walks, then bows"), which are planned otherwise."""
    retrieve: Path | None = None
    """A folder made by `mllm-motion prepare`: start from its clip with the nearest caption."""

    via: Via = "text"
    """What tells the generator: the text encoder, or the language model by its signal tokens."""

    def __post_init__(self) -> None:
        check_seconds(self.seconds)
        if self.via not in get_args(Via):
            raise unknown_name("way to tell the generator (--via)", self.via, get_args(Via))
        if self.steps is not None and not 1 <= self.steps <= MAX_STEPS:
            raise InvalidInputError(f"--steps must be a whole number from 1 to {MAX_STEPS}; got {self.steps}")
        if self.guidance is not None and not 0 <= self.guidance <= MAX_GUIDANCE:  # NaN fails too
            raise InvalidInputError(f"--guidance must be a number from 0 to {MAX_GUIDANCE:g}; got {self.guidance:g}")

    def options(self) -> dict[str, Any]:
        """The keyword arguments of `Pipeline.generate` that are the same for every clip of a call."""
        names = ("steps", "guidance", "raw", "loop", "in_place", "as_one", "retrieve", "via")
        return {name: getattr(self, name) for name in names}


def check_seeds(seed: int, count: int) -> list[int]:
    """The seeds of `count` clips: seed, seed + 1, …

    Raises:
        InvalidInputError: a negative or too large seed, or a count outside 1 to 10,000.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"--seed must be a whole number from 0 to {MAX_SEED}; got {seed}")
    if not 1 <= count <= MAX_COUNT:
        raise InvalidInputError(f"--count must be a whole number from 1 to {MAX_COUNT}; got {count}")
    return [seed + index for index in range(count)]
