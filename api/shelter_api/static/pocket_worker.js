"use strict";
// Keeps the last page of /pocket and the files that it needs, and nothing else.
const KEPT = "pocket";
const PATIENCE = 4000; // milliseconds for the network to answer a page

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const remember = async (request, answer) => {
  if (!answer.ok || answer.redirected || answer.type !== "basic") return answer;
  const kept = await caches.open(KEPT);
  await kept.put(request.url, answer.clone());
  return answer;
};

const page = async (request) => {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), PATIENCE);
  try {
    return await remember(request, await fetch(request.url, { signal: stop.signal, credentials: "same-origin" }));
  } catch {
    return (await caches.match(request.url)) ?? Response.error();
  } finally {
    clearTimeout(late);
  }
};

const file = async (request) =>
  (await caches.match(request.url)) ?? remember(request, await fetch(request));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/pocket") event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
});
