// A campaign's page with script: its cards, the texts on the phone, buttons that insert fields, figures that follow the typing.
(() => {
  "use strict";

  const form = document.getElementById("campaign-form");
  const preview = document.getElementById("preview");
  const cards = [...document.querySelectorAll("details[data-card]")];

  // On a phone what is beside the cards is a bar at the bottom that opens.
  const look = document.querySelector("details.look");
  const narrow = matchMedia("(max-width: 1000px)");
  const fit = () => { look.open = !narrow.matches; };
  narrow.addEventListener("change", fit);
  fit();

  // The text that is shown: another is chosen by its tab.
  const show = (key) => {
    const tab = preview.querySelector(`[name=shown_text][value="${CSS.escape(key)}"]`);
    if (!tab) return;
    tab.checked = true;
    tab.closest("fieldset details")?.setAttribute("open", "");
    for (const part of preview.querySelectorAll("[data-text]")) part.hidden = part.dataset.text !== key;
  };
  preview.addEventListener("change", (event) => { if (event.target.name === "shown_text") show(event.target.value); });

  if (!form) return;

  // A link to what is still to be written leads into the first empty box; admin.js has opened its card.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-box], #errors a");
    const place = link && document.getElementById(link.hash.slice(1));
    if (!place) return;
    event.preventDefault();
    if (narrow.matches) look.open = false;
    const boxes = place.matches("input, select, textarea") ? [place] : [...place.querySelectorAll("input, select, textarea")];
    (boxes.find((one) => one.checkVisibility() && !one.value) || boxes[0] || place).focus();
    place.scrollIntoView({ block: "nearest" });
  });

  // The card that is open is the one to come back to.
  for (const card of cards) card.addEventListener("toggle", () => {
    if (!card.open) return;
    form.elements.card.value = card.dataset.card;
    history.replaceState(null, "", `#${card.dataset.card}`);
  });

  for (const button of document.querySelectorAll("[data-next]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const card = cards.find((one) => one.dataset.card === button.dataset.next);
      card.open = true;
      card.querySelector("summary").focus();
      card.scrollIntoView({ block: "start" });
    });
  }
  document.getElementById("count-again")?.remove(); // the figures update by themselves
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

  // What is still to be filled in has fields of its own: what is entered there takes the place of the brackets in every message.
  form.addEventListener("change", (event) => {
    const gap = event.target.closest("[data-gap]");
    const fields = gap ? [...gap.querySelectorAll("input")] : [];
    if (!gap || !fields.every((one) => one.value.trim())) return;
    const said = {
      date: (day) => day.split("-").reverse().join("/"),
      time: (at) => at.replace(":", ` ${gap.dataset.hour} `).replace(/ 00$/, ""),
      text: (words) => words.trim(),
    };
    const words = fields.map((one) => said[one.type](one.value)).join(` ${gap.dataset.day} `);
    for (const text of form.querySelectorAll("textarea[name=text], textarea[name=text_b], textarea[name=step_text], textarea[name=step_text_b]"))
      if (text.value.includes(gap.dataset.gap)) {
        text.value = text.value.replaceAll(gap.dataset.gap, words);
        text.dispatchEvent(new Event("input", { bubbles: true }));
      }
    gap.remove();
  });

  // Columns of lists are offered while one of their lists is chosen, or an organisation, or they have a substitute.
  const offer = () => {
    const lists = new Set([...form.querySelectorAll("input[name=lists]:checked")].map((one) => one.value));
    const anybody = form.querySelector("input[name=organisations]:checked") !== null;
    for (const part of form.querySelectorAll("[data-lists]")) {
      const of = JSON.parse(part.dataset.lists);
      part.hidden = !anybody && of.length > 0 && !of.some((one) => lists.has(one)) && !part.querySelector("input")?.value;
    }
    const group = document.getElementById("fields");
    if (group) group.hidden = !group.querySelector("[data-lists]:not([hidden])");
  };
  form.addEventListener("change", offer);
  offer();

  // Another kind of campaign has other texts: reload the page with all that was typed, and go on where one was.
  const kind = document.getElementById("kind");
  if (sessionStorage.getItem("kind-chosen")) kind.focus({ preventScroll: true });
  sessionStorage.removeItem("kind-chosen");
  kind.addEventListener("change", () => { sessionStorage.setItem("kind-chosen", "1"); form.requestSubmit(); });

  // Places by what is typed of their name, with or without accents.
  const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/\u0111/gi, "d").toLowerCase();
  const find = document.getElementById("find-area");
  if (find) {
    find.closest("p").hidden = false;
    find.addEventListener("input", (event) => {
      event.stopPropagation(); // nothing of the campaign changes
      const wanted = plain(find.value.trim());
      for (const district of form.querySelectorAll(".district")) {
        const inner = district.querySelector("details"), own = district.querySelector(":scope > label, :scope > .name");
        let any = 0;
        for (const one of inner.querySelectorAll("label")) any += !(one.hidden = !plain(one.textContent).includes(wanted));
        const whole = plain(own?.textContent || "").includes(wanted);
        if (whole) for (const one of inner.querySelectorAll("label")) one.hidden = false;
        district.hidden = !whole && !any;
        if (wanted) inner.open = any > 0 && !whole;
      }
    });
  }

  // A part of the audience's sentence opens its field, below the sentence.
  form.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-field]");
    if (!link) return;
    event.preventDefault();
    const field = document.getElementById(link.dataset.field);
    for (const around of [field, field.closest("details.more")]) if (around) around.open = true;
    field.querySelector("[id^=in-] :is(input, select)")?.focus();
    field.scrollIntoView({ block: "nearest" });
  });

  // The text that is being written is the one that is shown.
  form.addEventListener("focusin", ({ target: field }) => {
    const of = { text: "", text_b: ".b", step_text: "", step_text_b: ".b" }[field.name];
    if (of === undefined) {
      const answer = /^c\.answers\.(\w+)\.reply$/.exec(field.name || "");
      if (answer) show(`reply.${answer[1]}`);
      else if (field.name?.startsWith("c.")) show("page");
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
    return reply.ok ? new DOMParser().parseFromString(await reply.text(), "text/html") : null;
  };
  const put = (page) => {
    if (page === null) return;
    for (const part of page.querySelectorAll("[data-part]"))
      for (const place of document.querySelectorAll(`[data-part="${part.dataset.part}"]`)) {
        // A field half filled in stays as it is.
        if ([...place.querySelectorAll("[data-gap] input")].some((one) => one.value || one.matches(":focus")))
          place.querySelector(".field-error")?.replaceWith(part.querySelector(".field-error") ?? "");
        else place.innerHTML = part.innerHTML;
      }
  };

  // Many people take more than a second to count: the text is shown at once, the figures when they are there.
  let counting = false;
  const count = async () => {
    if (counting || !document.querySelector("[data-counting]")) return;
    counting = true;
    const before = typed;
    try {
      const page = await ask("");
      if (before === typed) put(page);
    } catch {
      return; // the next keystroke requests again
    } finally {
      counting = false;
    }
    if (before !== typed) refresh();
  };

  // One request at a time, the latest state of the form last.
  const refresh = async () => {
    if (running) { again = true; return; }
    running = true;
    preview.setAttribute("aria-busy", "true");
    try {
      put(await ask("?quick"));
    } catch {
      // Keep the last preview; the next keystroke requests again.
    } finally {
      running = false;
      preview.setAttribute("aria-busy", "false");
      if (again) { again = false; refresh(); } else count();
    }
  };
  count();
  form.addEventListener("input", (event) => {
    if (["trial_number", "segment", "segment_name", "shown_text"].includes(event.target.name) || event.target.id === "kind") return;
    typed += 1;
    clearTimeout(timer);
    timer = setTimeout(refresh, 350);
  });
})();
