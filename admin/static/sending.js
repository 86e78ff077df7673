// Actions of a running campaign: the buttons follow its state and need no reload.
(() => {
  "use strict";
  const live = document.getElementById("running-live");
  const controls = document.querySelector(".running-controls");
  if (!live) return;

  const fit = () => {
    const figures = live.querySelector("[data-actions]");
    if (!figures) return;
    // Update the state badge of the sheet.
    const tag = live.querySelector("[data-campaign-state]");
    for (const shown of document.querySelectorAll("[data-campaign-state]")) {
      if (tag && !live.contains(shown) && shown.textContent !== tag.textContent) shown.replaceWith(tag.cloneNode(true));
    }
    const undecided = document.getElementById("undecided");
    undecided.hidden = !figures.dataset.undecided;
    undecided.querySelector("p").textContent = figures.dataset.undecided;
    for (const form of controls?.querySelectorAll("form") ?? []) {
      const fits = figures.dataset.actions.split(" ").includes(form.dataset.action);
      // If the focused button disappears, focus the one that replaces it.
      const had = !fits && form.contains(document.activeElement);
      form.hidden = !fits;
      if (had) controls.querySelector("form:not([hidden]) button")?.focus();
      const does = figures.dataset[form.dataset.action];
      form.dataset.ask = does;
      form.querySelector(".hint").textContent = does;
    }
  };
  new MutationObserver(fit).observe(live, { childList: true });

  const look = async () => {
    const reply = await fetch(live.dataset.live, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
    if (reply.ok) live.innerHTML = await reply.text();
  };

  // admin.js asks first; a confirmed form is submitted here.
  controls?.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.asked || form.dataset.action === "undo") return; // after undo the sheet must be reloaded
    event.preventDefault();
    event.stopPropagation();
    delete form.dataset.asked;
    if (form.getAttribute("aria-busy") === "true") return; // not `disabled`, which would lose the focus
    const error = document.getElementById("running-error");
    error.hidden = true;
    form.setAttribute("aria-busy", "true");
    try {
      const reply = await fetch(form.action, {
        method: "POST", body: new FormData(form), headers: { "X-Requested-With": "fetch" }, redirect: "error",
      });
      if (!reply.ok) throw new Error(reply.status === 422 ? await reply.text() : "");
      document.querySelector("#main > .note.success")?.remove(); // its message is outdated
      await look();
    } catch (reason) {
      if (reason instanceof TypeError || !reason.message) return form.submit();
      error.textContent = reason.message;
      error.hidden = false;
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
})();
