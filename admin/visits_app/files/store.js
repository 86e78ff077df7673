// What the phone keeps, in IndexedDB, encrypted with AES-GCM. The key of the data is random; it lies wrapped under a key
// that PBKDF2 makes of the officer's unlock code, and is open only in memory. A copy of the folder shows how many rows there
// are and until when they are kept, nothing else.

const NAME = "loa-visits";
const ROUNDS = 600_000; // PBKDF2 with SHA-256, as OWASP's password storage cheat sheet has it (2023)
const text = new TextEncoder();

const whenDone = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

function openDatabase() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("plain"); // what is needed before the code is typed
    request.result.createObjectStore("sealed"); // the list, the token, what is to be told
    request.result.createObjectStore("results", { autoIncrement: true }); // not sent yet, in their order
  };
  return whenDone(request);
}

async function deriveKey(code, salt, rounds) {
  const typed = await crypto.subtle.importKey("raw", text.encode(code), "PBKDF2", false, ["deriveKey"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds };
  return crypto.subtle.deriveKey(how, typed, { name: "AES-GCM", length: 256 }, false, ["wrapKey", "unwrapKey"]);
}

export class Store {
  #database; #key = null;

  static async open() {
    const store = new Store();
    store.#database = await openDatabase();
    store.#database.onversionchange = () => store.#database.close();
    return store;
  }

  get isOpen() { return this.#key !== null; }

  lock() { this.#key = null; }

  #write(table) {
    const writing = this.#database.transaction(table, "readwrite", { durability: "strict" });
    const done = new Promise((resolve, reject) => {
      writing.oncomplete = resolve;
      writing.onerror = writing.onabort = () => reject(writing.error);
    });
    return [writing.objectStore(table), done];
  }

  async plain(name) {
    return whenDone(this.#database.transaction("plain").objectStore("plain").get(name));
  }

  async setPlain(name, value) {
    const [table, done] = this.#write("plain");
    table.put(value, name);
    await done;
  }

  // A new key under this code; whatever was there is gone.
  async begin(code) {
    for (const table of ["plain", "sealed", "results"]) {
      const [rows, done] = this.#write(table);
      rows.clear();
      await done;
    }
    const salt = crypto.getRandomValues(new Uint8Array(16)), iv = crypto.getRandomValues(new Uint8Array(12));
    const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
    const wrapped = await crypto.subtle.wrapKey("raw", made, await deriveKey(code, salt, ROUNDS), { name: "AES-GCM", iv });
    await this.setPlain("lock", { salt, iv, wrapped, rounds: ROUNDS });
    await this.unlock(code);
  }

  // True if the code is right.
  async unlock(code) {
    const { salt, iv, wrapped, rounds } = await this.plain("lock");
    const unlocking = await deriveKey(code, salt, rounds);
    try {
      this.#key = await crypto.subtle.unwrapKey(
        "raw", wrapped, unlocking, { name: "AES-GCM", iv }, "AES-GCM", false, ["encrypt", "decrypt"]);
    } catch {
      return false;
    }
    return true;
  }

  async #seal(value) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, this.#key, text.encode(JSON.stringify(value)));
    return { iv, sealed };
  }

  async #unseal(row) {
    const opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv: row.iv }, this.#key, row.sealed);
    return JSON.parse(new TextDecoder().decode(opened));
  }

  async read(name) {
    const row = await whenDone(this.#database.transaction("sealed").objectStore("sealed").get(name));
    return row === undefined ? null : this.#unseal(row);
  }

  async write(name, value) {
    const row = await this.#seal(value);
    const [table, done] = this.#write("sealed");
    table.put(row, name);
    await done;
  }

  async drop(name) {
    const [table, done] = this.#write("sealed");
    table.delete(name);
    await done;
  }

  // Stores a result; in place of the one with the number that `earlier` returns, if any. Returns its number.
  async addResult(result, earlier) {
    const row = await this.#seal(result);
    const [table, done] = this.#write("results");
    const request = table.put(row, earlier()); // looked up now: it may be under way since
    await done;
    return request.result;
  }

  // [[number, result], …] in the order in which they were added.
  async results(most = Infinity) {
    const table = this.#database.transaction("results").objectStore("results");
    const limit = most === Infinity ? undefined : most;
    const [numbers, rows] = await Promise.all([
      whenDone(table.getAllKeys(null, limit)), whenDone(table.getAll(null, limit))]);
    return Promise.all(rows.map(async (row, i) => [numbers[i], await this.#unseal(row)]));
  }

  async countResults() {
    return whenDone(this.#database.transaction("results").objectStore("results").count());
  }

  async dropResults(numbers) {
    const [table, done] = this.#write("results");
    for (const number of numbers) table.delete(number);
    await done;
  }

  async destroy() {
    this.lock();
    this.#database.close();
    await whenDone(indexedDB.deleteDatabase(NAME));
  }
}
