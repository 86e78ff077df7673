// A digit in a line shows its meaning and moves on to the next line.
(() => {
  "use strict";

  const fields = [...document.querySelectorAll(".entry input")];
  fields.forEach((field, place) => {
    field.addEventListener("focus", () => field.select());
    field.addEventListener("input", () => {
      const word = document.querySelector(`[data-key-word="${CSS.escape(field.value)}"]`);
      field.closest("tr").querySelector(".said").textContent = word ? word.textContent : "–";
      if (word && fields[place + 1]) fields[place + 1].focus();
    });
    field.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !fields[place + step]) return;
      event.preventDefault();
      fields[place + step].focus();
    });
  });
})();
