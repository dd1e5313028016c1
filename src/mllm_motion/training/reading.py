"""Before the language model learns to read clips: the input projection says what is measured on them in its words.

Each embedding of a clip says one thing of `reading_targets`, as a direction among the language model's input
embeddings. The language model itself is not run, so this takes minutes where learning the same through it takes hours
(compare the encoding-side alignment of NExT-GPT, Wu et al., ICML 2024, section 4.1).

Shapes: B clips, N tokens, C channels, S embeddings a clip, H hidden size.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import trange

from mllm_motion.data.instructions_clips import ClipLibrary
from mllm_motion.data.instructions_schema import Ref
from mllm_motion.data.stores import FeatureStore
from mllm_motion.models.multimodal import MotionLanguageModel
from mllm_motion.motion import features as feature_code
from mllm_motion.training.comparing import Compared, learn_to_compare
from mllm_motion.training.reading_targets import Readings, Targets

_CLIP_NORM = 5.0
_CLIPS = 10_000  # spread over the split
_log = logging.getLogger(__name__)


class ClipTokens:
    """What the motion encoder says of clips, computed once."""

    def __init__(self, model: MotionLanguageModel, store: FeatureStore, library: ClipLibrary, refs: list[Ref]) -> None:
        number = {str(row["id"]): at for at, row in enumerate(store.rows)}
        self._tokens, device = [], model.language.device
        for at in trange(0, len(refs), 128, desc="reading clips", disable=None):
            clips = [
                torch.from_numpy(feature_code.encode(library.load(ref)) if ref.edit else store.clip(number[ref.clip]))
                for ref in refs[at : at + 128]
            ]
            frames = torch.tensor([len(clip) for clip in clips])
            tokens, mask = model.encoder(
                nn.utils.rnn.pad_sequence(clips, batch_first=True).to(device), frames.to(device)
            )
            self._tokens += [row[keep].half() for row, keep in zip(tokens, mask, strict=True)]

    def __len__(self) -> int:
        return len(self._tokens)

    def batch(self, places: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Token states (B, N, C) and their mask (B, N), where the motion encoder is."""
        rows = [self._tokens[place].float() for place in places]
        lengths = torch.tensor([len(row) for row in rows])
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return padded, (torch.arange(padded.shape[1]) < lengths[:, None]).to(padded.device)


def learn_to_read(
    model: MotionLanguageModel, library: ClipLibrary, steps: int, batch_size: int = 48, rate: float = 5e-4
) -> dict[str, float]:
    """Train `model.projection`, then `model.comparison`, in place.

    Returns the share of right answers on validation clips by reading.
    """
    store = FeatureStore(library.directory)
    train, held_out = Readings(library, "train", _CLIPS), Readings(library, "val", _CLIPS)
    targets, projection = Targets(model, train), model.projection.requires_grad_(True).train()
    topics = targets.topics(train.captions)
    clips, rng = ClipTokens(model, store, library, train.refs), np.random.default_rng(0)
    told, chances = (train.places, train.levels, train.claims, topics), train.chances()
    optimizer = torch.optim.AdamW(projection.parameters(), lr=rate, weight_decay=0.01)
    fall = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    bar = trange(steps, desc="reading", disable=None)
    for _ in bar:
        drawn = rng.choice(len(train.refs), batch_size, p=chances)
        said = projection(*clips.batch(drawn))
        loss, right = targets.losses(said, *(values[drawn] for values in told))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(projection.parameters(), _CLIP_NORM)
        optimizer.step()
        fall.step()
        bar.set_postfix({"right": f"{float(right.nanmean()):.0%}"}, refresh=False)
    projection.eval().requires_grad_(False)
    said = _said(model, ClipTokens(model, store, library, held_out.refs))
    shares = _measure(targets, said, held_out)
    _log.info("read right on validation clips: %s", ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
    pairs = Compared(train.seen, _said(model, clips)), Compared(held_out.seen, said)
    learn_to_compare(model.comparison, targets.word("second") - targets.word("first"), *pairs, steps=min(steps, 600))
    return shares


@torch.no_grad()
def _said(model: MotionLanguageModel, clips: ClipTokens) -> Tensor:
    """(B, S, H) float16: what the projection says of all clips."""
    places = range(len(clips))
    rows = [model.projection(*clips.batch(places[at : at + 128])).half() for at in places[::128]]
    return torch.cat(rows) if rows else torch.zeros(0)


@torch.no_grad()
def _measure(targets: Targets, said: Tensor, held_out: Readings) -> dict[str, float]:
    """The share of right answers in what is said (B, S, H) of the clips."""
    right, told = [], (held_out.places, held_out.levels, held_out.claims, targets.topics(held_out.captions))
    for at in range(0, len(said), 256):
        some = slice(at, at + 256)
        right.append(targets.losses(said[some].float(), *(values[some] for values in told))[1])
    shares = torch.cat(right).nanmean(0).tolist() if right else []
    return dict(zip(targets.names, shares, strict=False))
