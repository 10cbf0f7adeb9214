"use strict";
// Items are hidden that lack a word of the search, or are of a state that isn't chosen; in a table
// a word such as n=3 is about one column.
const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
const plain = (text) => text.toLowerCase().replace(/^(['"])(.*)\1$/, "$2");
const matches = (item, words) => words.every((word) => {
  const at = word.indexOf("=");
  const head = at > 0 && item.cells
    && item.closest("table").querySelector(`th[data-name="${CSS.escape(word.slice(0, at))}" i]`);
  if (head) return plain(item.cells[head.cellIndex].textContent) === plain(word.slice(at + 1));
  return said(item).includes(word);
});
// what is searched of an item: all that it says, but not how long its phases were
const texts = new Map();
const said = (item) => {
  if (!texts.has(item)) {
    const parts = item.cells ? Array.from(item.cells).filter((one) => !one.querySelector("svg")) : [item];
    texts.set(item, parts.map((one) => one.textContent).join(" ").toLowerCase());
  }
  return texts.get(item);
};
for (const box of document.querySelectorAll("input[data-filters]")) {
  const items = document.getElementById(box.dataset.filters).querySelectorAll("[data-item]");
  const count = document.getElementById(box.dataset.filters + "-count");
  const buttons = document.querySelectorAll(`[data-chooses="${box.dataset.filters}"] button`);
  const filter = () => {
    const text = box.value.toLowerCase().trim();
    const words = !text ? [] : items.length && items[0].cells ? text.split(/\s+/) : [text];
    const states = Array.from(buttons).filter((one) => isPressed(one)).map((one) => one.value);
    let found = 0;
    for (const item of items) {
      item.hidden = (states.length > 0 && !states.includes(item.dataset.state)) || !matches(item, words);
      found += item.hidden ? 0 : 1;
    }
    count.textContent = words.length || states.length ? `${found} of ${items.length}` : "";
  };
  box.addEventListener("input", filter);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!isPressed(button)));
      filter();
    });
  }
}
const inOrder = new Intl.Collator(undefined, { numeric: true }).compare;
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), table = button.closest("table"), body = table.tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[head.cellIndex].dataset.key ?? row.cells[head.cellIndex].textContent;
    const rows = Array.from(body.rows, (row) => [key(row), row]);
    rows.sort(([a], [b]) => inOrder(a, b) * (down ? -1 : 1));
    body.append(...rows.map(([, row]) => row));
  });
}
// each run's bars begin at the left: a view of its own on the same picture
for (const box of document.querySelectorAll("input[data-aligns]")) {
  const table = document.getElementById(box.dataset.aligns);
  const align = () => {
    table.classList.toggle("aligned", box.checked);
    for (const cell of table.querySelectorAll("td.time")) {
      const [from, wide] = box.checked ? [cell.dataset.key, table.dataset.longest] : [0, 1000];
      cell.firstElementChild.setAttribute("viewBox", `${from} 0 ${wide} 14`);
    }
  };
  box.addEventListener("change", align);
  align();
}
// of a run that isn't well the end of the log is what one looks for
const toEnds = () => {
  for (const one of document.querySelectorAll(".log[data-from=end]")) {
    if (one.dataset.from && one.clientHeight) { one.scrollTop = one.scrollHeight; one.dataset.from = ""; }
  }
};
for (const one of document.querySelectorAll("details.run")) one.addEventListener("toggle", toEnds);
toEnds();
const open = () => {
  const chosen = location.hash && document.getElementById(location.hash.slice(1));
  if (chosen instanceof HTMLDetailsElement) chosen.open = true;
};
addEventListener("hashchange", open);
open();
// on paper nothing can be opened
let closed = [];
addEventListener("beforeprint", () => {
  closed = Array.from(document.querySelectorAll("details:not([open])"));
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
