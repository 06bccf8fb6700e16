"""The tasks of a configuration with their settings, in groups: those of one group are trained on one encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline import config as configuration
from pipeline import stage_runner
from pipeline.classifiers import training
from pipeline.datasets import Task
from pipeline.stages import train_sentences, train_topic


def read(path: Path) -> list[Mapping[Task, training.Config]]:
    """Return the groups in which a configuration's stages train the tasks.

    Raises:
        ConfigError: the file or a section cannot be used.
    """
    sections = configuration.load(path, stage_runner.names())
    topic = configuration.section(sections, "train_topic", train_topic.Config, source=path)
    sentences = configuration.section(sections, "train_sentences", train_sentences.Config, source=path)
    return [{"topic": topic}, *sentences.groups]
