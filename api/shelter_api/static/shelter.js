"use strict";
// Comfort only: every page works without this file.
(() => {
  const page = document.documentElement;
  page.classList.replace("no-js", "js");

  // Steppers: a number with two big buttons.
  for (const stepper of document.querySelectorAll("[data-stepper]")) {
    const input = stepper.querySelector("input");
    const buttons = stepper.querySelectorAll("[data-step]");
    const least = Number(input.min || 0);
    const most = Number(input.max || 99);
    const show = () => {
      const value = Number(input.value) || 0;
      stepper.classList.toggle("is-zero", value === 0);
      for (const button of buttons) {
        const step = Number(button.dataset.step);
        button.disabled = step < 0 ? value <= least : value >= most;
      }
    };
    stepper.addEventListener("click", (event) => {
      const button = event.target.closest("[data-step]");
      if (!button) return;
      const value = (Number(input.value) || 0) + Number(button.dataset.step);
      input.value = String(Math.min(most, Math.max(least, value)));
      show();
    });
    input.addEventListener("input", show);
    show();
  }

  // A form is sent once; coming back to the page makes it ready again.
  for (const form of document.querySelectorAll("form[data-once]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      form.setAttribute("aria-busy", "true");
    });
  }
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    }
  });

  // Holds: minutes and seconds that are left, told aloud only at the end.
  const clocks = [...document.querySelectorAll("[data-countdown]")];
  const tick = () => {
    for (const clock of clocks) {
      const left = Math.ceil((Date.parse(clock.dateTime) - Date.now()) / 1000);
      let rest = clock.parentElement.querySelector(".left");
      if (!rest) {
        rest = document.createElement("span");
        rest.className = "left";
        rest.setAttribute("aria-hidden", "true");
        clock.parentElement.append(rest);
      }
      if (left > 0) {
        rest.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
        clock.parentElement.classList.toggle("is-short", left < 120);
      } else if (!clock.dataset.over) {
        clock.dataset.over = "yes";
        rest.remove();
        clock.setAttribute("role", "status");
        clock.textContent = clock.dataset.countdown;
      }
    }
    if (clocks.some((clock) => !clock.dataset.over)) window.setTimeout(tick, 1000);
  };
  if (clocks.length) tick();

  // The quick exit: the screen is empty at once, the session ends behind it, and the page about
  // nothing takes this one's place in the history.
  const way = document.querySelector("form[data-leave]");
  if (way) {
    const status = way.querySelector("[aria-live]");
    let leaving = false;
    const leave = () => {
      if (leaving) return;
      leaving = true;
      document.body.hidden = true;
      document.title = " ";
      const gone = () => window.location.replace(way.dataset.leave);
      // an answer is worth a moment, for it clears what the browser kept; no more than that
      window.setTimeout(gone, 800);
      fetch(way.action, { method: "POST", redirect: "manual", keepalive: true }).then(gone, gone);
    };
    way.addEventListener("submit", (event) => {
      event.preventDefault();
      leave();
    });
    let shifts = [];
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Shift") {
        shifts = []; // capital letters while typing are no wish to leave
      } else if (!event.repeat) {
        shifts = [...shifts, event.timeStamp].filter((at) => event.timeStamp - at < 1500);
      }
      status.textContent =
        ["", way.dataset.twice, way.dataset.onceMore][shifts.length] ?? "";
      if (shifts.length === 3) leave();
    });
  }

  // What went wrong is read first.
  document.getElementById("notice")?.focus();

  // One open menu closes when something else is touched.
  const account = document.querySelector("details.account");
  document.addEventListener("click", (event) => {
    if (account?.open && !account.contains(event.target)) account.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && account?.open) {
      account.open = false;
      account.querySelector("summary").focus();
    }
  });
})();
