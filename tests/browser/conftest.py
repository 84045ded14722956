# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chromium
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ansible_collections.sealed.s3.plugins.plugin_utils.audit.files import write_reports
from ansible_collections.sealed.s3.tests.browser import fleet
from ansible_collections.sealed.s3.tests.browser.fleet import GENERATED, TITLE

Open = Callable[..., Page]
# Milliseconds. A machine that does other work besides takes its time; only the opening of a page has a bound.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        found = chromium.find()
    except chromium.NoChromium as error:
        pytest.exit(str(error), returncode=1)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found.path,
            args=list(chromium.ARGUMENTS),
            env={**os.environ, **found.environment},
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the page of so many buckets, once."""
    written: dict[tuple[int, bool], Path] = {}

    def page(number: int, *, hostile: bool = False) -> Path:
        if (number, hostile) not in written:
            results = fleet.results(number, hostile=hostile)
            title = f"{TITLE} {fleet.HOSTILE[0]}" if hostile else TITLE
            folder = tmp_path_factory.mktemp("audit")
            paths = write_reports(folder, results, summary=fleet.summary(results), title=title, generated=GENERATED)
            written[number, hostile] = Path(paths["html"])
        return written[number, hostile]

    return page


@pytest.fixture
def visit(browser: Browser, report: Callable[..., Path]) -> Iterator[Open]:
    """Opens the page of so many buckets. It must not complain of anything, nor ask for anything but its own file."""
    problems: list[str] = []
    contexts = []

    def page(number: int, address: str = "", *, hostile: bool = False, width: int = 1280, **context: Any) -> Page:
        url = report(number, hostile=hostile).as_uri()
        opened = browser.new_context(
            viewport={"width": width, "height": 900}, permissions=["clipboard-read", "clipboard-write"], **context
        )
        contexts.append(opened)
        opened.set_default_timeout(PATIENCE)
        tab = opened.new_page()
        tab.on("console", lambda message: problems.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: problems.append(f"error: {error}"))
        tab.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        tab.on(
            "request",
            lambda request: None if request.url.partition("#")[0] == url else problems.append(f"asks {request.url}"),
        )
        tab.goto(url + address)
        return tab

    yield page
    for opened in contexts:
        opened.close()
    assert problems == []
