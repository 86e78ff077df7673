// Search everywhere: Ctrl-K opens it on any page; the arrows go through what is found, Enter opens it.
(() => {
  "use strict";

  const dialog = document.getElementById("search-everywhere");
  const text = document.getElementById("search-text");
  const found = document.getElementById("search-found");
  if (!dialog) return;
  const form = dialog.querySelector("form");
  const open = (event) => {
    event.preventDefault();
    if (dialog.open || document.querySelector("dialog[open]")) return;
    dialog.showModal();
    text.select();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey && !event.altKey && event.key.toLowerCase() === "k") open(event);
  });
  document.getElementById("search-open").addEventListener("click", open);

  let timer, asked = 0;
  const look = async () => {
    const number = ++asked;
    try {
      const reply = await fetch(`${form.action}?part=1`, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { "X-Requested-With": "fetch" },
        redirect: "error",
      });
      if (reply.ok && number === asked) found.innerHTML = await reply.text();
    } catch {
      form.submit(); // not signed in any more, or no network: the page says it
    }
  };
  text.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 250); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = found.querySelector("a");
    if (first) first.click(); else look();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault(); // in a search field it would empty the field first
      dialog.close(); // the focus goes back to where it was
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const places = [text, ...found.querySelectorAll("a")];
    places[(places.indexOf(document.activeElement) + step + places.length) % places.length].focus();
  });
})();
