"use strict";
// Pages in place: a form is sent and its answer's main part put where the old one was, so that a
// dropped connection loses nothing that was typed. `data-live="20"` on the main part reads the page
// again every 20 seconds. Without this file the browser does all of it by itself.
(() => {
  const PATIENCE = 30_000; // milliseconds until the line counts as lost
  const SLOW = 300; // milliseconds until somebody wants to see that something happens
  const line = document.getElementById("line");
  const main = document.getElementById("main");
  // what the server said last, but for the keys that are new each time
  const gist = (part) => part.innerHTML.replace(/name="key" value="[^"]*"/g, "");
  let told = "";
  let asking = null;
  let sending = false;
  // the page that is shown; a step to another part of it changes the hash alone
  const here = () => location.pathname + location.search;
  let shown = here();

  const scripts = (doc) =>
    [...doc.querySelectorAll("head script[src]")].map((each) => each.getAttribute("src"));
  // a page whose script holds on to elements is left to the browser
  const holds = (doc) => doc.querySelector("head script[data-holds]") !== null;

  const say = (text) => {
    line.querySelector("span").textContent = text;
    line.hidden = !text;
  };

  const ask = async (url, options = {}) => {
    asking?.abort();
    const mine = (asking = new AbortController());
    const late = window.setTimeout(() => mine.abort("late"), PATIENCE);
    const slow = window.setTimeout(() => document.body.classList.add("is-asking"), SLOW);
    try {
      const answer = await fetch(url, { ...options, signal: mine.signal });
      const kind = answer.headers.get("content-type") ?? "";
      if (!kind.startsWith("text/html")) return { answer };
      return { answer, page: new DOMParser().parseFromString(await answer.text(), "text/html") };
    } finally {
      window.clearTimeout(late);
      window.clearTimeout(slow);
      if (asking === mine) {
        asking = null;
        document.body.classList.remove("is-asking");
      }
    }
  };

  // Where the reader is: the same control by its id or name, or by its place among the controls.
  const controls = () => [...main.querySelectorAll("a[href], button, input, select, summary, textarea")];
  const whereabouts = () => {
    const at = document.activeElement;
    if (!main.contains(at) || at === main) return () => null;
    const place = controls().indexOf(at);
    const [id, text] = [at.id, at.textContent];
    return () => {
      if (id) return document.getElementById(id);
      const same = controls()[place];
      return same?.textContent === text ? same : null;
    };
  };

  const put = (page, { stay }) => {
    const fresh = page.getElementById("main");
    const find = whereabouts();
    const open = [...main.querySelectorAll("details[open][id]")].map((each) => each.id);
    document.title = page.title;
    shown = here();
    document.querySelector(".nav")?.replaceWith(page.querySelector(".nav") ?? "");
    main.className = fresh.className;
    main.dataset.live = fresh.dataset.live ?? "";
    told = gist(fresh);
    main.replaceChildren(...fresh.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    main.dispatchEvent(new CustomEvent("shelter:fresh", { bubbles: true }));
    const notice = document.getElementById("notice");
    if (notice) notice.focus();
    else if (stay) find()?.focus({ preventScroll: true });
    else {
      main.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
  };

  // Follow an answer: in place where that is safe, else as the browser would.
  const follow = ({ answer, page }, { stay = false } = {}) => {
    const url = new URL(answer.url);
    const loaded = scripts(document);
    const strange =
      !page?.getElementById("line") ||
      holds(page) ||
      scripts(page).some((each) => !loaded.includes(each));
    if (strange && !answer.redirected && answer.ok) return window.location.reload();
    if (strange) return window.location.assign(url);
    if (answer.redirected && url.pathname + url.search !== here()) {
      history.pushState(null, "", url);
    } else if (answer.redirected) stay = true;
    put(page, { stay });
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (event.defaultPrevented || holds(document) || !main.contains(form) || form.method !== "post") return;
    event.preventDefault();
    if (sending) return;
    sending = true;
    say("");
    const body = new FormData(form, event.submitter);
    const plain = form.enctype !== "multipart/form-data";
    try {
      follow(
        await ask(event.submitter?.getAttribute("formaction") ?? form.action, {
          method: "POST",
          body: plain ? new URLSearchParams(body) : body,
        }),
      );
    } catch {
      // what was typed stands; the form's own key makes a second try the same act
      say(line.dataset.unsent);
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
      event.submitter?.focus();
    } finally {
      sending = false;
    }
  });

  // Within [data-swap], ways to another view of the same page keep scroll and focus.
  document.addEventListener("click", async (event) => {
    const way = event.target.closest("[data-swap] a[href]");
    if (!way || event.button || event.metaKey || event.ctrlKey || event.shiftKey || holds(document)) return;
    event.preventDefault();
    try {
      const found = await ask(way.href);
      if (!found.answer.redirected) history.pushState(null, "", way.href);
      follow(found, { stay: true });
    } catch {
      say(line.dataset.lost);
    }
  });
  window.addEventListener("popstate", async () => {
    if (here() === shown) return;
    try {
      follow(await ask(window.location.href));
    } catch {
      window.location.reload();
    }
  });

  // Live: what is on the screen is read again, unless somebody is typing or deciding.
  let next = 0;
  const look = async () => {
    window.clearTimeout(next);
    const every = Number(main.dataset.live) * 1000;
    next = window.setTimeout(look, every || 5000);
    const busy = main.querySelector("details.sure[open], :focus:is(input, select, textarea)");
    if (!every || document.hidden || asking || sending || busy) return;
    try {
      // the header says that nobody touched anything: it does not keep a session alive
      const found = await ask(window.location.href, { headers: { "X-Unattended": "1" } });
      say("");
      if (found.answer.redirected || !found.page) return window.location.assign(found.answer.url);
      if (gist(found.page.getElementById("main")) !== told) put(found.page, { stay: true });
    } catch (reason) {
      if (reason?.name !== "AbortError") say(line.dataset.lost);
    }
  };
  next = window.setTimeout(look, Number(main.dataset.live) * 1000 || 5000);
  document.addEventListener("visibilitychange", look);
})();
