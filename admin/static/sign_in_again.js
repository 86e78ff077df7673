// A form whose session has ended, or that asks for the password by now: one gives it in place, and what was typed stays and is sent.
const loaSession = (() => {
  "use strict";

  const { user, token, signIn, confirm } = document.currentScript.dataset;

  // Fresh tokens for the forms; false if nobody, or somebody else, is signed in, or the form to this address asks for the password.
  let page = signIn;
  const renew = async (to = "/") => {
    page = signIn;
    const reply = await fetch(`${token}?to=${encodeURIComponent(to)}`, { headers: { "X-Requested-With": "fetch" }, redirect: "manual" });
    if (!reply.ok) return false;
    const found = await reply.json();
    if (String(found.user) !== user) return false;
    for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = found.csrf_token;
    if (found.asks_password) page = confirm;
    return !found.asks_password;
  };

  const signInAgain = () => new Promise((resolve) => {
    const dialog = document.getElementById("sign-in-again");
    const inside = dialog.querySelector("[data-form]");
    const end = async (wanted) => {
      const done = wanted && (await renew().catch(() => false));
      dialog.close();
      resolve(done);
    };
    dialog.querySelector("[data-answer=no]").onclick = () => end(false);
    dialog.oncancel = (event) => { event.preventDefault(); end(false); };
    const show = async (reply) => {
      const found = new DOMParser().parseFromString(await reply.text(), "text/html");
      const theirs = [...found.querySelectorAll("form")].find((one) => one.querySelector("[type=password], [name=code]"));
      if (!theirs || !new URL(reply.url).pathname.startsWith("/login")) return end(true);
      const error = found.querySelector("[role=alert]");
      const otherWays = found.querySelectorAll("a.button"); // by a provider
      if (page === confirm) document.getElementById("sign-in-title").textContent = found.querySelector("h1").textContent;
      for (const link of [...otherWays, ...theirs.querySelectorAll("a")]) link.target = "_blank";
      inside.replaceChildren(...(error ? [error] : []), ...otherWays, theirs);
      if (!dialog.open) dialog.showModal();
      theirs.querySelector("[type=email]:not([value='']), [type=password], [name=code]")?.focus();
      theirs.addEventListener("submit", async (event) => {
        event.preventDefault();
        const body = new URLSearchParams(new FormData(theirs));
        show(await fetch(reply.url, { method: "POST", body, headers: { "X-Requested-With": "fetch" } }));
      });
    };
    fetch(page).then(show, () => end(false));
  });

  document.addEventListener("submit", async (event) => {
    const { target: form, submitter } = event;
    const isTyped = form.querySelector("textarea, select, input:not([type=hidden])");
    if (event.defaultPrevented || form.method !== "post" || !isTyped || form.dataset.renewed) return;
    event.preventDefault();
    if (form.dataset.renewing) return; // pressed twice
    form.dataset.renewing = "1";
    const isIn = await renew(form.getAttribute("action") || location.pathname).catch(() => true); // without a network the browser says so
    const mayGo = isIn || (await signInAgain());
    delete form.dataset.renewing;
    if (!mayGo) return;
    form.dataset.renewed = "1";
    form.requestSubmit(submitter);
    delete form.dataset.renewed;
  });

  return { renew, signInAgain };
})();
