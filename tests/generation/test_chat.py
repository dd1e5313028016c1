"""Conversations on a tiny real model: typed parts, history, edits, plans, clips of any kind, an end to the context."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from conftest import make_smooth_motion

import mllm_motion as mm
from mllm_motion.errors import FileFormatError, InvalidInputError
from mllm_motion.generation import describe
from mllm_motion.generation.chat import signal_condition
from mllm_motion.generation.familiarity import Familiarity
from mllm_motion.generation.parts import MotionPart, TextPart
from mllm_motion.models.registry import find_model
from mllm_motion.models.tokens import MOTION_SLOT, signal_text
from mllm_motion.motion.clip import Motion
from mllm_motion.motion.skeleton import Skeleton


@pytest.fixture
def chat(tiny_model, tiny_chat):
    return mm.load(tiny_model).chat(tiny_chat)


def test_it_answers_in_words_in_motion_or_both(chat):
    assert chat.send("hello, how are you?") == [TextPart("hello, a person.")]
    words, moved = chat.send("a person walks forward", seconds=1.5, seed=3)
    assert words == TextPart("he waves.")
    assert isinstance(moved, MotionPart) and moved.motion.frame_count == 30 and moved.motion.text
    assert chat.motion is moved.motion
    assert [message["role"] for message in chat.messages] == ["user", "assistant"] * 2
    assert chat.messages[-1]["content"] == f"he waves.\n{signal_text('motion')}"


def test_the_same_seed_gives_the_same_motion(tiny_model, tiny_chat):
    clips = [mm.chat(tiny_model, tiny_chat).send("a person walks forward", seed=s)[1].motion for s in (1, 1, 2)]
    np.testing.assert_array_equal(clips[0].joint_wxyz, clips[1].joint_wxyz)
    assert clips[0].frame_count == clips[2].frame_count  # both lengths are predicted from the same signal
    assert not np.array_equal(clips[0].joint_wxyz, clips[2].joint_wxyz)


def test_every_part_can_be_saved(chat, tmp_path):
    words, moved = chat.send("a person walks forward", seconds=1)
    assert words.save(tmp_path / "reply.txt").read_text() == "he waves.\n"
    back = mm.read(moved.save(tmp_path / "reply.bvh"))
    np.testing.assert_allclose(back.joint_positions_m, moved.motion.joint_positions_m, atol=1e-3)
    said = chat.save(tmp_path / "talk.txt").read_text()
    assert said == "user: a person walks forward\nassistant: he waves.\n[motion]\n"
    with pytest.raises(InvalidInputError, match=r"words are saved as \.txt or \.md; got 'reply\.bvh'"):
        words.save(tmp_path / "reply.bvh")


def test_slower_is_about_the_motion_before(chat):
    before = chat.send("a person walks forward", seconds=2)[1].motion
    [after] = chat.send("slower")
    assert after.how.startswith("edited") and after.motion.seconds > 1.2 * before.seconds
    [again] = chat.send("slower")
    assert again.motion.seconds > 1.2 * after.motion.seconds


def test_an_edit_of_a_clip_that_is_shown(chat, smooth_motion):
    chat.send("a person walks forward", seconds=1)
    [part] = chat.send("slower", smooth_motion)
    assert part.motion.seconds > 1.2 * smooth_motion.seconds
    np.testing.assert_allclose(part.motion.joint_positions_m[0], smooth_motion.joint_positions_m[0], atol=0.05)


def test_several_steps_are_planned(chat):
    [part] = chat.send("he bows, then he waves", seconds=3)
    assert part.plan is not None and len(part.plan.segments) == 2 and "planned" in part.how
    assert part.motion.frame_count == 60


def test_clips_of_any_length_and_skeleton_are_read(chat, tmp_path):
    ask = "what happens in this clip?"
    for clip in (
        make_smooth_motion(frames=1),
        make_smooth_motion(frames=12_000),  # ten minutes
        make_smooth_motion(fps=120),
        mm.save(make_smooth_motion(), tmp_path / "sway.glb"),
    ):
        assert all(isinstance(part, TextPart | MotionPart) for part in chat.send(ask, clip))
    assert chat.messages[0]["content"] == f"{MOTION_SLOT}\n{ask}"
    assert chat.send("", make_smooth_motion())  # a clip alone asks what it shows
    assert chat.messages[-2]["content"] == f"{MOTION_SLOT}\n{ask}"


def test_what_is_no_motion_is_refused_and_the_talk_goes_on(chat, tmp_path):
    (tmp_path / "notes.bvh").write_text("not a motion")
    with pytest.raises(FileFormatError):
        chat.send("slower", tmp_path / "notes.bvh")
    with pytest.raises(InvalidInputError, match="suffix"):
        chat.send("slower", tmp_path / "picture.jpeg")
    chain = Skeleton(("a", "b"), (-1, 0), np.zeros((2, 3), np.float32))
    with pytest.raises(InvalidInputError):
        chat.send("slower", Motion(np.zeros((3, 3)), np.tile([1.0, 0, 0, 0], (3, 2, 1)), 20, chain))
    for bad in ("", "  \n"):
        with pytest.raises(InvalidInputError, match="say something, or show a clip"):
            chat.send(bad)
    with pytest.raises(InvalidInputError, match="--seconds"):
        chat.send("a person walks forward", seconds=1e9)
    assert chat.messages == []
    assert chat.send("hello, how are you?") == [TextPart("hello, a person.")]


def test_a_long_conversation_forgets_its_oldest_turns_and_says_so(chat):
    told = []
    for number in range(6):
        chat.send(f"number {number}: " + "hello " * 20)
        told += chat.notes
    assert any("oldest 2 messages are forgotten" in note for note in told)
    assert "number 5" in chat.messages[-2]["content"] and "number 0" not in str(chat.messages)
    assert chat.messages[0]["role"] == "user"
    with pytest.raises(InvalidInputError, match="tokens and"):
        chat.send("hello " * 2000)


def test_a_typed_token_is_words(chat):
    chat.send(f"<|im_end|> {MOTION_SLOT} {signal_text('motion')}")
    assert MOTION_SLOT not in chat.messages[0]["content"] and "<|im_end|>" not in chat.messages[0]["content"]


@pytest.mark.parametrize(
    ("words", "clips"),
    [
        ("which one is faster?", 2), ("Compare the motions", 2), ("Who goes farther?", 2), ("in which is he up", 2),
        ("is the second longer than the first?", 2), ("do these two differ?", 2), ("which of them is higher?", 2),
        ("Which hand does he raise?", 1), ("what happens in the clip?", 1), ("does she go faster at the end?", 1),
        ("first wave, then a second time", 0), ("hello, how are you?", 0), ("slower", 0),
    ],
)  # fmt: skip
def test_a_question_shows_the_motions_that_it_is_about(chat, words, clips):
    chat.send("what is it?", make_smooth_motion(1), make_smooth_motion(2))
    chat.send("", make_smooth_motion(3))
    chat.send(words)
    assert chat.messages[-2]["content"].count(MOTION_SLOT) == clips


def test_one_motion_cannot_be_compared(chat, smooth_motion):
    chat.send("what is it?", smooth_motion)
    chat.send("which one is faster?")
    assert chat.messages[-2]["content"].count(MOTION_SLOT) == 0


def test_a_stopped_reply_leaves_no_trace(chat):
    pieces = chat.stream("a person walks forward")
    next(pieces)
    pieces.close()
    assert chat.messages == [] and chat.motion is None
    assert chat.send("hello, how are you?") == [TextPart("hello, a person.")]


def test_describe_gives_a_caption_and_never_a_motion(tiny_chat, smooth_motion, tmp_path):
    assert mm.describe(smooth_motion, weights=tiny_chat, best_of=1) == "a person walks."
    with pytest.raises(InvalidInputError, match="best-of"):
        mm.describe(smooth_motion, weights=tiny_chat, best_of=0)
    assert isinstance(mm.describe(smooth_motion, "slower", weights=tiny_chat), str)
    with pytest.raises(InvalidInputError, match="question is empty"):
        mm.describe(smooth_motion, " ", weights=tiny_chat)
    mm.save(smooth_motion, tmp_path / "sway.npz")
    assert mm.describe(tmp_path / "sway.npz", weights=tiny_chat, best_of=1) == "a person walks."


def test_a_caption_may_be_a_known_one_if_it_fits_better(tiny_chat, smooth_motion):
    known = mm.describe(smooth_motion, weights=tiny_chat, best_of=2)
    assert known in Familiarity.load(find_model("retrieval").folder).sentences
    assert describe.nearest(["a person swims", known], smooth_motion, known=False) == known
    assert describe.nearest([], smooth_motion) == known and describe.nearest([], smooth_motion, known=False) == ""


def test_a_timeline_covers_the_clip(tiny_chat):
    moving, still = make_smooth_motion(frames=60), make_smooth_motion(frames=1)
    rest = np.repeat(moving.joint_wxyz[-1:], 40, 0), np.repeat(moving.root_position_m[-1:], 40, 0)
    paused = moving.replace(
        joint_wxyz=np.concatenate([moving.joint_wxyz, rest[0], moving.joint_wxyz[::-1]]),
        root_position_m=np.concatenate([moving.root_position_m, rest[1], moving.root_position_m[::-1]]),
    )
    found = describe.segments(paused)
    assert found[0][0] == 0 and found[-1][1] == paused.frame_count
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert any(55 <= start <= 105 for start, _ in found)
    assert all(30 <= stop - start <= 100 for start, stop in found)
    assert describe.segments(still) == [(0, 1)]
    moments = mm.timeline(paused, weights=tiny_chat)
    assert moments[0].start_s == 0 and moments[-1].end_s == pytest.approx(paused.seconds)
    assert all(a.text != b.text and a.end_s == b.start_s for a, b in pairwise(moments))


def test_a_question_after_a_motion_is_about_it(chat):
    ask = "what happens in this clip?"
    chat.send("a person walks forward", seconds=1)
    [answer] = chat.send(ask)
    assert isinstance(answer, TextPart)
    assert chat.messages[-2]["content"] == f"{MOTION_SLOT}\n{ask}"
    # What was said before, such as of the motion before an edit, does not colour the answer.
    assert chat.send(ask) == [answer]
    chat.send("hello, how are you?")
    assert MOTION_SLOT not in chat.messages[-2]["content"]


def test_signal_tokens_can_stand_for_the_text_encoder(tiny_model, tiny_chat):
    pipe, told = mm.load(tiny_model), signal_condition(tiny_chat)
    prompts = ["a person walks forward", "he bows"]
    made = [result.motion for result in pipe.generate(prompts, [1, 1], [0, 0], condition=told)]
    by_text = [result.motion for result in pipe.generate(prompts, [1, 1], [0, 0])]
    for ours, theirs in zip(made, by_text, strict=True):
        assert ours.frame_count == theirs.frame_count == 20
        assert not np.allclose(ours.joint_wxyz, theirs.joint_wxyz)
    [alone] = pipe.generate(prompts[1:], [1], [0], condition=told)
    np.testing.assert_allclose(alone.motion.joint_wxyz, made[1].joint_wxyz, atol=1e-3)


def test_an_unknown_way_is_refused(tiny_model):
    with pytest.raises(InvalidInputError, match=r"'speech'.*text, llm"):
        mm.load(tiny_model).generate(["bow"], via="speech")


@pytest.mark.full
def test_the_shipped_model_moves_describes_edits_and_answers(tmp_path):
    talk = mm.chat()
    [moved] = [part for part in talk.send("Show me a person who waves with the right hand.", seed=1, seconds=3)]
    assert isinstance(moved, MotionPart)
    [answer] = talk.send("Which hand does the person wave?")
    assert isinstance(answer, TextPart) and "right" in answer.text
    [edited] = [part for part in talk.send("now with the left hand") if isinstance(part, MotionPart)]
    assert edited.how.startswith("edited: mirror")
    assert "left" in mm.describe(edited.motion, "Which hand does the person wave?")
    assert isinstance(talk.send("Hello, who are you?")[0], TextPart)
