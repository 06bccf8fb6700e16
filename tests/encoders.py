"""Tiny random encoders of three architectures, made on the spot: stand-ins for the pretrained ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

WORDS = (
    "the a of in on and to for was were is has had said not never council bridge harbour minister mayor ferry storm "
    "budget vote strike hospital school police court river team match goal price bank rate market opened closed cost "
    "praised blamed won lost rose fell million percent people monday thursday great awful fine dull early late"
)
HIDDEN = 32
POSITIONS = 66  # Roberta's positions begin at 2


def bert(folder: Path) -> None:
    """Write a BERT with a WordPiece vocabulary; its tokenizer gives token types."""
    from transformers import BertConfig, BertModel

    _word_pieces(folder, "BertTokenizer")
    _save(BertModel(BertConfig(vocab_size=_size(), type_vocab_size=2, **_small())), folder)


def distilbert(folder: Path) -> None:
    """Write a DistilBERT, which takes no token types and names its sizes differently."""
    from transformers import DistilBertConfig, DistilBertModel

    _word_pieces(folder, "DistilBertTokenizer", names=["input_ids", "attention_mask"])
    config = DistilBertConfig(
        vocab_size=_size(), dim=HIDDEN, n_layers=1, n_heads=2, hidden_dim=64, max_position_embeddings=POSITIONS
    )
    _save(DistilBertModel(config), folder)


def roberta(folder: Path) -> None:
    """Write a RoBERTa with byte-level pairs, other special tokens and positions that begin at 2."""
    from tokenizers import ByteLevelBPETokenizer
    from tokenizers.processors import RobertaProcessing
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator([WORDS] * 3, vocab_size=400, special_tokens=specials)
    trained.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>",
        pad_token="<pad>", unk_token="<unk>", mask_token="<mask>", model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    config = RobertaConfig(vocab_size=len(tokenizer), type_vocab_size=1, pad_token_id=1, **_small())
    _save(RobertaModel(config), folder)


MAKERS: dict[str, Callable[[Path], None]] = {"bert": bert, "distilbert": distilbert, "roberta": roberta}


def settings(folder: Path) -> dict[str, str | None]:
    """Return the encoder section of a configuration that names a folder, with its digest."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return {"name": str(folder), "revision": None, "sha256": digest}


@pytest.fixture(scope="session")
def tiny_encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a tiny encoder of each architecture."""
    import torch

    torch.set_num_threads(1)  # on tiny encoders, more threads are many times slower
    torch.manual_seed(7)
    root = tmp_path_factory.mktemp("encoders")
    for name, make in MAKERS.items():
        make(root / name)
    return {name: root / name for name in MAKERS}


def _vocabulary() -> list[str]:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    return [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters),
        *"0123456789.,:;!?*'\"-$%", *dict.fromkeys(word for word in WORDS.split() if len(word) > 1),
    ]  # fmt: skip


def _size() -> int:
    return len(_vocabulary())


def _small() -> dict[str, int]:
    return {
        "hidden_size": HIDDEN,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": POSITIONS,
    }


def _word_pieces(folder: Path, kind: str, names: list[str] | None = None) -> None:
    import transformers

    vocabulary = {token: number for number, token in enumerate(_vocabulary())}
    tokenizer = getattr(transformers, kind)(vocab=vocabulary, do_lower_case=True)
    if names:
        tokenizer.model_input_names = names
    tokenizer.save_pretrained(folder)


def _save(model: object, folder: Path) -> None:
    model.save_pretrained(folder)  # type: ignore[attr-defined]
