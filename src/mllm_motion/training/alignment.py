"""Phase 2, MDA: from a sentence to the language model's signal tokens to what the generator is told.

The conversation is the caption as the user's message and the signal tokens as the reply. Trained are MDA and, unless
told otherwise, the language model's adapters: to begin the signal at the right place (cross-entropy), to say by it what
the text encoder would have said (squared error and 1 - cosine), and to have the frozen generator make the clip, which
is told the prediction alone.

Shapes: B batch, L tokens, S signal tokens, H hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mllm_motion.data.loader import Batch, CorpusBatches
from mllm_motion.data.stores import TextStore
from mllm_motion.files import make_folder
from mllm_motion.models.alignment import AlignmentConfig, alignment_losses, fit_words
from mllm_motion.models.generator import Generator, TextCondition
from mllm_motion.models.language_adapters import LoraSettings
from mllm_motion.models.multimodal import MotionLanguageModel, signal_conversation
from mllm_motion.training.generator import GeneratorTraining, open_corpus
from mllm_motion.training.loop import LoopConfig, Losses, held_out_or_none, train
from mllm_motion.training.multimodal import (
    Trained,
    all_sentences,
    begin_alignment,
    conversation_tensors,
    finish,
    generation_losses,
    keep_captions,
    load_generator,
    mean_losses,
    open_model,
    signature,
)


@dataclass(frozen=True)
class AlignmentTraining:
    """Settings of `mllm-motion train alignment`."""

    corpus: Path
    """Folder made by `mllm-motion prepare`."""
    loop: LoopConfig
    """Length, rate and place of the run."""
    start: Path | None = None
    """Folder of a multimodal model to go on from; a new one if not given."""
    llm: str | None = None
    """Language model: smollm2, a folder, or a hub id; by default that of --start, or smollm2."""
    retrieval: str | None = None
    """Retrieval model whose motion tower a new model reads clips with."""
    generator: str = "default"
    """The frozen generator that is told the predictions."""
    model: AlignmentConfig = field(default_factory=AlignmentConfig)
    """Shape of MDA, unless --start has a trained one."""
    lora: LoraSettings = field(default_factory=LoraSettings)
    """Adapters of a new model."""
    freeze_language: bool = False
    """Leave the language model's adapters as they are: its states are then computed once a sentence and kept."""
    freeze_embeddings: bool = False
    """Leave the embeddings of the signal tokens as they are. With adapters on the last layers alone (--layers), the
    layers below then need no backward pass."""
    captions: int = 2
    """Captions of a clip that are used with --freeze-language."""
    derived: bool = True
    """Learn from derived clips (joined, layered, retimed …) as well as from captured and mirrored ones."""
    permissive: bool = False
    """Use only clips whose licence allows commercial use of the weights."""
    words_weight: float = 1.0
    """Weight of the distance to the text encoder's token states and sentence vector."""
    count_weight: float = 0.1
    """Weight of the cross-entropy of the number of words."""
    generation_weight: float = 0.3
    """Weight of the generator's losses; 0 leaves the generator out, which makes steps short."""
    language_weight: float = 0.1
    """Weight of the language model's cross-entropy."""

    @property
    def weights(self) -> dict[str, float]:
        """Loss -> its weight in the sum."""
        return {
            "words": self.words_weight,
            "sentence": self.words_weight,
            "word_count": self.count_weight,
            "generation": self.generation_weight,
            "language": self.language_weight,
        }


@dataclass
class AlignmentBatch(Batch):
    """Clips and sentences with either the conversation (ids, attend, labels: (B, L)) or the kept signals (B, S, H)."""

    ids: Tensor | None = None
    attend: Tensor | None = None
    labels: Tensor | None = None
    signals: Tensor | None = None


class Aligner(Trained):
    """One step's losses; MDA trains, the language adapters too if `training` says so."""

    def __init__(self, model: MotionLanguageModel, generator: Generator, training: AlignmentTraining) -> None:
        super().__init__(
            model,
            ("alignment",),
            language=not training.freeze_language,
            signal_embeddings=not training.freeze_embeddings,
            generator=generator,
        )
        self.training_settings = training
        self.flow = GeneratorTraining(training.corpus, training.loop, drop_text=0.0, observed=0.0)

    def forward(self, batch: AlignmentBatch) -> Losses:
        """The losses of a batch, "loss" their weighted sum."""
        losses: Losses = {}
        signals = batch.signals
        if signals is None:
            states = self.model.read(batch.ids, batch.attend)  # (B, L, H)
            losses["language"] = self.model.language.loss(states, batch.labels)
            signals = self.model.language.signal_states(states, batch.ids)  # (B, S, H)
        predicted = self.model.alignment(signals.float())
        everywhere = torch.ones_like(batch.mask[:, 0])
        losses |= alignment_losses(predicted, TextCondition(batch.states, batch.mask, batch.pooled, everywhere))
        if not self.training_settings.generation_weight:
            return self.total(losses, self.training_settings.weights)
        # The number of words is the true one here, so that its errors do not blur what the words should be.
        _, true_mask = fit_words(batch.states, batch.mask, predicted.mask.shape[1])
        told = TextCondition(predicted.states, true_mask, predicted.pooled, everywhere)
        losses["generation"] = generation_losses(self.core, batch, told, self.flow)["loss"]
        return self.total(losses, self.training_settings.weights)


class AlignmentBatches:
    """Batches of clips with the conversations about them, or with the kept states of these."""

    def __init__(self, batches: CorpusBatches, model: MotionLanguageModel, kept: TextStore | None) -> None:
        self.batches, self.model, self.kept = batches, model, kept

    def batch(self, step: int, size: int, seed: int = 0, rank: int = 0, world: int = 1) -> AlignmentBatch:
        """The rows of global batch `step` that belong to process `rank` of `world`."""
        return self.spoken(self.batches.batch(step, size, seed, rank, world))

    def spoken(self, batch: Batch) -> AlignmentBatch:
        """A batch of clips with what the language model reads of their sentences."""
        if self.kept is not None:
            return AlignmentBatch(**vars(batch), signals=self.kept.batch(batch.sentences)[0])
        conversations = [signal_conversation(sentence) for sentence in batch.sentences]
        ids, attend, labels = conversation_tensors(self.model.language, conversations)
        return AlignmentBatch(**vars(batch), ids=ids, attend=attend, labels=labels)


def train_alignment(training: AlignmentTraining, card: dict[str, Any] | None = None) -> Path:
    """Train (or go on training) MDA and write the whole model; returns its folder."""
    loop = training.loop
    torch.manual_seed(loop.seed)
    model = open_model(
        training.start, training.llm, training.retrieval, training.lora, "alignment", {"alignment": training.model}
    )
    store, texts = open_corpus(training.corpus, loop.progress)
    if training.freeze_language:
        keep_captions(store, training.captions)
    aligner = Aligner(model, load_generator(training.generator), training)
    options = {"permissive_only": training.permissive, "patch": aligner.core.config.patch, "derived": training.derived}
    rows = CorpusBatches(store, texts, "train", **options)
    held_out = held_out_or_none(lambda: CorpusBatches(store, texts, "val", **options))
    sentences = all_sentences(rows, held_out)
    kept = None
    if training.freeze_language:
        kept = TextStore(make_folder(loop.out / f"signals-{signature(model.language.trained_parameters())}"))

        def encode(some: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
            states = model.signals(some).cpu()
            return states, torch.ones(states.shape[:2], dtype=torch.bool), states.mean(1)

        kept.add(sentences, encode, loop.progress)
    begin_alignment(model, sentences, None if kept is None else lambda some: kept.batch(some)[0])
    batches = AlignmentBatches(rows, model, kept)

    def validate(module: torch.nn.Module) -> dict[str, float]:
        rows = [batches.spoken(batch) for batch in held_out.in_order(loop.batch_size, limit=128)]
        return mean_losses(module, rows)

    average = train(
        aligner,
        lambda step, rank, world: batches.batch(step, loop.batch_size, loop.seed, rank, world),
        lambda module, batch: module(batch),
        loop,
        validate if held_out else None,
    )
    finish(aligner, average, "alignment", loop.out, card)
    return loop.out
