"""`mllm-motion describe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from mllm_motion.errors import InvalidInputError


def describe(
    source: Annotated[Path, Positional, arg(metavar="CLIP")],
    *,
    ask: str | None = None,
    timeline: bool = False,
    best_of: int = 8,
    weights: str = "chat",
    llm: str | None = None,
) -> None:
    """Say in words what a motion file shows.

    Args:
        source: A motion file of any known skeleton: bvh, glb, npz, amc, …
        ask: A question about it, as in "Which hand does he raise?".
        timeline: Timed segments, each with a caption.
        best_of: Captions to write: of these and the known ones the nearest to the motion is shown; 1 shows the one.
        weights: The language model's adapters and projections: the shipped ones, or a folder of your own.
        llm: Folder or hub id of the language model they were trained with, if it is not found by its name.
    """
    if ask is not None and timeline:
        raise InvalidInputError("--ask and --timeline do not go together; ask without --timeline")
    import mllm_motion as mm
    from mllm_motion.models import registry

    registry.find_chat(weights)
    motion = mm.read(source)
    if timeline:
        for moment in mm.timeline(motion, weights=weights, llm=llm, best_of=best_of):
            print(moment, flush=True)
    else:
        print(mm.describe(motion, ask, weights=weights, llm=llm, best_of=best_of))
