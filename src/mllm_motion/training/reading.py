"""Before the language model learns to read clips: the input projection says what is measured on them in its words.

Each embedding of a clip answers one question of data.questions, the last one names the action. An answer is the
direction of its words among the language model's input embeddings; the loss is the cross-entropy of the answers'
cosines. The language model itself is not run, so this takes minutes where learning the same through it takes hours
(compare the encoding-side alignment of NExT-GPT, Wu et al., ICML 2024, section 4.1).

Shapes: B clips, T frames, D features, N tokens, C channels, S embeddings a clip, H hidden size, A answers.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import trange

from mllm_motion.data.instructions_clips import ClipLibrary
from mllm_motion.data.questions import QUESTIONS, question_answer
from mllm_motion.data.stores import FeatureStore
from mllm_motion.models.encoders.motion import WINDOW_FRAMES
from mllm_motion.models.multimodal import MotionLanguageModel
from mllm_motion.models.tokens import MOTION_TOKENS

_UNSAID = ("order", "yes_no", "comparison")  # about two things, or repeating what other questions ask
_SHARPNESS = 12.0
_CLIP_NORM = 5.0
_CLIPS = 10_000  # spread over the split
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """What one embedding of a clip says: one of `answers`."""

    name: str
    answers: tuple[str, ...]


class Readings:
    """What is measured on the clips of one split, as places among the answers."""

    def __init__(self, library: ClipLibrary, split: str, limit: int) -> None:
        asked = [(kind, about) for kind, q in QUESTIONS.items() if kind not in _UNSAID for about in q.abouts or ("",)]
        actions = tuple(sorted({str(row["action"]) for row in library.rows.values() if row.get("action")}))
        self.readings = [Reading(f"{kind} {about}".strip(), QUESTIONS[kind].answers) for kind, about in asked]
        self.readings = [*self.readings[: MOTION_TOKENS - 1], Reading("action", actions)]
        rows = [row for row in library.rows.values() if row["split"] == split and row.get("action")]
        rows = rows[:: max(len(rows) // limit, 1)]
        self.ids = [str(row["id"]) for row in rows]
        answers = []
        for row in rows:
            seen = library.seen(row)
            said = [question_answer(seen, kind, about) for kind, about in asked[: MOTION_TOKENS - 1]]
            answers.append([*said, row["action"]])
        self.places = torch.full((len(rows), len(self.readings)), -1)
        """(clips, readings), -1 where the answer is not clear."""
        for column, reading in enumerate(self.readings):
            place = {answer: at for at, answer in enumerate(reading.answers)}
            self.places[:, column] = torch.tensor([place.get(said[column], -1) for said in answers])

    def chances(self) -> np.ndarray:
        """(clips,) how often to draw each: rare answers and rare actions come up more often than they are."""
        weight = np.zeros(len(self.ids))
        for column in self.places.T.tolist():
            counts = Counter(column)
            weight += [0.0 if place < 0 else counts[place] ** -0.5 for place in column]
        return weight / weight.sum()


class AnswerWords(nn.Module):
    """The answers of every reading as directions among the input embeddings of the language model."""

    def __init__(self, model: MotionLanguageModel, readings: Sequence[Reading]) -> None:
        super().__init__()
        self._count = len(readings)
        table, tokenizer = model.language.model.get_input_embeddings().weight.detach().float(), model.language.tokenizer
        for at, reading in enumerate(readings):
            rows = []
            for answer in reading.answers:
                ids = tokenizer(" " + answer.replace("_", " "), add_special_tokens=False)["input_ids"]
                rows.append(table[ids].mean(0))
            self.register_buffer(f"words_{at}", torch.stack(rows))  # (A, H)

    def losses(self, said: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (B, S, H) and places (B, R) -> loss, and whether each reading is right (B, R; nan if unclear)."""
        places = places.to(said.device)
        total, right = said.new_zeros(()), torch.full(places.shape, float("nan"), device=said.device)
        for at in range(self._count):
            clear = places[:, at] >= 0
            if not clear.any():
                continue
            words: Tensor = getattr(self, f"words_{at}")
            heard, wanted = said[clear, at], places[clear, at]
            # What all answers have in common tells none of them from the others.
            cosine = F.normalize(heard, dim=-1) @ F.normalize(words - words.mean(0), dim=-1).T
            near = F.cosine_similarity(heard, words[wanted], dim=-1)
            total = total + F.cross_entropy(_SHARPNESS * cosine, wanted) + 0.5 * (1 - near).mean()
            right[clear, at] = (cosine.argmax(-1) == wanted).float()
        return total / self._count, right


class ClipTokens:
    """What the motion encoder says of clips, computed once."""

    def __init__(self, model: MotionLanguageModel, store: FeatureStore, ids: Sequence[str]) -> None:
        number = {str(row["id"]): at for at, row in enumerate(store.rows)}
        self._tokens, device = [], model.language.device
        for at in trange(0, len(ids), 128, desc="reading clips", disable=None):
            clips = [torch.from_numpy(store.clip(number[identity])[:WINDOW_FRAMES]) for identity in ids[at : at + 128]]
            frames = torch.tensor([len(clip) for clip in clips])
            tokens, mask = model.encoder(
                nn.utils.rnn.pad_sequence(clips, batch_first=True).to(device), frames.to(device)
            )
            self._tokens += [row[keep].half() for row, keep in zip(tokens, mask, strict=True)]

    def batch(self, places: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Token states (B, N, C) and their mask (B, N), where the motion encoder is."""
        rows = [self._tokens[place].float() for place in places]
        lengths = torch.tensor([len(row) for row in rows])
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return padded, (torch.arange(padded.shape[1]) < lengths[:, None]).to(padded.device)


def learn_to_read(
    model: MotionLanguageModel, library: ClipLibrary, steps: int, batch_size: int = 48, rate: float = 5e-4
) -> dict[str, float]:
    """Train `model.projection` in place; returns the share of right answers on validation clips by reading."""
    store = FeatureStore(library.directory)
    train, held_out = Readings(library, "train", _CLIPS), Readings(library, "val", _CLIPS)
    words, projection = AnswerWords(model, train.readings), model.projection.requires_grad_(True).train()
    clips, rng, chances = ClipTokens(model, store, train.ids), np.random.default_rng(0), train.chances()
    optimizer = torch.optim.AdamW(projection.parameters(), lr=rate, weight_decay=0.01)
    fall = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    bar = trange(steps, desc="reading", disable=None)
    for _ in bar:
        drawn = rng.choice(len(train.ids), batch_size, p=chances)
        loss, right = words.losses(projection(*clips.batch(drawn)), train.places[drawn])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(projection.parameters(), _CLIP_NORM)
        optimizer.step()
        fall.step()
        bar.set_postfix({"right": f"{float(right.nanmean()):.0%}"}, refresh=False)
    projection.eval().requires_grad_(False)
    shares = _measure(model, words, ClipTokens(model, store, held_out.ids), held_out)
    _log.info("read right on validation clips: %s", ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
    return shares


@torch.no_grad()
def _measure(model: MotionLanguageModel, words: AnswerWords, clips: ClipTokens, held_out: Readings) -> dict[str, float]:
    right = []
    for at in range(0, len(held_out.ids), 256):
        places = range(at, min(at + 256, len(held_out.ids)))
        right.append(words.losses(model.projection(*clips.batch(places)), held_out.places[list(places)])[1])
    shares = torch.cat(right).nanmean(0).tolist() if right else []
    return {reading.name: share for reading, share in zip(held_out.readings, shares, strict=False)}
