"""Benchmark of the admin pages with a province's people, with other names and numbers each time."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from admin.app import create_app
from benchmarks.ground import AUTHOR, LIST, ORGANISATIONS, TEXT, Ground, add_variety, campaign_of, vacuum
from benchmarks.measures import percentile, show_times, target
from benchmarks.readers import login_form, token_in
from outreach.runtime import Runtime

PEOPLE = 1_000_000
TIMES = 40
LONGEST_MS = 200.0
# Pages that query the whole province while the user types.
_ASKED = ("contact list", "search", "filtered", "audience")
DISTRICTS = ["608", "610", "611", "612", "613", "614", "615", "616", "617", "618"]


# Opens a page, and returns when it began where it asked for another one before.
Ask = Callable[[int], float | None]


def time_pages(pages: Mapping[str, Ask], times: int) -> dict[str, list[float]]:
    """Return milliseconds by page, each opened so many times after once for warm-up."""
    took: dict[str, list[float]] = {}
    for name, ask in pages.items():
        ask(0)
        for i in range(times):
            began = time.perf_counter()
            began = ask(i) or began
            took.setdefault(name, []).append((time.perf_counter() - began) * 1000)
    return took


def time_officers_pages(
    runtime: Runtime, lists: list[str], *, people: int, times: int
) -> tuple[dict[str, list[float]], str]:
    """Return milliseconds by page for the author of campaign 1, and how long the first count of an audience took."""
    client = create_app(runtime.settings).test_client()
    form = login_form(AUTHOR, client.get("/login").text)
    assert client.post("/login", data=form).status_code == 303
    campaign = 1

    def get(path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)

    def search(text: str) -> float:
        found = client.post("/admin/people/", data={"q": text, "csrf_token": form_token})
        assert found.status_code == 303
        began = time.perf_counter()  # only the result page counts, not the form
        get(found.location)
        return began

    def count(_i: int, query: str = "", **asked: Any) -> None:
        form = {"name": "x", "kind": "bluezone", "sender": "MTTQ", "text": TEXT, "lists": lists[:1], **asked}
        answer = client.post(f"/admin/campaigns/preview{query}", data={**form, "csrf_token": form_token})
        assert answer.status_code == 200
        assert "figure" in answer.text
        assert ("data-counting" in answer.text) is bool(query)

    form_token = token_in(client.get("/admin/campaigns/new").text)
    began = time.perf_counter()
    count(0, "?quick")
    about = time.perf_counter() - began
    began = time.perf_counter()
    count(0)
    exact = time.perf_counter() - began
    first_count = f"a process's first count: about after {about:.1f} s, exact after another {exact:.1f} s"
    pages: dict[str, Ask] = {
        "contact list": lambda i: get("/admin/people/"),
        "contact list, further on": lambda i: get(f"/admin/people/?after={i * people // times}"),
        "search by name": lambda i: search(f"a thun {i * 37}"),
        "search by a number's end": lambda i: search(f"{i * 613 % 1_000:03}"),
        "filtered by smartphone": lambda i: get("/admin/people/?smartphone=unknown"),
        "filtered by opt-out": lambda i: get("/admin/people/?suppressed=1"),
        "a person": lambda i: get(f"/admin/people/{1 + i * people // (times + 1)}/"),
        "audience: all": lambda i: count(i),
        "audience: three lists": lambda i: count(i, lists=[lists[(i + n) % len(lists)] for n in range(3)]),
        "audience: an organisation in two districts": lambda i: count(
            i, lists=[], organisations=[ORGANISATIONS[i % 4]], areas=DISTRICTS[i % 9 : i % 9 + 2]
        ),
        "audience: all conditions": lambda i: count(
            i,
            areas=DISTRICTS[: 1 + i % 10],
            languages=["vi", ("sed", "bdq", "jra")[i % 3]],
            smartphone=["yes", "unknown"][: 1 + i % 2],
            answered=("no", "yes", "not_installed", "installed")[i % 4],
        ),
        "campaigns": lambda i: get("/admin/campaigns/"),
        "a campaign": lambda i: get(f"/admin/campaigns/{campaign}/"),
        "a campaign's progress": lambda i: get(f"/admin/progress/?campaign={campaign}"),
        "home": lambda i: get("/admin/"),
    }
    return time_pages(pages, times), first_count


def main(on: Ground, *, people: int = PEOPLE, times: int = TIMES) -> str:
    """Measure each page: median, 95th percentile and worst time."""
    with campaign_of(on, people, sent_of=2, state="delivered") as (_, runtime):
        lists = [f"MTTQ/{LIST}", *add_variety(runtime.db)]
        vacuum(runtime.db)
        took, first_count = time_officers_pages(runtime, lists, people=people, times=times)
    lines = [show_times(f"{people:,} people, ms", took), first_count]
    for name, is_asked in (("audience and contact list", True), ("other pages", False)):
        times_of = (ms for page, ms in took.items() if page.startswith(_ASKED) is is_asked)
        slowest = max(percentile(ms, 95) for ms in times_of)
        lines.append(target(f"{name}, slowest p95", slowest, at_most=LONGEST_MS, form=".0f"))
    return "\n".join(lines)
