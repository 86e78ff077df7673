"""Simulated residents, who answer by link or SMS when a message reaches their phone.

Also here: links in a message, and invented replies, written as people type on small keys.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from simulator.callbacks import NotThisMachine, Post, PostPurpose, find_destination
from simulator.messages import Sms, TrainingPhone
from simulator.network import Network, Parts
from simulator.settings import FINAL_ANSWERS, LINK_ANSWERS, choose_label, roll

_DRILL = re.compile(r"(?i)di[eễ]n t[aậ]p")
STORM_S = 600.0
# Where those are who cry for help in a drill.
_STORM = [
    "tren mai nha",
    "o truong hoc, nuoc len nhanh",
    "co ba bau sap sinh",
    "bi co lap, het gao",
    "co nguoi bi thuong",
    "can xuong",
]


class Residents:
    """Simulated residents. The network calls `consider` for each message that arrives."""

    def __init__(self, parts: Parts, network: Network) -> None:
        self._parts, self._network = parts, network

    def consider(self, sms: Sms) -> None:
        """Decide whether, how and when the phone's owner answers this message."""
        habits = self._parts.panel.habits
        phone = self._parts.store.phones.get(sms.to)
        if phone and _DRILL.match(sms.body):
            self._play_storm(sms, phone)
            return
        if phone is None or not self._may_answer(phone):
            return
        phone.draws += 1

        def draw(purpose: str) -> float:
            return roll(habits.seed, purpose, sms.to, phone.draws)

        label = choose_label(habits, draw("label"))
        if label is None:
            return
        phone.last_answer = label
        wait = habits.delay_min_s + (habits.delay_max_s - habits.delay_min_s) * draw("delay")
        phone.last_answer_at = time.time() + wait
        link = first_local_link(sms.body, public_url=self._parts.options.public_url)
        by_link = link is not None and label in LINK_ANSWERS and draw("way") < habits.by_link
        texts = REPLIES[label]
        text = texts[int(draw("text") * len(texts))]

        def answer() -> None:
            if self._parts.store.by_sid.get(sms.sid) is not sms:
                return  # reset meanwhile
            if by_link and link is not None:
                self._open_link(link, label, sms)
            else:
                self._network.receive(sms.to, text, to=sms.from_)

        asyncio.get_running_loop().call_later(wait, answer)

    def _play_storm(self, sms: Sms, phone: TrainingPhone) -> None:
        """Answer a drill's warning within ten minutes, whatever the habits are; one in eight stays silent."""
        link = first_local_link(sms.body, public_url=self._parts.options.public_url)
        if link is None:
            return  # what else a drill sends, as to a team

        def draw(purpose: str) -> float:
            return roll(self._parts.panel.habits.seed, purpose, sms.to, phone.draws)

        phone.draws += 1
        kind, where = draw("storm"), (14.2 + 0.7 * draw("north"), 107.7 + 0.5 * draw("east"))
        people = 1 + int(9 * draw("people"))
        cry = f"CUU {people} nguoi {_STORM[int(len(_STORM) * draw('text'))]}"
        if kind > 0.94:
            cry += " https://maps.google.com/?q={:.5f},{:.5f}".format(*where)
        posts = [{"answer": "safe"}] if kind < 0.5 else [{"answer": "help"}]
        if kind >= 0.75:
            given = {"latitude": f"{where[0]:.5f}", "longitude": f"{where[1]:.5f}", "need": "boat"}
            posts.append({"answer": "details", "people": str(people), **given})

        def answer() -> None:
            if self._parts.store.by_sid.get(sms.sid) is not sms or kind >= 0.97:
                return
            if 0.6 <= kind < 0.72 or kind >= 0.8:
                self._network.receive(sms.to, "AN TOAN" if kind < 0.9 else cry, to=sms.from_)
            elif kind < 0.5 or 0.72 <= kind < 0.8:
                self._post_in_turn(link, posts)

        asyncio.get_running_loop().call_later(STORM_S * draw("delay"), answer)

    def _post_in_turn(self, link: str, posts: list[dict[str, str]]) -> None:
        """Post forms to a link, each once the one before was taken."""

        def finished(accepted: bool) -> None:
            if accepted and posts[1:]:
                self._post_in_turn(link, posts[1:])

        self._parts.poster.post(Post(PostPurpose.LINK, link, posts[0], finished=finished))

    def _may_answer(self, phone: TrainingPhone) -> bool:
        # Acknowledgements arrive here too: without this rule phone and system would answer each other for ever.
        if phone.last_answer is None:
            return True
        if phone.last_answer in FINAL_ANSWERS:
            return False
        return time.time() >= phone.last_answer_at + self._parts.panel.habits.again_after_s

    def _open_link(self, link: str, label: str, sms: Sms) -> None:
        def finished(accepted: bool) -> None:
            if accepted:
                sms.answered_by_link = label
                self._parts.journal.write_answer(sms)
                self._parts.store.touch(sms)

        self._parts.poster.post(Post(PostPurpose.LINK, link, {"answer": label}, finished=finished))


# With a scheme any host is a link; without one only this machine or the public address, as a sender may
# omit the scheme to save characters.
_WITH_SCHEME = r"https?://[^\s<>\"]+"
_LOCAL = r"(?:localhost|127\.0\.0\.1)(?::\d+)?/[^\s<>\"]+"
_CLOSING = ".,;:!?)]}'"


def split_links(text: str, *, public_url: str) -> Iterator[tuple[str, str | None]]:
    """Split `text` into pieces, in order, each with the URL it links to, or None for plain text."""
    host = urlsplit(public_url).netloc
    pattern = rf"{_WITH_SCHEME}|\b(?:{_LOCAL}" + (rf"|{re.escape(host)}/[^\s<>\"]+" if host else "") + ")"
    end_of_last = 0
    for match in re.finditer(pattern, text):
        shown = match.group().rstrip(_CLOSING)
        start, end = match.start(), match.start() + len(shown)
        if start > end_of_last:
            yield text[end_of_last:start], None
        yield shown, _complete(shown, public_url)
        end_of_last = end
    if end_of_last < len(text):
        yield text[end_of_last:], None


def first_local_link(text: str, *, public_url: str) -> str | None:
    """Return the first link to this machine, directly or by the public address, or None."""
    for _, link in split_links(text, public_url=public_url):
        if link is None:
            continue
        try:
            find_destination(link, public_url=public_url, local_url="http://127.0.0.1")
        except NotThisMachine:
            continue
        return link
    return None


def _complete(shown: str, public_url: str) -> str:
    if shown.startswith(("http://", "https://")):
        return shown
    host = urlsplit(public_url).netloc
    scheme = urlsplit(public_url).scheme if host and shown.startswith(host) else "http"
    return f"{scheme}://{shown}"


REPLIES = {
    label: texts.split(" | ")
    for label, texts in {
        "installed": (
            "1 | da cai roi | Tôi cài rồi nhé | Dạ em cài xong hôm qua rồi ạ | cai roi can bo oi | so 1 "
            "| Đã cài đặt thành công | nha toi 3 may deu cai roi | ddax caif roofi | Ok minh cai xong r 👍"
        ),
        "not_yet": (
            "2 | chua cai | Để tối về tôi cài | mai em cai ạ, gio dang o ray | chưa, đợi có mạng đã | "
            "chua co 4G, ra xa moi cai dc | Tôi xóa mất rồi, để cài lại sau"
        ),
        "no_smartphone": (
            "3 | dt cui ko cai dc | Nhà tôi chỉ có máy bàn phím | toi dung dien thoai den trang | Bà "
            "không có máy cảm ứng cháu ạ | may cuc gach thoi"
        ),
        "need_help": (
            "4 | giup toi voi | tải về mà không mở được | bam vao link ko ra gi het | Tôi không biết "
            "cài, nhờ cán bộ thôn giúp | cai xong no doi bluetooth toi ko biet lam"
        ),
        "refuse": "khong cai | Tôi không muốn cài | ton pin lam, k cai dau | cài làm gì, thôi khỏi",
        "opt_out": "TC | tc | HUY | Từ chối nhận tin | dung nhan tin cho toi nua | STOP",
        "wrong_number": "nham so roi | Nhầm máy rồi bạn ơi | toi o Gia Lai, khong phai nguoi do | số này đổi chủ rồi",
        "question": (
            "cai o dau vay? | Ai gửi tin này thế? | co mat tien khong | App này có theo dõi tôi không? | "
            "cai xong thi duoc gi"
        ),
    }.items()
}
