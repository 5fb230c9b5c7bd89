"use strict";
// Words about units that are said without a network wait on the device and are sent in their order.
(() => {
  const KEY = "shelter.said";
  const page = document.getElementById("pocket");
  const status = document.getElementById("pocket-status");
  const waiting = () => JSON.parse(localStorage.getItem(KEY) ?? "[]");
  const keep = (all) =>
    all.length ? localStorage.setItem(KEY, JSON.stringify(all)) : localStorage.removeItem(KEY);

  navigator.serviceWorker?.register("/pocket/worker.js", { scope: "/pocket" });

  const show = () => {
    const pocket = document.getElementById("pocket");
    if (!pocket) return;
    const all = waiting();
    for (const mark of pocket.querySelectorAll("[data-waits]")) {
      const mine = all.filter((each) => each.unit === mark.dataset.waits).at(-1);
      mark.hidden = !mine;
      mark.textContent = mine ? `${mine.text} – ${pocket.dataset.waiting}` : "";
    }
    // older than two minutes: the network did not give this page
    const age = Date.now() - Date.parse(pocket.dataset.at);
    const old = document.getElementById("pocket-age");
    old.hidden = age < 120_000;
    const words = [];
    if (all.length) words.push(`${pocket.dataset.count} ${all.length}`);
    status.textContent = words.join(" ");
  };

  let sending = false;
  const send = async () => {
    if (sending || !navigator.onLine) return;
    sending = true;
    let sent = 0;
    const refused = [];
    try {
      for (let all = waiting(); all.length; all = waiting()) {
        const [first, ...rest] = all;
        const answer = await fetch(first.path, {
          method: "POST",
          body: new URLSearchParams(first.body),
        });
        if (new URL(answer.url).pathname.startsWith("/sign-in")) {
          document.getElementById("pocket-sign-in").hidden = false;
          break;
        }
        if (answer.status >= 500 || answer.status === 429) break;
        if (!answer.ok) refused.push(first.text);
        keep(rest);
        sent += 1;
      }
    } catch {
      // still no network: they wait on
    } finally {
      sending = false;
      show();
    }
    if (refused.length) {
      const box = document.getElementById("pocket-refused");
      box.hidden = false;
      box.querySelector("span").textContent = refused.join(" · ");
    } else if (sent) window.location.reload();
  };

  // before swap.js, which would send it at once
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!form.matches("form[data-say]")) return;
      event.preventDefault();
      const body = [...new FormData(form, event.submitter)];
      const text = `${form.dataset.say} : ${event.submitter.textContent.trim()}`;
      const path = new URL(form.action).pathname;
      keep([...waiting(), { path, body, text, unit: form.dataset.unit }]);
      // the next word about it is another act
      form.elements.key.value = [...crypto.getRandomValues(new Uint8Array(12))].map((each) => each.toString(16)).join("");
      show();
      send();
    },
    true,
  );
  window.addEventListener("online", send);
  window.setInterval(send, 30_000);
  show();
  if (page) send();
})();
