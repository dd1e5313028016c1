"""What is read of clips that no one captured: two joined, and one repeated."""

import numpy as np
import pytest
from body_motions import bow, go, raise_arm

from mllm_motion.data.captions import caption_clip
from mllm_motion.data.corpus import build_texts, write_corpus
from mllm_motion.data.instructions_clips import ClipLibrary
from mllm_motion.data.takes import TakeResult
from mllm_motion.training import reading_targets
from mllm_motion.training.reading_targets import READINGS, Readings

_TAKES = {
    "walk": (go((0, 1.1), 4.0), "cmu", "walk"),
    "raise": (raise_arm("left"), "bandai_namco", "raise-up-left-hand"),
    "bow": (bow(), "bandai_namco", "bow"),
}


def test_clips_joined_and_repeated_are_read_too(tmp_path):
    clips = []
    for name, (motion, source, label) in _TAKES.items():
        for copy in range(6):
            row = {
                "id": f"{name}{copy}", "source": source, "file": f"{name}.bvh", "label": label, "style": "",
                "texts": [], "human_texts": [], "part_texts": [], "licence": "CC0 1.0", "split": "train",
                "group": name, "mirrored": False, "start_s": 0.0, "end_s": motion.seconds,
            }  # fmt: skip
            clips.append((row, motion))
    write_corpus([TakeResult(clips, [])], 1, tmp_path)
    build_texts(tmp_path, caption_clip)
    readings = Readings(ClipLibrary(tmp_path), "train", 100)
    made = {at: ref for at, ref in enumerate(readings.refs) if ref.edit}
    assert {ref.edit["op"] for ref in made.values()} == {"then", "repeat"}
    assert len(readings.refs) > len(clips) and len(readings.captions) == len(readings.refs)
    bows = [reading.name for reading in READINGS].index("count bow")
    for at, ref in made.items():
        if ref.edit["op"] == "then":
            assert readings.places[at, -1] == -1  # two actions
        else:
            assert readings.readings[bows].answers[readings.places[at, bows]] == str(ref.edit["times"])


@pytest.mark.parametrize(
    ("name", "amount", "share"),
    [
        ("seconds", 1.0, 0.0), ("seconds", 10**0.5, 0.5), ("seconds", 10.0, 1.0), ("seconds", 60.0, 1.0),
        ("path", 0.0, 0.0), ("rise", 0.25, 0.5), ("turned", 90.0, 0.25), ("turned", 720.0, 1.0),
    ],
)  # fmt: skip
def test_levels_lie_on_a_scale_that_ends(name, amount, share, monkeypatch):
    monkeypatch.setattr(reading_targets, "level", lambda seen, name: amount)
    assert reading_targets._share(None, name) == pytest.approx(share)


def test_a_level_that_is_not_there_is_nan(monkeypatch):
    monkeypatch.setattr(reading_targets, "level", lambda seen, name: None)
    assert np.isnan(reading_targets._share(None, "speed"))
