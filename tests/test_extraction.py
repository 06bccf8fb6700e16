"""A page becomes its main text, by trafilatura or an extractor of the user's; a bad page costs only itself."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipeline import extraction, reading
from pipeline.article import Article, Rejection
from pipeline.errors import ConfigError, InputError
from pipeline.extraction import Extracted, Main, by_trafilatura
from pipeline.reading import Config
from pipeline.records import to_json
from tests.dvc_deps import ROOT


def paragraphs(name: str, count: int) -> str:
    return "".join(
        f"<p>The {name} committee agreed on item {number} of its plan on Tuesday evening, and the spokesman of the "
        f"{name} works said that {number + 3} people had asked for it.</p>"
        for number in range(count)
    )


def page_of(content: str, head: str = "") -> str:
    return (
        f"<html><head><title>Harbour plan agreed after long debate</title>{head}</head><body>"
        f"<article><h1>Harbour plan agreed after long debate</h1>{content}</article></body></html>"
    )


def beside(name: str, count: int) -> str:
    """Return paragraphs in a place that only the plain reading takes for part of the article."""
    return f'<div class="bottom community">{paragraphs(name, count)}</div>'


def extract(html: str, found: Extracted | None = None, *, max_depth: int = 500) -> Main:
    """Extract with trafilatura, or as if an extractor had found this."""
    return extraction.extract(html, by_trafilatura if found is None else lambda _: found, max_depth)


# --- trafilatura


def test_readers_comments_are_no_part_of_the_text() -> None:
    comments = '<div id="comments" class="comments"><h3>Comments</h3>' + paragraphs("readers’", 4) + "</div>"
    main = extract(page_of(paragraphs("harbour", 4)) + comments)
    assert main.text.count("The harbour committee") == 4
    assert "readers’" not in main.text
    assert main.marks == ()


def test_what_the_page_says_of_the_article_becomes_known() -> None:
    head = (
        '<meta property="og:title" content="Harbour plan agreed">'
        '<meta property="og:site_name" content="Larkfield News">'
        '<meta property="article:published_time" content="2024-05-02T10:00:00Z">'
        '<link rel="canonical" href="https://larkfield.example/harbour">'
    )
    assert extract(page_of(paragraphs("harbour", 4), head)).known == {
        "title": "Harbour plan agreed",
        "source": "Larkfield News",
        "published": "2024-05-02",
        "url": "https://larkfield.example/harbour",
    }
    assert extract(page_of(paragraphs("harbour", 4))).known == {"title": "Harbour plan agreed after long debate"}


STATED = '<meta property="article:published_time" content="2024-05-02T10:00:00Z">'
TOLD = "<p>The ferry, which first ran on 3 May 1998, carried 41,000 passengers in 2019, the harbour office said.</p>"


@pytest.mark.parametrize(
    ("head", "above", "below", "published"),
    [
        ("", "", "<footer>Copyright 2025 Larkfield News. All rights reserved.</footer>", None),
        ("", "", "<p>© 2019–2025 Larkfield News</p>", None),
        ('<meta itemprop="copyrightYear" content="2025">', "", "", None),
        ("", TOLD, "", None),
        (STATED, "", "<footer>© 2025 Larkfield News</footer>", "2024-05-02"),
        ('<link rel="canonical" href="https://larkfield.example/2024/05/02/harbour">', TOLD, "", "2024-05-02"),
        ('<script type="application/ld+json">{"datePublished": "2024-05-02"}</script>', TOLD, "", "2024-05-02"),
        ("", '<time datetime="2024-05-02T10:00">Thursday</time>', TOLD, "2024-05-02"),
        ("", '<p class="byline">By Jane Marsh, 2 May 2024</p>', TOLD, "2024-05-02"),
    ],
)
def test_a_date_is_one_that_the_page_states(head: str, above: str, below: str, published: str | None) -> None:
    assert extract(page_of(above + paragraphs("harbour", 4) + below, head)).known.get("published") == published


def test_the_headline_is_the_title_and_not_in_the_text() -> None:
    main = extract(page_of(paragraphs("harbour", 4)))
    assert main.known["title"] == "Harbour plan agreed after long debate"
    assert main.text.startswith("The harbour committee agreed on item 0")


def test_the_digest_is_that_of_the_text_without_its_headline() -> None:
    for main in (
        extract(page_of(paragraphs("harbour", 4))),
        extract("", Extracted("Title\nCafé “so”", title="Title", extractor="mine", version="7")),
    ):
        assert main.extraction["sha256"] == hashlib.sha256(main.text.encode()).hexdigest()
        assert set(main.extraction) == {"extractor", "version", "sha256"}
    assert main.text == "Title\nCafé “so”", "a page without content names no headline"
    assert (main.extraction["extractor"], main.extraction["version"]) == ("mine", "7")


def test_lines_that_the_precise_reading_leaves_out_are_doubtful() -> None:
    main = extract(page_of(paragraphs("harbour", 5) + beside("tunnel", 2)))
    assert [mark.kind for mark in main.marks] == ["doubtful"] * 2
    assert ["tunnel" in main.text[mark.raw_start : mark.raw_end] for mark in main.marks] == [True, True]
    assert main.text.count("harbour committee") == 5


def test_a_longer_second_article_is_left_to_the_precise_reading() -> None:
    main = extract(page_of(paragraphs("harbour", 4) + beside("tunnel", 8)))
    assert main.text.count("harbour committee") == 4
    assert "tunnel" not in main.text
    assert main.marks == ()
    assert main.extraction["extractor"] == "trafilatura, favor_precision"


def test_a_precise_reading_that_has_lost_the_article_is_not_believed() -> None:
    main = extract(page_of(paragraphs("harbour", 2) + beside("tunnel", 12)))
    assert (main.text.count("harbour committee"), main.text.count("tunnel committee")) == (2, 12)
    assert main.marks == ()


@pytest.mark.parametrize("html", ["", "plain", "<html><body></body></html>", "<!-- -->", "<p>\0</p>", "<script>x"])
def test_a_page_without_a_main_text_says_so(html: str) -> None:
    with pytest.raises(InputError, match="trafilatura found no main text") as caught:
        extract(html)
    assert caught.value.reason == "no-main-text"


@pytest.mark.parametrize(("name", "said"), [("mine", "mine found"), ("", "the extractor found")])
def test_an_extractor_that_finds_only_blanks_has_found_no_main_text(name: str, said: str) -> None:
    with pytest.raises(InputError, match=f"^{said} no main text") as caught:
        extract("<p>One", Extracted(" \n\t", extractor=name))
    assert caught.value.reason == "no-main-text"


def test_a_page_may_be_as_deep_as_configured_and_no_deeper() -> None:
    html = "<div>" * 8 + "<p>" * 9 + "<!-- <div><div> -->" + "<br><img/>" + "</div>" * 8
    assert extract(html, Extracted("It rained."), max_depth=8).text == "It rained."

    def never(_: str) -> Extracted:
        raise AssertionError("an extractor must not see it")

    with pytest.raises(InputError, match=r"^8 open elements, over max_html_depth = 7$") as caught:
        extraction.extract(html, never, 7)
    assert caught.value.reason == "html-too-deep"


# --- an extractor of the user's

PLUG_IN = """
import os
from pipeline.extraction import Extracted

NO_FUNCTION = 1

def react(html):
    if "RAISE" in html:
        raise ValueError("no verb for the page")
    if "LOOP" in html:
        print("at it", flush=True)
        while True:
            pass
    if "EXIT" in html:
        os._exit(7)
    if "QUIT" in html:
        raise SystemExit("bye")
    if "NOTHING" in html:
        return None
    if "BLANK" in html:
        return Extracted("")
    return Extracted(
        f"Title of it\\n{html[html.index('<p>') + 3:]}", title="Title of it", source="S", published="2024-05-02",
        url="https://larkfield.example/1", extractor="mine", version="1.5", precise="Title of it",
    )
"""
NAME = "plugged_in_extractor"


@pytest.fixture(scope="module")
def plug_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the name of an extractor that this process and its children can import."""
    folder = tmp_path_factory.mktemp("plug_in")
    (folder / f"{NAME}.py").write_text(PLUG_IN, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
        yield f"{NAME}:react"


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Return the processes that the extraction has started, as they come."""
    started: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    return started


def assert_gone(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        assert child.returncode is not None, "a process that nobody has waited for is a zombie"
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)


def pages(folder: Path, *contents: str) -> Path:
    path = folder / "pages.jsonl"
    path.write_text("".join(json.dumps({"html": f"<p>{content}"}) + "\n" for content in contents), encoding="utf-8")
    return path


def outcomes(path: Path, config: Config) -> list[tuple[str, str]]:
    """Return each article's text with no reason, or each rejection's reason and detail."""
    found = list(reading.read([str(path)], config))
    for item in found:
        to_json(item)
    return [("", item.raw) if isinstance(item, Article) else (item.reason, item.detail) for item in found]


def test_an_extractor_of_ones_own_reads_files_and_records(tmp_path: Path, plug_in: str) -> None:
    (tmp_path / "a.html").write_text("<h1>Title of it</h1><p>It rained.", encoding="utf-8")
    record = {"html": "<h1>Title of it</h1><p>It snowed.", "source": "Own", "id": 7}
    (tmp_path / "b.jsonl").write_text(json.dumps(record) + "\n" + json.dumps({"text": "It hailed."}), encoding="utf-8")
    (tmp_path / "c.txt").write_text("<p>No page", encoding="utf-8")
    found = [item for item in reading.read([str(tmp_path)], Config(extractor=plug_in)) if isinstance(item, Article)]
    assert [item.raw for item in found] == ["It rained.", "It snowed.", "It hailed.", "<p>No page"]
    assert [item.source for item in found] == ["S", "Own", None, None]
    for item in found[:2]:
        assert (item.title, item.published, item.url) == ("Title of it", "2024-05-02", "https://larkfield.example/1")
        assert item.extraction is not None
        assert (item.extraction["extractor"], item.extraction["version"]) == ("mine", "1.5")
        assert [mark.kind for mark in item.marks] == ["doubtful"]
    assert [item.extraction for item in found[2:]] == [None, None]


@pytest.mark.parametrize(
    "name",
    [
        f"{NAME}_unknown:react",
        f"{NAME}:unknown",
        f"{NAME}:NO_FUNCTION",
        NAME,
        f"{NAME}:",
        ":react",
        "",
        "Trafilatura",
    ],
)
def test_an_unknown_extractor_is_a_mistake_of_the_configuration_told_before_any_page(
    tmp_path: Path, plug_in: str, children: list[subprocess.Popen[bytes]], name: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        outcomes(pages(tmp_path, "It rained."), Config(extractor=name))
    assert repr(name) in str(caught.value)
    assert "name trafilatura, or module:function" in str(caught.value)
    assert children == []


@pytest.mark.parametrize("content", ["def broken(:", "raise RuntimeError('boom')", None])
def test_a_module_that_cannot_be_imported_is_a_mistake_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    (tmp_path / "broken_extractor.py").write_text(content or "", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    name = ".relative:function" if content is None else "broken_extractor:function"
    with pytest.raises(ConfigError, match=name):
        extraction.load(name)


def test_an_extractor_that_fails_at_a_page_costs_that_page(
    tmp_path: Path, plug_in: str, children: list[subprocess.Popen[bytes]]
) -> None:
    path = pages(tmp_path, "One", "RAISE", "Two", "EXIT", "Three", "QUIT", "NOTHING", "BLANK", "Four")
    assert outcomes(path, Config(extractor=plug_in)) == [
        ("", "One"),
        ("extractor-failed", f"{plug_in}: ValueError: no verb for the page"),
        ("", "Two"),
        ("extractor-failed", f"{plug_in} died of this page"),
        ("", "Three"),
        ("extractor-failed", f"{plug_in} died of this page"),
        ("extractor-failed", f"{plug_in}: AttributeError: 'NoneType' object has no attribute 'text'"),
        ("no-main-text", "the extractor found no main text"),
        ("", "Four"),
    ]
    assert len(children) == 5, "one to begin with, and one after each page that failed"
    assert_gone(children)


def test_an_extractor_that_never_ends_costs_that_page(
    tmp_path: Path, plug_in: str, children: list[subprocess.Popen[bytes]]
) -> None:
    path = pages(tmp_path, "LOOP", "One")
    assert outcomes(path, Config(extractor=plug_in, max_html_seconds=0.3)) == [
        ("html-too-slow", "over max_html_seconds = 0.3"),
        ("", "One"),
    ]
    assert len(children) == 2
    assert_gone(children)


def test_one_process_serves_all_pages_and_is_gone_when_they_end(
    tmp_path: Path, plug_in: str, children: list[subprocess.Popen[bytes]]
) -> None:
    assert len(outcomes(pages(tmp_path, *"abc"), Config(extractor=plug_in))) == 3
    assert len(children) == 1
    assert_gone(children)


def test_the_process_is_gone_when_reading_stops_halfway(
    tmp_path: Path, plug_in: str, children: list[subprocess.Popen[bytes]]
) -> None:
    found = reading.read([str(pages(tmp_path, *"abc"))], Config(extractor=plug_in))
    assert isinstance(next(found), Article)
    assert children[0].poll() is None
    found.close()  # type: ignore[attr-defined]
    assert_gone(children)


def test_the_process_ends_with_a_run_that_is_killed_whatever_page_it_is_at(tmp_path: Path, plug_in: str) -> None:
    call = f"list(reading.read([{str(pages(tmp_path, 'LOOP'))!r}], reading.Config(extractor={plug_in!r})))"
    with subprocess.Popen(
        [sys.executable, "-c", f"from pipeline import reading; {call}"], cwd=ROOT, stderr=subprocess.PIPE
    ) as run:
        assert run.stderr
        assert run.stderr.readline() == b"at it\n"
        run.kill()
        run.stderr.read()  # ends when nobody is left who could write


def test_no_process_is_started_where_there_is_no_page(
    tmp_path: Path, plug_in: str, children: list[subprocess.Popen[bytes]]
) -> None:
    (tmp_path / "a.txt").write_text("It rained.", encoding="utf-8")
    assert outcomes(tmp_path / "a.txt", Config(extractor=plug_in)) == [("", "It rained.")]
    assert children == []


def test_a_page_beyond_any_buffer_comes_and_goes_whole(tmp_path: Path, plug_in: str) -> None:
    content = "Ünïcode 🌧️ " * 100_000
    [(reason, text)] = outcomes(pages(tmp_path, content), Config(extractor=plug_in))
    assert (reason, text) == ("", content)


METADATA = """
from pipeline.extraction import Extracted

def careless(html):
    return Extracted("It rained.", title="half an emoji \\ud83d", published="yesterday", source=7)
"""


def test_careless_metadata_of_an_extractor_are_refused_as_those_of_a_record_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "careless_extractor.py").write_text(METADATA, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    [item] = reading.read([str(pages(tmp_path, "x"))], Config(extractor="careless_extractor:careless"))
    to_json(item)  # must not end the run
    assert isinstance(item, Rejection) or (item.published, item.source) == (None, None)


def test_files_of_the_working_folder_do_not_stand_in_for_modules(
    tmp_path: Path, plug_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "socket.py").write_text("raise SystemExit('no sockets here')", encoding="utf-8")
    path = pages(tmp_path, "One")
    monkeypatch.chdir(tmp_path)
    assert outcomes(path, Config(extractor=plug_in)) == [("", "One")]
