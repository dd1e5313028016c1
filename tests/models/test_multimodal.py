"""The multimodal model: clips in, one reading for what rows share, save and load, and foreign language models."""

import json

import numpy as np
import pytest
import torch
from conftest import make_smooth_motion
from tiny_llm import make_llm

from mllm_motion.errors import FileFormatError, InvalidInputError
from mllm_motion.models.alignment import AlignmentConfig
from mllm_motion.models.encoders.motion import WINDOW_FRAMES, MotionEncoder, root_channels
from mllm_motion.models.fusion import FusionConfig
from mllm_motion.models.generator import TextCondition
from mllm_motion.models.language_adapters import LoraSettings
from mllm_motion.models.language_loading import load_language
from mllm_motion.models.multimodal import (
    MotionLanguageModel,
    MultimodalConfig,
    ProjectionConfig,
    new_model,
    shared_beginning,
)
from mllm_motion.models.retrieval import Retrieval, RetrievalConfig
from mllm_motion.models.tokens import MOTION_SLOT, MOTION_TOKENS, SIGNALS, signal_text
from mllm_motion.motion import features
from mllm_motion.motion.skeleton import BODY_22, Skeleton

TINY = MultimodalConfig(
    ProjectionConfig(width=16, depth=1, heads=2),
    AlignmentConfig(width=16, depth=1, heads=2, words=8, text_width=16),
    FusionConfig(experts=2, top_k=1, width=16, expert_width=8, depth=1, heads=2, slots=2, text_width=16),
)


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    return make_llm(tmp_path_factory.mktemp("llm"))


def tiny_encoder():
    torch.manual_seed(0)
    tower = Retrieval(RetrievalConfig(width=16, depth=1, text_depth=1, heads=2, embedding=8))
    clip = features.encode(make_smooth_motion())
    tower.feature_mean.copy_(torch.from_numpy(clip.mean(0)))
    return MotionEncoder(tower)


def shaken(model, spread=0.2):
    """Random weights everywhere, the adapters too, so that nothing is an identity; float16 holds them exactly."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in [*model.language.trained_parameters().values(), *model.projection.parameters()]:
            parameter.copy_((torch.randn_like(parameter) * spread).half())
        for part in (model.alignment, model.fusion):
            for parameter in part.parameters():
                parameter.copy_((torch.randn_like(parameter) * spread).half())
        for parameter in model.encoder.parameters():
            parameter.copy_(parameter.half())
    return model


@pytest.fixture(scope="module")
def model(llm):
    language = load_language(llm, train=LoraSettings(rank=2), dtype=torch.float32)
    return shaken(MotionLanguageModel(language, tiny_encoder(), TINY)).eval().requires_grad_(False)


def padded(model, conversations):
    rows = [model.language.tokenize(messages, False) for messages in conversations]
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros(ids.shape, dtype=torch.bool)
    for b, row in enumerate(rows):
        ids[b, : len(row)], mask[b, : len(row)] = torch.tensor(row), True
    return ids, mask


def talk(words, reply):
    return [
        {"role": "system", "content": "you move a body"},
        {"role": "user", "content": words},
        {"role": "assistant", "content": reply},
    ]


@pytest.mark.parametrize("frames", [1, 7, WINDOW_FRAMES, 3 * WINDOW_FRAMES + 5])
def test_clips_of_any_length_become_the_same_number_of_embeddings(model, frames):
    clip = make_smooth_motion(frames=frames)
    assert model.project([clip]).shape == (1, MOTION_TOKENS, 32)


def test_a_clip_is_read_the_same_alone_at_another_rate_and_beside_others(model):
    short, long = make_smooth_motion(1, frames=30), make_smooth_motion(2, frames=WINDOW_FRAMES + 50)
    both = model.project([short, long])
    assert torch.allclose(both[0], model.project([short])[0], atol=1e-4)
    assert torch.allclose(both[1], model.project([long])[0], atol=1e-4)
    assert not torch.allclose(both[0], both[1], atol=1e-2)
    quick = make_smooth_motion(1, frames=88, fps=60.0)
    assert model.encoder.encode([quick])[0].shape[1] == model.encoder.encode([quick.resample(20.0)])[0].shape[1]


def test_tokens_say_where_the_root_is_by_then(model):
    clip = features.canonical(make_smooth_motion(3, frames=WINDOW_FRAMES + 30))
    yaw = features.heading_yaw(clip.joint_wxyz[:, 0])
    path = root_channels(torch.from_numpy(features.encode(clip))[None])[0].numpy()
    assert np.allclose(2 * path[:, 1:3], clip.root_position_m[:, [0, 2]], atol=1e-3)
    steps = np.linalg.norm(np.diff(clip.root_position_m[:, [0, 2]], axis=0), axis=-1)
    assert np.allclose(2 * path[1:, 3], np.cumsum(steps), atol=1e-3)
    assert np.allclose(np.pi * path[:, 4], yaw, atol=1e-3)
    tokens, mask = model.encoder.encode([clip, make_smooth_motion(4, frames=9)])
    patch, width = model.encoder.tower.config.patch, path.shape[-1]
    windows = 1 + WINDOW_FRAMES // patch
    told = tokens[0, :, -width:].numpy()
    assert np.allclose(told[0], path[WINDOW_FRAMES - 1], atol=1e-4)  # the summary of the first window
    assert np.allclose(told[1], path[patch - 1], atol=1e-4)
    assert np.allclose(told[windows], path[-1], atol=1e-4)  # that of the last, which the clip does not fill
    assert np.allclose(told[windows + 1], path[WINDOW_FRAMES + patch - 1], atol=1e-4)
    assert mask[1].sum() == 1 + -(-9 // patch)


def test_a_body_of_another_kind_is_refused_in_our_words(model):
    snake = Skeleton(("head", "tail"), (-1, 0), np.array([[0, 0, 0], [0, 0, 1.0]], np.float32))
    clip = make_smooth_motion(frames=4)
    with pytest.raises(InvalidInputError):
        model.project([clip.replace(skeleton=snake, joint_wxyz=clip.joint_wxyz[:, :2])])
    assert len(BODY_22.names) == clip.joint_wxyz.shape[1]


def test_the_encoder_never_learns_and_never_drops_out(model):
    encoder = model.encoder.train()
    clip = make_smooth_motion()
    assert torch.equal(encoder.encode([clip])[0], encoder.encode([clip])[0])
    assert not [p for p in encoder.parameters() if p.requires_grad]


def test_what_rows_share_is_read_once_with_the_same_result_and_gradients(model):
    words = ["a person walks", "he bows and waves", "x"]
    ids, mask = padded(model, [talk(w, signal_text("motion")) for w in words])
    assert shared_beginning(ids, model.language.slot_id) > 8
    rows, weight = model.language.signal_in, torch.randn(int(mask.sum()), 32)
    found = []
    for read in (model.read, lambda i, m: model.language(model.language.embed(i), m)):
        rows.requires_grad_(True)
        states = read(ids, mask)
        (states[mask] * weight).sum().backward()
        found.append((states[mask].detach(), rows.grad.clone()))
        rows.grad = None
        rows.requires_grad_(False)
    assert torch.allclose(found[0][0], found[1][0], atol=1e-4)
    assert torch.allclose(found[0][1], found[1][1], rtol=1e-3, atol=1e-3)


def test_rows_that_are_equal_or_begin_with_a_clip_are_read_too(model):
    ids, mask = padded(model, [talk("bow", "yes")] * 2)
    assert model.read(ids, mask).shape[:2] == ids.shape
    ids, mask = padded(model, [[{"role": "user", "content": f"{MOTION_SLOT} bow"}]] * 2)
    clips = model.project([make_smooth_motion(1), make_smooth_motion(2)])
    states = model.read(ids, mask, clips)
    assert not torch.allclose(states[0, -1], states[1, -1], atol=1e-3)


def test_save_then_load_gives_the_same_output(model, llm, tmp_path):
    model.trained = ["alignment"]
    model.save(tmp_path, {"licence": "CC0-1.0"})
    again = MotionLanguageModel.load(tmp_path, dtype=torch.float32)
    assert again.trained == ["alignment"] and again.config == model.config
    assert json.loads((tmp_path / "config.json").read_text())["llm"] == str(llm)
    clip = make_smooth_motion()
    messages = [talk(f"{MOTION_SLOT}\nlike this", signal_text("motion"))]
    text = TextCondition(
        torch.randn(1, 5, 16), torch.ones(1, 5, dtype=torch.bool), torch.randn(1, 16), torch.ones(1).bool()
    )
    found = []
    for one in (model, again):
        ids, mask = padded(one, messages)
        states = one.read(ids, mask, one.project([clip]))
        signals = one.language.signal_states(states, ids)
        assert signals.shape == (1, SIGNALS["motion"], 32)
        told = one.condition(signals, text, [clip])
        found.append(torch.cat([told.states.flatten(), told.pooled.flatten(), one.language.logits(states).flatten()]))
    assert torch.allclose(*found, atol=1e-4)
    model.trained = []


def test_parts_can_begin_anew_in_another_shape(model, tmp_path):
    model.save(tmp_path)
    shape = FusionConfig(**(vars(TINY.fusion) | {"experts": 4}))
    again = MotionLanguageModel.load(tmp_path, begin={"fusion": shape})
    assert again.config.fusion.experts == 4 and torch.equal(again.fusion.words_out.weight, torch.zeros(16, 16))
    assert torch.allclose(again.alignment.states.weight, model.alignment.states.weight, atol=1e-3)


def test_another_language_model_is_refused_by_name(model, llm, tmp_path):
    model.save(tmp_path / "saved")
    other = make_llm(tmp_path / "other", seed=1)
    with pytest.raises(InvalidInputError) as refused:
        MotionLanguageModel.load(tmp_path / "saved", llm=other)
    assert str(llm) in str(refused.value) and str(other) in str(refused.value)
    copy = make_llm(tmp_path / "copy")
    assert MotionLanguageModel.load(tmp_path / "saved", llm=copy).language.name == str(copy)


def test_a_folder_of_something_else_is_refused(model, tmp_path):
    model.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"kind": "generator"}))
    with pytest.raises(FileFormatError, match="no multimodal model"):
        MotionLanguageModel.load(tmp_path)
    config["alignment"]["width"] = 8
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(FileFormatError, match="do not fit"):
        MotionLanguageModel.load(tmp_path)


def test_without_an_encoder_it_still_talks_but_reads_no_clips(llm):
    model = new_model(llm, None, TINY, LoraSettings(rank=2))
    assert model.config.fusion.sources == ("text", "signal")
    with pytest.raises(InvalidInputError, match="without a motion encoder"):
        model.project([make_smooth_motion()])
    assert model.condition(torch.randn(2, 24, 32)).states.shape == (2, 8, 16)


def test_the_default_sizes_fit_the_package():
    """LoRA, new rows, projection, MDA, FM and the motion tower for the default language model: at most 60 MB."""
    from mllm_motion.models.alignment import Alignment
    from mllm_motion.models.comparison import Comparison
    from mllm_motion.models.fusion import Fusion
    from mllm_motion.models.multimodal import InputProjection

    config, hidden, layers = MultimodalConfig(), 576, 30
    parts = [
        InputProjection(config.projection, RetrievalConfig().width, hidden),
        Comparison(hidden),
        Alignment(config.alignment, hidden),
        Fusion(config.fusion),
        Retrieval(RetrievalConfig()),
    ]
    lora = layers * LoraSettings().rank * (2 * 2 * hidden + 2 * (hidden + 192) + 3 * (hidden + 1536))
    total = 2 * (lora + 2 * 60 * hidden + sum(p.numel() for part in parts for p in part.parameters()))
    assert total < 60e6, f"{total / 1e6:.1f} MB"
