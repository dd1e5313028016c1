"""`evaluate` of a multimodal language model, on a tiny real one, and the scores of captions against known values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from corpora import made_clips, write_corpus, write_judge

import mllm_motion as mm
from mllm_motion.data.shards import read_index, write_index
from mllm_motion.errors import InvalidInputError
from mllm_motion.evaluation import caption_scores, language
from mllm_motion.evaluation.edit_checks import distance_kept_m, edit_holds
from mllm_motion.evaluation.language_captions import bert_score
from mllm_motion.evaluation.settings import LANGUAGE_SECTIONS
from mllm_motion.generation.edit_request import Edit
from mllm_motion.generation.edits import apply_edits
from mllm_motion.models.encoders.text import TextEncoder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = write_corpus(tmp_path_factory.mktemp("data") / "corpus", made_clips(8))
    rows = [row | {"action": "walk", "human_texts": [], "style": ""} for row in read_index(folder)]
    write_index(folder, rows)
    return folder


@pytest.fixture(scope="module")
def report(corpus, tiny_chat, tmp_path_factory):
    judge = write_judge(tmp_path_factory.mktemp("data") / "judge")
    with pytest.MonkeyPatch.context() as patch:
        for name, count in (("REQUESTS", 12), ("QUESTIONS_ASKED", 4), ("COMPARED", 1), ("EDITS", 2), ("REQUESTED", 8)):
            patch.setattr(language, name, count)
        return mm.evaluate(tiny_chat, corpus, judge=str(judge), repeats=2)


def test_every_section_is_there_with_its_baseline(report, tmp_path):
    assert [section.name for section in report.sections] == list(LANGUAGE_SECTIONS)
    assert set(report.section("paths").rows) == {"ground truth", "text encoder", "signal tokens alone", "both, fused"}
    assert set(report.section("captions").rows) == {
        "reference captions",
        "caption of the nearest training clip",
        "likeliest caption",
        "best of its 8",
        "weights",
    }
    decided = report.section("decisions").rows
    assert len(decided["weights"]["right"].values) == 12
    assert decided["best constant answer"]["exact"].mean >= 1 / 3
    for path in report.save(tmp_path):
        assert path.stat().st_size > 500


def test_reference_captions_are_found_and_repeat_no_words_of_their_own(report):
    rows = report.section("captions").rows
    # Two wordings of one sentence: they differ by one word of six or seven.
    assert 0.7 < rows["reference captions"]["rouge_l"].mean < 1
    assert rows["weights"]["rouge_l"].mean < rows["reference captions"]["rouge_l"].mean


def test_a_language_model_needs_clips(tiny_chat):
    with pytest.raises(InvalidInputError, match="--data DIR"):
        mm.evaluate(tiny_chat)


def test_it_has_no_sections_of_a_generator(tiny_chat, corpus):
    with pytest.raises(InvalidInputError, match="physics cannot be measured on a language model; known: decisions"):
        mm.evaluate(tiny_chat, corpus, only=("physics",))


def test_its_sections_are_not_those_of_a_generator(tiny_model, corpus):
    with pytest.raises(InvalidInputError, match="sections of a language model"):
        mm.evaluate(tiny_model, corpus, only=("captions",))


def test_a_reply_side_by_side_is_the_same_in_any_company(tiny_chat, corpus):
    from mllm_motion.generation.chat import load_model

    model, clips = load_model(tiny_chat), made_clips(3)
    shown = [{"role": "user", "content": "<motion>\nwhat happens in this clip?"}]
    bare = [{"role": "user", "content": "a person walks forward"}]
    together = language.replies(model, [shown, bare, shown], [[clips[0]], [], [clips[1]]])
    assert [said.text for said in together] == [
        language.replies(model, [talk], [seen])[0].text
        for talk, seen in ((shown, [clips[0]]), (bare, []), (shown, [clips[1]]))
    ]
    assert together[1].signals


def test_edits_are_judged_by_the_change_and_by_what_stays(smooth_motion):
    slower = Edit("slower")
    made = apply_edits(smooth_motion, [slower], None, 0)
    assert edit_holds(smooth_motion, made, slower) and distance_kept_m(smooth_motion, made, slower) < 0.05
    assert not edit_holds(smooth_motion, smooth_motion, slower)


SAID = ["the cat sat on the mat", "a dog runs"]
REFERENCES = [["the cat is on the mat", "there is a cat on the mat"], ["a dog runs fast"]]


def test_bleu_of_counted_words():
    # 6 + 3 words; matched unigrams 5 + 3, bigrams 3 + 2 of 5 + 2; lengths 9 said, 6 + 4 wanted.
    penalty = math.exp(1 - 10 / 9)
    assert caption_scores.bleu(SAID, REFERENCES, 1) == pytest.approx(penalty * 8 / 9)
    assert caption_scores.bleu(SAID, REFERENCES, 2) == pytest.approx(penalty * math.sqrt(8 / 9 * 5 / 7))
    assert caption_scores.bleu(["a b c d e"], [["a b c d e"]]) == 1
    assert caption_scores.bleu(["a b"], [["c d"]], 1) == 0


def test_rouge_of_a_known_subsequence():
    precision, recall = 5 / 6, 5 / 6
    f = (1 + 1.44) * precision * recall / (recall + 1.44 * precision)
    assert caption_scores.rouge_l(SAID[:1], [REFERENCES[0][:1]]) == pytest.approx([f])
    assert caption_scores.rouge_l(["A dog, runs!"], [["a dog runs"]]) == pytest.approx([1])


def test_cider_of_what_every_caption_says_is_nothing():
    same = [["a person walks"], ["a person jumps"], ["a person bows"]]
    scores = caption_scores.cider(["a person walks", "a person jumps", "a person"], same)
    assert scores[:2] == pytest.approx([7.5, 7.5])  # no caption has four words, so one order of four is empty
    assert scores[2] == 0


def test_bert_score_is_one_for_the_same_words_and_less_for_others():
    scores = bert_score(TextEncoder(), ["a person walks", "a person walks"], [["a person walks"], ["a red car"]])
    assert scores[0] == pytest.approx(1, abs=1e-5) and scores[1] < 0.9


def test_every_caption_needs_a_reference():
    with pytest.raises(InvalidInputError, match="at least one reference"):
        caption_scores.bleu(["a"], [[]])
    with pytest.raises(InvalidInputError, match="1 captions and 2 lists"):
        caption_scores.rouge_l(["a"], [["a"], ["b"]])
    assert np.isfinite(caption_scores.cider(["a"], [["a"]])).all()
