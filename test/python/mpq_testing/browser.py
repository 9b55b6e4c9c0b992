"""Debian's Chromium without a window: what a page looks like after its scripts ran, and whether they failed."""

import re
import shutil
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image


def chromium() -> str:
    path = shutil.which("chromium")
    if not path:
        raise RuntimeError("chromium is missing: run tools/dev/install.sh")
    return path


def _run(page: Path, *flags: str) -> tuple[str, str]:
    """Standard output, and the messages of the page's console. Every host name is unknown: nothing is fetched."""
    with tempfile.TemporaryDirectory() as home:
        command = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                   f"--user-data-dir={home}", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000",
                   "--enable-logging=stderr", *flags, page.resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stderr[-4000:]}")
    console = "\n".join(line for line in done.stderr.splitlines() if re.search(r":CONSOLE[:(]", line))
    return done.stdout, console


def dump(page: Path) -> tuple[str, str]:
    """The document after the scripts ran, and the console."""
    return _run(page, "--dump-dom")


def screenshot(page: Path, path: Path, width=1280, height=2400, dark=False) -> Image.Image:
    flags = ["--blink-settings=preferredColorScheme=0"] if dark else []
    path.unlink(missing_ok=True)
    _run(page, f"--window-size={width},{height}", f"--screenshot={path}", *flags)
    return Image.open(path).convert("RGB")


class Elements(HTMLParser):
    """All elements of a document as (tag, attributes, text directly inside)."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.list: list[list] = []
        self._open: list[list] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        element = [tag, dict(attributes), ""]
        self.list.append(element)
        if tag not in ("meta", "input", "img", "br", "link"):
            self._open.append(element)

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self._open:
            self._open[-1][2] += data

    def find(self, tag: str, css_class: str | None = None) -> list[list]:
        return [e for e in self.list if e[0] == tag and (css_class is None or css_class in (e[1].get("class") or "").split())]
