"use strict";
for (const box of document.querySelectorAll("input[data-filters]")) {
  const items = document.getElementById(box.dataset.filters).querySelectorAll("[data-item]");
  const count = document.getElementById(box.dataset.filters + "-count");
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase();
    let found = 0;
    for (const item of items) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
      found += item.hidden ? 0 : 1;
    }
    count.textContent = wanted ? found + " of " + items.length : "";
  });
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
