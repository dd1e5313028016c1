"""The main job: sentences in, motions out. Loads a model once; `Pipeline.generate` makes clips in batches.

Shapes: B clips, T frames, D features.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mllm_motion.errors import FileFormatError, InvalidInputError
from mllm_motion.generation import windows
from mllm_motion.generation.denoise import PREFIX_FRAMES, continued, denoise
from mllm_motion.generation.familiarity import Familiarity
from mllm_motion.generation.plan import Plan, as_plan
from mllm_motion.generation.postprocess import PostprocessConfig, clean_up
from mllm_motion.generation.request import Sampling, Via, check_prompt, check_seconds, check_seeds, prompt_notes
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.models.generator import Generator, GeneratorConfig, TextCondition
from mllm_motion.models.pooled import pooled_only
from mllm_motion.models.precision import prefers_bf16
from mllm_motion.models.registry import CHAT, ModelFiles, find_model
from mllm_motion.motion import features as feature_code
from mllm_motion.motion.clip import Motion
from mllm_motion.motion.features import FEATURES, FPS

if TYPE_CHECKING:
    from mllm_motion.generation.chat import Chat

Condition = Callable[[Sequence[str], TextCondition], TextCondition]
"""(the words of every step, what the text encoder says of them) -> what the generator is told."""
DEFAULTS: dict[str, float] = {
    "steps": 6,
    "guidance": 2.0,
    "guidance_until": 0.2,
    "shift": 4.0,
    "noise_scale": 1.0,
}
"""Used where a model's configuration has no "sampling" of its own."""


@dataclass(frozen=True)
class Result:
    """One generated clip.

    Attributes:
        motion: the clip, at 20 fps on the default skeleton.
        notes: sentences the user should see, such as "far from everything in training".
        report: before and after figures of the clean-up, "" with `raw`.
        plan: the steps that were generated, with their lengths.
    """

    motion: Motion
    notes: list[str] = field(default_factory=list)
    report: str = ""
    plan: Plan | None = None


class Pipeline:
    """A loaded generator with its text encoder. Safe to share between threads: one call runs at a time."""

    def __init__(self, files: ModelFiles, device: str | None = None) -> None:
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        config = files.config()
        self.name = files.name
        self.card: dict[str, Any] = files.card()
        self.defaults = DEFAULTS | config.get("sampling", {})
        self._hears_pooled = config.get("text") == "pooled"
        self._device = torch.device(device)
        try:
            self.model = Generator(GeneratorConfig(**config["generator"]))
            self.model.load_state_dict({key: value.float() for key, value in files.tensors().items()})
        except (KeyError, TypeError, RuntimeError) as error:
            raise FileFormatError(
                f"the model in {files.folder} does not fit this version ({str(error).splitlines()[0]}); "
                "train it again or take another --model"
            ) from error
        self.model.to(self._device).eval().requires_grad_(False)
        if prefers_bf16():
            for parameter in self.model.parameters():  # the statistics of the features stay exact
                parameter.data = parameter.data.bfloat16()
        self.encoder = TextEncoder(device)
        self._familiarity = Familiarity.load(files.folder)
        self._lock = threading.Lock()

    def chat(self, weights: str | Path = CHAT, llm: str | None = None) -> Chat:
        """A new conversation, in which this pipeline makes the motions.

        Args:
            weights: the adapters and projections of the language model: the shipped ones, or a folder.
            llm: folder or hub id of the language model they were trained with, if its name does not find it.

        Raises:
            InvalidInputError: there are no such weights, or they belong to another language model.
        """
        from mllm_motion.generation.chat import Chat, load_model

        return Chat(self, load_model(weights, llm))

    def plan(self, prompt: str | Plan, seconds: float | None = None, as_one: bool = False) -> Plan:
        """What would be generated for `prompt`: its steps, each with its length. See `generate`."""
        with self._lock, torch.inference_mode():
            [plan], _ = self._plans([prompt], [check_seconds(seconds)], as_one)
        return plan

    def generate(
        self,
        prompts: Sequence[str | Plan],
        seconds: Sequence[float | None] | None = None,
        seeds: Sequence[int] | None = None,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        raw: bool = False,
        loop: bool = False,
        in_place: bool = False,
        as_one: bool = False,
        retrieve: str | Path | None = None,
        via: Via = "text",
        condition: Condition | None = None,
    ) -> list[Result]:
        """One clip a prompt. A clip depends on its own prompt, length and seed, not on the others of the batch.

        Args:
            prompts: what the person does, in English; one that tells several steps ("walks, then bows") becomes a
                plan. Or plans.
            seconds: length of each clip, over which the steps are spread; None takes the plan's or predicts it.
            seeds: noise seed of each clip; 0, 1, 2, … if not given.
            steps: steps of the sampler.
            guidance: scale of the words; 1 is the plain conditional model.
            raw: leave the features as sampled.
            loop: make the end lead into the beginning.
            in_place: take out the travel.
            as_one: take every prompt as one thing, whatever it tells.
            retrieve: a prepared corpus; start from its clip with the nearest caption.
            via: what tells the generator: the words by the text encoder, or by the language model's signal tokens.
            condition: the same by a function of your own, of the words of all steps and what the text encoder says.

        Raises:
            InvalidInputError: an unusable prompt, length, or setting.
        """
        prompts = [prompt if isinstance(prompt, Plan) else check_prompt(prompt) for prompt in prompts]
        seconds = list(seconds) if seconds is not None else [None] * len(prompts)
        seeds = list(seeds) if seeds is not None else list(range(len(prompts)))
        if not len(prompts) == len(seconds) == len(seeds):
            raise InvalidInputError(f"{len(prompts)} prompts need as many seconds and seeds")
        Sampling(steps=steps, guidance=guidance, via=via)
        if via == "llm" and condition is None:
            from mllm_motion.generation.chat import signal_condition

            condition = signal_condition()
        lengths = [check_seconds(value) for value in seconds]
        settings = dict(self.defaults)
        settings |= {k: v for k, v in (("steps", steps), ("guidance", guidance)) if v is not None}
        if not prompts:
            return []
        with self._lock, torch.inference_mode(), _threads_for(len(prompts)):
            plans, text = self._plans(prompts, lengths, as_one, condition)
            counts = [plan.frame_counts(FPS) for plan in plans]
            starts = self._retrieved(plans, text.pooled, counts, retrieve)
            found = denoise(self.model, text, counts, seeds, settings, starts)
        results, first = [], 0
        for prompt, plan, features in zip(prompts, plans, found, strict=True):
            words = plan.text if isinstance(prompt, Plan) else prompt
            motion, report = feature_code.decode(features, text=words), ""
            if not raw:
                contacts = features[:, FEATURES.slice("contact")]
                motion, figures = clean_up(motion, contacts, PostprocessConfig(loop=loop, in_place=in_place))
                report = str(figures)
            notes = prompt_notes(words)
            if len(plan.segments) > 1 and not isinstance(prompt, Plan):
                notes.append(f"made step by step: {plan}; --as-one takes the words as one action")
            for pooled in text.pooled[first : first + len(plan.segments)].cpu().numpy():
                notes += self._familiarity.notes(pooled)
            first += len(plan.segments)
            results.append(Result(motion, list(dict.fromkeys(notes)), report, plan))
        return results

    def extend(self, motion: Motion, prompt: str | Plan, seconds: float | None = None, seed: int = 0) -> Result:
        """`motion` of the default skeleton, and after it what `prompt` says, without a break.

        The last second of `motion` is redrawn, so that the one flows into the other. `seconds` is the length of what
        is added. Raises as `generate`.
        """
        prompt = prompt if isinstance(prompt, Plan) else check_prompt(prompt)
        clip = motion.resample(FPS)
        before = feature_code.encode(clip)
        known = min(PREFIX_FRAMES, len(before))
        with self._lock, torch.inference_mode(), _threads_for(1):
            [plan], text = self._plans([prompt], [check_seconds(seconds)], as_one=False)
            first, *others = plan.frame_counts(FPS)
            counts = [[first + known, *others]]
            [after] = denoise(self.model, text, counts, [seed], self.defaults, prefixes=[before[-known:]])
        features = continued(before, after, known)
        x, _, z = clip.root_position_m[0]
        yaw = float(feature_code.heading_yaw(clip.joint_wxyz[:, 0])[0])
        words = ", then ".join(filter(None, (motion.text, plan.text)))
        whole, figures = clean_up(
            feature_code.decode(features, (float(x), float(z)), yaw, words), features[:, FEATURES.slice("contact")]
        )
        return Result(whole.resample(motion.fps), prompt_notes(plan.text), str(figures), plan)

    def _plans(
        self,
        prompts: Sequence[str | Plan],
        seconds: Sequence[float | None],
        as_one: bool,
        condition: Condition | None = None,
    ) -> tuple[list[Plan], TextCondition]:
        """The plan of each prompt, with all lengths, and the words of their segments, one after the other."""
        plans = [as_plan(prompt, length, as_one) for prompt, length in zip(prompts, seconds, strict=True)]
        sentences = [segment.text for plan in plans for segment in plan.segments]
        text = self._encode(sentences)
        if self._hears_pooled:
            text = pooled_only(text)
        if condition is not None:
            text = condition(sentences, text)
        predicted = iter(self.model.predict_seconds(text.pooled).tolist())
        done = [
            plan.with_lengths([next(predicted) for _ in plan.segments], total)
            for plan, total in zip(plans, seconds, strict=True)
        ]
        return done, text

    def _encode(self, prompts: Sequence[str]) -> TextCondition:
        found = self.encoder.encode(prompts)
        everywhere = torch.ones(len(prompts), dtype=torch.bool, device=self._device)
        return TextCondition(found.token_states, found.mask, found.pooled, everywhere)

    def _retrieved(
        self, plans: Sequence[Plan], pooled: Tensor, counts: Sequence[Sequence[int]], corpus: str | Path | None
    ) -> list[np.ndarray] | None:
        """Features (T, D) to start each clip from, or None."""
        if corpus is None:
            return None
        from mllm_motion.generation.nearest import nearest_clips

        clips = iter(nearest_clips(Path(corpus), pooled.cpu().numpy(), self.encoder))
        return [
            np.concatenate([feature_code.encode(windows.fit_length(next(clips), count)) for count in lengths])
            for lengths in counts
        ]


@contextmanager
def _threads_for(clips: int) -> Iterator[None]:
    """One thread for one clip: its products are so small that a second thread costs more than it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if clips == 1 else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=2)
def load(model: str | Path = "default", device: str | None = None) -> Pipeline:
    """The pipeline of a shipped model ("default", "permissive") or of a model folder; kept after the first call.

    `device` is a torch device; by default CUDA where there is one, else the CPU.
    """
    return Pipeline(find_model(model), device)


def generate(
    prompt: str | Plan,
    seconds: float | None = None,
    seed: int = 0,
    count: int = 1,
    model: str | Path = "default",
    **options: Any,
) -> Motion | list[Motion]:
    """A motion for a sentence: `mm.generate("a person bows", seconds=4, seed=0)`.

    Args:
        prompt: what the person does, in English; or a plan.
        seconds: length; predicted from the words if None.
        seed: noise seed; with `count` above 1 the seeds count up from it.
        count: how many clips; above 1 a list is returned.
        model: "default", "permissive", or a model folder.
        options: those of `Pipeline.generate`: steps, guidance, raw, loop, in_place, as_one, retrieve, via.
    """
    if isinstance(prompt, str):
        check_prompt(prompt)
    seeds = check_seeds(seed, count)
    results = load(model).generate([prompt] * count, [seconds] * count, seeds, **options)
    motions = [result.motion for result in results]
    return motions if count > 1 else motions[0]
