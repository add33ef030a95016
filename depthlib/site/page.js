"use strict";

// Tables: a click on a heading sorts up, then down, then back to the order of the file.
const ABSENT = new Set(["", "–", "-", "nan", "None"]);
const words = new Intl.Collator("en", {numeric: true, sensitivity: "base"});

function textOf(row, column) {
  const cell = row.cells[column];
  return (cell.dataset.sort ?? cell.textContent).trim();
}

function numberOf(text) {
  const found = text.replace(/−/g, "-").replace(/(\d),(?=\d{3})/g, "$1").match(/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?(?![\w.])/i);
  return found ? Number(found[0]) : NaN;
}

function sorted(rows, column, down) {
  const keyed = rows.map((row) => ({row, text: textOf(row, column)}));
  const there = keyed.filter((item) => !ABSENT.has(item.text));
  const numeric = there.every((item) => !Number.isNaN(numberOf(item.text)));
  there.sort((a, b) => (down ? -1 : 1) * (numeric ? numberOf(a.text) - numberOf(b.text) : words.compare(a.text, b.text)));
  return [...there, ...keyed.filter((item) => ABSENT.has(item.text))].map((item) => item.row);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    if (!button.textContent.trim()) button.setAttribute("aria-label", "name of the row");
    heading.append(button);
    heading.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const next = {none: "ascending", ascending: "descending", descending: "none"}[heading.getAttribute("aria-sort")];
      headings.forEach((other) => other.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", next);
      body.append(...(next === "none" ? original : sorted(original, column, next === "descending")));
    });
  });
}

// The ledger: the counts at the top are switches that show the claims with these verdicts only.
const switches = [...document.querySelectorAll("button.count")];
const claims = [...document.querySelectorAll("tr[data-verdict]")];
const note = document.getElementById("shown");

function filter() {
  const chosen = new Set(switches.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.verdict));
  let shown = 0;
  for (const row of claims) {
    row.hidden = chosen.size > 0 && !chosen.has(row.dataset.verdict);
    shown += row.hidden ? 0 : 1;
  }
  note.textContent = chosen.size ? `The ledger shows ${shown} of ${claims.length} claims. Press again to show all.` : "";
}

for (const one of switches) {
  one.disabled = false;
  one.addEventListener("click", () => {
    one.setAttribute("aria-pressed", String(one.getAttribute("aria-pressed") !== "true"));
    filter();
  });
}
