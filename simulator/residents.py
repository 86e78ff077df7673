"""Residents who answer by themselves when a message reaches their phone."""

from __future__ import annotations

import asyncio
import time

from outreach.sms.simulator.controls.faults import roll
from outreach.sms.simulator.controls.habits import LAST_WORDS, LINK_ANSWERS, choose_label
from outreach.sms.simulator.controls.panel import Panel
from outreach.sms.simulator.exchange.carrier import Carrier
from outreach.sms.simulator.exchange.journal import Journal
from outreach.sms.simulator.exchange.messages import Sms
from outreach.sms.simulator.exchange.poster import Post, Poster
from outreach.sms.simulator.exchange.store import Phone, Store
from outreach.sms.simulator.exchange.tally import Errand
from outreach.sms.simulator.residents.links import first_local_link
from outreach.sms.simulator.residents.texts import choose_text


class Residents:
    """Give `consider` to the carrier as `on_arrival`."""

    def __init__(
        self,
        store: Store,
        *,
        panel: Panel,
        carrier: Carrier,
        poster: Poster,
        journal: Journal,
        public_url: str,
    ) -> None:
        self._store = store
        self._panel = panel
        self._carrier = carrier
        self._poster = poster
        self._journal = journal
        self._public_url = public_url

    def consider(self, sms: Sms) -> None:
        """Decide whether and how the phone's owner answers this message, and when."""
        habits = self._panel.habits
        phone = self._store.phones.get(sms.to)
        if phone is None or not self._may_speak(phone):
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
        link = first_local_link(sms.body, public_url=self._public_url)
        by_link = link is not None and label in LINK_ANSWERS and draw("way") < habits.by_link
        text = choose_text(label, draw("text"))

        def answer() -> None:
            if self._store.by_sid.get(sms.sid) is not sms:
                return  # reset meanwhile
            if by_link and link is not None:
                self._press(link, label, sms)
            else:
                self._carrier.receive(sms.to, text, to=sms.from_)

        asyncio.get_running_loop().call_later(wait, answer)

    def _may_speak(self, phone: Phone) -> bool:
        # Acknowledgements arrive here too: without this rule phone and system would talk for ever.
        if phone.last_answer is None:
            return True
        if phone.last_answer in LAST_WORDS:
            return False
        return time.time() >= phone.last_answer_at + self._panel.habits.again_after_s

    def _press(self, link: str, label: str, sms: Sms) -> None:
        def finished(taken: bool) -> None:
            if taken:
                sms.answered_by_link = label
                self._journal.write_answer(sms)
                self._store.touch(sms)

        self._poster.post(Post(Errand.LINK, link, {"answer": label}, finished=finished))
