"""A page in the browser, and what must hold on every one."""

import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
SMALL_PHONE = {"width": 320, "height": 640}
# Words that stand in no Vietnamese sentence; a test of templates would not see what an extension adds.
ENGLISH = re.compile(
    r"\b(the|and|with|save|search|edit|delete|create|created|submit|cancel|filter|apply|records?|select|"
    r"choose|upload|download|next|previous|back|close|home|list|lists|user|users|name|date|none|null|true|"
    r"false|views?|imports?|undefined|error|failed|sending|sent|draft|paused|completed|scheduled|approved|unknown|queued)\b",
    re.IGNORECASE,
)
# A status or a word's key that nobody put into words: state.sending, need_help, %(count)s.
KEYS = re.compile(r"\b[a-z]+[._][a-z]+_?[a-z]*\b(?!@)|\b[a-z_]+:[0-9]+\b(?!\S)|%\([a-z]+\)s|\{\{|\}\}")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_AXE = Path(
    next(iter(find_spec("axe_playwright_python").submodule_search_locations)), "axe.min.js"
).read_text()


@dataclass
class Visit:
    """One tab. `faults` collects what the browser complained of since it was opened."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)
    expects: int | None = None  # a status the console may name

    def __post_init__(self):
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("request", self._see)

    def _hear(self, message):
        is_expected = self.expects is not None and f"status of {self.expects}" in message.text
        if message.type in ("error", "warning") and not is_expected:
            self.faults.append(f"console: {message.text}")

    def _see(self, request):
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.faults.append(f"asks another machine: {request.url}")

    def open(self, path, *, status=200):
        self.expects = None if status < 400 else status
        answer = self.page.goto(self.address + path)
        assert answer.status == status, f"{path}: {answer.status}"
        return self.page

    def take_picture(self, name):
        """For the README and docs/screens.md; only with LOA_PICTURES=1, as a picture differs every time."""
        if os.environ.get("LOA_PICTURES"):
            PICTURES.mkdir(exist_ok=True)
            width, height = self.page.evaluate("[innerWidth, Math.min(innerHeight, 800)]")
            clip = {"x": 0, "y": 0, "width": width, "height": height}
            self.page.screenshot(path=PICTURES / f"{name}.png", clip=clip)

    def keep_look(self, name):
        """The whole page as a picture, for whoever wants to look at all of them: LOA_LOOKS=a folder."""
        if folder := os.environ.get("LOA_LOOKS"):
            file = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            self.page.screenshot(path=Path(folder, f"{file}.png"), full_page=True)


def open_card(page, name):
    """Open a card of a campaign's page, unless it is open."""
    card = page.locator(f"details[data-card={name}]")
    if card.get_attribute("open") is None:
        card.locator(":scope > summary").click()


def open_more(page, name):
    """Open a card's further choices, unless they are open."""
    more = page.locator(f"#more-{name}")
    if more.get_attribute("open") is None:
        more.locator(":scope > summary").click()


def find_faults(page, *, without=()):
    """What would be wrong on any page, at its present width: shape, words, and what axe finds but for the rules in `without`."""
    width = page.viewport_size["width"]
    seen = page.evaluate(
        """() => ({
            across: document.scrollingElement.scrollWidth - window.innerWidth,
            headings: document.querySelectorAll("h1").length,
            title: document.title,
            wide: [...document.querySelectorAll("body *")]
                .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1)
                .slice(0, 3).map((one) => one.outerHTML.slice(0, 120)),
        })"""
    )
    faults = []
    if seen["across"] > 0:
        faults.append(f"at {width}px it scrolls sideways by {seen['across']}px: {seen['wide']}")
    if seen["headings"] != 1:
        faults.append(f"{seen['headings']} h1")
    if not seen["title"].strip(" ·"):
        faults.append("no title")
    # What a bar that stays in view covers can be scrolled from under it; axe takes it for too small a target.
    page.evaluate(
        """() => {
            for (const one of document.querySelectorAll("body *"))
                if (getComputedStyle(one).position === "sticky") one.style.position = "static";
        }"""
    )
    return [*faults, *ask_axe(page, without)]


def find_foreign_words(page):
    """English words and bare keys on a Vietnamese page. What people typed themselves is not the page's."""
    text = page.evaluate(
        """() => {
            const copy = document.body.cloneNode(true);
            for (const part of copy.querySelectorAll("[lang=en], script, style, textarea, .bubble")) part.remove();
            const texts = [], walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) texts.push(walker.currentNode.data.trim());
            const labels = [...copy.querySelectorAll("[aria-label], [title], [placeholder], [alt]")].flatMap(
                (one) => ["aria-label", "title", "placeholder", "alt"].map((name) => one.getAttribute(name) ?? ""));
            return [document.title, ...texts, ...labels].filter(Boolean).join("\\n");
        }"""
    )
    text = re.sub(
        r"\{(name|link)\}|\S+@\S+|https?://\S+|\S+\.(csv|xlsx|xls|ods|toml|vn|md|timer)\b", " ", text
    )
    # A command to type, a name of SMPP's, a line of the settings.
    text = re.sub(r"\bloa backup create\b|\bsystem_id\b|\b[A-Z_]+=\S+", " ", text)
    return [
        f"“{found[0]}” in “{text[max(0, found.start() - 30) : found.end() + 30].strip()}”"
        for pattern in (ENGLISH, KEYS)
        for found in pattern.finditer(text)
    ]


def ask_axe(page, without=()):
    """What axe-core finds against WCAG 2.2 AA. It comes by the debugger, past the page's own policy."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    # A preview that begins to load in between is pale for a moment, which is no fault of its colours.
    page.evaluate(
        """() => {
            const full = new CSSStyleSheet();
            full.replaceSync("[aria-busy=true] { opacity: 1 !important; }");
            document.adoptedStyleSheets.push(full);
        }"""
    )
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_AXE)
    found = page.evaluate(
        """([tags, without]) => axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"],
                rules: Object.fromEntries(without.map((rule) => [rule, {enabled: false}]))})
            .then((result) => result.violations.map((one) => [one.id, one.help,
                one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160) + " " + node.failureSummary)]))""",
        [WCAG, list(without)],
    )
    return [f"axe {rule}: {what} {nodes}" for rule, what, nodes in found]
