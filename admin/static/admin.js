// Common script of the admin site. Every page works without it; it only saves a click or a reload.
(() => {
  "use strict";

  const button = document.querySelector(".menu-button");
  const menu = document.getElementById("menu");
  if (button && menu) {
    const show = (open) => {
      menu.classList.toggle("open", open);
      button.closest("header").classList.toggle("open", open);
      button.setAttribute("aria-expanded", String(open));
    };
    button.addEventListener("click", () => show(!menu.classList.contains("open")));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.classList.contains("open")) return;
      show(false);
      button.focus();
    });
  }

  // <form data-ask="What will happen" data-ask-yes="Do it" data-ask-with="id">: asks before it is sent, and shows
  // below the question the content of the element with that id. The question comes in the other half of the screen than the
  // press, and is answered 0.6 seconds later at the earliest: who presses twice has not read it.
  const ask = document.getElementById("ask");
  const READ_FIRST = 600; // milliseconds
  let pressedAt = null, readTimer;
  for (const kind of ["pointerdown", "keydown"])
    document.addEventListener(kind, (event) => { pressedAt = event.clientY ?? null; }, true);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.ask || form.dataset.ask;
    if (!ask || !question || form.dataset.asked) return;
    event.preventDefault();
    ask.querySelector("#ask-text").textContent = question;
    const beside = ask.querySelector("#ask-with");
    const shown = document.getElementById(form.dataset.askWith);
    beside.replaceChildren(...(shown ? [...shown.cloneNode(true).childNodes] : []));
    beside.hidden = !shown;
    const yes = ask.querySelector("[data-answer=yes]");
    yes.textContent = event.submitter?.dataset.askYes || form.dataset.askYes || event.submitter?.textContent || "OK";
    const submitter = event.submitter;
    yes.onclick = () => {
      ask.close();
      form.dataset.asked = "1";
      form.requestSubmit(submitter);
    };
    ask.querySelector("[data-answer=no]").onclick = () => ask.close();
    ask.className = pressedAt === null ? "" : pressedAt > innerHeight / 2 ? "high" : "low";
    yes.disabled = true;
    ask.showModal();
    ask.scrollTop = 0; // the question first, though the buttons below it have the focus
    clearTimeout(readTimer); // of a question that was closed within this time
    readTimer = setTimeout(() => { yes.disabled = false; if (ask.open) yes.focus({ preventScroll: true }); }, READ_FIRST);
  });
  removeEventListener("submit", window.early, true);
  window.early?.press?.[0].requestSubmit(window.early.press[1]);

  // <form data-at-once>: a filter that is changed applies at once; the field that was changed has the focus again.
  const changed = "changed-filter";
  for (const form of document.querySelectorAll("form[data-at-once]")) {
    form.addEventListener("change", (event) => {
      if (!event.target.matches("select, input[type=checkbox]")) return;
      sessionStorage.setItem(changed, `${location.pathname} ${event.target.name}`);
      form.requestSubmit();
    });
    const [path, name] = (sessionStorage.getItem(changed) || "").split(" ");
    if (path !== location.pathname || !form.elements[name]) continue;
    sessionStorage.removeItem(changed);
    form.elements[name].closest("details")?.setAttribute("open", "");
    form.elements[name].focus?.();
  }

  // <input type="checkbox" data-check-all="name">: ticks all boxes of that name in its form.
  for (const all of document.querySelectorAll("[data-check-all]"))
    all.addEventListener("change", () => {
      for (const box of all.form.querySelectorAll(`input[type=checkbox][name=${all.dataset.checkAll}]`)) box.checked = all.checked;
    });

  // What a place on the page is folded into opens for a link to it, as not in every browser, and for a field that cannot be sent as it is.
  const unfold = (place) => {
    for (let around = place?.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  };
  document.addEventListener("invalid", (event) => unfold(event.target), true);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (link) unfold(document.getElementById(link.hash.slice(1)));
  });

  // What keeps a field from being sent is said in the page's language, not in the browser's.
  const wrong = JSON.parse(document.currentScript?.dataset.wrong || "null");
  const kindOfWrong = ({ type, tagName, validity }) => {
    if (validity.badInput && /date|time|month/.test(type)) return "date";
    if (validity.rangeUnderflow) return "least";
    if (validity.rangeOverflow) return "most";
    if (!validity.valueMissing) return "other";
    if (type === "checkbox") return "tick";
    return type === "file" ? "file" : tagName === "SELECT" || type === "radio" ? "choose" : "missing";
  };
  const limit = (text) => (text || "").replace(/^(\d{4})-(\d\d)-(\d\d)/, "$3/$2/$1").replace("T", " ");
  const clear = (field) => field.setCustomValidity?.("");
  document.addEventListener("invalid", ({ target }) => {
    clear(target);
    if (!wrong || target.validity.valid) return;
    const kind = kindOfWrong(target);
    const end = limit({ least: target.min, most: target.max }[kind]);
    target.setCustomValidity(`${wrong[kind]} ${end}`.trim());
  }, true);
  for (const change of ["input", "change"]) document.addEventListener(change, (event) => clear(event.target), true);
  // A script may have filled it since.
  document.addEventListener("click", (event) => [...(event.target.closest?.("button")?.form?.elements || [])].forEach(clear), true);

  for (const print of document.querySelectorAll("[data-print]")) print.addEventListener("click", () => window.print());

  // <div data-live="/address" data-every="1000">: its content is fetched again while the page is visible.
  // A reply with the header X-Live: end says that nothing will change any more. Its parts with a data-key that the page has
  // already are sent without content (data-same) and stay as they are; so does one in which something was typed.
  for (const part of document.querySelectorAll("[data-live]")) {
    const every = Number(part.dataset.every || 1000);
    // What says that the last state is shown, where the page has it.
    const lost = (isLost) => { for (const each of document.querySelectorAll("[data-lost]")) each.hidden = !isLost; };
    const keyed = () => [...part.querySelectorAll("[data-key]")];
    const isChanged = (field) => field.options ? [...field.options].some((each) => each.selected !== each.defaultSelected) : field.value !== field.defaultValue;
    const isWrittenIn = (place) => [...place.querySelectorAll("input:not([type=hidden]), select, textarea")].some(isChanged);
    let typedAt = 0;
    part.addEventListener("input", () => { typedAt = Date.now(); });
    const look = async () => {
      let next = every;
      // What is being typed is not taken away.
      const field = document.activeElement;
      const isTyping = part.contains(field) && field.matches("input, select, textarea") && (!field.closest("[data-key]") || Date.now() < typedAt + 10000);
      if (!document.hidden && !isTyping) {
        try {
          const have = keyed().map((each) => each.dataset.key).join(" ");
          const reply = await fetch(part.dataset.live, { headers: { "X-Requested-With": "fetch", "X-Have": have }, redirect: "error" });
          lost(!reply.ok);
          if (reply.ok) {
            const text = await reply.text();
            if (text !== part.dataset.last) {
              // What somebody has opened stays open, and keeps the focus.
              const all = (selector) => [...part.querySelectorAll(selector)];
              const summaries = () => all("details > summary");
              const open = summaries().filter((each) => each.parentElement.open).map((each) => each.textContent);
              const had = part.contains(document.activeElement) && document.activeElement.textContent;
              const came = document.createElement("template");
              came.innerHTML = text;
              for (const each of keyed()) {
                const place = [...came.content.querySelectorAll("[data-key]")].find((one) => one.dataset.key === each.dataset.key || (each.id && one.id === each.id));
                if (place && (place.matches("[data-same]") || isWrittenIn(each) || each.contains(field))) place.replaceWith(each);
              }
              part.replaceChildren(came.content);
              part.dataset.last = text;
              for (const each of summaries()) each.parentElement.open = open.includes(each.textContent);
              if (part.contains(field)) field.focus({ preventScroll: true });
              else if (had) all("summary, a").find((each) => each.textContent === had)?.focus();
            }
            if (reply.headers.get("X-Live") === "end") return;
          } else if (reply.status < 500) return;
        } catch {
          lost(true);
          next = every * 2;
        }
      }
      setTimeout(look, next);
    };
    setTimeout(look, every);
  }
})();
