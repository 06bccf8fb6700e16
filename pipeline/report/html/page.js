"use strict";
(() => {
  const rows = document.getElementById("rows");
  const form = document.getElementById("filters");

  function open(target) {
    for (let box = target; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
  }

  function named(hash) {
    try {
      return document.getElementById(decodeURIComponent(hash));
    } catch {
      return document.getElementById(hash); // a percent sign that encodes nothing
    }
  }

  function follow() {
    const target = location.hash.length > 1 && named(location.hash.slice(1));
    if (!target) return;
    open(target);
    target.scrollIntoView({ block: "center" });
    (target.tagName === "DETAILS" ? target.querySelector("summary") : target).focus({ preventScroll: true });
  }

  addEventListener("hashchange", follow);
  // The same link may be followed twice: its hash then does not change.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#case-"], a[href^="#article-"]');
    if (link && link.hash === location.hash) follow();
  });
  follow();
  if (!rows || !form) return;

  const body = rows.tBodies[0];
  const all = [...body.rows];
  const shown = document.getElementById("shown");
  form.hidden = false;

  function filter() {
    const { task, gold, label, score, text } = form.elements;
    const wanted = text.value.trim().toLowerCase();
    let count = 0;
    for (const row of all) {
      const { dataset } = row;
      const fits =
        (!task.value || dataset.task === task.value) &&
        (!gold.value || dataset.gold === gold.value) &&
        (!label.value || dataset.label === label.value) &&
        Number(dataset.score) >= Number(score.value || 0) &&
        (!wanted || row.cells[1].textContent.toLowerCase().includes(wanted));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${all.length} shown`;
  }

  function sort(heading, key) {
    // Confidence begins with the highest, words with the first of the alphabet; a second press turns it round.
    const before = heading.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : key === "score";
    const value = (row) => (key === "score" ? Number(row.dataset.score)
      : key === "text" ? row.cells[1].textContent.trim() : row.dataset[key]);
    const compare = (one, other) => (key === "score" ? value(one) - value(other)
      : value(one).localeCompare(value(other)));
    all.sort((one, other) => (descending ? compare(other, one) : compare(one, other)));
    body.append(...all);
    for (const other of rows.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  }

  for (const heading of rows.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(heading, heading.dataset.sort));
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[data-show-task]");
    if (!link) return;
    form.reset();
    form.elements.task.value = link.dataset.showTask;
    filter();
  });
  filter();
})();
