"use strict";
// Saved as you go: a form with `data-draft` is kept on the server a moment after each change, and
// never on this device. It listens on the document, for swap.js replaces the form.
(() => {
  const PAUSE = 1000; // milliseconds after the last change
  let timer = 0;
  let sending = null;

  const stop = () => {
    window.clearTimeout(timer);
    sending?.abort();
  };

  const save = async (form) => {
    stop();
    const mine = (sending = new AbortController());
    const status = form.querySelector("[data-draft-status]");
    try {
      const answer = await fetch(form.dataset.draft, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        signal: mine.signal,
      });
      if (answer.status !== 204) return;
      const time = new Date().toLocaleTimeString(document.documentElement.lang, {
        hour: "2-digit",
        minute: "2-digit",
      });
      status.textContent = status.dataset.saved.replace("{time}", time);
    } catch {
      // the next change tries again; what is on the screen is still there
    }
  };

  // words are kept when they are finished, not letter by letter
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-draft]");
    if (!form) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => save(form), PAUSE);
  });
  document.addEventListener("submit", stop, true);
})();
