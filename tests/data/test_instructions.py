"""Instruction samples of a small corpus: schema, splits, wordings, determinism, and the readers of other files."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from body_motions import bow, go, raise_arm, stand, wave_arm
from test_questions import squat

from mllm_motion.data.captions import caption_clip
from mllm_motion.data.corpus import build_texts, write_corpus
from mllm_motion.data.instructions import (
    InstructionsConfig,
    decision_requests,
    make_instructions,
    read_instructions,
    write_instructions,
)
from mllm_motion.data.instructions_clips import EDITS, ClipLibrary
from mllm_motion.data.instructions_motion import is_sentence
from mllm_motion.data.instructions_schema import KINDS, Ref, Sample
from mllm_motion.data.instructions_talk import conversation, refusal
from mllm_motion.data.instructions_words import Book, wordings
from mllm_motion.data.questions import is_right, look, question_answer
from mllm_motion.data.splits import SPLITS
from mllm_motion.data.takes import TakeResult
from mllm_motion.data.wording import expand
from mllm_motion.errors import FileFormatError, InvalidInputError

_TAKES = {
    "walk": (go((0, 1.1), 5.0), "cmu", "walk"),
    "stroll": (go((0, 0.5), 6.0), "cmu", "walk"),
    "run": (go((0, 2.6), 3.0), "cmu", "run"),
    "corner": (go((0, 1.0), 5.0, 90), "cmu", "walk"),
    "back": (go((0, -0.7), 4.0), "cmu", "walk"),
    "raise": (raise_arm("left"), "bandai_namco", "raise-up-left-hand"),
    "wave": (wave_arm("right"), "bandai_namco", "wave-right-hand"),
    "bow": (bow(), "bandai_namco", "bow"),
    "squat": (squat(), "hdm05", "squat1Reps"),
    "stand": (stand(5.0), "cmu", "stand"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten captioned clips in each split, and their mirrored copies."""
    folder = tmp_path_factory.mktemp("corpus")
    clips = []
    for split in SPLITS:
        for name, (motion, source, label) in _TAKES.items():
            row = {
                "id": f"{name}-{split}", "source": source, "file": f"{name}.bvh", "label": label, "style": "",
                "texts": [], "human_texts": [], "part_texts": [], "licence": "CC0 1.0", "split": split,
                "group": name, "mirrored": False, "start_s": 0.0, "end_s": motion.seconds,
            }  # fmt: skip
            clips.append((row, motion))
    write_corpus([TakeResult(clips, [])], 1, folder)
    build_texts(folder, caption_clip)
    return folder


@pytest.fixture(scope="module")
def samples(corpus: Path) -> list[Sample]:
    """A few hundred samples of all splits."""
    return list(make_instructions(corpus, InstructionsConfig(train=170, val=20, test=110)))


def test_every_kind_and_every_outcome_comes_up(samples: list[Sample]) -> None:
    assert {sample.kind for sample in samples} == set(KINDS)
    assert {sample.expects for sample in samples} == {"words", "motion", "both"}
    assert len({sample.id for sample in samples}) == len(samples)
    assert {sample.edit["op"] for sample in samples if sample.edit} >= {"slower", "faster", "mirror", "then"}
    for sample in samples:
        sample.check()
        if sample.kind in ("motion_to_text", "question", "comparison", "conversation", "refusal"):
            assert sample.expects == "words", sample
        if sample.kind == "edit":
            assert sample.expects == "motion"


def test_clips_keep_their_split(samples: list[Sample], corpus: Path) -> None:
    rows = ClipLibrary(corpus).rows
    for sample in samples:
        for ref in (*sample.input_motion, *sample.output_motion):
            ids = [ref.clip, (ref.edit or {}).get("clip")]
            assert all(rows[identity]["split"] == sample.split for identity in ids if identity), sample


def test_measured_answers_agree_with_the_clip_and_with_their_words(samples: list[Sample], corpus: Path) -> None:
    library = ClipLibrary(corpus)
    asked = [sample for sample in samples if sample.question]
    assert len({sample.question["kind"] for sample in asked if sample.question}) >= 8
    for sample in asked:
        kind, about, answer = (sample.question[key] for key in ("kind", "about", "answer"))  # type: ignore[index]
        seen = [look(library.load(ref)) for ref in sample.input_motion]
        assert question_answer(seen[0], kind, about, *seen[1:]) == answer
        assert is_right(kind, answer, sample.turns[-1].value, about), sample


def test_training_asks_several_questions_in_a_row_and_the_test_one(samples: list[Sample]) -> None:
    asked = [sample for sample in samples if sample.kind == "question"]
    turns = {split: {len(s.turns) for s in asked if s.split == split} for split in ("train", "test")}
    assert turns["test"] == {2} and max(turns["train"]) >= 6
    assert all(len(sample.input_motion) == 1 for sample in asked)


def test_training_goes_on_after_several_motions_and_the_test_does_not() -> None:
    for held_out in (False, True):
        rng, book = np.random.default_rng(1), Book(held_out=held_out)
        talks = [conversation(None, book, rng) for _ in range(80)] + [refusal(None, book, rng) for _ in range(40)]
        made = [len(talk.output_motion) for talk in talks if talk]
        assert max(made) == (1 if held_out else 5) and min(made) == 0
        for talk in filter(None, talks):
            talk.check()
            assert talk.expects == "words" and len(talk.turns) % 2 == 0


def test_edits_can_be_carried_out_and_change_what_they_say(corpus: Path) -> None:
    library = ClipLibrary(corpus)
    plain = library.load(Ref("wave-train"))
    changed = {
        "slower": library.load(Ref("wave-train", edit={"op": "slower", "factor": 0.5})),
        "faster": library.load(Ref("wave-train", edit={"op": "faster", "factor": 2.0})),
        "mirror": library.load(Ref("wave-train", edit={"op": "mirror"})),
        "reverse": library.load(Ref("wave-train", edit={"op": "reverse"})),
        "repeat": library.load(Ref("wave-train", edit={"op": "repeat", "times": 2})),
        "hold": library.load(Ref("wave-train", edit={"op": "hold", "seconds": 2.0})),
        "shorten": library.load(Ref("wave-train", edit={"op": "shorten", "seconds": 2.0})),
        "then": library.load(Ref("wave-train", edit={"op": "then", "clip": "bow-train"})),
        "with_gesture": library.load(
            Ref("walk-train", edit={"op": "with_gesture", "clip": "wave-train", "sides": ["right"]})
        ),
    }
    assert set(changed) == set(EDITS)
    assert changed["slower"].seconds == pytest.approx(2 * plain.seconds, abs=0.15)
    assert changed["faster"].seconds == pytest.approx(plain.seconds / 2, abs=0.15)
    assert changed["repeat"].seconds > 1.8 * plain.seconds
    assert changed["hold"].seconds == pytest.approx(plain.seconds + 2.0, abs=0.5)
    assert changed["shorten"].seconds == pytest.approx(2.0, abs=0.1)
    assert question_answer(changed["mirror"], "hand", "wave") == "left"
    assert look(changed["then"]).facts.bends == 1
    assert question_answer(changed["with_gesture"], "hand", "wave") == "right"
    assert question_answer(changed["with_gesture"], "gait") == "walk"
    assert library.load(Ref("walk-train", range=(5, 25))).frame_count == 20
    with pytest.raises(InvalidInputError, match="unknown edit 'fly'; known: slower"):
        library.load(Ref("walk-train", edit={"op": "fly"}))
    with pytest.raises(InvalidInputError, match="has no clip 'gone'"):
        library.load(Ref("gone"))


def test_a_mirrored_hand_changes_the_caption_too(corpus: Path) -> None:
    shares = {"edit": 1.0}
    edits = make_instructions(corpus, InstructionsConfig(train=60, val=0, test=0, shares=shares))
    mirrored = [sample for sample in edits if sample.edit == {"op": "mirror"}]
    assert mirrored
    for sample in mirrored:
        after = sample.output_motion[-1]
        side = question_answer(ClipLibrary(corpus).load(after), "hand", "raise")
        if side in ("left", "right"):
            assert side in after.text.split()


def test_no_held_out_wording_is_trained() -> None:
    both = 0
    for name, (trained, held_out) in wordings().items():
        assert trained or held_out, name
        assert not set(trained) & set(held_out), name
        both += bool(held_out)
        rng = np.random.default_rng(0)
        said = {expand(rng, line) for line in trained for _ in range(20) if "|" in line or _ == 0}
        assert not said & set(held_out), name
    assert both > 50
    kinds = {
        "text_to_motion": ("request_",), "motion_to_text": ("describe_", "timeline"),
        "comparison": ("compare_", "difference"),
        "question": ("hand_", "leg_", "direction", "turn", "count", "speed", "gait", "order", "yes_no"),
        "edit": ("edit_",), "plan": ("plan_",), "conversation": ("greeting", "smalltalk", "thanks", "abilities"),
        "refusal": ("impossible", "not_made", "no_clip"),
    }  # fmt: skip
    for kind, starts in kinds.items():
        lists = [lines for name, lines in wordings().items() if name.startswith(starts) and "reply" not in name]
        assert sum(len(trained) for trained, _ in lists) >= 30, kind
        assert sum(len(held_out) for _, held_out in lists) >= 4, kind


def test_the_test_split_asks_in_held_out_wordings(samples: list[Sample]) -> None:
    trained, held_out = wordings()["greeting"]
    assert set(Book(held_out=True).lines("greeting")) == set(held_out)
    assert set(Book().lines("greeting")) == set(trained)
    greetings = {sample.turns[0].value.lower().rstrip(".!?") for sample in samples if sample.split == "test"}
    assert not greetings & {line.rstrip(".!?") for line in trained}


def test_samples_follow_from_the_seed(corpus: Path, samples: list[Sample]) -> None:
    config = InstructionsConfig(train=170, val=20, test=110)
    again = make_instructions(corpus, config)
    assert [next(again) for _ in range(60)] == samples[:60]
    other = list(make_instructions(corpus, replace(config, train=40, val=0, test=0, seed=1)))
    assert not {sample.turns for sample in other} <= {sample.turns for sample in samples}


def test_plans_time_their_steps(samples: list[Sample]) -> None:
    for sample in samples:
        if sample.kind == "plan":
            lines = re.findall(r"^(\d+)\. ([\d.]+)-([\d.]+) s: a person \w+", sample.turns[-1].value, re.MULTILINE)
            assert len(lines) >= 2
            assert [int(number) for number, _, _ in lines] == list(range(1, len(lines) + 1))
            assert [end for _, _, end in lines[:-1]] == [start for _, start, _ in lines[1:]]


def test_decisions_are_500_requests_in_wordings_of_their_own() -> None:
    requests = decision_requests()
    assert len(requests) == len({request.turns for request in requests}) == 500
    assert requests == decision_requests(0)
    counts = Counter(request.expects for request in requests)
    assert min(counts.values()) > 40
    assert max(counts.values()) < 0.55 * len(requests)
    for request in requests:
        request.check()


def test_samples_survive_the_file(samples: list[Sample], tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    assert write_instructions(path, samples) == len(samples)
    assert read_instructions(path) == samples
    first = json.loads(path.read_text().splitlines()[0])
    assert {"id", "kind", "conversations", "split", "expects"} <= set(first)
    assert first["conversations"][0]["from"] == "human"


FOREIGN = [
    ([{"instruction": "Add.", "input": "1 and 2", "output": "3"}], ("Add.\n1 and 2", "3"), "words"),
    (
        [{"id": "7", "image": "a.jpg", "conversations": [
            {"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A cat."}]}],
        ("<image>\nWhat is it?", "A cat."), "words",
    ),
    (
        [{"video": "a.mp4", "QA": [{"i": "Look.", "q": "Who?", "a": "A man."}]}],
        ("<video>\nLook.\nWho?", "A man."), "words",
    ),
    (
        [{"input_motion": "x", "output_image": ["b.png"], "image_captions": ["a dog"], "conversation": [
            {"from": "human", "value": "<motion>\nDraw it"}, {"from": "gpt", "value": "Here. <image_00><image_01>"}]}],
        ("<motion>\nDraw it", "Here. <image>"), "both",
    ),
]  # fmt: skip


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize(("rows", "values", "expects"), FOREIGN)
def test_files_of_others_are_read(rows: list, values: tuple, expects: str, lines: bool, tmp_path: Path) -> None:
    path = tmp_path / "foreign.json"
    path.write_text("\n".join(map(json.dumps, rows)) if lines else json.dumps(rows, indent=1))
    (sample,) = read_instructions(path)
    assert tuple(turn.value for turn in sample.turns) == values
    assert sample.expects == expects
    assert sample.kind == "foreign"
    if expects == "both":
        assert sample.outputs["image"] == (Ref("b.png", "a dog"),)
        assert sample.input_motion == (Ref("x"),)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: not a conversation (expected an object, got list)"),
        ('{"text": "hi"}', "line 2: not a conversation (it has neither conversations"),
        ('{"conversations": [{"from": "cat", "value": "miau"}]}', "a turn is from 'cat'; known: human, gpt"),
        ('{"conversations": [{"from": "human"}]}', "'value' is missing"),
        ('{"conversations": [{"from": "human", "value": "hi"}]}', "must speak in turn"),
        ('{"instruction": "<motion> what?", "output": "a"}', "human turns hold 1 <motion>, but 0 are listed"),
    ],
)
def test_a_bad_line_is_one_clear_error(bad: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"instruction": "a", "output": "b"}\n' + bad + "\n")
    with pytest.raises(FileFormatError, match=re.escape(complaint)) as caught:
        read_instructions(path)
    assert "line 2" in str(caught.value)


def test_sentences_are_told_from_other_captions() -> None:
    assert is_sentence("a person walks forward")
    assert is_sentence("the old man is slowly walking")
    assert not is_sentence("a person walking forward")
    assert not is_sentence("walk forward")


def test_bad_settings_are_named(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="--test must not be negative"):
        InstructionsConfig(test=-1)
    with pytest.raises(InvalidInputError, match="unknown kind of sample 'poem'"):
        InstructionsConfig(shares={"poem": 1.0})
    with pytest.raises(InvalidInputError, match=r"holds no index\.jsonl"):
        write_instructions(tmp_path / "out.jsonl", make_instructions(tmp_path))
    assert not list(tmp_path.iterdir())
