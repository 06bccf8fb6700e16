"""What can be a claim at all."""

from __future__ import annotations

import pytest

from pipeline.claims import is_statement


@pytest.mark.parametrize(
    "sentence",
    [
        "He died.",
        "Inflation hit 9%.",
        "“It rose,” he said.",
        "The bridge cost $14 million",
        "“We won 61 percent of the vote,” he said:",
        "U.S. GDP up 3%.",
        "He was 83.",
        "महंगाई 9% बढ़ी।",
        "失业率上升到5%，为十年来最高。",
        "मंत्री ने इस्तीफ़ा दिया।",
        "استقال الوزير أمس.",
        "Министр ушёл.",
        "部长昨天辞职了。",
        "รัฐมนตรีลาออกแล้ว",
    ],
)
def test_short_sentences_of_any_script_can_claim(sentence: str) -> None:
    assert is_statement(sentence)


@pytest.mark.parametrize(
    "sentence",
    ["", "7:25 a.m.", "9:00 p.m.", "Eastern.", "“", "...", "___.", "FULL TEXT.", "Jane Roe", "Port Selden, Gulf",
     "incites", "The governor of the state then added:"],
)  # fmt: skip
def test_times_names_and_lead_ins_cannot(sentence: str) -> None:
    assert not is_statement(sentence)
