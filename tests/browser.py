"""Chromium without scripts, if it is installed: the rendered pages."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright

from tests.components import missing

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser. If it is not installed the test is skipped; in CI it fails."""
    found = next(filter(None, map(shutil.which, _NAMES)), None) or missing("chromium")
    options = [] if os.geteuid() else ["--no-sandbox"]  # which Chromium has only for others than root
    async with async_playwright() as started:
        browser = await started.chromium.launch(executable_path=found, args=options)
        yield browser
        await browser.close()


@asynccontextmanager
async def window(
    browser: Browser, *, locale: str = "zh-CN", width: int = 1200, dark: bool = False
) -> AsyncIterator[Page]:
    """An empty page of that width in CSS pixels, whose visitor prefers `locale`; no script runs in it."""
    context = await browser.new_context(
        java_script_enabled=False,
        locale=locale,
        color_scheme="dark" if dark else "light",
        viewport={"width": width, "height": 800},
        is_mobile=width < 600,
    )
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def overflows(page: Page) -> bool:
    """Return whether something is wider than the window."""
    return bool(
        await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )
