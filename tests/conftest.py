"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from mllm_motion.motion import rotations
from mllm_motion.motion.clip import Motion

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with the motion-capture corpus and sample media; tests that need it skip without it."""
    path = Path(os.environ.get("MLLM_MOTION_SHARED", ROOT.parent / "shared"))
    if not (path / "data" / "manifest.csv").exists():
        pytest.skip("needs the motion-capture corpus")
    return path


# One clip of every kind of skeleton, all near the beginning of their archives so that unpacking is quick.
REAL_CLIPS: dict[str, tuple[str, ...]] = {
    "bandai_namco": ("dataset-2_run_feminine_021.bvh", "dataset-2_raise-up-both-hands_elderly_006.bvh"),
    "cmu": (
        "64/64_28.bvh",
        "131/131.asf",
        "131/131_03.bvh",
        "131/131_04.amc",
        "03/03_04.bvh",
        "03/03_01.bvh",
        "11/11_01.bvh",
    ),
    "hdm05": ("HDM_bd_squat1Reps_012_120.amc", "HDM_bd.asf"),
}


@pytest.fixture(scope="session")
def real_clips(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of `REAL_CLIPS`, each under the name of its archive."""
    folder = tmp_path_factory.mktemp("real_clips")
    for archive, members in REAL_CLIPS.items():
        missing = {f"{archive}/{member}" for member in members}
        with tarfile.open(shared_dir / "data" / f"{archive}.tar.xz", "r|xz") as tar:
            for member in tar:
                if member.name in missing:
                    missing.remove(member.name)
                    tar.extract(member, folder, filter="data")
                if not missing:
                    break
    return folder


def make_random_motion(seed: int = 0, frames: int = 40, fps: float = 20.0) -> Motion:
    """Random poses that move: every joint turned anywhere, the root wandering."""
    rng = np.random.default_rng(seed)
    wxyz = rotations.normalize(rng.normal(size=(frames, 22, 4)))
    return Motion(rng.normal(size=(frames, 3)).cumsum(0) * 0.05, wxyz, fps, text="random poses")


def make_smooth_motion(seed: int = 0, frames: int = 60, fps: float = 20.0) -> Motion:
    """A standing figure that sways smoothly: small sinusoidal joint angles and a drifting root."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    phase, rate, size = rng.uniform(0, 6.28, (22, 3)), rng.uniform(0.2, 0.8, (22, 3)), rng.uniform(0, 0.4, (22, 3))
    angles = size * np.sin(6.28 * rate * t[:, None, None] + phase)  # (T, J, 3)
    root = np.stack([0.2 * np.sin(t), 0.93 + 0.02 * np.sin(2 * t), 0.8 * t], axis=-1)
    return Motion(root, rotations.wxyz_from_axis_angle(angles), fps, text="a person sways")


@pytest.fixture
def random_motion() -> Motion:
    """40 frames of random poses."""
    return make_random_motion()


@pytest.fixture
def smooth_motion() -> Motion:
    """60 frames of a swaying figure."""
    return make_smooth_motion()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real but untrained generator, small enough to run in milliseconds."""
    import torch

    from mllm_motion.models.generator import Generator, GeneratorConfig
    from mllm_motion.motion import features
    from mllm_motion.training.generator import export_generator

    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    config = GeneratorConfig(width=32, depth=1, heads=2)
    # Untrained output layers are zero, and so would every clip be; the statistics keep clips near a standing figure.
    draw = torch.Generator().manual_seed(0)
    weights = {
        name: value + 0.05 * torch.randn(value.shape, generator=draw)
        for name, value in Generator(config).state_dict().items()
    }
    weights["feature_mean"] = torch.from_numpy(features.encode(make_smooth_motion()).mean(0))
    weights["feature_std"] = torch.full_like(weights["feature_std"], 0.05)
    card = {"licence": "CC0-1.0", "use": "tests only", "corpus": "nothing", "sources": [], "vocabulary": "none"}
    export_generator(folder, weights, config, card)
    return folder


@pytest.fixture(scope="session")
def tiny_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real multimodal model around a tiny language model that learnt `tiny_llm.LESSONS` by heart."""
    import torch
    from tiny_llm import LESSONS, make_llm, teach

    from mllm_motion.models.encoders.motion import MotionEncoder
    from mllm_motion.models.fusion import FusionConfig
    from mllm_motion.models.language_adapters import LoraSettings
    from mllm_motion.models.language_loading import load_language
    from mllm_motion.models.multimodal import AlignmentConfig, MotionLanguageModel, MultimodalConfig, ProjectionConfig
    from mllm_motion.models.retrieval import Retrieval, RetrievalConfig

    root = tmp_path_factory.mktemp("chat")
    config = MultimodalConfig(
        ProjectionConfig(width=16, depth=1, heads=2),
        AlignmentConfig(width=16, depth=1, heads=2, words=8),
        FusionConfig(experts=2, width=16, expert_width=8, depth=1, heads=2, slots=2),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        language = load_language(make_llm(root / "llm", context=640), train=LoraSettings(rank=8), device="cpu")
        encoder = MotionEncoder(Retrieval(RetrievalConfig(width=16, depth=1, heads=2, embedding=8)))
        model = MotionLanguageModel(language, encoder, config)
        with torch.no_grad():
            clips = model.project([make_smooth_motion()] * sum(str(lesson).count("<motion>") for lesson in LESSONS))
        assert teach(language, LESSONS, motion=clips) < 0.1
        model.save(root / "weights")
    return root / "weights"


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
# Three dimensions without a graphics card, on a machine that may be busy.
PATIENCE_MS = 180_000


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all browser tests of a file; they skip without one."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright; `make test-full` installs it")
    if CHROMIUM is None:
        pytest.skip("needs Chromium; `make test-full` installs it")
    with api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS, timeout=PATIENCE_MS)
        yield chromium
        chromium.close()
