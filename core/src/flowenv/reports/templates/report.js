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
  return item.textContent.toLowerCase().includes(word);
});
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
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), table = button.closest("table"), body = table.tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[head.cellIndex].dataset.key ?? row.cells[head.cellIndex].textContent;
    const rows = Array.from(body.rows);
    rows.sort((a, b) => key(a).localeCompare(key(b), undefined, { numeric: true }) * (down ? -1 : 1));
    body.append(...rows);
  });
}
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
