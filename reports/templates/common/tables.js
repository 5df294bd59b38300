"use strict";
// Sorts tables by a click on a column's head, and filters their rows by what is typed. Without it every row is shown.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  for (const head of table.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sortRows(table, body, head));
  }
  if (body.rows.length > 2) {
    addFilter(table, body);
  }
}

function sortRows(table, body, head) {
  const descending = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("th[aria-sort]")) {
    other.removeAttribute("aria-sort");
  }
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const column = Number(head.dataset.sort);
  const rows = [...body.rows].sort((a, b) => compareCells(a.cells[column], b.cells[column]));
  body.append(...(descending ? rows.reverse() : rows));
}

function compareCells(a, b) {
  if (a.dataset.value === undefined || b.dataset.value === undefined) {
    return a.textContent.localeCompare(b.textContent);
  }
  const [x, y] = [Number(a.dataset.value), Number(b.dataset.value)];
  return Number.isNaN(x) - Number.isNaN(y) || x - y;
}

function addFilter(table, body) {
  const label = document.createElement("label");
  const field = document.createElement("input");
  label.className = "filter";
  label.append("Show variants named ", field);
  field.type = "search";
  field.addEventListener("input", () => {
    for (const row of body.rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(field.value.trim().toLowerCase());
    }
  });
  table.parentElement.before(label);
}
