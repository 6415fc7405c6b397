// Entries are kept here, in the browser, before they are sent: neither a lost network nor a closed tab loses one. They are
// sent in order, each with a key of its own, so that an entry whose answer was lost stays one when it is sent again.
"use strict";

muara.queue = (() => {
  const { channel, csrf, office } = document.body.dataset;
  if (!channel || !window.isSecureContext || !window.indexedDB || !navigator.locks) return null;

  const ANSWER_MS = 30_000;
  const TOO_LARGE = "Laporan terlalu besar untuk dikirim. Kurangi fotonya.";
  const REMEMBER_MS = 24 * 3600_000;
  let database;
  let reached = false;
  let session = csrf ? { csrf_token: csrf, office } : null;

  // Why sending stopped: `offline`, `signed-out` or `busy`; `wait` in seconds, where the server says it.
  class Halt {
    constructor(name, wait) {
      this.name = name;
      this.wait = wait;
    }
  }

  function open() {
    database ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(`muara-desk-${channel}`, 2);
      request.onupgradeneeded = ({ oldVersion }) => {
        if (oldVersion < 1) {
          const entries = request.result.createObjectStore("entries", { keyPath: "seq", autoIncrement: true });
          entries.createIndex("key", "key", { unique: true });
          request.result.createObjectStore("sent", { keyPath: "key" });
        }
        request.result.createObjectStore("officer");
      };
      request.onsuccess = () => {
        // a page of a newer program must not wait for this one
        request.result.onversionchange = () => request.result.close();
        resolve(request.result);
      };
      request.onerror = () => reject(request.error);
    });
    return database;
  }

  // One transaction. Its result is given when it is on disk.
  async function transact(mode, work) {
    const stores = ["entries", "sent", "officer"];
    const transaction = (await open()).transaction(stores, mode, { durability: "strict" });
    return new Promise((resolve, reject) => {
      const request = work(...stores.map((name) => transaction.objectStore(name)));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error);
    });
  }

  const entries = () => transact("readonly", (entries) => entries.getAll());

  // Keeps an entry, in the place of the one that it corrects. The same one twice is kept once.
  const keep = (entry, corrected) =>
    transact("readwrite", (entries) => {
      const known = entries.index("key").get(entry.key);
      known.onsuccess = () => {
        const seq = known.result?.seq;
        if (corrected && corrected !== seq) entries.delete(corrected);
        // one that was refused is asked for anew
        if (!seq) entries.add(entry);
        else if (known.result.refused) entries.put({ ...entry, seq });
      };
    });

  // Who is signed in, for pages that come without a network: kept as strictly as entries, since the browser may be killed.
  const officer = () => transact("readonly", (_, __, officer) => officer.get(1));
  const signedIn = (who) => transact("readwrite", (_, __, officer) => officer.put(who, 1));
  const signedOut = () => transact("readwrite", (_, __, officer) => officer.delete(1));

  const discard = (seq) => transact("readwrite", (entries) => entries.delete(seq));

  // What is left of an entry that was sent: both its numbers, nothing of the citizen.
  const settle = (entry, reference) =>
    transact("readwrite", (entries, sent) => {
      entries.delete(entry.seq);
      sent.put({ key: entry.key, local: entry.local, reference, at: Date.now() });
    });

  // Its reference was seen: nobody need be told again.
  const seen = (key) => transact("readwrite", (_, sent) => sent.delete(key));

  async function sent() {
    const all = await transact("readonly", (_, sent) => sent.getAll());
    const old = all.filter((one) => one.at < Date.now() - REMEMBER_MS);
    if (old.length) await transact("readwrite", (_, sent) => old.forEach((one) => void sent.delete(one.key)));
    return all.filter((one) => !old.includes(one)).sort((a, b) => a.at - b.at);
  }

  async function ask(path, options) {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const answer = await fetch(`/desk/${channel}/api/${path}`, { redirect: "error", signal, ...options });
      const { status, headers } = answer;
      // a page of somebody in between is no answer, but for a proxy's refusal of so many bytes
      const body = status === 413 ? { detail: TOO_LARGE } : await answer.json();
      reached = true;
      return { status, wait: Number(headers.get("retry-after")), body };
    } catch {
      reached = false;
      throw new Halt("offline");
    }
  }

  function check({ status, wait }) {
    if (status === 408 || status === 429 || status >= 500) throw new Halt("busy", wait);
    if (status === 401) {
      session = null;
      throw new Halt("signed-out");
    }
  }

  async function whoIsIn() {
    const answer = await ask("session");
    check(answer);
    if (answer.status !== 200) throw new Halt("signed-out");
    return answer.body;
  }

  const base64 = (blob) =>
    new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
      reader.onerror = () => reject(reader.error);
      reader.readAsDataURL(blob);
    });

  async function deliver(entry) {
    const photos = [];
    for (const { name, blob } of entry.photos) photos.push({ name, data: await base64(blob) });
    const body = { ...entry.words, photos, idempotency_key: entry.key, entered_at: entry.at };
    const headers = { "content-type": "application/json", "x-csrf-token": session.csrf_token };
    const answer = await ask("entries", { method: "POST", headers, body: JSON.stringify(body) });
    check(answer);
    return answer;
  }

  async function send(entry) {
    session ??= await whoIsIn();
    if (entry.office !== session.office) return;
    let answer = await deliver(entry);
    if (answer.status === 403) {
      // the page's token is not that of the session any more: ask for today's, and who it is
      session = await whoIsIn();
      if (entry.office !== session.office) return;
      answer = await deliver(entry);
      if (answer.status === 403) throw new Halt("signed-out");
    }
    if (answer.status === 200 || answer.status === 201) {
      await settle(entry, answer.body.reference);
    } else {
      const refused = { detail: answer.body.detail, errors: answer.body.errors ?? [] };
      await transact("readwrite", (entries) => entries.put({ ...entry, refused }));
    }
  }

  // Sends what waits, one after the other; only one tab does. Tells why it stopped, if it did.
  const flush = () =>
    navigator.locks.request(`muara-desk-${channel}`, async () => {
      try {
        for (const entry of await entries()) {
          if (!entry.refused) await send(entry);
        }
        return null;
      } catch (halt) {
        if (halt instanceof Halt) return halt;
        throw halt;
      }
    });

  // Where an entry is now: sent with its reference, waiting, or refused.
  async function find(key) {
    const [waiting, done] = [await entries(), await sent()];
    return { sent: done.find((one) => one.key === key), waiting: waiting.find((one) => one.key === key) };
  }

  // Whether the server answered when it was last asked.
  const isReached = () => reached;

  return { isReached, entries, sent, seen, keep, discard, flush, find, officer, signedIn, signedOut };
})();
