"""A headless Chromium, and the page as its user finds it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
#: How long a state may take to come about, in ms: other work may be on the machine.
PATIENCE = 30_000


def find_chromium() -> str:
    """Where the browser is, as labgen/setup/chromium.sh looks for it. Fails with what to do."""
    named = os.environ.get("CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome-stable"]
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        message = "no Chromium on the PATH: run 'make chromium' once as root, or name one with CHROMIUM=..."
        raise FileNotFoundError(message)
    return found


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Run a Chromium that keeps nothing; `profile` is a folder for what it writes."""
    environment: dict[str, str | float | bool] = {
        **os.environ,
        "HOME": str(profile),
        "TZ": "UTC",
        "LANG": "en_GB.UTF-8",
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), headless=True, args=ARGUMENTS, env=environment
        )
        try:
            yield browser
        finally:
            browser.close()
