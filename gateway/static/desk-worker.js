// Keeps the desk's files and, for each channel that was open here, its page without a session, so that both open without a
// network. Nothing else is kept: pages with citizens' data come from the network or not at all.
"use strict";

const CACHE = `muara-desk-${VERSION}`;
const OURS = /^\/desk\/([a-z0-9_-]+)(\/.*)?$/;
const KEPT = /^\/desk\/[a-z0-9_-]+\/offline$/;
// a network that says nothing for so long is none
const PATIENCE_MS = 10_000;

async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES);
  // the pages that an older worker kept name older files
  for (const name of await caches.keys()) {
    for (const { url } of name === CACHE ? [] : await (await caches.open(name)).keys()) {
      if (KEPT.test(new URL(url).pathname)) await cache.add(url);
    }
  }
  await self.skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith("muara-desk-") && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));

// A page asks for its channel's to be kept, and is told whether it is.
self.addEventListener("message", (event) => {
  const keep = async () => {
    try {
      if (!KEPT.test(event.data)) throw new TypeError("not a page to be kept");
      await (await caches.open(CACHE)).add(event.data);
      event.ports[0].postMessage("ready");
    } catch {
      event.ports[0].postMessage("no");
    }
  };
  event.waitUntil(keep());
});

async function opened(request, kept) {
  const late = new Promise((_, reject) => setTimeout(reject, PATIENCE_MS));
  try {
    return await Promise.race([fetch(request), late]);
  } catch {
    return (await caches.match(kept)) ?? Response.error();
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (pathname.startsWith("/desk/-/")) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
    return;
  }
  const [, channel] = OURS.exec(pathname) ?? [];
  if (request.mode === "navigate" && channel) event.respondWith(opened(request, `/desk/${channel}/offline`));
});
