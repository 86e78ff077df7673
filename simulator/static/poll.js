// Keeps a part of the page up to date: asks for it again and changes only what differs, so that
// what is being read or focused stays in place. Without this script the pages work on reload.
"use strict";

function replaceChanged(target, source) {
  const old = new Map([...target.children].map((child) => [child.id, child]));
  let place = target.firstElementChild;
  for (const fresh of [...source.children]) {
    const known = fresh.id ? old.get(fresh.id) : null;
    old.delete(fresh.id);
    if (!known) {
      target.insertBefore(fresh, place);
      continue;
    }
    if (known === place) {
      place = place.nextElementSibling;
    } else {
      target.insertBefore(known, place);
    }
    if (known.outerHTML === fresh.outerHTML) continue;
    const isList = known.tagName === "UL" || known.tagName === "OL";
    if (isList && known.className === fresh.className) {
      replaceChanged(known, fresh);
    } else {
      known.replaceWith(fresh);
    }
  }
  for (const gone of old.values()) gone.remove();
}

async function refresh(part) {
  if (document.hidden) return;
  const address = new URL(part.dataset.poll, location.href);
  address.searchParams.set("phien", part.dataset.version);
  const answer = await fetch(address, { credentials: "same-origin" });
  if (answer.status !== 200) return;
  const html = await answer.text();
  part.dataset.version = answer.headers.get("X-Version") || "";
  replaceChanged(part, new DOMParser().parseFromString(html, "text/html").body);
}

for (const part of document.querySelectorAll("[data-poll]")) {
  let busy = false;
  setInterval(async () => {
    if (busy) return;
    busy = true;
    try {
      await refresh(part);
    } catch {
      // The simulator is being restarted: the next poll tries again.
    } finally {
      busy = false;
    }
  }, Number(part.dataset.every));
}
