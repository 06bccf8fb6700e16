from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.article import Claim, Facts, Removal
from pipeline.cleaning import clean
from pipeline.report.page import Paragraph, article_page, paragraphs
from tests.report.samples import Draft, annotation, draft

_VOID = {"meta", "br", "link", "img"}


class Reader(HTMLParser):
    """What a page shows of the raw article, and inside which elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.characters: list[tuple[str, frozenset[str]]] = []
        self.marked: list[str] = []
        self.struck: list[str] = []
        self.notes: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in _VOID:
            return
        self.open.append((tag, dict(attrs)))
        if self._inside("article"):
            {"mark": self.marked, "del": self.struck, "small": self.notes}.get(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if not self._inside("article"):
            return
        classes = {attributes.get("class") for _, attributes in self.open}
        if "note" in classes:
            self.notes[-1] += data
        elif "hidden" not in classes:
            tags = frozenset(tag for tag, _ in self.open)
            self.characters += [(character, tags) for character in data]
            if "mark" in tags:
                self.marked[-1] += data
            if "del" in tags:
                self.struck[-1] += data

    def _inside(self, tag: str) -> bool:
        return any(name == tag for name, _ in self.open)

    @property
    def raw(self) -> str:
        return "".join(character for character, _ in self.characters)


def _read(content: Draft) -> Reader:
    return Reader(article_page(annotation(content), content.raw))


def _spans(raw: str) -> st.SearchStrategy[list[tuple[int, int]]]:
    offset = st.integers(-3, len(raw) + 3)
    return st.lists(st.tuples(offset, offset), max_size=4)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_article_without_its_annotations_is_the_raw_text_whatever_the_spans(data: st.DataObject) -> None:
    raw = data.draw(st.text(st.sampled_from("ab<>&\"' \t\r\n\x85\u2028é{}%") | st.characters(codec="utf-8")))
    removed = [Removal("promo", "rule:x", raw[start:end], start, end) for start, end in data.draw(_spans(raw))]
    claims = [Claim("x", "factual", 0.5, 0, 0, start, end, Facts()) for start, end in data.draw(_spans(raw))]
    content = Draft(raw, removed, claims)

    page = _read(content)

    assert page.raw == raw
    assert "".join("".join(piece.text for piece in item.pieces) + item.breaks for item in _paragraphs(content)) == raw
    for place, (character, tags) in enumerate(page.characters):
        gone = any(start <= place < end for start, end in ((item.raw_start, item.raw_end) for item in removed))
        assert ("del" in tags) == (gone and "p" in tags), (place, character)


def _paragraphs(content: Draft) -> list[Paragraph]:
    return paragraphs(content.raw, content.removed, content.claims)


def test_every_removed_stretch_is_struck_with_its_role_and_reason_beside_it() -> None:
    content = draft()
    page = _read(content)
    assert page.struck == [removal.text for removal in content.removed]
    for removal in content.removed:
        assert any(removal.role in note and removal.reason in note for note in page.notes)
        assert ("del", {"title": f"removed: {removal.role}, {removal.reason}"}) in page.elements


def test_every_claim_is_marked_once_with_label_and_score() -> None:
    content = draft()
    page = _read(content)
    assert page.marked == [claim.text for claim in content.claims]
    assert [note.strip() for note in page.notes if "rule" not in note and "model" not in note] == [
        "check-worthy 0.70",
        "factual 0.95",
        "check-worthy 0.97",
    ]


def test_a_claim_with_repaired_encoding_is_marked_where_its_raw_characters_stand() -> None:
    broken = "â€œWe paid twice,â€\x9d the mayorâ€™s aide said."
    content = Draft().keep("Cafe\u0301 owners wait. ").claim(broken, clean=clean(broken).text).keep(" We paid twice.")
    page = _read(content)
    assert page.marked == [broken]
    assert page.raw == content.raw
    assert "“We paid twice,” the mayor’s aide said." in article_page(annotation(content), content.raw)


def test_the_same_sentence_twice_is_marked_only_where_it_is_a_claim() -> None:
    content = Draft().keep("It rained. ").claim("It rained.").keep(" It rained.")
    page = _read(content)
    marks = [place for place, (_, tags) in enumerate(page.characters) if "mark" in tags]
    assert marks == list(range(11, 21))


def test_a_removal_inside_a_claim_is_struck_and_the_rest_stays_marked() -> None:
    raw = "The bridge [ad: buy now] cost $14 million."
    removal = Removal("ad", "rule:inline-ad", raw[11:24], 11, 24)
    claim = Claim("The bridge cost $14 million.", "factual", 0.8, 0, 28, 0, len(raw), Facts())
    content = Draft(raw, [removal], [claim])
    page = _read(content)
    assert page.struck == ["[ad: buy now]"]
    assert page.marked == ["The bridge ", " cost $14 million."]
    assert [note.strip() for note in page.notes] == ["ad rule:inline-ad", "factual 0.80"]
    assert sum(attributes.get("id") == "sentence-1" for _, attributes in page.elements) == 1


def test_of_two_overlapping_removals_the_first_listed_shows() -> None:
    raw = "abcdef"
    removed = [Removal("ad", "rule:one", "abcd", 0, 4), Removal("promo", "rule:two", "cdef", 2, 6)]
    page = _read(Draft(raw, removed))
    assert page.struck == ["abcd", "ef"]
    assert [note.strip() for note in page.notes] == ["ad rule:one", "promo rule:two"]


def test_offsets_beyond_the_raw_text_are_clipped() -> None:
    content = Draft("short", [Removal("ad", "rule:x", "", -4, 2)], [Claim("x", "factual", 0.5, 0, 0, 3, 99, Facts())])
    page = _read(content)
    assert (page.struck, page.marked, page.raw) == (["sh"], ["rt"], "short")


def test_scripts_in_any_field_do_nothing() -> None:
    evil = "<script>alert('x')</script>"
    facts = replace(draft().claims[0].facts, targets=(evil,))
    content = Draft().keep(evil).remove(evil, reason=evil).keep("\n").claim(evil, facts=facts)
    item = replace(
        annotation(content, title=evil, url="javascript:alert(1)", warnings=(evil,)), id=evil, source=evil, input=evil
    )
    page = Reader(article_page(item, content.raw))
    assert not [tag for tag, _ in page.elements if tag == "script"]
    assert page.raw == content.raw
    assert not any("javascript:" in (value or "") for _, attributes in page.elements for value in attributes.values())


def test_the_page_loads_nothing() -> None:
    page = Reader(article_page(annotation(url="https://example.org/story"), draft().raw))
    loading = {"src", "srcset", "data", "action", "poster", "background"}
    assert not [attributes for _, attributes in page.elements if loading & attributes.keys()]
    assert not [tag for tag, _ in page.elements if tag in {"link", "script", "img", "iframe"}]
    policies = [dict(attributes).get("content") for _, attributes in page.elements if "http-equiv" in attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_links_lead_from_each_mark_to_its_claim_and_back() -> None:
    page = _read(draft())
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    targets = [
        link[1:] for _, attributes in page.elements if (link := attributes.get("href") or "") and link.startswith("#")
    ]
    assert len(ids) == len(set(ids))
    assert sorted(targets) == [f"{place}-{number}" for place in ("claim", "sentence") for number in (1, 2, 3)]
    assert set(targets) <= set(ids)


def test_claims_are_listed_check_worthy_first_by_score_with_their_facts() -> None:
    page = article_page(annotation(), draft().raw)
    listed = page[page.index('<ol class="claims">') :]
    order = [listed.index(text) for text in ("Tolls doubled", "The bridge cost", "It opened in 2019")]
    assert order == sorted(order)
    assert "the mayor" in listed
    assert "(said, indirect)" in listed
    assert "Ana Ruiz; City Hall" in listed


def test_labels_inside_the_article_do_not_decide_the_direction_of_its_text() -> None:
    page = article_page(annotation(), draft().raw)
    article = page[page.index("<article") : page.index("</article>")]
    labels = re.findall(r"<(?:span|small)[^>]*>", article)
    assert labels
    assert all('dir="ltr"' in label for label in labels)


def test_abstentions_are_shown_as_such() -> None:
    page = article_page(annotation(abstained=True, warnings=("strip-guard: 62% would go",)), draft().raw)
    card = page[page.index('id="topic"') : page.index('id="stances"')]
    assert "abstained" in card
    assert "Most probable: politics and government" in card
    stances = page[page.index('id="stances"') : page.index("<main>")]
    assert stances.count("abstained") == 1
    assert "most probable: against" in stances
    assert "strip-guard: 62% would go" in page


def test_an_empty_annotation_says_so() -> None:
    item = annotation(Draft("Only words."), title=None, stances=())
    page = article_page(item, "Only words.")
    assert "No claims" in page
    assert "No target is named" in page
    assert Reader(page).raw == "Only words."
    assert "<h1" in page
    assert "Bridge &amp; tunnel: what the city paid</h1>" in page


def test_the_same_input_gives_the_same_page() -> None:
    assert article_page(annotation(), draft().raw) == article_page(annotation(), draft().raw)
