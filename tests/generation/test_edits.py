"""Edits: each does what its words ask for and leaves the rest, on captured-like and on generated motion."""

import numpy as np
import pytest
from conftest import make_smooth_motion

import mllm_motion as mm
from mllm_motion import cli
from mllm_motion.errors import InvalidInputError
from mllm_motion.evaluation.behaviour_table import load_behaviours
from mllm_motion.evaluation.edit_checks import distance_kept_m, edit_holds
from mllm_motion.generation.edit_motion import acting_side
from mllm_motion.generation.edit_request import NEED_GENERATOR, OPERATIONS, Edit
from mllm_motion.generation.edits import apply_edit, apply_edits, edits_from_words
from mllm_motion.motion.clip import Motion

ASKED = {
    "slower": ("slower", {"factor": 0.7}),
    "a bit slower please": ("slower", {"factor": 0.85}),
    "Can you do it twice as fast?": ("faster", {"factor": 2.0}),
    "20 % faster": ("faster", {"factor": 1.2}),
    "now with the left hand": ("mirror", {"side": "left", "part": "arm"}),
    "with the other leg": ("mirror", {}),
    "to the right instead": ("mirror", {"side": "right", "part": "way"}),
    "play it backwards": ("reverse", {}),
    "do it three times": ("repeat", {"times": 3}),
    "loop it": ("loop", {}),
    "too long": ("shorten", {}),
    "make it 5 seconds long": ("shorten", {"seconds": 5.0}),
    "would you mind making it a little shorter?": ("shorten", {}),
    "at most 3 seconds please": ("shorten", {"seconds": 3.0}),
    "it shouldn't be longer than 3 seconds": ("shorten", {"seconds": 3.0}),
    "would you mind repeating it twice?": ("repeat", {"times": 2}),
    "why so fast? slow it down": ("slower", {}),
    "i want the same thing but quick": ("faster", {}),
    "longer": ("lengthen", {}),
    "just the first 2 seconds": ("cut", {"seconds": 2.0}),
    "hold the end for 3 seconds": ("hold", {"seconds": 3.0}),
    "in place": ("in_place", {}),
    "turn around": ("turn", {"degrees": 180.0}),
    "rotate it by 90 degrees to the right": ("turn", {"degrees": -90.0}),
    "bigger": ("bigger", {"factor": 1.3}),
    "smaller movements": ("smaller", {"factor": 0.7}),
    "add a wave with the left hand": (
        "with_gesture",
        {"prompt": "a person waves with the left hand", "sides": ["left"]},
    ),
    "while clapping": ("with_gesture", {"prompt": "a person claps"}),
    "then sit down": ("then", {"prompt": "a person sits down"}),
    "after that, have him walk to the left and bow": (
        "then",
        {"prompt": "a person walks to the left, then a person bows"},
    ),
    "add a jump": ("then", {"prompt": "a person jumps"}),
    "but angrily": ("restyle", {"words": "angrily"}),
    "like a tired old man": ("restyle", {"words": "like a tired old man"}),
    "more energetic": ("restyle", {"words": "in an energetic way"}),
}  # fmt: skip
NEW = [
    "a person walks slowly", "jump twice", "walk backwards", "wave with the left hand", "turn left", "run fast",
    "a person walks like a zombie", "while waving, a person walks", "he raises his left hand", "stand still",
    "what is he doing?", "which hand does he raise?", "hello", "walk, then sit down", "",
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), ASKED.items())
def test_edits_are_found(words, expected):
    op, settings = expected
    [edit] = edits_from_words(words)
    assert edit == Edit(op, settings)
    assert Edit.from_dict(edit.to_dict()) == edit


@pytest.mark.parametrize("words", NEW)
def test_new_motions_and_questions_are_no_edits(words):
    assert edits_from_words(words) == ()


def test_no_behaviour_is_an_edit():
    sentences = [text for row in load_behaviours() for text in (*row.say, *row.versus)]
    assert not [text for text in sentences if edits_from_words(text)]


def test_several_at_once():
    assert [edit.op for edit in edits_from_words("a bit slower, with the other hand")] == ["slower", "mirror"]


@pytest.mark.parametrize(
    ("op", "settings", "expected"),
    [
        ("explode", {}, "unknown edit 'explode'; known: slower"),
        ("slower", {"times": 2}, "unknown setting of the edit 'slower' 'times'; known: factor"),
        ("slower", {"factor": -1}, "the factor of the edit 'slower' must be a number from 0.1 to 1; got -1"),
        ("repeat", {"times": 1.5}, "must be a whole number from 2 to 50"),
        ("then", {}, "the prompt is empty"),
        ("mirror", {"side": "up"}, "must be one of left, right"),
    ],
)
def test_bad_edits_are_one_sentence(op, settings, expected):
    with pytest.raises(InvalidInputError, match=expected):
        Edit(op, settings)


@pytest.fixture(scope="module")
def pipe():
    return mm.load("default")


@pytest.fixture(scope="module")
def clips(pipe):
    prompts = ["a person walks forward", "a person waves with the right hand", "a person bows"]
    return [result.motion for result in pipe.generate(prompts, [3.0] * 3, [3] * 3)]


TOLERANCE_M = {"loop": 0.05, "lengthen": 0.05, "slower": 0.01, "faster": 0.02, "then": 0.03}
SETTINGS = {
    "with_gesture": {"prompt": "a person waves with the left hand", "sides": ["left"]},
    "then": {"prompt": "a person bows", "seconds": 2.0},
    "restyle": {"words": "like an old person"},
    "shorten": {"seconds": 2.0},
    "lengthen": {"seconds": 5.0},
}


@pytest.mark.parametrize("op", OPERATIONS)
def test_the_change_holds_and_the_rest_stays(op, clips, pipe):
    edit = Edit(op, SETTINGS.get(op, {}))
    for clip in clips[:2] if op in NEED_GENERATOR else clips:
        changed = apply_edit(clip, edit, pipe, seed=0)
        assert edit_holds(clip, changed, edit), clip.text
        if op != "restyle":
            assert distance_kept_m(clip, changed, edit) <= TOLERANCE_M.get(op, 0.002), clip.text
        assert changed.fps == clip.fps


def test_the_other_hand_is_taken_only_if_it_is_another(clips):
    wave = clips[1]
    assert acting_side(wave, "arm") == "right"
    assert mm.edit(wave, "with the right hand") is wave
    left = mm.edit(wave, "with the left hand")
    assert acting_side(left, "arm") == "left" and left.text == "a person waves with the left hand"
    start = left.root_position_m[0] - wave.root_position_m[0]
    assert np.abs(start).max() < 1e-4


def test_edits_follow_one_another(clips):
    changed = apply_edits(clips[2], edits_from_words("twice as fast, mirrored"))
    assert changed.seconds == pytest.approx(clips[2].seconds / 2, abs=0.1)


@pytest.mark.parametrize("op", [op for op in OPERATIONS if op not in NEED_GENERATOR])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_very_short_clips_are_changed_or_refused(op, frames):
    clip = make_smooth_motion(frames=frames)
    try:
        assert np.isfinite(apply_edit(clip, Edit(op)).joint_positions_m).all()
    except InvalidInputError as error:
        assert len(str(error)) < 300


def test_other_frame_rates_stay():
    clip = make_smooth_motion(frames=240, fps=60.0)
    for op in ("repeat", "hold", "shorten", "mirror", "bigger"):
        assert apply_edit(clip, Edit(op)).fps == 60.0


def test_words_that_ask_for_nothing_are_refused(clips):
    with pytest.raises(
        InvalidInputError, match="no change to a motion is recognised in 'banana'; say for example: slower"
    ):
        mm.edit(clips[0], "banana")


def test_a_style_needs_words(pipe, clips):
    silent: Motion = clips[0].replace(text="")
    with pytest.raises(InvalidInputError, match="does not say what it shows"):
        mm.edit(silent, "angrily", pipe)


def test_edit_goes_through_the_command_line(tmp_path, capsys, smooth_motion):
    mm.save(smooth_motion, tmp_path / "a.npz")
    words = ["edit", str(tmp_path / "a.npz"), "twice as fast", "-o", str(tmp_path / "b.npz")]
    assert cli.main(words) == 0
    assert mm.read(tmp_path / "b.npz").seconds == pytest.approx(smooth_motion.seconds / 2, abs=0.1)
    assert "faster" in capsys.readouterr().err
    assert cli.main(["edit", str(tmp_path / "a.npz"), "banana", "-o", str(tmp_path / "c.npz")]) == 2
    assert "no change to a motion is recognised" in capsys.readouterr().err
    assert not (tmp_path / "c.npz").exists()
