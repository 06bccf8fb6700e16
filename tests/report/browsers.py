"""A real browser for tests of pages: the Chromium of this machine, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser without a window; tests that need one are skipped where none is installed."""
    executable = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(_NAMES)} is installed; 'apt-get install chromium' gives one")
    with sync_playwright() as playwright:
        # Within a container Chromium cannot make its own sandbox, and these pages are ours.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"], timeout=180_000)
        yield browser
        browser.close()
