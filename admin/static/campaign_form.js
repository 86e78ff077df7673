// The campaign form with script: buttons that insert fields, and a preview that follows the typing.
(() => {
  "use strict";

  const form = document.getElementById("campaign-form");
  const preview = document.getElementById("preview");
  if (!form || !preview) return;

  for (const id of ["look-again", "count-again"]) document.getElementById(id).remove(); // the preview updates by itself
  const errors = document.getElementById("errors");
  if (errors) errors.focus();

  // Insert a field at the cursor; with "[|]" the selection goes between the brackets.
  let target = document.getElementById("text");
  form.addEventListener("focusin", (event) => {
    if (event.target.matches("textarea[name=text], textarea[name=step_text]")) target = event.target;
  });
  for (const row of form.querySelectorAll(".inserts")) row.hidden = false;
  form.addEventListener("click", (event) => {
    const piece = event.target.dataset?.insert;
    if (!piece) return;
    const chosen = target.value.slice(target.selectionStart, target.selectionEnd);
    const [before, after] = piece.includes("|") ? piece.split("|") : [piece, ""];
    target.setRangeText(before + (after ? chosen : "") + after, target.selectionStart, target.selectionEnd, "end");
    if (after) target.setSelectionRange(target.selectionEnd - 1, target.selectionEnd - 1);
    target.focus();
    target.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // Another kind of campaign has other texts: reload the page with all that was typed.
  document.getElementById("kind").addEventListener("change", () => form.requestSubmit());

  const chosen = form.querySelector(".areas > summary > span");
  const countAreas = () => {
    const n = form.querySelectorAll("input[name=areas]:checked").length;
    chosen.textContent = n ? chosen.dataset.chosen.replace("{n}", n) : chosen.dataset.none;
  };

  // The text that is being written is the one that is shown; another is chosen by its tab.
  const show = (key) => {
    const tab = preview.querySelector(`[name=shown_text][value="${CSS.escape(key)}"]`);
    if (!tab) return;
    tab.checked = true;
    for (const part of preview.querySelectorAll("[data-text]")) part.hidden = part.dataset.text !== key;
  };
  preview.addEventListener("change", (event) => { if (event.target.name === "shown_text") show(event.target.value); });
  form.addEventListener("focusin", ({ target: field }) => {
    const of = { text: "", text_b: ".b", step_text: "", step_text_b: ".b" }[field.name];
    if (of === undefined) {
      const answer = /^c\.answers\.(\w+)\.reply$/.exec(field.name || "");
      if (answer) show(`reply.${answer[1]}`);
      return;
    }
    const fields = [...form.querySelectorAll(`textarea[name=${field.name}]`)];
    show(`${field.name.startsWith("step_") ? fields.indexOf(field) + 1 : 0}${of}`);
  });

  let timer, running, again, typed = 0;
  const ask = async (query) => {
    const reply = await fetch(form.dataset.preview + query, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { "X-Requested-With": "fetch" },
      redirect: "error",
    });
    return reply.ok ? reply.text() : null;
  };

  // Many people take more than a second to count: the text is shown at once, the figures when they are there.
  let counting = false;
  const count = async () => {
    if (counting || !preview.querySelector("[data-counting]")) return;
    counting = true;
    const before = typed;
    try {
      const html = await ask("");
      if (html !== null && before === typed) preview.innerHTML = html;
    } catch {
      return; // the next keystroke requests again
    } finally {
      counting = false;
    }
    if (before !== typed) look();
  };

  // One request at a time, the latest state of the form last.
  const look = async () => {
    if (running) { again = true; return; }
    running = true;
    preview.setAttribute("aria-busy", "true");
    try {
      const html = await ask("?quick");
      if (html !== null) preview.innerHTML = html;
    } catch {
      // Keep the last preview; the button below requests again.
    } finally {
      running = false;
      preview.setAttribute("aria-busy", "false");
      if (again) { again = false; look(); } else count();
    }
  };
  count();
  form.addEventListener("input", (event) => {
    if (event.target.name === "areas") countAreas();
    if (["trial_number", "segment", "segment_name", "shown_text"].includes(event.target.name) || event.target.id === "kind") return;
    typed += 1;
    clearTimeout(timer);
    timer = setTimeout(look, 350);
  });
})();
