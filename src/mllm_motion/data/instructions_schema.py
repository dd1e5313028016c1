"""One conversation to learn from, and the files of them: our own JSON lines, NExT-GPT, LLaVA, Alpaca, VideoChat.

Our files follow NExT-GPT (Wu et al., ICML 2024; its `conversations`, `input_*`, `output_*`, `*_captions`), one JSON
object a line. `<motion>` in a human value stands for the next entry of `input_motion`; in a gpt value for the next of
`output_motion`, and so for pictures, sound and video.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mllm_motion.errors import FileFormatError, InvalidInputError
from mllm_motion.files import atomic_path
from mllm_motion.models.tokens import signal_text

KINDS = (
    "text_to_motion",
    "motion_to_text",
    "question",
    "comparison",
    "edit",
    "plan",
    "conversation",
    "refusal",
)
"""What a sample of ours teaches; samples read from elsewhere are of kind "foreign"."""
MODALITIES = ("motion", "image", "audio", "video")
SLOT = re.compile(rf"<({'|'.join(MODALITIES)})>")
Expects = Literal["words", "motion", "both"]


@dataclass(frozen=True)
class Ref:
    """A clip (or picture, or sound) that goes in or comes out.

    Attributes:
        clip: row id in the corpus, or a path; empty where any clip will do or only `text` is known.
        text: what it shows, in the words of a caption.
        range: first frame and the frame after the last one; None for all.
        edit: an operation to be applied after that (data.instructions_clips.load_reference), or None.
    """

    clip: str = ""
    text: str = ""
    range: tuple[int, int] | None = None
    edit: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Turn:
    """What one side says."""

    speaker: Literal["human", "gpt"]
    value: str


@dataclass(frozen=True)
class Sample:
    """A conversation; the last turn is the reply that counts.

    Attributes:
        id: unique within a file.
        kind: one of `KINDS`, or foreign.
        turns: human and gpt in turn; human first.
        inputs, outputs: modality -> what the slots of human and of gpt values stand for, in order.
        split: train, val or test.
        question: for measured questions `kind`, `about` and `answer`, as data.questions scores them; else None.
        edit: for edits the operation asked for (`op` and its parameters), whether or not an output carries it.
    """

    id: str
    kind: str
    turns: tuple[Turn, ...]
    inputs: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)
    split: str = "train"
    question: Mapping[str, str] | None = None
    edit: Mapping[str, Any] | None = None

    @property
    def expects(self) -> Expects:
        """What the last reply holds: words, motion (or another output) alone, or both."""
        reply = self.turns[-1].value
        if not SLOT.search(reply):
            return "words"
        return "both" if SLOT.sub("", reply).strip() else "motion"

    @property
    def input_motion(self) -> tuple[Ref, ...]:
        """The clips that human turns show."""
        return self.inputs.get("motion", ())

    @property
    def output_motion(self) -> tuple[Ref, ...]:
        """The motions that gpt turns make."""
        return self.outputs.get("motion", ())

    @property
    def messages(self) -> list[dict[str, str]]:
        """The turns as chat messages: `role` user or assistant, `content`."""
        return [{"role": "user" if t.speaker == "human" else "assistant", "content": t.value} for t in self.turns]

    def check(self) -> None:
        """Raises `InvalidInputError` unless human and gpt take turns and each slot has its entry."""
        speakers = [turn.speaker for turn in self.turns]
        if len(speakers) < 2 or speakers != (["human", "gpt"] * len(speakers))[: len(speakers)] or len(speakers) % 2:
            raise InvalidInputError(
                f"human and gpt must speak in turn, human first; got {', '.join(speakers) or 'nobody'}"
            )
        for speaker, refs in (("human", self.inputs), ("gpt", self.outputs)):
            text = "".join(turn.value for turn in self.turns if turn.speaker == speaker)
            for modality in MODALITIES:
                slots, given = text.count(f"<{modality}>"), len(refs.get(modality, ()))
                if slots != given:
                    raise InvalidInputError(f"{speaker} turns hold {slots} <{modality}>, but {given} are listed")

    def to_json(self) -> dict[str, Any]:
        """The object that a line of our files holds."""
        row: dict[str, Any] = {"id": self.id, "kind": self.kind, "expects": self.expects, "split": self.split}
        row["conversations"] = [{"from": turn.speaker, "value": turn.value} for turn in self.turns]
        for name, refs in (("input", self.inputs), ("output", self.outputs)):
            for modality, entries in refs.items():
                row[f"{name}_{modality}"] = [_ref_json(entry) for entry in entries]
        return row | {key: dict(value) for key in ("question", "edit") if (value := getattr(self, key))}


def chat_messages(sample: Sample) -> list[dict[str, str]]:
    """A sample as the language model reads it: what the assistant makes are sets of signal tokens."""
    return [
        message | {"content": SLOT.sub(lambda slot: signal_text(slot.group(1)), message["content"])}
        if message["role"] == "assistant"
        else message
        for message in sample.messages
    ]


def _ref_json(ref: Ref) -> dict[str, Any]:
    values = {"clip": ref.clip, "text": ref.text, "range": ref.range and list(ref.range), "edit": ref.edit}
    return {key: dict(value) if key == "edit" else value for key, value in values.items() if value or key == "clip"}


def write_instructions(path: Path, samples: Iterable[Sample]) -> int:
    """Replace `path` with one sample a line, whole or not at all; returns their number."""
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for sample in samples:
            file.write(json.dumps(sample.to_json(), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_instructions(path: Path) -> list[Sample]:
    """The samples of a file: our JSON lines, or NExT-GPT, LLaVA, Alpaca or VideoChat (JSON list or JSON lines).

    Raises:
        FileFormatError: a line is none of these; the sentence names the line (the entry, in a JSON list).
        InvalidInputError: the file cannot be read.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"cannot read the instructions {path} ({error})") from error
    samples: list[Sample] = []
    for place, value in _entries(path, text):
        try:
            read = sample_from_json(value, f"{path.stem}-{len(samples):06d}")
            read.check()
        except (InvalidInputError, KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise FileFormatError(f"{path}, {place}: not a conversation ({reason})") from error
        samples.append(read)
    if not samples:
        raise FileFormatError(f"{path} holds no conversation; expected JSON lines with 'conversations'")
    return samples


def _entries(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """(place for errors, JSON value) of a JSON list or of JSON lines."""
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise FileFormatError(f"{path}, line {error.lineno}: not JSON ({error.msg})") from error
        yield from ((f"entry {number}", value) for number, value in enumerate(values, 1))
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                raise FileFormatError(f"{path}, line {number}: not JSON ({error.msg})") from error
            yield f"line {number}", value


def sample_from_json(row: Any, fallback_id: str = "") -> Sample:
    """One sample from an object of our own schema or of one of the foreign ones.

    Raises:
        InvalidInputError: it is none of them. Missing or mistyped fields raise KeyError, TypeError or ValueError.
    """
    if not isinstance(row, dict):
        raise InvalidInputError(f"expected an object, got {type(row).__name__}")
    inputs = {m: _refs(row[f"input_{m}"], row, "") for m in MODALITIES if row.get(f"input_{m}")}
    outputs = {m: _refs(row[f"output_{m}"], row, f"{m}_captions") for m in MODALITIES if row.get(f"output_{m}")}
    if "conversations" in row or "conversation" in row:
        said = row.get("conversations") or row.get("conversation") or []
        turns = [Turn(_speaker(turn["from"]), str(turn["value"])) for turn in said if turn["from"] != "system"]
    elif "instruction" in row:  # Alpaca (Taori et al., 2023)
        asked = f"{row['instruction']}\n{row['input']}" if row.get("input") else str(row["instruction"])
        turns = [Turn("human", asked), Turn("gpt", str(row["output"]))]
    elif "QA" in row:  # VideoChat (Li et al., 2023): an instruction `i` before each question `q`
        pairs = [(f"{qa.get('i', '')}\n{qa['q']}".strip(), str(qa["a"])) for qa in row["QA"]]
        turns = [turn for q, a in pairs for turn in (Turn("human", q), Turn("gpt", a))]
    else:
        raise InvalidInputError("it has neither conversations, nor instruction and output, nor QA")
    for modality in MODALITIES:  # LLaVA and VideoChat: one file for the whole conversation
        if isinstance(row.get(modality), str) and modality not in inputs:
            inputs[modality] = (Ref(row[modality]),)
    turns = _with_slots(turns, inputs, "human", first=True)
    turns = _with_slots(turns, outputs, "gpt", first=False)
    kind = str(row.get("kind") or "foreign")
    identity, split = str(row.get("id") or fallback_id), str(row.get("split") or "train")
    return Sample(identity, kind, tuple(turns), inputs, outputs, split, row.get("question"), row.get("edit"))


def _speaker(name: str) -> Literal["human", "gpt"]:
    if name in ("human", "user"):
        return "human"
    if name in ("gpt", "assistant"):
        return "gpt"
    raise InvalidInputError(f"a turn is from {name!r}; known: human, gpt")


def _refs(value: Any, row: Mapping[str, Any], captions_key: str) -> tuple[Ref, ...]:
    """Our list of objects, or NExT-GPT's file name or names with its captions beside them."""
    entries = value if isinstance(value, list) else [value]
    captions = list(row.get(captions_key) or ()) + [""] * len(entries)
    refs = []
    for entry, caption in zip(entries, captions, strict=False):
        if isinstance(entry, str):
            refs.append(Ref(entry, str(caption)))
        else:
            span = entry.get("range")
            clip, text = str(entry.get("clip") or ""), str(entry.get("text") or caption)
            refs.append(Ref(clip, text, (int(span[0]), int(span[1])) if span else None, entry.get("edit")))
    return tuple(refs)


def _with_slots(turns: list[Turn], refs: Mapping[str, tuple[Ref, ...]], speaker: str, first: bool) -> list[Turn]:
    """`turns` in which each entry has its slot: foreign files leave them out, or number them as NExT-GPT does."""
    turns = [
        Turn(t.speaker, re.sub(rf"(<({'|'.join(MODALITIES)})_?\d+>\s*)+", r"<\2>", t.value))
        if t.speaker == speaker
        else t
        for t in turns
    ]
    for modality, entries in refs.items():
        lacking = len(entries) - sum(t.value.count(f"<{modality}>") for t in turns if t.speaker == speaker)
        places = [i for i, turn in enumerate(turns) if turn.speaker == speaker]
        if lacking > 0 and places:
            i, slots = places[0 if first else -1], f"<{modality}>" * lacking
            value = f"{slots}\n{turns[i].value}" if first else f"{turns[i].value}\n{slots}"
            turns[i] = Turn(turns[i].speaker, value.strip())
    return turns
