"""`mm.evaluate`: a model against the true clips of a corpus, beside baselines, in one report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from mllm_motion import __version__
from mllm_motion.data.shards import iter_index
from mllm_motion.errors import InvalidInputError, unknown_name
from mllm_motion.evaluation import sections
from mllm_motion.evaluation.answers import answers
from mllm_motion.evaluation.behaviours import Generate
from mllm_motion.evaluation.held_out import HeldOut, behaviour_sentences, read_held_out
from mllm_motion.evaluation.report import Report, Section, Shown
from mllm_motion.evaluation.section_retrieval import retrieval
from mllm_motion.evaluation.sets import Sets
from mllm_motion.evaluation.settings import WITHOUT_DATA, EvaluationConfig
from mllm_motion.evaluation.spaces import Space, judge_space, t2m_space
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.models.registry import find_model
from mllm_motion.models.t2m import T2MEvaluator

SHOWN_CLIPS = 6

_PARTS: dict[str, Callable[[Sets], list[Section]]] = {
    "retrieval": retrieval,
    "pairs": sections.pairs,
    "physics": sections.physics,
    "behaviours": sections.behaviours,
    "memorisation": sections.memorisation,
}


def evaluate(
    model: str | Path | Generate = "default",
    data: str | Path | None = None,
    *,
    on_progress: Callable[[str], None] = lambda step: None,
    **settings: Any,
) -> Report:
    """Measure a model: `mm.evaluate("default", "corpus/", repeats=5).save("report/")`.

    Args:
        model: a shipped model, the folder of your own, or a function (prompts, seconds, seeds) -> motions.
        data: a prepared corpus; without one only behaviours and the physics of generated clips can be measured.
        on_progress: told what is being done.
        settings: those of `EvaluationConfig`: split, repeats, only, limit, judge, t2m, also, seed, seeds, baselines.

    Raises:
        InvalidInputError: an unknown setting or model, a corpus that cannot be used, or no judge.
    """
    known = [f.name for f in fields(EvaluationConfig) if f.name != "data"]
    for name in settings:
        if name not in known:
            raise unknown_name("setting", name, known)
    return evaluate_with(
        model, EvaluationConfig(data=Path(data) if data is not None else None, **settings), on_progress
    )


def evaluate_with(
    model: str | Path | Generate,
    settings: EvaluationConfig,
    on_progress: Callable[[str], None] = lambda step: None,
) -> Report:
    """As `evaluate`, with the settings in one value."""
    if not callable(model) and find_model(model).kind == "multimodal":
        from mllm_motion.evaluation.language import evaluate_language

        return evaluate_language(model, settings, on_progress)
    if settings.only and not settings.sections:
        raise InvalidInputError(f"{', '.join(settings.only)} are sections of a language model, which this is not")
    # What can be refused is refused before anything long begins.
    held_out = _held_out(settings)
    encoder = TextEncoder()
    spaces = _spaces(settings, encoder)
    rows = answers(model, settings, encoder)
    sets = Sets(held_out, rows, settings, spaces, on_progress)
    found = [section for name in settings.sections for section in _PARTS[name](sets)]
    own = next(who for who, answer in rows.items() if answer.is_model)
    return Report(
        about=_about(own, settings, held_out, spaces),
        sections=tuple(found),
        notes=_notes(settings),
        shown=_shown(sets, own),
    )


def _held_out(settings: EvaluationConfig) -> HeldOut:
    if settings.data is None:
        return behaviour_sentences(settings.limit)
    held_out = read_held_out(settings.data, settings.split, settings.limit)
    compares = settings.baselines or "memorisation" in settings.sections
    if compares and not any(row["split"] == "train" for row in iter_index(settings.data)):
        raise InvalidInputError(
            f"the corpus {settings.data} has no training clips to compare with; leave out what needs them: "
            "--no-baselines --only retrieval,pairs,physics,behaviours"
        )
    return held_out


def _spaces(settings: EvaluationConfig, encoder: TextEncoder) -> list[Space]:
    if "retrieval" not in settings.sections:
        return []
    official = [t2m_space(T2MEvaluator.load(settings.t2m))] if settings.t2m is not None else []
    return [judge_space(settings.judge, encoder), *official]


def _about(own: str, settings: EvaluationConfig, held_out: HeldOut, spaces: list[Space]) -> dict[str, Any]:
    return {
        "version": __version__,
        "model": own,
        "corpus": settings.data.resolve().name if settings.data is not None else None,
        "split": settings.split if settings.data is not None else None,
        "clips": len(held_out.ids),
        "left_out": held_out.left_out,
        "sample": held_out.fingerprint(),
        "repeats": settings.repeats,
        "behaviour_clips": settings.seeds,
        "seed": settings.seed,
        "judges": [space.title for space in spaces],
    }


def _notes(settings: EvaluationConfig) -> tuple[str, ...]:
    if settings.data is None:
        return (
            f"Without a corpus (--data DIR) only {' and '.join(WITHOUT_DATA)} can be measured, physics of clips for "
            "the sentences of the table of behaviours; everything else compares with true clips.",
        )
    return (
        "These figures come from this corpus and this judge. They may not be put beside figures published for "
        "HumanML3D, which come from another corpus and another judge.",
    )


def _shown(sets: Sets, own: str) -> tuple[Shown, ...]:
    """Clips spread over the sentences, not chosen by how they look."""
    ids = sets.held_out.ids
    chosen = [ids[k] for k in np.unique(np.linspace(0, len(ids) - 1, SHOWN_CLIPS).round().astype(int))]
    captions, truth = sets.captions(0), sets.held_out.truth
    clips = zip(chosen, sets.some(own, chosen), strict=True)
    return tuple(Shown(captions[name], motion, truth.get(name)) for name, motion in clips)
