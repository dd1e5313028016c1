"""A conversation in which the language model answers in words, in motion, or both.

    chat = mm.load().chat()
    reply = chat.send("a person walks forward and waves", seed=1)
    reply = chat.send("slower")
    reply[-1].save("wave.glb")

The language model decides whether it moves. What the motion is follows from the words: an edit of the motion before
("slower"), a plan of several steps, or else what the signal tokens say.

Shapes: K clips, N embeddings a clip, H hidden size, S signal tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mllm_motion import formats
from mllm_motion.errors import InvalidInputError
from mllm_motion.generation.edit_words import edits_from_words
from mllm_motion.generation.edits import apply_edits
from mllm_motion.generation.parts import MotionPart, Part, TextPart
from mllm_motion.generation.plan import parse_steps, plan_from_words
from mllm_motion.generation.request import MAX_PROMPT_CHARACTERS, check_seconds, check_seeds
from mllm_motion.models.generator import TextCondition
from mllm_motion.models.registry import CHAT, find_chat
from mllm_motion.models.speaking import Memory, stream
from mllm_motion.models.tokens import MOTION_SLOT, MOTION_TOKENS, signal_text, without_tokens
from mllm_motion.motion.clip import Motion
from mllm_motion.motion.conform import to_body_22

if TYPE_CHECKING:
    from mllm_motion.generation.pipeline import Condition, Pipeline
    from mllm_motion.models.language import Message
    from mllm_motion.models.multimodal import MotionLanguageModel

_ABOUT_IT = re.compile(
    r"(?:what|which|how|where|when|does|do|did|is|are|was|were|describe|tell me)\b.*"
    r"\b(?:he|she|they|it|him|her|them|this|that|person|man|woman|figure|character|some(?:one|body)|motion|clip"
    r"|hands?|arms?|legs?|happen\w*)\b",
    re.IGNORECASE | re.DOTALL,
)
_ABOUT_BOTH = re.compile(
    r"(?:compare|which (?:one|clip|motion|of (?:the|these|those|them))|in which"
    r"|(?:which|who)\b.*\b(?:faster|quicker|slower|longer|shorter|farther|further|higher)"
    r"|(?:is|are|was|were|do|does|did|what|which|who|how|where)\b.*"
    r"\b(?:first\b.*\bsecond|second\b.*\bfirst|(?:the|these|those) two))\b",
    re.IGNORECASE | re.DOTALL,
)
DESCRIBE = "what happens in this clip?"
"""What a clip without words asks."""


@dataclass(frozen=True)
class _Turn:
    """A message and what its "<motion>" stand for, (K, N, H)."""

    message: Message
    clips: Tensor


class Chat:
    """One conversation. Not to be shared between threads.

    Attributes:
        notes: sentences about the last reply that the user should see, such as that old turns were dropped.
    """

    def __init__(self, pipeline: Pipeline, model: MotionLanguageModel, max_tokens: int = 256) -> None:
        self._pipeline, self._model, self._max_tokens = pipeline, model, max_tokens
        self._turns: list[_Turn] = []
        self._memory = Memory()
        self._seen: list[Motion] = []  # the last two motions, made or shown
        self.notes: list[str] = []

    @property
    def motion(self) -> Motion | None:
        """The newest motion of the conversation, made or shown; "slower" is about it."""
        return self._seen[-1] if self._seen else None

    @property
    def messages(self) -> list[Message]:
        """The conversation as the language model reads it."""
        return [turn.message for turn in self._turns]

    def send(
        self,
        text: str,
        *clips: Motion | str | Path,
        seed: int = 0,
        seconds: float | None = None,
        temperature: float = 0.0,
    ) -> list[Part]:
        """The reply to `text` and the clips shown with it, as `stream` explains; words come as whole parts."""
        parts: list[Part] = []
        for piece in self.stream(text, *clips, seed=seed, seconds=seconds, temperature=temperature):
            if isinstance(piece, MotionPart):
                parts.append(piece)
            elif parts and isinstance(parts[-1], TextPart):
                parts[-1] = TextPart(parts[-1].text + piece)
            else:
                parts.append(TextPart(piece))
        stripped = [TextPart(part.text.strip()) if isinstance(part, TextPart) else part for part in parts]
        return [part for part in stripped if part != TextPart("")]

    def stream(
        self,
        text: str,
        *clips: Motion | str | Path,
        seed: int = 0,
        seconds: float | None = None,
        temperature: float = 0.0,
    ) -> Iterator[str | MotionPart]:
        """The reply piece by piece: words as they come, motions when they are made.

        The conversation goes on from this turn only once the reply is whole.

        Args:
            text: what the user says; may be empty with a clip, which is then described.
            clips: motions, or motion files of any known skeleton, that the text is about.
            seed: of the noise of motions, and of the draws of words.
            seconds: length of a motion; predicted if None.
            temperature: 0 always takes the likeliest word.

        Raises:
            InvalidInputError: nothing was said, a clip cannot be read, or the text alone is too long for the model.
        """
        check_seconds(seconds)
        check_seeds(seed, 1)
        language = self._model.language
        motions = [to_body_22(clip if isinstance(clip, Motion) else formats.read(clip)) for clip in clips]
        words = without_tokens(text.strip(), language.tokenizer)
        if not words and not motions:
            raise InvalidInputError("say something, or show a clip")
        words = words or DESCRIBE
        shown, again = motions, [] if motions else self._asked_about(words)
        motions = shown or again
        self.notes = list(language.notes) if not self._turns else []
        asked = _Turn({"role": "user", "content": f"{MOTION_SLOT}\n" * len(motions) + words}, self._project(motions))
        kept = self._fitting(asked)
        read = [asked] if again else kept  # else it would repeat what was said of the motion before an edit
        said, run, made = "", "", list[Motion]()
        for piece in stream(
            language,
            [turn.message for turn in read],
            torch.cat([turn.clips for turn in read]),
            max_tokens=self._max_tokens,
            temperature=temperature,
            seed=seed,
            kinds=("motion",),
            memory=Memory() if again else self._memory,
        ):
            if isinstance(piece, str):
                run += piece
                yield piece
                continue
            said += without_tokens(run, language.tokenizer)
            newest = [None, *self._seen, *shown, *made][-1]
            part = self._move(words, said, piece.states, motions, newest, seed + len(made), seconds)
            said, run = said + signal_text(piece.kind), ""
            made.append(part.motion)
            yield part
        said += without_tokens(run, language.tokenizer)
        self._turns = [*kept, _Turn({"role": "assistant", "content": said}, asked.clips[:0])]
        self._seen = [*self._seen, *shown, *made][-2:]

    def save(self, path: str | Path) -> Path:
        """Write the conversation as text (.txt, .md); motions are named, not drawn."""
        lines = [f"{message['role']}: {message['content'].strip()}" for message in self.messages]
        return TextPart("\n".join(lines).replace(signal_text("motion"), "[motion]")).save(path)

    def _asked_about(self, words: str) -> list[Motion]:
        """The motions before that a question is about; the model made them, but has not seen them."""
        if len(self._seen) > 1 and _ABOUT_BOTH.match(words):
            return self._seen
        return self._seen[-1:] if _ABOUT_IT.match(words) else []

    def _project(self, motions: list[Motion]) -> Tensor:
        """(K, N, H) of the clips of one message; without a clip the motion encoder is not asked."""
        language = self._model.language
        if not motions:
            return torch.zeros(0, MOTION_TOKENS, language.hidden_size, device=language.device)
        with torch.no_grad():
            return self._model.project(motions, [len(motions)])

    def _fitting(self, asked: _Turn) -> list[_Turn]:
        """The turns so far and the new one, without the oldest if they leave no room for a reply."""
        language, turns = self._model.language, [*self._turns, asked]
        limit = language.context_length - min(self._max_tokens, language.context_length // 2)
        while len(turns) > 1 and len(language.tokenize([turn.message for turn in turns])) > limit:
            turns = turns[2:]  # a question and its answer
        if dropped := len(self._turns) + 1 - len(turns):
            self.notes.append(
                f"the conversation is longer than {language.name} can read; its oldest {dropped} messages are forgotten"
            )
        return turns

    def _move(
        self,
        words: str,
        said: str,
        states: Tensor,  # (S, H)
        shown: list[Motion],
        newest: Motion | None,
        seed: int,
        seconds: float | None,
    ) -> MotionPart:
        """The motion for a set of signal tokens, in answer to `words` and after what was `said`."""
        prompt = " ".join(words.split())[:MAX_PROMPT_CHARACTERS]
        prompt = prompt if any(character.isalpha() for character in prompt) else "a motion"
        asked = edits_from_words(prompt)
        if asked and newest is not None:
            motion = apply_edits(newest, asked, self._pipeline, seed)
            return MotionPart(motion, "edited: " + ", ".join(map(str, asked)))
        plan = parse_steps(said) or plan_from_words(prompt)
        if len(plan.segments) > 1:
            [result] = self._pipeline.generate([plan], [seconds], [seed])
            return MotionPart(result.motion, f"planned: {result.plan}", tuple(result.notes), result.plan)

        def follow(sentences: Sequence[str], text: TextCondition) -> TextCondition:
            told = self._model.condition(states[None], text, shown[-1:] or None)
            return told.to(text.states.device)

        [result] = self._pipeline.generate([prompt], [seconds], [seed], as_one=True, condition=follow)
        return MotionPart(result.motion, "", tuple(result.notes))


@lru_cache(maxsize=1)
def load_model(weights: str | Path = CHAT, llm: str | None = None, device: str | None = None) -> MotionLanguageModel:
    """The multimodal language model of a folder, ready for replies; kept after the first call.

    Args:
        weights: the shipped one's name, or a folder of your own.
        llm: the language model it was trained with, if that lies elsewhere now.
        device: a torch device; by default CUDA where there is one, else the CPU.

    Raises:
        InvalidInputError: there is no such folder, or `llm` is another language model than it was trained with.
    """
    from mllm_motion.models.int8 import quicken
    from mllm_motion.models.language_adapters import merge_lora
    from mllm_motion.models.multimodal import MotionLanguageModel

    model = MotionLanguageModel.load(find_chat(weights).folder, llm=llm, device=device)
    merge_lora(model.language)
    quicken(model.language.model)
    return model


def signal_condition(weights: str | Path = CHAT, fused: bool = False) -> Condition:
    """What the language model's signal tokens say of sentences, for `Pipeline.generate(condition=...)`.

    With `fused` the text encoder speaks too; without, the words are withheld from it.
    """
    model = load_model(weights)

    def told(sentences: Sequence[str], text: TextCondition) -> TextCondition:
        return model.condition(model.signals(sentences), text if fused else None).to(text.states.device)

    return told


def chat(model: str | Path = "default", weights: str | Path = CHAT, llm: str | None = None) -> Chat:
    """A new conversation: `mm.chat().send("a person bows")`. The same as `mm.load(model).chat(weights, llm)`."""
    from mllm_motion.generation.pipeline import load

    return load(model).chat(weights, llm)
