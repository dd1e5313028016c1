"""What each embedding of a clip is to say before a language model hears it, in that model's own words.

In this order: answers to questions of data.questions; what the clip shows first and last; its action; how long, fast,
far, high and far round it goes; and what the first and the second half of its captions are about.

Shapes: B clips, S embeddings a clip, H hidden size, A answers, R readings, V levels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mllm_motion.data.instructions_clips import ClipLibrary
from mllm_motion.data.questions import QUESTIONS, Seen, question_answer
from mllm_motion.data.questions_events import EVENTS
from mllm_motion.data.questions_measures import LEVELS, level
from mllm_motion.data.wording import inflect
from mllm_motion.models.multimodal import MotionLanguageModel

# About two things, or repeating what other questions ask; counted punches are too rare to learn.
_UNSAID = ("order", "yes_no", "comparison", "count punch")
_ENDS = {"seconds": ("short", "long"), "speed": ("slow", "fast"), "path": ("near", "far"), "rise": ("low", "high")}
_ENDS |= {"turned": ("straight", "around")}
_HALVES = 2
_SHARPNESS = 12.0
_REACH = 0.7  # cosine to the axis between the words of a level at which it is highest
_NEAR = 0.15  # a level this near its rank counts as right


@dataclass(frozen=True)
class Reading:
    """What one embedding of a clip says: one of `answers`."""

    name: str
    answers: tuple[str, ...]
    of: Callable[[Seen], str | None]


def _event(place: int) -> Callable[[Seen], str | None]:
    """The first (0) or last (-1) of the things that a clip shows; None where it shows less than two."""

    def of(seen: Seen) -> str | None:
        names = sorted(seen.events, key=lambda name: seen.events[name])
        return names[place] if len(names) > 1 else None

    return of


def _answer(kind: str, about: str) -> Callable[[Seen], str | None]:
    return lambda seen: question_answer(seen, kind, about)


READINGS = [
    *(
        Reading(f"{kind} {about}".strip(), question.answers, _answer(kind, about))
        for kind, question in QUESTIONS.items()
        for about in question.abouts or ("",)
        if not {kind, f"{kind} {about}"}.intersection(_UNSAID)
    ),
    Reading("first event", tuple(EVENTS), _event(0)),
    Reading("last event", tuple(EVENTS), _event(-1)),
]
"""Those that are measured; the action and the levels come after them, the captions last."""
EMBEDDINGS = len(READINGS) + 1 + len(LEVELS) + _HALVES


class Readings:
    """What the clips of one split say.

    Attributes:
        ids: of the clips.
        readings: the measured ones and the action.
        places: (clips, R) the place among a reading's answers, -1 where the answer is not clear.
        ranks: (clips, V) the levels as shares of the clips that are lower, nan where there is none.
        captions: all captions of each clip.
    """

    def __init__(self, library: ClipLibrary, split: str, limit: int) -> None:
        actions = tuple(sorted({str(row["action"]) for row in library.rows.values() if row.get("action")}))
        self.readings = [*READINGS, Reading("action", actions, lambda seen: None)]
        rows = [row for row in library.rows.values() if row["split"] == split and row.get("action")]
        rows = rows[:: max(len(rows) // limit, 1)]
        self.ids = [str(row["id"]) for row in rows]
        self.captions = [list(row["texts"]) for row in rows]
        seen = [library.seen(row) for row in rows]
        self.places = torch.full((len(rows), len(self.readings)), -1)
        for column, reading in enumerate(READINGS):
            place = {answer: at for at, answer in enumerate(reading.answers)}
            self.places[:, column] = torch.tensor([place.get(reading.of(clip), -1) for clip in seen])
        self.places[:, -1] = torch.tensor([actions.index(row["action"]) for row in rows])
        amounts = [[level(clip, name) for name in LEVELS] for clip in seen]
        self.ranks = torch.tensor(_ranks(np.array(amounts, np.float64).reshape(len(rows), len(LEVELS))))

    def chances(self) -> np.ndarray:
        """(clips,) how often to draw each: rare answers and rare actions come up more often than they are."""
        weight = np.zeros(len(self.ids))
        for column in self.places.T.tolist():
            counts = Counter(column)
            weight += [0.0 if place < 0 else counts[place] ** -0.5 for place in column]
        return weight / weight.sum()


def _ranks(amounts: np.ndarray) -> np.ndarray:
    """Each column as the share of its numbers that are lower, 0 .. 1; nan stays nan."""
    ranks = np.full(amounts.shape, np.nan, np.float32)
    for column, values in enumerate(amounts.T):
        known = np.flatnonzero(~np.isnan(values))
        ordered = np.sort(values[known])
        ranks[known, column] = np.searchsorted(ordered, values[known]) / max(len(known) - 1, 1)
    return ranks


class Targets(nn.Module):
    """The answers, levels and captions of `readings` as directions among a language model's input embeddings."""

    def __init__(self, model: MotionLanguageModel, readings: Readings) -> None:
        super().__init__()
        self._model, self._names = [model], [reading.name for reading in readings.readings]
        for at, reading in enumerate(readings.readings):
            self.register_buffer(f"words_{at}", torch.stack([self._word(_plain(a)) for a in reading.answers]))  # (A, H)
        ends = torch.stack([torch.stack([self._word(word) for word in _ENDS[name]]) for name in LEVELS])  # (V, 2, H)
        self.register_buffer("axes", F.normalize(ends[:, 1] - ends[:, 0], dim=-1))  # (V, H)
        words = [set(word for text in texts for word in _words(text)) for texts in readings.captions]
        found = Counter(word for clip in words for word in clip)
        self._weight = {word: np.log(len(words) / count) for word, count in found.items()}
        self.register_buffer("usual", self._means(readings.captions).mean(0))  # (2, H)

    @cached_property
    def _table(self) -> Tensor:
        return self._model[0].language.model.get_input_embeddings().weight.detach().float()

    def _word(self, text: str) -> Tensor:
        ids = self._model[0].language.tokenizer(" " + text, add_special_tokens=False)["input_ids"]
        return self._table[ids].mean(0)

    def topics(self, captions: Sequence[Sequence[str]]) -> Tensor:
        """The captions of clips -> (B, 2, H): what the words of their first and second halves have of their own."""
        return self._means(captions) - self.usual

    def _means(self, captions: Sequence[Sequence[str]]) -> Tensor:
        """(B, 2, H) mean words of the halves, rare ones most."""
        known: dict[str, Tensor] = {}
        rows = []
        for texts in captions:
            halves: list[Counter[str]] = [Counter() for _ in range(_HALVES)]
            for text in texts:
                words = [word for word in _words(text) if self._weight.get(word, 0) > 1]
                for place, word in enumerate(words):
                    halves[_HALVES * place // len(words)][word] += self._weight[word]
            row = []
            for half in halves:
                for word in half:
                    if word not in known:
                        known[word] = self._word(word)
                total = sum(half.values())
                row.append(sum((known[w] * (n / total) for w, n in half.items()), torch.zeros_like(self._table[0])))
            rows.append(torch.stack(row))
        return torch.stack(rows)

    def losses(self, said: Tensor, places: Tensor, ranks: Tensor, topics: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (B, S, H), places (B, R), ranks (B, V), topics (B, 2, H) -> loss, and what is right (B, S).

        What is not clear is nan in the latter.
        """
        places, ranks, topics = places.to(said.device), ranks.to(said.device), topics.to(said.device)
        total, right = said.new_zeros(()), torch.full((len(said), EMBEDDINGS), float("nan"), device=said.device)
        count = len(self._names)
        for at in range(count):
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
        levels = slice(count, count + len(LEVELS))
        along = (F.normalize(said[:, levels], dim=-1) * self.axes).sum(-1) / _REACH  # (B, V), -1 .. 1
        off = (along - (2 * ranks - 1)) / 2
        clear = ~torch.isnan(ranks)
        total = total + 8 * len(LEVELS) * off[clear].square().mean()
        right[:, levels] = torch.where(clear, (off.abs() < _NEAR).float(), torch.nan)
        for half in range(_HALVES):
            heard = F.normalize(said[:, count + len(LEVELS) + half], dim=-1)
            wanted = F.normalize(topics[:, half], dim=-1)
            # Clips of one batch that mean the same share the credit.
            alike = F.softmax(_SHARPNESS * wanted @ wanted.T, dim=-1)
            total = (
                total
                + F.cross_entropy(_SHARPNESS * heard @ wanted.T, alike)
                + 2 * (1 - (heard * wanted).sum(-1)).mean()
            )
            right[:, count + len(LEVELS) + half] = (heard * wanted).sum(-1).detach()
        return total / EMBEDDINGS, right

    @property
    def names(self) -> list[str]:
        """Of the embeddings, in order."""
        levels = [f"{name} (rank)" for name in LEVELS]
        return [*self._names, *levels, *(f"captions, half {half + 1} (cosine)" for half in range(_HALVES))]


def _plain(answer: str) -> str:
    return inflect(EVENTS[answer][0].replace("$p ", ""), "base") if answer in EVENTS else answer.replace("_", " ")


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())
