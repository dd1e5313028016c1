"""Instruction tuning: conversations with clips in and out, such as `mllm-motion prepare instructions` makes.

Trained are the language model's adapters, the input projection, the comparison and MDA: to say what the assistant says
(cross-entropy on its words alone), and to mean by each set of signal tokens what the text encoder says of the motion's
caption, so that MDA follows where the adapters lead. NExT-GPT's third stage (Wu et al., ICML 2024, section 5).

Shapes: B batch, L tokens, K clips, N tokens of a clip, C their channels, M sets of signal tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mllm_motion.data.instructions_clips import ClipLibrary
from mllm_motion.data.instructions_schema import Sample, chat_messages, read_instructions
from mllm_motion.errors import InvalidInputError
from mllm_motion.models.alignment import AlignedCondition, alignment_losses
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.models.generator import TextCondition
from mllm_motion.models.language import clips_shown
from mllm_motion.models.language_adapters import LoraSettings
from mllm_motion.models.multimodal import MotionLanguageModel
from mllm_motion.models.tokens import MOTION_TOKENS, SIGNALS
from mllm_motion.training.checkpoints import checkpoint_path
from mllm_motion.training.loop import LoopConfig, Losses, held_out_or_none, train
from mllm_motion.training.multimodal import (
    Trained,
    begin_alignment,
    conversation_tensors,
    finish,
    mean_losses,
    open_model,
)
from mllm_motion.training.reading import learn_to_read

_GROUP = 32  # batches that are drawn together and sorted by length
_CHARACTERS_A_TOKEN = 3  # at least, in English; for sorting and for leaving out what is too long


@dataclass(frozen=True)
class InstructionsTraining:
    """Settings of `mllm-motion train instructions`."""

    corpus: Path
    """Folder made by `mllm-motion prepare`, which the conversations' clips come from."""
    data: tuple[Path, ...]
    """Files of conversations: JSON lines of our own, or NExT-GPT's, LLaVA's, Alpaca's or VideoChat's."""
    loop: LoopConfig
    """Length, rate and place of the run."""
    start: Path | None = None
    """Folder of a multimodal model to go on from; a new one if not given."""
    llm: str | None = None
    """Language model: smollm2, a folder, or a hub id; by default that of --start, or smollm2."""
    retrieval: str | None = None
    """Retrieval model whose motion tower a new model reads clips with."""
    lora: LoraSettings = field(default_factory=LoraSettings)
    """Adapters of a new model."""
    reading_steps: int = 1500
    """Steps before the first in which a new input projection learns to name what is measured on a clip; 0 for none."""
    freeze_embeddings: bool = False
    """Leave the embeddings of the signal tokens as they are. With adapters on the last layers alone (--layers), the
    layers below then need no backward pass."""
    freeze_projection: bool = False
    """Leave the input projection as it is, so that what it says of clips stays what it has learned to say."""
    max_tokens: int = 384
    """Longer conversations are left out."""
    balance: float = 0.5
    """A kind of n conversations is drawn n^(1 - balance) often."""
    words_weight: float = 0.3
    """Weight of the distance to the text encoder's token states and sentence vector."""
    count_weight: float = 0.03
    """Weight of the cross-entropy of the number of words."""

    @property
    def weights(self) -> dict[str, float]:
        """Loss -> its weight in the sum."""
        words = {"words": self.words_weight, "sentence": self.words_weight, "word_count": self.count_weight}
        return {"language": 1.0} | words


@dataclass
class InstructionBatch:
    """Conversations and what belongs to them, everything in reading order.

    Attributes:
        ids, attend, labels: (B, L).
        motion, motion_mask: (K, N, C) and (K, N), the motion encoder's tokens of the clips that are shown; None if
            there are none.
        shown: how many clips each message that shows any shows.
        told: (M,) true for the sets of signal tokens whose caption is known.
        states, mask, pooled: what the text encoder says of these captions, a row for each true entry of `told`.
    """

    ids: Tensor
    attend: Tensor
    labels: Tensor
    motion: Tensor | None
    motion_mask: Tensor | None
    shown: list[int]
    told: Tensor
    states: Tensor
    mask: Tensor
    pooled: Tensor


class Instructor(Trained):
    """One step's losses; adapters, input projection, comparison and MDA train."""

    def __init__(self, model: MotionLanguageModel, training: InstructionsTraining) -> None:
        frozen = {"fusion"} | ({"projection"} if training.freeze_projection else set())
        parts = [part for part in model.parts() if part not in frozen]
        super().__init__(model, parts, language=True, signal_embeddings=not training.freeze_embeddings)
        self.training_settings = training

    def forward(self, batch: InstructionBatch) -> Losses:
        """The losses of a batch, "loss" their weighted sum."""
        model = self.model
        clips = None if batch.motion is None else model.embeddings(batch.motion, batch.motion_mask, batch.shown)
        states = model.read(batch.ids, batch.attend, clips)  # (B, L, H)
        losses = {"language": model.language.loss(states, batch.labels)}
        if batch.told.any():
            signals = model.language.signal_states(states, batch.ids)[batch.told]
            predicted: AlignedCondition = model.alignment(signals.float())
            everywhere = torch.ones_like(batch.mask[:, 0])
            losses |= alignment_losses(predicted, TextCondition(batch.states, batch.mask, batch.pooled, everywhere))
        return self.total(losses, self.training_settings.weights)


def length_bound(sample: Sample) -> int:
    """About how many tokens a sample takes, rather too many."""
    words = sum(len(message["content"]) // _CHARACTERS_A_TOKEN + 6 for message in sample.messages)
    made = sum(SIGNALS[kind] * len(refs) for kind, refs in sample.outputs.items())
    return words + MOTION_TOKENS * len(sample.input_motion) + made


class InstructionBatches:
    """Batches of conversations of one split, a pure function of (seed, step). Rare kinds are drawn more often."""

    def __init__(
        self,
        samples: Sequence[Sample],
        split: str,
        model: MotionLanguageModel,
        library: ClipLibrary,
        encoder: TextEncoder,
        training: InstructionsTraining,
    ) -> None:
        self.model, self.library, self.encoder = model, library, encoder
        readable = {"motion"} if model.encoder is not None else set()
        self.samples = [
            sample
            for sample in samples
            if sample.split == split
            and readable.issuperset(kind for kind, refs in sample.inputs.items() if refs)
            and length_bound(sample) <= training.max_tokens
        ]
        if not self.samples:
            raise InvalidInputError(
                f"no conversation of split {split!r} can be used: they must have at most {training.max_tokens} tokens "
                f"(--max-tokens) and show {'clips alone' if readable else 'no clips (--retrieval reads them)'}"
            )
        counts = Counter(sample.kind for sample in self.samples)
        weight = np.array([counts[sample.kind] ** -training.balance for sample in self.samples])
        self._chance = weight / weight.sum()

    def batch(self, step: int, size: int, seed: int = 0, rank: int = 0, world: int = 1) -> InstructionBatch:
        """The conversations of global batch `step` that belong to process `rank` of `world`.

        Several batches are drawn together and sorted, so that little is padding and few batches show clips: the
        gradient of the input projection is what makes the lowest layers of the language model work backwards.
        """
        rng = np.random.default_rng([seed, step // _GROUP])
        drawn = [self.samples[i] for i in rng.choice(len(self.samples), size * _GROUP, p=self._chance)]
        drawn.sort(key=lambda sample: (bool(sample.input_motion), length_bound(sample)))
        which = int(rng.permutation(_GROUP)[step % _GROUP])
        return self.collate(drawn[which * size : (which + 1) * size][rank::world])

    def in_order(self, size: int, limit: int) -> Iterator[InstructionBatch]:
        """Conversations spread evenly over the split, sorted by length: for validation."""
        chosen = sorted(self.samples[:: max(len(self.samples) // limit, 1)][:limit], key=length_bound)
        for at in range(0, len(chosen), size):
            yield self.collate(chosen[at : at + size])

    def collate(self, samples: Sequence[Sample]) -> InstructionBatch:
        """Conversations as one padded batch, with their clips and the captions of what they make."""
        conversations = [chat_messages(sample) for sample in samples]
        ids, attend, labels = conversation_tensors(self.model.language, conversations)
        clips = [self.library.load(ref) for sample in samples for ref in sample.input_motion]
        motion = motion_mask = None
        if clips:
            motion, motion_mask = self.model.encoder.encode(clips)
        captions = [ref.text for sample in samples for ref in sample.output_motion]
        found = self.encoder.encode([caption for caption in captions if caption])
        told = torch.tensor([bool(caption) for caption in captions], dtype=torch.bool)
        shown = clips_shown(conversations)
        return InstructionBatch(
            ids, attend, labels, motion, motion_mask, shown, told, found.token_states, found.mask, found.pooled
        )


def train_instructions(training: InstructionsTraining, card: dict[str, Any] | None = None) -> Path:
    """Train (or go on training) on conversations and write the whole model; returns its folder."""
    loop = training.loop
    torch.manual_seed(loop.seed)
    model = open_model(training.start, training.llm, training.retrieval, training.lora, "instructions")
    samples = [sample for path in training.data for sample in read_instructions(path)]
    library, encoder = ClipLibrary(training.corpus), TextEncoder()
    new = "instructions" not in model.trained and not checkpoint_path(loop.out).exists()
    if model.projection is not None and training.reading_steps and new:
        learn_to_read(model, library, training.reading_steps)
    begin_alignment(model, sorted({ref.text for sample in samples for ref in sample.output_motion if ref.text}))
    instructor = Instructor(model, training)
    batches = InstructionBatches(samples, "train", model, library, encoder, training)
    held_out = held_out_or_none(lambda: InstructionBatches(samples, "val", model, library, encoder, training))

    def validate(module: torch.nn.Module) -> dict[str, float]:
        return mean_losses(module, list(held_out.in_order(loop.batch_size, limit=128)))

    average = train(
        instructor,
        lambda step, rank, world: batches.batch(step, loop.batch_size, loop.seed, rank, world),
        lambda module, batch: module(batch),
        loop,
        validate if held_out else None,
    )
    finish(instructor, average, "instructions", loop.out, card)
    return loop.out
