// A key, typed in a line or touched in the list of keys, shows its meaning and moves on to the next line.
(() => {
  "use strict";

  const fields = [...document.querySelectorAll(".entry input:not([type=hidden])")];
  let current = 0;

  const mark = (place) => {
    current = Math.min(place, fields.length - 1);
    fields.forEach((field, n) => field.closest("tr").classList.toggle("current", n === current));
  };
  const enter = (field) => {
    const word = document.querySelector(`[data-key-word="${CSS.escape(field.value)}"]`);
    field.closest("tr").querySelector(".said").textContent = word ? word.textContent : "–";
    if (word) mark(fields.indexOf(field) + 1);
    return word;
  };
  fields.forEach((field, place) => {
    field.addEventListener("focus", () => { field.select(); mark(place); });
    field.addEventListener("input", () => { if (enter(field) && fields[place + 1]) fields[place + 1].focus(); });
    field.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !fields[place + step]) return;
      event.preventDefault();
      fields[place + step].focus();
    });
    // A touch anywhere on a line chooses it, without the keyboard that would cover the keys.
    field.closest("tr").addEventListener("click", (event) => { if (!event.target.closest("a, input")) mark(place); });
  });
  for (const key of document.querySelectorAll("[data-touch]")) {
    key.addEventListener("click", () => {
      const field = fields[current];
      if (!field) return;
      field.value = key.dataset.touch;
      enter(field);
      fields[current].closest("tr").scrollIntoView({ block: "nearest" });
    });
  }
  const open = fields.findIndex((field) => !field.value);
  if (fields.length) mark(Math.max(open, 0));
})();
