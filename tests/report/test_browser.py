"""The page in a real browser: nothing goes wrong, filters and sorting work, and what an article says is only text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from pipeline.report.html.document import page
from tests.report import material
from tests.report.browsers import chromium

__all__ = ["chromium"]

HOSTILE = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
PATIENCE = 180_000  # milliseconds: beside other work on few cores a browser may wait for its turn
DESKTOP = {"width": 1280, "height": 800}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of an invented evaluation, one of whose articles would run a script wherever it could."""
    hostile = material.article("hostile", headline=f"{HOSTILE} opens", outlet=HOSTILE, promo=HOSTILE)
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(material.material(first=hostile)), encoding="utf-8")
    return path


@pytest.fixture
def opened(chromium: Browser, written: Path) -> Iterator[Open]:
    """Opens the page from disk; whatever the console then says, or the page throws, fails the test."""
    said: list[str] = []
    contexts: list[Any] = []

    def open_page(**settings: Any) -> Page:
        context = chromium.new_context(viewport=settings.pop("viewport", DESKTOP), **settings)
        contexts.append(context)
        found = context.new_page()
        found.set_default_timeout(PATIENCE)
        found.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        found.on("pageerror", lambda error: said.append(str(error)))
        found.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
        found.goto(written.as_uri())
        return found

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def rows(found: Page) -> list[list[str]]:
    """Return the cells of the mistakes that are shown."""
    return [row.locator("td").all_inner_texts() for row in found.locator("#rows tbody tr:visible").all()]


def confidences(found: Page) -> list[float]:
    """Return the confidences that are shown; stripping has none, which counts as nothing."""
    return [0.0 if row[4] == "–" else float(row[4]) for row in rows(found)]


def test_what_an_article_says_is_text_and_runs_nothing(opened: Open) -> None:
    found = opened()
    assert found.title() == "Evaluation – newsfacts"
    assert found.locator("script").count() == 1
    assert found.locator("img").count() == 0
    found.locator("#article-hostile > summary").click()
    assert HOSTILE in (found.locator("#article-hostile .raw").text_content() or "")
    assert found.title() == "Evaluation – newsfacts"


def test_an_injected_script_is_refused_by_the_page_s_own_policy(chromium: Browser, written: Path) -> None:
    found = chromium.new_page()
    found.set_default_timeout(PATIENCE)
    found.goto(written.as_uri())
    found.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'run'";
        document.body.append(script);
    }""")
    assert found.title() == "Evaluation – newsfacts"
    found.close()


def test_the_first_screen_answers_without_scrolling(opened: Open) -> None:
    found = opened()
    last = found.locator(".summary tbody tr").last.bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= DESKTOP["height"]


def test_filters_leave_the_rows_that_fit(opened: Open) -> None:
    found = opened()
    everything = rows(found)
    # A sentence, a mention, the role of a line, its removal, and a stance in each of five articles.
    assert len(everything) == 5 * 5
    found.locator("[name=task]").select_option("claims")
    assert {row[0] for row in rows(found)} == {"Claim label of a sentence"}
    assert found.locator("#shown").inner_text() == "5 of 25 shown"
    found.locator("[name=gold]").select_option("promo")
    assert rows(found) == []
    found.get_by_role("button", name="Show all").click()
    expect(found.locator("#shown")).to_have_text("25 of 25 shown", timeout=PATIENCE)
    found.locator("[name=score]").fill("0.6")
    assert all(float(row[4]) >= 0.6 for row in rows(found))
    assert 0 < len(rows(found)) < len(everything)
    found.locator("[name=text]").fill("MORNING MAIL")
    assert {row[0] for row in rows(found)} == {"Role of a line"}


def test_columns_sort_by_the_keyboard_too(opened: Open) -> None:
    found = opened()
    heading = found.locator("#rows th", has_text="Confidence")
    scores = confidences(found)
    assert scores == sorted(scores, reverse=True)
    heading.locator("button").focus()
    found.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    scores = confidences(found)
    assert scores == sorted(scores)
    found.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "descending"
    found.locator("#rows th", has_text="Task").locator("button").press("Enter")
    assert heading.get_attribute("aria-sort") is None
    tasks = [row[0] for row in rows(found)]
    assert len(set(tasks)) == 5
    assert len([1 for one, other in itertools.pairwise(tasks) if one != other]) == 4


def test_a_row_opens_its_article_at_the_mistake(opened: Open) -> None:
    found = opened()
    found.locator("[name=task]").select_option("claims")
    found.locator("#rows tbody tr:visible a").first.click()
    sentence = found.locator("mark:focus")
    assert (sentence.text_content() or "").startswith(material.SENTENCES[1][0])
    assert "gold: factual" in (sentence.text_content() or "")
    assert sentence.evaluate("mark => mark.closest('details').open") is True
    found.locator("[name=task]").select_option("strip")
    found.locator("#rows tbody tr:visible a").first.click()
    assert material.KEPT in (found.locator("p:focus").text_content() or "")
    found.locator("[name=task]").select_option("article stance")
    found.locator("#rows tbody tr:visible a").last.click()
    assert found.locator("summary:focus").count() == 1


def test_a_place_that_is_none_leaves_the_filters(opened: Open, written: Path) -> None:
    found = opened()
    found.goto(f"{written.as_uri()}#100%")
    found.reload()
    assert found.locator("#filters").is_visible()


def test_a_link_of_a_task_shows_its_mistakes_alone(opened: Open) -> None:
    found = opened()
    found.locator("[data-show-task=stance]").click()
    expect(found.locator("#shown")).to_have_text("5 of 25 shown", timeout=PATIENCE)
    assert {row[0] for row in rows(found)} == {"Stance of a sentence"}


def test_without_scripts_everything_is_still_there(opened: Open) -> None:
    found = opened(java_script_enabled=False)
    assert found.locator("#rows tbody tr").count() == 25
    assert not found.locator("#filters").is_visible()
    found.locator("#article-hp-0 > summary").click()
    assert found.locator("#article-hp-0 .raw").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_nothing_serious(opened: Open, scheme: str, width: int) -> None:
    found = opened(color_scheme=scheme, viewport={"width": width, "height": 800})
    found.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
    violations = Axe().run(found).response["violations"]
    serious = [
        (one["id"], one["nodes"][0]["html"][:200], len(one["nodes"]))
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_a_narrow_screen_needs_no_scrolling_sideways(opened: Open) -> None:
    found = opened(viewport={"width": 400, "height": 800})
    found.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
    assert found.evaluate("document.documentElement.scrollWidth") == 400


def test_print_is_dark_on_white_without_what_only_a_screen_needs(opened: Open) -> None:
    found = opened(color_scheme="dark")
    found.emulate_media(media="print", color_scheme="dark")
    assert found.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert found.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert not found.locator("#filters").is_visible()
    assert found.locator(".summary").is_visible()
    assert found.locator(".picture").first.is_visible()
    pages = len(re.findall(rb"/Type\s*/Page[^s]", found.pdf(format="A4")))
    assert 3 <= pages < 40


def test_a_page_of_the_default_corpus_s_size_is_under_five_megabytes() -> None:
    written = page(material.material(articles=70))
    assert len(written.encode()) < 5_000_000
