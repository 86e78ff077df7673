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

  const { renew, signInAgain } = loaSession;

  // What a field is called, and its value as people read it.
  const nameOf = (field) => {
    const around = field?.closest("fieldset, details");
    const label = ["checkbox", "radio"].includes(field?.type) ? null : field?.labels?.[0] || field?.getAttribute("aria-label");
    const group = around?.querySelector("legend, summary")?.textContent;
    return [group, label?.textContent ?? label].filter(Boolean).map((part) => part.trim()).filter((part, n, all) => all.indexOf(part) === n).join(": ");
  };
  const said = (name, values) => values.map((value) => {
    const fields = [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)];
    const field = fields.find((one) => one.value === value) || fields[0];
    if (["checkbox", "radio"].includes(field?.type)) return field.labels?.[0]?.textContent.trim() || value;
    return [...(field?.options || [])].find((one) => one.value === value)?.textContent.trim() || value;
  }).join("\n") || "–";

  // Two have written: the parts that differ, each to choose from. Resolves to the fields to go on with, null for all of theirs.
  const resolveConflict = (theirs) => new Promise((resolve) => {
    const dialog = document.getElementById("conflict");
    dialog.querySelector("[data-said]").textContent =
      dialog.dataset.said.replace("{by}", theirs.by).replace("{at}", theirs.at);
    const own = {};
    for (const [name, value] of read()) (own[name] ??= []).push(value);
    const rows = [];
    for (const name of new Set([...Object.keys(own), ...Object.keys(theirs.fields)])) {
      // An empty field says as little as one that is not there.
      const [here, there] = [own, theirs.fields].map((all) => (all[name] || []).filter(Boolean));
      const title = nameOf(form.querySelector(`[name="${CSS.escape(name)}"]:not([type=hidden])`));
      if (!title || JSON.stringify(here) === JSON.stringify(there)) continue;
      const row = document.createElement("tr");
      row.dataset.name = name;
      row.append(Object.assign(document.createElement("th"), { textContent: title, scope: "row" }));
      for (const [whose, values] of [["own", here], ["theirs", there]]) {
        const label = document.createElement("label");
        const choice = Object.assign(document.createElement("input"), { type: "radio", name: `conflict-${rows.length}`, value: whose });
        choice.defaultChecked = whose === "own";
        label.append(choice, said(name, values));
        row.append(Object.assign(document.createElement("td"), {}));
        row.lastChild.append(label);
      }
      rows.push(row);
    }
    dialog.querySelector("tbody").replaceChildren(...rows);
    const answer = (fields) => { isOpen = false; dialog.close(); resolve(fields); };
    dialog.querySelector("[data-answer=own]").onclick = () => {
      const taken = rows.filter((row) => row.querySelector("[value=theirs]").checked).map((row) => row.dataset.name);
      answer([...read().filter(([name]) => !taken.includes(name)),
        ...taken.flatMap((name) => (theirs.fields[name] || []).map((value) => [name, value]))]);
    };
    dialog.querySelector("[data-answer=theirs]").onclick = () => answer(null);
    dialog.oncancel = (event) => event.preventDefault();
    isOpen = true;
    dialog.showModal();
  });
  // Goes on with what was chosen: the page's own text, or one made again with what is taken from the other.
  const goOn = (fields, version) => {
    hidden("version").value = version;
    if (JSON.stringify(fields) === JSON.stringify(read())) return true;
    leaving = true;
    show({ fields, version, writer: hidden("writer").value });
    return false;
  };

  const keepOnce = async () => {
    const fields = read(), now = JSON.stringify(fields);
    box.set(mine, { fields, version: hidden("version").value, writer: hidden("writer").value });
    say("saving");
    const reply = await post().catch(() => null);
    if (!reply || reply.status >= 500) {
      say("offline");
      clearTimeout(timer);
      timer = setTimeout(keep, TRY_AGAIN);
      return false;
    }
    if (reply.type === "opaqueredirect" || reply.status === 400) {
      if (reply.status === 400 && (await renew().catch(() => false))) return keepOnce();
      say("ended");
      return (await signInAgain()) ? keepOnce() : false;
    }
    if (reply.status === 409) {
      const theirs = await reply.json();
      const chosen = await resolveConflict(theirs);
      if (chosen) return goOn(chosen, theirs.version) ? keepOnce() : false;
      box.drop(mine);
      leaving = true;
      location.assign(form.dataset.again);
      return false;
    }
    if (!reply.ok) { say("refused"); return false; }
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
    if (!ready && !isDirty()) { say("ended"); ready = await signInAgain(); }
    if (!ready) return;
    leaving = true;
    form.requestSubmit(submitter);
  });

  if (form.dataset.theirs) resolveConflict(JSON.parse(form.dataset.theirs)).then((chosen) => {
    if (chosen) { kept = ""; if (goOn(chosen, hidden("version").value)) keep(); } else { box.drop(mine); leaving = true; location.assign(form.dataset.again); }
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
