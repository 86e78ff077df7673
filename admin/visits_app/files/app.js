// Visits at the door on an officer's own phone: join, unlock, the list of houses, a house, and sending.
// A touch is stored on the phone before anything else happens; it is sent when there is a network, and again until the
// server has said what became of it.

import { Store } from "./store.js";

const SEND_EVERY = 30_000, RENEW_AFTER = 600_000, LOCK_AFTER = 300_000, AT_ONCE = 25; // ms; results
const DAY = 86_400_000, HELPED = ["need_help", "call"];
const main = document.getElementById("main"), title = document.getElementById("title");
const state = document.getElementById("state");
let store, data = null, secrets = null, told = [], people = new Map(), shown = null;
const storing = new Set(); // touches that are being stored
const pending = new Map(); // numbers of results that may still be replaced, by line: none while they are being sent
let unsent = 0, isSending = false, hiddenAt = 0, network = "";

// -- elements

function make(tag, values = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(values)) {
    if (name === "on") element.addEventListener(tag === "form" ? "submit" : "click", value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...inside.filter((one) => one !== null && one !== ""));
  return element;
}

function show(heading, ...inside) {
  title.textContent = heading;
  document.title = `${heading} · Loa`;
  main.replaceChildren(...inside.filter(Boolean));
  scrollTo(0, 0);
}

function field(id, label, values) {
  return [make("label", { htmlFor: id }, label), make("input", { id, autocomplete: "off", required: true, ...values })];
}

function describeAge() {
  if (!data) return "";
  const minutes = Math.max(0, Math.round((Date.now() + data.ahead - data.now) / 60_000));
  const age = minutes < 2 ? "vừa xong" : minutes < 60 ? `${minutes} phút trước`
    : minutes < 2880 ? `${Math.round(minutes / 60)} giờ trước` : `${Math.round(minutes / 1440)} ngày trước`;
  return `Danh sách: ${age} (${new Date(data.now).toLocaleString("vi-VN", { hour: "2-digit", minute: "2-digit", day: "numeric", month: "numeric" })})`;
}

function showState() {
  if (!store?.isOpen) { state.textContent = ""; return; }
  const waiting = unsent ? `${unsent} kết quả chưa gửi` : "Đã gửi hết";
  state.textContent = `${describeAge()}\n${waiting}${network && ` · ${network}`}`;
}

// -- join and unlock

function isWeak(code) {
  return !/^[0-9]{8,20}$/.test(code) || /^(.{1,4})\1+$/.test(code)
    || "01234567890123456789".includes(code) || "98765432109876543210".includes(code);
}

// A text field, as browsers offer to keep what is typed into a password field.
const SECRET = { className: "secret", inputMode: "numeric", maxLength: 20, spellcheck: false };

function complain(error) {
  document.getElementById("error").textContent = error;
}

// While something takes its time the button says so.
async function busily(button, work) {
  const label = button.textContent;
  button.disabled = true;
  button.textContent = "Đang mở…";
  try { return await work(); } finally { button.disabled = false; button.textContent = label; }
}

function showJoin(token, isJoined) {
  show("Mở phiếu đến nhà",
    make("p", {}, "Nhập mã vừa gửi cho đồng chí, rồi tự đặt mã mở phiếu cho máy này."),
    make("form", { on: (event) => join(event, token) },
      ...field("code", "Mã trong tin nhắn (6 chữ số)", { inputMode: "numeric", maxLength: 12 }),
      ...field("own", "Mã mở phiếu (đồng chí tự đặt, ít nhất 8 chữ số)", SECRET),
      ...field("again", "Nhập lại mã mở phiếu", SECRET),
      make("p", { className: "hint" },
        "Mã mở phiếu chỉ đồng chí biết, không ai lấy lại được. Quên mã thì nhờ cán bộ mời lại."),
      make("p", { id: "error", className: "error", role: "alert" }),
      make("button", { className: "main wide" }, "Mở phiếu")),
    isJoined && make("button", { className: "wide", on: () => showUnlock(token) },
      "Máy này đã mở phiếu: bấm vào đây để mở khóa"));
}

async function join(event, token) {
  event.preventDefault();
  const [code, own, again] = ["code", "own", "again"].map((id) => document.getElementById(id).value.trim());
  if (isWeak(own)) return complain("Mã mở phiếu cần ít nhất 8 chữ số, không lặp lại và không theo thứ tự.");
  if (own !== again) return complain("Hai lần nhập mã mở phiếu không giống nhau.");
  complain("");
  await busily(event.target.querySelector("button"), async () => {
    const { status, body } = await post("join", { token, code });
    if (status !== 200) return complain(body.error ?? "Chưa mở được. Hãy thử lại.");
    await store.begin(own);
    secrets = { phone: body.phone, officer: body.officer };
    await store.write("secrets", secrets);
    history.replaceState(null, "", location.pathname);
    await load();
    told.push({ who: "Lần sau", what: "bấm lại liên kết cũ rồi nhập mã mở phiếu; hoặc ngay bây giờ, trong trình đơn của trình duyệt, chọn “Thêm vào màn hình chính”." });
    await store.write("told", told);
    await send({ renew: true });
    showList();
    navigator.storage?.persist?.();
  }).catch(() => complain("Không có mạng. Lần đầu cần có mạng để mở phiếu."));
}

// With the token of a link: it has been used as a rule, and opens what the phone has.
function showUnlock(token) {
  data = null;
  people.clear();
  state.textContent = "";
  show("Mở khóa",
    make("form", { on: unlock },
      ...field("own", "Mã mở phiếu", SECRET),
      make("p", { id: "error", className: "error", role: "alert" }),
      make("button", { className: "main wide" }, "Mở")),
    make("p", { className: "hint" }, "Quên mã thì nhờ cán bộ gửi liên kết mới."),
    token && make("button", { on: () => joinAnew(token) }, "Dùng liên kết mới"));
}

async function joinAnew(token) {
  const lost = await store.countResults();
  if (!lost || confirm(`Máy này còn ${lost} kết quả chưa gửi, mở bằng liên kết mới thì mất. Vẫn mở?`)) showJoin(token, true);
}

async function unlock(event) {
  event.preventDefault();
  const code = document.getElementById("own").value.trim();
  if (!await busily(event.target.querySelector("button"), () => store.unlock(code))) return complain("Mã mở phiếu không đúng.");
  history.replaceState(history.state, "", location.pathname);
  if (await endStorage()) return showEnd();
  await load();
  showList();
  afterPaint(() => send({ renew: true }));
}

const afterPaint = (then) => requestAnimationFrame(() => setTimeout(then));

async function load() {
  secrets = await store.read("secrets");
  told = (await store.read("told")) ?? [];
  data = await store.read("data");
  fill();
  const waiting = await store.results();
  pending.clear();
  for (const [number, result] of waiting) {
    apply(result);
    pending.set(result.line, number);
  }
  unsent = waiting.length;
}

function fill() {
  people = new Map((data?.people ?? []).map((person) => [person.line, person]));
}

function apply({ line, outcome, at, since, note }) {
  const person = people.get(line);
  if (person) Object.assign(person, { outcome, at, since, note, own: true });
}

// -- the list

const inOrder = new Intl.Collator("vi").compare; // made once: a thousand houses are sorted on a slow phone

function housesOf() {
  const houses = new Map(), today = new Date().toLocaleDateString("sv-SE", { timeZone: "Asia/Ho_Chi_Minh" });
  for (const person of people.values()) {
    const key = `${person.sheet}.${person.house}`;
    if (!houses.has(key)) houses.set(key, { key, people: [], village: person.village, sheet: data.sheets[person.sheet] });
    houses.get(key).people.push(person);
  }
  for (const house of houses.values()) {
    house.isLater = house.sheet.day > today;
    house.isDone = house.people.every((one) => one.outcome && (one.outcome !== "absent" || one.isClosed));
    house.isSeen = house.people.every((one) => one.outcome);
    house.first = Math.min(...house.people.filter((one) => !one.outcome).map((one) => one.first), house.isSeen ? 8 : 9);
    house.needsHelp = house.people.some((one) => HELPED.includes(one.outcome));
  }
  return [...houses.values()];
}

function describeToday() {
  const start = new Date().setHours(0, 0, 0, 0);
  const done = [...people.values()].filter((one) => one.own && one.outcome && one.at >= start);
  const absent = done.filter((one) => one.outcome === "absent").length;
  const target = Math.max(0, ...Object.values(data.sheets).map((sheet) => sheet.target ?? 0));
  const latest = done.reduce((last, one) => (last?.at >= one.at ? last : one), null);
  return [
    make("p", {}, `Hôm nay đã ghi ${done.length} người${absent ? ` (${absent} không gặp)` : ""}.`, target ? ` Mục tiêu ${target} người.` : ""),
    latest && make("button", { className: "house", on: () => showHouse(`${latest.sheet}.${latest.house}`) },
      `Vừa ghi: ${latest.name || "(chưa có tên)"} – ${wordsOf(data.sheets[latest.sheet].kind)[latest.outcome]} · Sửa`)];
}

function wordsOf(kind) {
  return data.words?.[kind] ?? ((data.words ??= {})[kind] = Object.fromEntries(data.buttons[kind]));
}

function houseRow(house) {
  const names = house.people.map((one) => (one.name || "(chưa có tên)") + (one.born ? ` (${one.born})` : "")).join(", ");
  const buttons = wordsOf(house.sheet.kind);
  const about = house.isSeen ? house.people.map((one) => buttons[one.outcome] ?? one.outcome)
    : house.people.map((one) => one.outcome ? buttons[one.outcome] : one.why);
  return make("li", {}, make("button", { className: "house", on: () => showHouse(house.key) },
    make("b", {}, names), make("span", {}, [...new Set(about)].join("; "))));
}

// A thousand rows at once would hold up a slow phone: the first are shown, the others follow while it is idle.
const FIRST_ROWS = 40, NEXT_ROWS = 200;

function byVillage(houses) {
  const groups = new Map();
  for (const house of houses) {
    const name = house.village || "Chưa rõ thôn";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(house);
  }
  const waiting = [];
  let room = FIRST_ROWS;
  const parts = [...groups].flatMap(([name, group]) => {
    const list = make("ul", { className: "houses" }, ...group.slice(0, room).map(houseRow));
    if (group.length > room) waiting.push([list, group.slice(room)]);
    room = Math.max(0, room - group.length);
    return [make("h2", {}, `${name} (${group.length} nhà)`), list];
  });
  afterPaint(() => addRows(waiting));
  return parts;
}

function addRows(waiting) {
  if (!waiting.length || !waiting[0][0].isConnected) return; // all are there, or another page is
  const [list, group] = waiting[0];
  list.append(...group.splice(0, NEXT_ROWS).map(houseRow));
  if (!group.length) waiting.shift();
  afterPaint(() => addRows(waiting));
}

function folded(heading, houses) {
  if (!houses.length) return null;
  const part = make("details", {}, make("summary", {}, `${heading} (${houses.length} nhà)`));
  part.addEventListener("toggle", () => part.childElementCount === 1 && part.append(...byVillage(houses)));
  return part;
}

function showList() {
  shown = null;
  showState();
  if (!data) {
    return show("Phiếu đến nhà", toldNote(), make("p", {}, unsent
      ? "Đợt vận động đã kết thúc, danh sách đã xóa khỏi máy. Hãy để máy có mạng để gửi nốt kết quả."
      : "Chưa có danh sách. Hãy bật mạng rồi bấm “Cập nhật”."), foot(["Cập nhật", renew, true]));
  }
  const houses = housesOf().sort((a, b) => inOrder(a.village, b.village) || a.first - b.first);
  const left = houses.filter((house) => !house.isSeen && !house.isLater);
  const again = houses.filter((house) => house.isSeen && !house.isDone);
  show("Phiếu đến nhà", toldNote(),
    ...describeToday(),
    make("p", {}, `Còn ${left.length} nhà chưa đến.`),
    houses.length ? null : make("p", {}, "Chưa có phiếu nào giao cho đồng chí."),
    ...byVillage(left),
    folded("Không gặp, cần đến lại", again),
    folded("Để ngày sau", houses.filter((house) => house.isLater && !house.isSeen)),
    folded("Đã ghi", houses.filter((house) => house.isDone)),
    make("button", { className: "wide", on: () => confirm("Khóa phiếu? Muốn mở lại phải nhập mã mở phiếu.") && lock() }, "Khóa phiếu"),
    foot(["Cập nhật", renew]));
}

function foot(...buttons) {
  return make("nav", { className: "foot", "aria-label": "Thao tác" }, make("div", {},
    ...buttons.map(([label, on, isMain]) => make("button", { className: isMain ? "main" : "", on }, label))));
}

function toldNote() {
  if (!told.length) return null;
  return make("section", { className: "note", "aria-label": "Cần biết" },
    make("b", {}, "Cần biết"),
    make("ul", {}, ...told.map((one) => make("li", {}, `${one.who}: ${one.what}`))),
    make("button", { on: async () => { told = []; await store.write("told", told); showList(); } }, "Đã đọc"));
}

// -- a house

function showHouse(key) {
  if (history.state !== "house") history.pushState("house", ""); // so that Back leads to the list
  shown = key;
  const house = housesOf().find((one) => one.key === key);
  if (!house) return showList();
  const open = house.people.filter((one) => !one.outcome);
  const absent = data.buttons[house.sheet.kind].find(([outcome]) => outcome === "absent");
  show(house.people[0].name || "Nhà chưa có tên",
    make("p", { className: "muted" }, [house.village, house.sheet.place, house.sheet.campaign].filter(Boolean).join(" · ")),
    house.people.length > 1 && open.length && absent
      ? make("button", { className: "wide", on: () => record(open, "absent") }, "Cả nhà không có ai") : null,
    ...house.people.map((person) => personCard(person, house.sheet.kind)),
    foot(["Danh sách", showList], ["Nhà tiếp theo", () => showNext(key), true]));
}

function personCard(person, kind) {
  const id = `note${person.line}`, name = person.name || "(chưa có tên)", [sheet, number] = person.code.split("-");
  return make("section", { className: "person", "aria-labelledby": `p${person.line}` },
    make("h2", { id: `p${person.line}` }, person.born ? `${name}, ${person.born}` : name),
    make("p", { className: "muted" }, `Phiếu ${sheet}, số ${Number(number)} · ${person.why}`),
    person.values ? make("p", {}, person.values) : null,
    person.earlier ? make("p", {}, `Trước đây: ${person.earlier}`) : null,
    person.phone ? make("p", {}, make("a", { href: `tel:${person.phone}` }, `Gọi ${person.phone}`)) : null,
    make("div", { className: "chips", role: "group", "aria-label": `Kết quả của ${name}` },
      ...data.buttons[kind].map(([outcome, label]) => make("button", {
        type: "button", "aria-pressed": String(person.outcome === outcome), "data-outcome": outcome,
        on: () => answer(person, outcome) }, label))),
    make("label", { htmlFor: id }, "Ghi chú"),
    ...noteField(id, person));
}

function noteField(id, person) {
  const input = make("input", { id, maxLength: 300, value: person.note ?? "", autocomplete: "off", disabled: !person.outcome });
  const hint = make("p", { id: `${id}-hint`, className: "hint", "aria-live": "polite" }, !person.outcome ? "Chọn kết quả trước rồi ghi chú."
    : person.note ? "Đã lưu." : person.note == null && person.noted ? "Ghi chú trước đã gửi." : "");
  input.setAttribute("aria-describedby", hint.id);
  input.addEventListener("input", () => { hint.textContent = ""; });
  input.addEventListener("change", async () => {
    person.note = input.value.trim(); // at once: the next touch may be an answer
    await record([person], person.outcome, person.note);
    hint.textContent = "Đã lưu.";
  });
  return [input, hint];
}

const OPT_OUT_ASKED = "Ghi là không nhận tin nữa? Ghi nhầm thì phải nhờ cán bộ xã sửa.";

// A touch on the answer that was just given says nothing new; after half a day it is another visit.
async function answer(person, outcome) {
  const touch = `${person.line} ${outcome}`;
  if (storing.has(touch) || (person.own && person.outcome === outcome && Math.abs(Date.now() - person.at) < DAY / 2)) return;
  if (outcome === "opt_out" && !confirm(OPT_OUT_ASKED)) return;
  storing.add(touch);
  try { await record([person], outcome); } finally { storing.delete(touch); }
}

// A note belongs to the visit that it is about, however much later it is written.
async function record(chosen, outcome, note) {
  const now = Date.now();
  for (const person of chosen) {
    const isNote = note !== undefined && person.own;
    const [at, since] = isNote ? [person.at, person.since ?? 0] : [now, data.now];
    const result = { key: crypto.randomUUID?.() ?? makeKey(), line: person.line, outcome, note: note ?? person.note, at, since };
    const number = await store.addResult(result, () => pending.get(result.line)); // on the phone before the screen says so
    if (!isSending) pending.set(result.line, number);
    apply(result);
    unsent = await store.countResults();
  }
  if (note === undefined && shown) {
    const top = scrollY;
    showHouse(shown);
    scrollTo(0, top);
    document.querySelector(`[aria-labelledby="p${chosen[0].line}"] [data-outcome="${outcome}"]`)?.focus({ preventScroll: true });
  }
  showState();
  send();
}

function makeKey() { // where the page is not on https and has no randomUUID
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function showNext(key) {
  const left = housesOf().filter((house) => !house.isSeen && !house.isLater && house.key !== key)
    .sort((a, b) => inOrder(a.village, b.village) || a.first - b.first);
  const here = people.size && housesOf().find((house) => house.key === key)?.village;
  const next = left.find((house) => house.village === here) ?? left[0];
  if (next) { showHouse(next.key); title.focus(); } else showList();
}

// -- sending

async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (secrets) headers.Authorization = `Bearer ${secrets.phone}`;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(30_000) });
  if (response.status >= 500) throw new Error("server");
  return { status: response.status, body: await response.json() };
}

async function renew() {
  await send({ renew: true });
  if (store.isOpen && !shown) showList();
}

async function send({ renew: isWanted = false } = {}) {
  if (isSending || !store.isOpen || !secrets) return;
  isSending = true;
  pending.clear();
  try {
    for (let isFirst = true; ; isFirst = false) {
      const waiting = await store.results(AT_ONCE);
      const isLast = waiting.length < AT_ONCE;
      if (!isFirst && !waiting.length) break;
      const wants = isLast && (isWanted || !data || Date.now() + data.ahead - data.now > RENEW_AFTER);
      const before = Date.now();
      const { status, body } = await post("sync", {
        sent: before, results: waiting.map(([, result]) => result), want: wants, have: data?.digest ?? "" });
      if (status === 401) return await wipe();
      if (status !== 200) { network = body.error ?? "Chưa gửi được"; break; }
      network = "";
      await take(waiting, body, before, wants);
      if (!isLast) continue;
      if (!(await store.countResults())) break; // what was touched meanwhile goes now, not when the clock asks
      isWanted = false;
    }
  } catch {
    network = navigator.onLine ? "Chưa gửi được, sẽ thử lại" : "Không có mạng";
  } finally {
    isSending = false;
    if (store.isOpen) { unsent = await store.countResults(); showState(); }
  }
}

async function take(waiting, body, before, wanted) {
  for (const [, result] of waiting) {
    const fate = body.told[result.key], what = data?.fates?.[fate], person = people.get(result.line);
    if (person && fate === "opted_out") person.isClosed = true; // nobody goes there again
    if (what) {
      told = told.filter((one) => one.line !== result.line);
      told.push({ line: result.line, who: person?.name || person?.code || "Một người", what });
    }
  }
  await store.write("told", told);
  await store.dropResults(waiting.map(([number]) => number)); // only now: a touch is never nowhere
  if (!wanted) return;
  if (body.data === undefined) return;
  const ahead = body.now - before; // of this phone's clock, by which touches are
  for (const person of body.data?.people ?? []) if (person.at) person.at = Math.max(1, person.at - ahead);
  data = { ...(body.data ?? data), now: body.now, ahead };
  await store.write("data", data);
  await store.setPlain("keep", Math.max(0, ...Object.values(data.sheets).map((sheet) => sheet.keep)));
  const notes = new Map([...people.values()].map((one) => [one.line, one.note]));
  fill();
  for (const person of people.values()) person.note ??= notes.get(person.line);
  for (const [, result] of await store.results()) apply(result);
  if (!shown && store.isOpen && main.querySelector("nav")) showList();
}

// -- the end

async function wipe() {
  data = secrets = null;
  people.clear();
  told = [];
  await store.destroy();
  show("Máy này đã khóa", make("p", {}, "Phiếu đã bị thu lại và dữ liệu đã xóa khỏi máy. Hỏi cán bộ nếu cần mở lại."));
  state.textContent = "";
}

// After the drive the people go; results that have not been sent stay until they are.
async function endStorage() {
  const seen = Math.max(Date.now(), (await store.plain("seen")) ?? 0), keep = await store.plain("keep");
  await store.setPlain("seen", seen);
  if (!keep || seen < keep) return false;
  await store.drop("data");
  if (await store.countResults()) return false;
  await store.destroy();
  return true;
}

function showEnd() {
  show("Đã kết thúc", make("p", {}, "Đợt vận động đã kết thúc. Dữ liệu đã xóa khỏi máy này."));
}

function lock() {
  store.lock();
  secrets = null;
  showUnlock();
}

async function start() {
  navigator.serviceWorker?.register("worker.js").catch(() => {});
  store = await Store.open();
  const token = location.hash.length > 20 ? location.hash.slice(1) : "";
  if (await store.plain("lock") && await endStorage()) return showEnd();
  if (await store.plain("lock")) showUnlock(token);
  else if (token) showJoin(token);
  else show("Phiếu đến nhà", make("p", {}, "Mở bằng liên kết mà cán bộ gửi cho đồng chí."));
}

addEventListener("online", () => send());
addEventListener("popstate", () => { if (shown && store.isOpen) showList(); });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { hiddenAt = Date.now(); return; }
  if (store?.isOpen && hiddenAt && Math.abs(Date.now() - hiddenAt) > LOCK_AFTER) lock();
  else send();
});
setInterval(() => { showState(); send(); }, SEND_EVERY);
start();
