"""Captions of clips: do they lead back to the clip, and how near are they to the reference captions?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from mllm_motion.data.shards import load_clip, read_index
from mllm_motion.evaluation.caption_scores import bleu, cider, rouge_l
from mllm_motion.evaluation.report import Cell, Metric, Section
from mllm_motion.evaluation.retrieval import pool_size, r_precision
from mllm_motion.generation.chat import DESCRIBE
from mllm_motion.generation.describe import BEST_OF, drafts, nearest
from mllm_motion.generation.embedding import embed_motions
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.models.retrieval import load_retrieval
from mllm_motion.motion.clip import Motion

if TYPE_CHECKING:
    from mllm_motion.evaluation.language import Asked

REFERENCE, NEAREST_CLIP = "reference captions", "caption of the nearest training clip"
LIKELIEST, DRAFTED = "likeliest caption", f"best of its {BEST_OF}"
TRAIN_LIMIT = 4000
"""Training clips, spread over all, among which the nearest is looked for."""
_METRICS = (
    *(Metric(f"precision_{k}", f"R-precision, top {k}", "higher") for k in (1, 2, 3)),
    *(Metric(f"alike_{k}", f"the same, alike allowed, {k}", "higher") for k in (1, 2, 3)),
    Metric("bleu_1", "BLEU-1", "higher"),
    Metric("bleu_4", "BLEU-4", "higher"),
    Metric("rouge_l", "ROUGE-L", "higher"),
    Metric("cider", "CIDEr", "higher", digits=2),
    Metric("bert_score", "BERTScore (MiniLM)", "higher"),
)


def captions(asked: Asked, encoder: TextEncoder) -> Section:
    """The model's captions beside one reference caption and that of the nearest training clip."""
    held_out, ids = asked.held_out, asked.held_out.ids
    asked.on_progress(f"{len(ids)} captions")
    clips = [held_out.truth[name] for name in ids]
    drafted = drafts(asked.model, clips)
    best = [nearest(texts, clip, known=False) for texts, clip in zip(drafted, clips, strict=True)]
    references = [held_out.sentences[name] for name in ids]
    drawn = held_out.captions(asked.settings.seed, 0)
    asked.on_progress("captions of the nearest training clips")
    told = {
        REFERENCE: [drawn[name] for name in ids],
        NEAREST_CLIP: nearest_captions(asked, clips),
        LIKELIEST: [texts[0] or "." for texts in drafted],
        DRAFTED: [text or "." for text in best],
        asked.name: [nearest([text], clip) for text, clip in zip(best, clips, strict=True)],
    }
    seen, rows = asked.space.motions(clips), {}
    for who, texts in told.items():
        # A reference is compared with the others of its clip.
        others = [
            tuple(r for r in refs if who != REFERENCE or r != text) or refs
            for text, refs in zip(texts, references, strict=True)
        ]
        rows[who] = _scores(asked, encoder, texts, others, seen)
    notes = (
        f"{len(ids)} clips, pools of {pool_size(len(ids))}. Words are lower case without punctuation; BERTScore is the "
        "F-measure of greedy token matches by MiniLM's token states, without weights or rescaling.",
        f"The model is asked “{DESCRIBE}”; of its likeliest and {BEST_OF - 1} drawn answers, and of the captions known "
        "from training, the one counts that the retrieval model, which is not the judge, finds nearest to the clip. "
        "A reference caption is drawn from each clip's and scored against the others of the clip.",
    )
    return Section("captions", "Captions", "clips", _METRICS, rows, notes)


def _scores(
    asked: Asked, encoder: TextEncoder, texts: list[str], references: Sequence[Sequence[str]], seen: np.ndarray
) -> dict[str, Cell]:
    vectors = asked.space.texts(texts)
    seed = asked.settings.seed
    # A caption that the corpus does not know may be said of what its clip's reference caption may be said of.
    alike = asked.held_out.alike(asked.held_out.captions(seed, 0))
    shares = {
        "precision": r_precision(vectors, seen, seed=seed),
        "alike": r_precision(vectors, seen, seed=seed, alike=alike),
    }
    cells = {f"{name}_{k}": Cell(float(found[k - 1])) for name, found in shares.items() for k in (1, 2, 3)}
    return cells | {
        "bleu_1": Cell(bleu(texts, references, 1)),
        "bleu_4": Cell(bleu(texts, references, 4)),
        "rouge_l": Cell.of(rouge_l(texts, references)),
        "cider": Cell.of(cider(texts, references)),
        "bert_score": Cell.of(bert_score(encoder, texts, references)),
    }


def bert_score(encoder: TextEncoder, texts: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """(N,) F-measure of BERTScore (Zhang et al., ICLR 2020), equation 1, best reference."""
    found: dict[str, torch.Tensor] = {}
    sentences = sorted({*texts, *(ref for refs in references for ref in refs)}, key=len)
    with torch.inference_mode():
        for at in range(0, len(sentences), 64):
            encoded = encoder.encode(sentences[at : at + 64])
            for sentence, states, mask in zip(sentences[at : at + 64], encoded.token_states, encoded.mask, strict=True):
                found[sentence] = F.normalize(states[mask].float(), dim=-1)

    def score(text: str, ref: str) -> float:
        cosine = found[text] @ found[ref].T
        precision, recall = float(cosine.amax(1).mean()), float(cosine.amax(0).mean())
        return 2 * precision * recall / (precision + recall)

    return np.array([max(score(text, ref) for ref in refs) for text, refs in zip(texts, references, strict=True)])


def nearest_captions(asked: Asked, clips: Sequence[Motion]) -> list[str]:
    """A caption of the training clip that the search model, not the judge, finds most alike to each clip."""
    corpus = asked.settings.data
    assert corpus is not None  # refused before
    rows = [row for row in read_index(corpus) if row["split"] == "train" and not row.get("augment") and row["texts"]]
    rows = rows[:: max(len(rows) // TRAIN_LIMIT, 1)]
    if not rows:
        return ["a person moves"] * len(clips)
    model = load_retrieval("retrieval")
    known = embed_motions(model, [load_clip(corpus, row) for row in rows])
    return [rows[k]["texts"][0] for k in (embed_motions(model, clips) @ known.T).argmax(1)]
