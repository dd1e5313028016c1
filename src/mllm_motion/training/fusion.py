"""Phase 3, FM: fusion and generator learn together from whichever conditions are there; MDA and language are frozen.

Of each clip the generator is told its words, what the signal tokens say of them, a clip of the same action to follow,
or several of these, all through the fusion module. Losses: those of the generator ("original"), the distance of what
fusion gives out from what the text encoder says ("out"), and the router's two.

Shapes: B batch, L words, C channels of the motion encoder, N tokens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mllm_motion.data.loader import Batch, CorpusBatches
from mllm_motion.data.stores import TextStore
from mllm_motion.files import make_folder
from mllm_motion.models.alignment import fit_words, words_distance
from mllm_motion.models.fusion import FusedCondition, FusionConfig
from mllm_motion.models.generator import Generator, TextCondition
from mllm_motion.models.language_adapters import LoraSettings
from mllm_motion.models.multimodal import MotionLanguageModel
from mllm_motion.models.registry import find_model
from mllm_motion.training.generator import GeneratorTraining, export_generator, open_corpus
from mllm_motion.training.loop import LoopConfig, Losses, held_out_or_none, train
from mllm_motion.training.multimodal import (
    Trained,
    all_sentences,
    finish,
    generation_losses,
    keep_captions,
    load_generator,
    mean_losses,
    open_model,
    signature,
)

# How often each set of conditions is drawn. Most clips have words: that is what people give.
_MANNERS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("text",), 0.3),
    (("signal",), 0.3),
    (("text", "signal"), 0.2),
    (("text", "motion"), 0.05),
    (("signal", "motion"), 0.05),
    (("text", "signal", "motion"), 0.05),
    (("motion",), 0.05),
)


@dataclass(frozen=True)
class FusionTraining:
    """Settings of `mllm-motion train fusion`."""

    corpus: Path
    """Folder made by `mllm-motion prepare`."""
    loop: LoopConfig
    """Length, rate and place of the run."""
    start: Path
    """Folder of a multimodal model whose alignment is trained."""
    generator: str = "default"
    """The generator to begin with; the trained one is written into the folder `generator` of --out."""
    model: FusionConfig = field(default_factory=FusionConfig)
    """Shape of the fusion module, unless --start has a trained one."""
    freeze_generator: bool = False
    """Leave the generator as it is."""
    captions: int = 2
    """Captions of a clip that are used; what the signal tokens say of them is computed once and kept."""
    derived: bool = True
    """Learn from derived clips (joined, layered, retimed …) as well as from captured and mirrored ones."""
    permissive: bool = False
    """Use only clips whose licence allows commercial use of the weights."""
    out_weight: float = 0.2
    """Weight of the distance from what the text encoder says."""
    balance_weight: float = 0.01
    """Weight of the load-balance loss."""
    z_weight: float = 0.001
    """Weight of the router's z-loss."""

    @property
    def weights(self) -> dict[str, float]:
        """Loss -> its weight in the sum."""
        router = {"load_balance": self.balance_weight, "router_z": self.z_weight}
        return {"original": 1.0, "out": self.out_weight} | router


@dataclass
class FusionBatch(Batch):
    """Clips with every condition that may be shown, and which are: `shown` (B, sources).

    `signal_states` (B, Q, 384), `signal_mask` (B, Q) and `signal_pooled` (B, 384) are what MDA made of the sentences,
    `guide` (B, T, D) and `guide_frames` (B,) clips of the same action, of no frames where there is none.
    """

    signal_states: Tensor
    signal_mask: Tensor
    signal_pooled: Tensor
    guide: Tensor
    guide_frames: Tensor
    shown: Tensor


class Fuser(Trained):
    """One step's losses; fusion trains, and the generator if `training` says so."""

    def __init__(self, model: MotionLanguageModel, generator: Generator, training: FusionTraining) -> None:
        super().__init__(model, ("fusion",), generator=generator, train_generator=not training.freeze_generator)
        self.training_settings = training
        # Words that are dropped for guidance are dropped behind fusion: the generator's own "no words" state.
        self.flow = GeneratorTraining(training.corpus, training.loop)

    def forward(self, batch: FusionBatch) -> Losses:
        """The losses of a batch, "loss" their weighted sum."""
        sources = self.model.config.fusion.sources
        shown = dict(zip(sources, batch.shown.unbind(1), strict=True))
        conditions = {"text": TextCondition(batch.states, batch.mask, batch.pooled, shown["text"])}
        conditions["signal"] = TextCondition(
            batch.signal_states, batch.signal_mask, batch.signal_pooled, shown["signal"]
        )
        if "motion" in sources:
            tokens, mask = self.model.encoder(batch.guide, batch.guide_frames)
            guide = self.model.motion_condition(tokens, mask)
            conditions["motion"] = replace(guide, present=shown["motion"] & (batch.guide_frames > 0))
        fused = self.model.fusion(conditions)
        losses = {
            "original": generation_losses(self.core, batch, fused, self.flow)["loss"],
            "out": out_loss(fused, conditions["text"], shown),
            "load_balance": fused.load_balance,
            "router_z": fused.router_z,
        }
        return self.total(losses, self.training_settings.weights)


def out_loss(fused: FusedCondition, text: TextCondition, shown: dict[str, Tensor]) -> Tensor:
    """How far fused words and sentence vectors are from the text encoder's, `text.present` or not."""
    total = words_distance(fused.pooled[:, None], text.pooled[:, None], torch.ones_like(fused.pooled[:, :1]))
    for source, place in fused.places.items():
        states = fused.states[:, place]
        target, mask = fit_words(text.states, text.mask, states.shape[1])
        total = total + words_distance(states, target, (mask & shown[source][:, None]).float())
    return total


class FusionBatches:
    """Batches of clips with what MDA made of their sentences, and clips of the same action to follow."""

    def __init__(self, batches: CorpusBatches, signals: TextStore, sources: Sequence[str]) -> None:
        self.batches, self.signals, self.sources = batches, signals, sources
        self._same_action: dict[str, list[int]] = defaultdict(list)
        self._action_of: dict[str, str] = {}  # sentence -> an action that it is said of
        for number in batches.numbers:
            row = batches.store.rows[number]
            if action := row.get("action"):
                self._same_action[action].append(number)
                self._action_of |= dict.fromkeys(row["texts"], action)

    def batch(self, step: int, size: int, seed: int = 0, rank: int = 0, world: int = 1) -> FusionBatch:
        """The rows of global batch `step` that belong to process `rank` of `world`."""
        return self.conditioned(self.batches.batch(step, size, seed, rank, world))

    def conditioned(self, batch: Batch) -> FusionBatch:
        """A batch of clips with its conditions; what chance decides comes from each row's seed."""
        states, mask, pooled = self.signals.batch(batch.sentences)
        shown = torch.zeros(len(batch.seeds), len(self.sources), dtype=torch.bool)
        guides: list[np.ndarray | None] = []
        for b, seed in enumerate(batch.seeds):
            rng = np.random.default_rng([seed, 5])
            drawn = _MANNERS[rng.choice(len(_MANNERS), p=[chance for _, chance in _MANNERS])][0]
            guide = self._guide(batch.sentences[b], rng) if "motion" in drawn else None
            usable = {source for source in drawn if source != "motion" or guide is not None} or {"text"}
            shown[b] = torch.tensor([source in usable for source in self.sources])
            guides.append(guide)
        lengths = [0 if guide is None else len(guide) for guide in guides]
        padded = torch.zeros(len(guides), max(*lengths, 1), batch.features.shape[-1])
        for row, guide in zip(padded, guides, strict=True):
            if guide is not None:
                row[: len(guide)] = torch.from_numpy(guide)
        conditions = {"signal_states": states, "signal_mask": mask, "signal_pooled": pooled}
        conditions |= {"guide": padded, "guide_frames": torch.tensor(lengths), "shown": shown}
        return FusionBatch(**vars(batch), **conditions)

    def _guide(self, sentence: str, rng: np.random.Generator) -> np.ndarray | None:
        """(T, D) features of a clip that shows the action of `sentence`, if possible one told of in other words.

        None where no action is known, or no clip can be read.
        """
        numbers = self._same_action.get(self._action_of.get(sentence, ""), [])
        rows = self.batches.store.rows
        others = [number for number in numbers if sentence not in rows[number]["texts"]] or numbers
        if not others or "motion" not in self.sources:
            return None
        clip = self.batches.store.clip(others[rng.integers(len(others))])
        return clip[: self.batches.max_frames]


def train_fusion(training: FusionTraining, card: dict[str, Any] | None = None) -> Path:
    """Train (or go on training) fusion and generator and write both; returns the folder of the whole model."""
    loop = training.loop
    torch.manual_seed(loop.seed)
    model = open_model(training.start, None, None, LoraSettings(), "fusion", {"fusion": training.model})
    fuser = Fuser(model, load_generator(training.generator), training)
    config, sources = fuser.core.config, model.config.fusion.sources
    store, texts = open_corpus(training.corpus, loop.progress)
    keep_captions(store, training.captions)
    options = {"permissive_only": training.permissive, "derived": training.derived}
    options |= {"max_frames": config.max_frames, "patch": config.patch}
    rows = CorpusBatches(store, texts, "train", **options)
    held_out_rows = held_out_or_none(lambda: CorpusBatches(store, texts, "val", **options))
    kept = f"conditions-{signature(model.language.trained_parameters(), model.alignment)}"
    signals = TextStore(make_folder(loop.out / kept))

    @torch.no_grad()
    def encode(some: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        told = model.alignment(model.signals(some))
        return told.states.cpu(), told.mask.cpu(), told.pooled.cpu()

    signals.add(all_sentences(rows, held_out_rows), encode, loop.progress)
    batches = FusionBatches(rows, signals, sources)
    held_out = FusionBatches(held_out_rows, signals, sources) if held_out_rows else None

    def validate(module: torch.nn.Module) -> dict[str, float]:
        rows = [held_out.conditioned(batch) for batch in held_out.batches.in_order(loop.batch_size, limit=128)]
        return mean_losses(module, rows)

    average = train(
        fuser,
        lambda step, rank, world: batches.batch(step, loop.batch_size, loop.seed, rank, world),
        lambda module, batch: module(batch),
        loop,
        validate if held_out else None,
    )
    finish(fuser, average, "fusion", loop.out, card)
    folder = make_folder(loop.out / "generator")
    export_generator(folder, fuser.core.state_dict(), config, find_model(training.generator).card())
    return loop.out
