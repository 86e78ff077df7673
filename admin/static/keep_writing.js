// What is written in the campaign form is kept while one writes: on the server, and in this browser until the server has it.
(() => {
  "use strict";

  const form = document.getElementById("campaign-form");
  const told = document.getElementById("kept");
  if (!form || !told) return;
  const NOT_KEPT = new Set(["csrf_token", "wish", "key", "version", "writer", "campaign", "card", "trial_number", "shown_text"]);
  const WAIT = 1000, TRY_AGAIN = 5000; // milliseconds
  const MOST_STEPS_BACK = 30;
  const hidden = (name) => form.querySelector(`input[type=hidden][name=${name}]`);
  const place = `loa.${form.dataset.user}.`;
  let mine = place + hidden("key").value;
  const read = () => [...new FormData(form)].filter(([name]) => !NOT_KEPT.has(name));
  const say = (what, at = "") => { told.textContent = (told.dataset[what] || "").replace("{at}", at); told.dataset.state = what; };
  const box = {
    get: (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* the server has it soon */ } },
    drop: (key) => { try { localStorage.removeItem(key); } catch { /* nothing to remove */ } },
  };

  // The page is made again with these fields, which are then kept.
  const show = ({ fields, version, writer }) => {
    const again = document.createElement("form");
    again.method = "post";
    again.action = form.dataset.page;
    const values = [...fields, ["wish", "restore"], ["csrf_token", hidden("csrf_token").value], ["key", hidden("key").value],
      ["card", hidden("card").value], ["version", version], ["writer", writer]];
    for (const [name, value] of values) {
      const field = document.createElement("input");
      field.type = "hidden"; field.name = name; field.value = value;
      again.append(field);
    }
    document.body.append(again);
    box.drop(mine);
    again.submit();
  };

  // What an earlier page could not bring to the server is brought back.
  const left = box.get(mine);
  const shown = JSON.stringify(read());
  if (left && JSON.stringify(left.fields) !== shown) { show(left); return; }

  // What was kept before, to go back to; this tab knows it until it is closed.
  const undo = document.getElementById("undo");
  const steps = { get: () => JSON.parse(sessionStorage.getItem(mine) || "[]"),
    set: (all) => { try { sessionStorage.setItem(mine, JSON.stringify(all.slice(-MOST_STEPS_BACK))); } catch { /* no way back, nothing lost */ } undo.hidden = !all.length; } };
  steps.set(steps.get());
  undo.addEventListener("click", async () => {
    if (isDirty() && !(await keep())) return;
    const all = steps.get(), fields = all.pop();
    steps.set(all);
    leaving = true;
    if (fields) show({ fields: JSON.parse(fields), version: hidden("version").value, writer: hidden("writer").value });
  });

  let kept = form.dataset.unkept ? "" : shown, timer, running = null, leaving = false, isOpen = false;
  const isDirty = () => JSON.stringify(read()) !== kept;

  const post = (more = {}) => fetch(form.dataset.keep, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: { "X-Requested-With": "fetch" },
    redirect: "manual",
    ...more,
  });

  // A new token after signing in again; false if nobody is signed in.
  const renew = async () => {
    const reply = await fetch(form.dataset.keep, { headers: { "X-Requested-With": "fetch" }, redirect: "manual" });
    if (!reply.ok) return false;
    const { csrf_token: token, user } = await reply.json();
    if (String(user) !== form.dataset.user) return false;
    for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = token;
    return true;
  };

  const signIn = () => new Promise((resolve) => {
    const dialog = document.getElementById("sign-in-again");
    const inside = dialog.querySelector("[data-form]");
    const end = async (wanted) => {
      const done = wanted && (await renew().catch(() => false));
      isOpen = false;
      dialog.close();
      resolve(done);
    };
    dialog.querySelector("[data-answer=no]").onclick = () => end(false);
    dialog.oncancel = (event) => { event.preventDefault(); end(false); };
    const show = async (reply) => {
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      const theirs = [...page.querySelectorAll("form")].find((one) => one.querySelector("[type=password], [name=code]"));
      if (!theirs || !new URL(reply.url).pathname.startsWith("/login")) return end(true);
      const error = page.querySelector("[role=alert]");
      for (const link of theirs.querySelectorAll("a")) link.target = "_blank";
      inside.replaceChildren(...(error ? [error] : []), theirs);
      if (!isOpen) { isOpen = true; dialog.showModal(); }
      theirs.querySelector("[type=email]:not([value='']), [type=password], [name=code]")?.focus();
      theirs.addEventListener("submit", async (event) => {
        event.preventDefault();
        const body = new URLSearchParams(new FormData(theirs));
        show(await fetch(reply.url, { method: "POST", body, headers: { "X-Requested-With": "fetch" } }));
      });
    };
    fetch(form.dataset.signIn).then(show, () => end(false));
  });

  // Two have written: both are shown, field by field.
  const resolveConflict = (theirs) => new Promise((resolve) => {
    const dialog = document.getElementById("conflict");
    dialog.querySelector("[data-said]").textContent =
      dialog.dataset.said.replace("{by}", theirs.by).replace("{at}", theirs.at);
    const own = {};
    for (const [name, value] of read()) (own[name] ??= []).push(value);
    const rows = [];
    for (const name of new Set([...Object.keys(own), ...Object.keys(theirs.fields)])) {
      const [here, there] = [own[name] || [], theirs.fields[name] || []];
      if (JSON.stringify(here) === JSON.stringify(there)) continue;
      const field = form.querySelector(`[name="${CSS.escape(name)}"]`);
      const label = field?.type === "checkbox"
        ? field.closest("fieldset")?.querySelector("legend") : field?.labels?.[0];
      const row = document.createElement("tr");
      for (const [tag, text] of [["th", label?.textContent.trim() || name], ["td", here.join("\n")], ["td", there.join("\n")]]) {
        const cell = document.createElement(tag);
        cell.textContent = text || "–";
        row.append(cell);
      }
      row.firstChild.scope = "row";
      rows.push(row);
    }
    dialog.querySelector("tbody").replaceChildren(...rows);
    const answer = (isOwn) => { isOpen = false; dialog.close(); resolve(isOwn); };
    dialog.querySelector("[data-answer=own]").onclick = () => answer(true);
    dialog.querySelector("[data-answer=theirs]").onclick = () => answer(false);
    dialog.oncancel = (event) => event.preventDefault();
    isOpen = true;
    dialog.showModal();
  });

  const keepOnce = async () => {
    const fields = read(), now = JSON.stringify(fields);
    box.set(mine, { fields, version: hidden("version").value, writer: hidden("writer").value });
    say("saving");
    let reply;
    try {
      reply = await post();
    } catch {
      say("offline");
      clearTimeout(timer);
      timer = setTimeout(keep, TRY_AGAIN);
      return false;
    }
    if (reply.type === "opaqueredirect" || reply.status === 400) {
      if (reply.status === 400 && (await renew().catch(() => false))) return keepOnce();
      say("ended");
      return (await signIn()) ? keepOnce() : false;
    }
    if (reply.status === 409) {
      const theirs = await reply.json();
      if (await resolveConflict(theirs)) {
        hidden("version").value = theirs.version;
        return keepOnce();
      }
      box.drop(mine);
      leaving = true;
      location.assign(form.dataset.again);
      return false;
    }
    if (!reply.ok) { say(reply.status < 500 ? "refused" : "offline"); return false; }
    const { version, at, key, campaign, address, action, saved, wrong } = await reply.json();
    box.drop(mine);
    if (kept && kept !== now) steps.set([...steps.get(), kept]);
    if (place + key !== mine) { // a new campaign has become a draft, with an address of its own
      const all = steps.get();
      mine = place + key;
      steps.set(all);
    }
    hidden("version").value = version;
    hidden("key").value = key;
    hidden("campaign").value = campaign;
    kept = now;
    say(saved ? "saved" : "beside", at);
    if (!saved) for (const [n, { at: box, name }] of wrong.slice(0, 3).entries()) {
      const link = Object.assign(document.createElement("a"), { href: `#${box}`, textContent: name });
      link.dataset.box = "";
      told.append(n ? ", " : " ", link);
    }
    if (address) { document.querySelector("h1").textContent = form.elements.name.value; form.action = form.dataset.page = action; form.dataset.again = address; delete form.dataset.isNew; }
    const here = address || form.dataset.address;
    if (here && location.pathname + location.search !== here) history.replaceState(null, "", here + location.hash);
    return true;
  };
  // One request at a time; what was typed meanwhile goes with the next.
  const keep = async () => {
    if (isOpen) return false;
    if (running) { await running; return isDirty() ? keep() : true; }
    running = keepOnce();
    try { return await running; } finally { running = null; }
  };

  const later = () => {
    if (leaving) return;
    if (!isDirty()) { box.drop(mine); return; }
    box.set(mine, { fields: read(), version: hidden("version").value, writer: hidden("writer").value });
    clearTimeout(timer);
    timer = setTimeout(keep, WAIT);
  };
  form.addEventListener("input", later);
  form.addEventListener("change", later);
  window.addEventListener("online", () => { if (isDirty()) keep(); });
  window.addEventListener("pagehide", () => {
    if (!leaving && isDirty()) post({ keepalive: true }).catch(() => {});
  });

  // A press that leaves the page waits until what was typed is kept and somebody is signed in: nothing is lost on the way.
  form.addEventListener("submit", async (event) => {
    if (leaving) return;
    event.preventDefault();
    const { submitter } = event;
    clearTimeout(timer);
    let ready = isDirty() ? await keep() : await renew().catch(() => null);
    if (ready === null) { say("offline"); return; }
    if (!ready && !isDirty()) { say("ended"); ready = await signIn(); }
    if (!ready) return;
    leaving = true;
    form.requestSubmit(submitter);
  });

  if (form.dataset.theirs) resolveConflict(JSON.parse(form.dataset.theirs)).then((isOwn) => {
    if (isOwn) { kept = ""; keep(); } else { box.drop(mine); leaving = true; location.assign(form.dataset.again); }
  });
  else if (form.dataset.unkept) keep();

  // Another form of a new campaign that was left before the server had it.
  const note = document.getElementById("left-behind");
  if (note && form.dataset.isNew) {
    const other = Object.keys(localStorage).find((key) => key.startsWith(place) && key !== mine && !key.includes("campaign-"));
    if (other) {
      note.querySelector("a").href = `${form.dataset.page}?key=${encodeURIComponent(other.slice(place.length))}`;
      note.hidden = false;
    }
  }
})();
