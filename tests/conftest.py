"""What every test has: no network, and tiny typed inputs."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings

from pipeline import batch, cache
from pipeline.boilerplate.rules import Language, Lexicon, Rule
from pipeline.classifiers import linear, processor
from pipeline.classifiers.contract import Example
from pipeline.classifiers.linear import LinearClassifier
from tests.encoders import tiny_encoders  # noqa: F401
from tests.lethal import lethal  # noqa: F401
from tests.tracking.stores import made_store  # noqa: F401
from tests.trained import light_models, trained  # noqa: F401
from tests.web import web  # noqa: F401

# Derandomised: a run tells about the code, not about the day it ran on.
settings.register_profile(
    "newsfacts",
    deadline=None,
    max_examples=100,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("newsfacts")

PROJECT = Path(__file__).parent.parent

# These fixtures train models or start processes: whatever needs one is slow.
SLOW_FIXTURES = {"trained", "made_store"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A process for each core that may be used, also where several are one in hardware; each holds two gigabytes."""
    return min(processor.cores(), 8)


class NetworkBlockedError(OSError):
    """A test reached for the network."""


def _is_local(family: int, address: Any) -> bool:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = str(address[0]).partition("%")[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every connection of this process but those to itself: loopback and AF_UNIX."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(this: socket.socket, address: Any) -> None:
        if not _is_local(this.family, address):
            raise NetworkBlockedError(f"a test connects to {address!r}; tests run without a network")

    def guarded_connect(this: socket.socket, address: Any) -> None:
        check(this, address)
        connect(this, address)

    def guarded_connect_ex(this: socket.socket, address: Any) -> int:
        check(this, address)
        return connect_ex(this, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        yield


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep exported graphs and verdicts of these tests apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_more_processes_than_asked_for() -> Iterator[None]:
    """Annotate in this process unless a test names workers: each other one takes seconds to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "MOST_WORKERS", 1)
        yield


@pytest.fixture
def patience() -> Iterator[None]:
    """Give up on what takes half a minute: these tests take milliseconds, or hours when a scan is quadratic."""

    def give_up(signal_number: int, frame: object) -> None:
        pytest.fail("half a minute has passed")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def project() -> Path:
    """The repository's root."""
    return PROJECT


@pytest.fixture(scope="session")
def topics(project: Path) -> tuple[str, ...]:
    """The topic labels of the default configuration."""
    return tuple(yaml.safe_load((project / "configs" / "topics.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    """Two rules: one that takes a line, one that takes a span."""
    language = Language(
        language="en",
        rules=(
            Rule(
                id="follow",
                role="promo",
                scope="line",
                pattern="^(?:Follow|Join) us",
                match=("Follow us on Example",),
                keep=("They follow us.",),
            ),
            Rule(
                id="read-more",
                role="related",
                scope="span",
                pattern=r"\((READ: [^()]+)\)|\[READ: [^\[\]]+\]",
                match=("It rained. [READ: More rain] It stopped.",),
                keep=("The letter (read: the order) came.",),
            ),
        ),
    )
    return Lexicon((language,), {"tiny.yaml": b""})


SPORT = ("The striker scored twice in the cup final.", "The keeper saved a penalty in the match.", "The team won.")
WEATHER = ("Rain and strong wind are forecast tonight.", "Snow will fall on the hills.", "Fog and frost tomorrow.")
HEALTH = ("The hospital treated forty patients.", "Nurses gave the vaccine.", "Doctors saw the virus spread.")


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Nine labelled sentences on three topics."""
    labelled = (("sport", SPORT), ("weather", WEATHER), ("health", HEALTH))
    return [Example(text, label=label, group=text) for label, texts in labelled for text in texts]


@pytest.fixture(scope="session")
def classifier(examples: list[Example]) -> LinearClassifier:
    """A linear classifier of the three topics; ``politics`` is a label that its training never saw."""
    config = linear.Config(hash_bits=8, char_ngrams=(2, 3))
    return linear.fit(examples, ("sport", "weather", "health", "politics"), config, seed=13)
