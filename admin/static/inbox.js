// The inbox with script: a digit presses the button labelled with it, in the focused case or, before anything has the focus, in the first;
// under an answer its length and what will be sent follow the typing.
(() => {
  "use strict";

  const first = document.querySelector(".case:has([aria-keyshortcuts])");
  if (first) first.classList.add("is-next");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !/^[0-9]$/.test(event.key)) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    const here = event.target.closest(".case, .undo") || (event.target === document.body && first);
    if (!here) return;
    const button =
      event.key === "0" ? document.querySelector("[data-key='0']") : here.querySelector(`[aria-keyshortcuts='${event.key}']`);
    if (!button) return;
    event.preventDefault();
    button.click();
  });

  // Also if only the anchor of the URL changed.
  const place = location.hash && document.getElementById(location.hash.slice(1));
  if (place) place.focus({ preventScroll: true });

  for (const box of document.querySelectorAll(".measured")) {
    const text = box.querySelector("textarea");
    const told = box.querySelector("output");
    const bubble = box.querySelector(".bubble");
    let timer, last = 0;
    const ask = async () => {
      const mine = ++last;
      if (!text.value.trim()) {
        told.textContent = "";
        bubble.hidden = true;
        return;
      }
      const body = new URLSearchParams({ text: text.value, csrf_token: text.form.elements.csrf_token.value });
      try {
        const reply = await fetch(box.dataset.measure, { method: "POST", body, headers: { "X-Requested-With": "fetch" }, redirect: "error" });
        if (!reply.ok || mine !== last) return;
        const found = await reply.json();
        const isLong = found.segments > Number(box.dataset.most);
        told.textContent = (isLong ? box.dataset.long : box.dataset.said).replace("{segments}", found.segments).replace("{units}", found.units);
        told.classList.toggle("bad", isLong);
        bubble.textContent = found.text;
        bubble.hidden = isLong;
      } catch {
        return; // the next keystroke asks again
      }
    };
    text.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, 250);
    });
    ask();
  }
})();
