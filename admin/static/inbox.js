// The inbox with script: a key presses the button labelled with it in the case beside the list; a saved text fills the answer; under an answer
// its length and what will be sent follow the typing; a number that was asked for is dialled.
(() => {
  "use strict";

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey || event.repeat || event.isComposing) return;
    const isSent = event.ctrlKey && event.key === "Enter"; // what is typed in a form of the case
    if (!isSent && (event.ctrlKey || !/^[0-9a-z]$/i.test(event.key))) return;
    if (!isSent && event.target.closest("input:not([type=checkbox]), select, textarea, dialog")) return;
    const place = isSent ? event.target.closest("form") : document.querySelector(".pane, main:not(:has(.pane))");
    const button = place?.querySelector(`[aria-keyshortcuts='${isSent ? "Control+Enter" : event.key.toLowerCase()}']`);
    if (!button?.checkVisibility()) return;
    event.preventDefault();
    if (!button.matches("summary")) return button.click();
    button.parentElement.open = true;
    button.parentElement.querySelector("textarea, select").focus();
  });

  document.querySelector("[data-dial]")?.click();

  // The next case opens under the finger that settled the last one: who presses within 0.6 s has not read it.
  const shown = performance.now();
  if (document.querySelector(".undo")) document.querySelector(".case")?.addEventListener("click", (event) => performance.now() < shown + 600 && event.preventDefault(), true);

  for (const choice of document.querySelectorAll("[data-fill]"))
    choice.addEventListener("click", () => {
      const text = document.getElementById(choice.dataset.fill);
      text.value = choice.dataset.text;
      text.dispatchEvent(new Event("input", { bubbles: true }));
      text.focus();
    });

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
        bubble.hidden = isLong || found.text === text.value.trim();
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
