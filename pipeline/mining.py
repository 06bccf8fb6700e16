"""Learn from unlabelled articles which blocks their outlets repeat, and write them to a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import listing, reading, rows, writing
from pipeline.article import Article
from pipeline.boilerplate import recurring
from pipeline.boilerplate.recurring import Config, Miner
from pipeline.classifiers import store
from pipeline.classifiers.contract import Example
from pipeline.cleaning import clean, lines
from pipeline.config import parse
from pipeline.progress import progress
from pipeline.reading import Config as ReadingConfig
from pipeline.storage import Meter


@dataclass(frozen=True, slots=True)
class Mined:
    """What was read, and what came of it."""

    articles: int
    without_outlet: int
    rejected: rows.Tally
    outlets: int
    blocks: int


def mine_files(
    inputs: Iterable[str], output: Path, model_folder: Path, reading_config: ReadingConfig, config: Config | None
) -> Mined:
    """Mine every article of the inputs and write the blocks; ``config`` None takes what the model was trained with.

    Raises:
        ConfigError: an input matches nothing.
        ModelError: the folder holds no usable boilerplate model.
        OutputError: the output cannot be written.
    """
    writing.check_file(output)
    model = store.load(model_folder, "boilerplate")
    with store.reading_settings_of(model_folder):
        recurring.of_model(model_folder)  # a model from before this layer has no settings for it either
        if config is None:
            config = parse(Config, model.manifest.config["recurring"], where=f"{store.MANIFEST}: config.recurring")

    def scores(examples: Sequence[Example]) -> list[dict[str, float]]:
        return [dict(found.scores) for found in model.predict(examples)]

    miner = Miner(scores, config)
    articles = without = 0
    rejected = rows.Tally()
    given = list(inputs)
    meter = Meter()
    items = reading.read(given, reading_config, meter)
    for item in progress(items, label="mine", unit="articles", total=listing.total(given), work=meter.take):
        if not isinstance(item, Article):
            rejected.add(item)
            continue
        articles += 1
        without += recurring.outlet_of(item) is None
        miner.add(item, lines(clean(item.raw).text))
    found = miner.recurring()
    with writing.whole_file(output) as stream:
        stream.write(found.to_json())
    return Mined(articles, without, rejected, len({block.outlet for block in found.blocks}), len(found.blocks))
