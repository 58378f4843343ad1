"""Chromium for tests of pages."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest


def chromium_without_window() -> Iterator[Any]:
    """The browser, driven through its own driver; the test is skipped where either is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


class Page:
    """What a reader does with a report."""

    def __init__(self, browser: Any, address: str, *, width: int = 1000) -> None:
        self.browser = browser
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(address)

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return list(self.browser.find_elements("css selector", selector))

    def choose(self, name: str, value: str) -> None:
        self.find(f"[name={name}] option[value='{value}']").click()

    def search(self, text: str) -> None:
        self.find("[name=text]").clear()
        self.find("[name=text]").send_keys(text)

    @property
    def count(self) -> str:
        return str(self.find("#count").text)

    @property
    def ids(self) -> list[str]:
        return [self.text(each) for each in self.all(".problem > summary .id")]

    def text(self, element: Any) -> str:
        """All of its text, be it in view or not."""
        return str(element.get_property("textContent"))

    def unfold(self, problem: str) -> Any:
        """The details of a problem, opened with the keyboard."""
        element = next(each for each in self.all(".problem") if self.text(each).startswith(problem))
        element.find_element("css selector", "summary").send_keys("\n")
        self.within(element, ".whole")
        return element

    def within(self, element: Any, selector: str) -> Any:
        """The first such element in another, where it is made a moment later."""
        deadline = time.monotonic() + 5
        while not (found := element.find_elements("css selector", selector)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found[0]

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]
