"use strict";
// The board: one stop for the keyboard and arrows from night to night; a drag over a unit's nights
// opens the form that sets them. Without this file every night that leads somewhere is a link.
(() => {
  const board = () => document.querySelector("table[data-cells]");
  const links = (row) => [...row.querySelectorAll("a.cell-link")];
  const rows = () => [...board().querySelectorAll("tr")].filter((row) => links(row).length);
  const nightOf = (link) => link.closest("td").dataset.night;

  const oneStop = (chosen) => {
    if (!board()) return;
    const all = rows().flatMap(links);
    for (const link of all) link.tabIndex = -1;
    (all.includes(chosen) ? chosen : all[0])?.setAttribute("tabindex", "0");
  };
  oneStop();
  document.addEventListener("shelter:fresh", () => oneStop(document.activeElement));

  document.addEventListener("keydown", (event) => {
    const at = event.target.closest?.("table[data-cells] a.cell-link");
    if (!at || event.altKey || event.ctrlKey || event.metaKey) return;
    const row = at.closest("tr");
    const here = links(row);
    const place = here.indexOf(at);
    const lines = rows();
    const line = lines.indexOf(row);
    // up and down: the night that is nearest to this one from the left
    const beside = (other) => {
      const theirs = other ? links(other) : [];
      return theirs.findLast((link) => nightOf(link) <= nightOf(at)) ?? theirs[0];
    };
    const to = {
      ArrowLeft: here[place - 1],
      ArrowRight: here[place + 1],
      Home: here[0],
      End: here.at(-1),
      ArrowUp: beside(lines[line - 1]),
      ArrowDown: beside(lines[line + 1]),
    };
    if (!(event.key in to)) return;
    event.preventDefault();
    if (!to[event.key]) return;
    oneStop(to[event.key]);
    to[event.key].focus();
  });

  // A drag: from one night that can be set to another of the same unit.
  let from = null;
  const settable = (target) => target.closest?.("table[data-set] a.cell-set");
  const between = (one, other) => {
    const cells = [...one.closest("tr").querySelectorAll("td")];
    const [first, last] = [one, other].map((link) => cells.indexOf(link.closest("td"))).sort((a, b) => a - b);
    return cells.slice(first, last + 1);
  };
  const picked = (cells) => {
    for (const each of document.querySelectorAll("td.is-picked")) each.classList.remove("is-picked");
    for (const each of cells) each.classList.add("is-picked");
  };
  document.addEventListener("dragstart", (event) => {
    if (settable(event.target)) event.preventDefault(); // the link itself is not to be carried away
  });
  document.addEventListener("pointerdown", (event) => {
    from = event.button === 0 && event.pointerType !== "touch" ? settable(event.target) : null;
  });
  document.addEventListener("pointerover", (event) => {
    const to = from && settable(event.target);
    if (to && to.closest("tr") === from.closest("tr")) picked(between(from, to));
  });
  document.addEventListener("pointerup", (event) => {
    const to = from && settable(event.target);
    const start = from;
    from = null;
    picked([]);
    if (!to || to === start || to.closest("tr") !== start.closest("tr")) return;
    const [first, last] = [start, to].map(nightOf).sort();
    const url = new URL(start.href);
    url.searchParams.set("first", first);
    // the form asks for the day of leaving, the morning after the last night
    const end = new Date(`${last}T12:00:00Z`);
    end.setUTCDate(end.getUTCDate() + 1);
    url.searchParams.set("end", end.toISOString().slice(0, 10));
    window.location.assign(url);
  });
})();
