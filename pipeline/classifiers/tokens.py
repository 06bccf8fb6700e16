"""Texts → token ids; a tokenizer that goes word by word is asked for each word once, as texts repeat most of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path

from tokenizers import Encoding, Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

FILE = "tokenizer.json"
_LONG = 32  # characters: what is longer hardly occurs again, and would take much memory
_MANY = 2**16  # words
_MARKS = ".,;:!?\"')"  # BERT makes each a token of its own, so a word that ends with some needs no look at its own


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a text and its second segment, if it has one; each part as ids and types."""

    before: tuple[list[int], list[int]]
    between: tuple[list[int], list[int]]
    end: tuple[list[int], list[int]]
    text_type: int
    pair_type: int

    @property
    def length(self) -> int:
        """The number of special tokens."""
        return len(self.before[0]) + len(self.between[0]) + len(self.end[0])

    def ids(self, text: Sequence[int], pair: Sequence[int]) -> list[int]:
        """Return the ids of a whole window."""
        return [*self.before[0], *text, *self.between[0], *pair, *self.end[0]]

    def types(self, text: int, pair: int) -> list[int]:
        """Return the token types of a window whose segments have so many tokens."""
        texts, pairs = [self.text_type] * text, [self.pair_type] * pair
        return [*self.before[1], *texts, *self.between[1], *pairs, *self.end[1]]

    def mask(self, text: Sequence[int], length: int) -> list[int]:
        """Return a mask of the text's tokens as that of a whole window of some length."""
        before = len(self.before[0])
        return [0] * before + [*text] + [0] * (length - before - len(text))


class TextTokenizer:
    """Gives a text the ids that a tokenizer of the tokenizers library gives it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()  # files of pretrained encoders may set both
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        self._offsets = lru_cache(maxsize=2**10)(self._offsets_of)

    @staticmethod
    def load(folder: Path) -> TextTokenizer:
        """Return the tokenizer of an encoder's folder; models of one tokenizer share what it knows of words."""
        return _loaded((folder / FILE).read_bytes())

    def save(self, folder: Path) -> None:
        """Write what ``load`` reads."""
        self._tokenizer.save(str(folder / FILE))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, without special tokens."""
        pieces = [text.split(" ") if self._by_word else [text] for text in texts]
        known = self._known  # which other threads may add to, or replace by another table, but take nothing from
        distinct = set(chain.from_iterable(pieces))
        new = distinct.difference(known)
        if len(known) + len(new) > _MANY:
            self._known = known = {}
            new = distinct
        if not new:
            return [list(chain.from_iterable(map(known.__getitem__, own))) for own in pieces]
        fresh = self._read(sorted(new))
        known.update((piece, ids) for piece, ids in fresh.items() if len(piece) <= _LONG)
        long = {piece for piece in new if len(piece) > _LONG}
        return [
            list(chain.from_iterable(map(known.__getitem__, own)))
            if long.isdisjoint(own)
            else [token for piece in own for token in (known[piece] if piece in known else fresh[piece])]
            for own in pieces
        ]

    def _read(self, pieces: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of distinct pieces that are not known."""
        if not self._by_word:
            return self._encoded(pieces)
        known, marks = self._known, self._marks
        words = [piece.rstrip(_MARKS) for piece in pieces]
        read = self._encoded([word for word in dict.fromkeys(words) if word not in known])
        return {
            piece: list(chain(read[word] if word in read else known[word], *map(marks.__getitem__, piece[len(word) :])))
            for piece, word in zip(pieces, words, strict=True)
        }

    def _encoded(self, pieces: Sequence[str]) -> dict[str, list[int]]:
        encoded = self._tokenizer.encode_batch_fast(pieces, add_special_tokens=False)
        return dict(zip(pieces, (encoding.ids for encoding in encoded), strict=True))

    @cached_property
    def _marks(self) -> dict[str, list[int]]:
        return self._encoded(list(_MARKS))

    def within(self, text: str, start: int, end: int) -> list[int]:
        """Return 1 for each token of a text that reaches into ``start:end``, else 0."""
        first, last = 0, len(text)
        if self._by_word:
            first = text.rfind(" ", 0, start) + 1
            last = text.find(" ", end) if " " in text[end:] else last
        offsets = self._offsets(text[first:last])
        inside = [int(first + begin < end and first + finish > start) for begin, finish in offsets]
        before, after = self.ids([text[:first], text[last:]])
        return [0] * len(before) + inside + [0] * len(after)

    def head(self, text: str, tokens: int) -> str:
        """Return the beginning of a text that has at most so many tokens."""
        if len(text.encode()) <= tokens:
            return text
        offsets = self._offsets(text)[:tokens]
        return text[: offsets[-1][1]] if offsets else ""

    def _offsets_of(self, text: str) -> list[tuple[int, int]]:
        return self._tokenizer.encode(text, add_special_tokens=False).offsets

    def frame(self, *, paired: bool) -> Frame:
        """Return what stands around texts alone, or around those with a second segment."""
        return self._around_pairs if paired else self._around_texts

    @cached_property
    def _around_texts(self) -> Frame:
        return _frame(self._tokenizer.encode("a"))

    @cached_property
    def _around_pairs(self) -> Frame:
        return _frame(self._tokenizer.encode("a", "a"))

    @cached_property
    def _by_word(self) -> bool:
        """Whether blanks and marks part all tokens, and what stands beyond changes none: so with BERT's two steps."""
        added = self._tokenizer.get_added_tokens_decoder().values()
        parts = {" ", *_MARKS}
        return (
            isinstance(self._tokenizer.normalizer, BertNormalizer)
            and isinstance(self._tokenizer.pre_tokenizer, BertPreTokenizer)
            and not any(parts & {*token.content} or token.lstrip or token.rstrip for token in added)
        )


@lru_cache(maxsize=4)
def _loaded(content: bytes) -> TextTokenizer:
    return TextTokenizer(Tokenizer.from_buffer(content))


def _frame(example: Encoding) -> Frame:
    """Return what an encoded example has around its one or two segments."""
    segments = example.sequence_ids
    text = [place for place, segment in enumerate(segments) if segment == 0]
    pair = [place for place, segment in enumerate(segments) if segment == 1]

    def part(start: int, end: int) -> tuple[list[int], list[int]]:
        return example.ids[start:end], example.type_ids[start:end]

    return Frame(
        before=part(0, text[0]),
        between=part(text[-1] + 1, pair[0]) if pair else ([], []),
        end=part((pair or text)[-1] + 1, len(segments)),
        text_type=example.type_ids[text[0]],
        pair_type=example.type_ids[pair[0]] if pair else 0,
    )
