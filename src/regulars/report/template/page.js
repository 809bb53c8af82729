// The page is whole without this: it remembers a reader's choices, sorts tables and hands them over as CSV.
(() => {
  "use strict";
  const root = document.documentElement;
  const recall = (name) => { try { return localStorage.getItem("regulars-" + name); } catch { return null; } };
  const keep = (name, value) => { try { localStorage.setItem("regulars-" + name, value); } catch { /* not kept */ } };

  const theme = recall("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;  // before the first paint
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  const words = (cell) => cell.textContent.replace(/\u2060/g, "").replace(/\s+/g, " ").trim();
  const isMissing = (text) => text === "" || text === "\u2013";

  // A sign, a currency, digits, a percent sign, and what follows; a date is no number.
  const NUMBER = /^([<+\u2212-]?)([A-Z]{0,3}\p{Sc}|[A-Z]{3} ?|)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\d,-])(%?)(.*)$/u;
  function numberIn(text) {
    const at = NUMBER.exec(text);
    if (!at) return null;
    const [, sign, unit, digits, decimals = "", percent, rest] = at;
    const size = digits.replace(/,/g, "") + decimals, minus = sign === "\u2212" || sign === "-" ? "-" : "";
    const plain = rest || sign === "<" ? null : minus + size + percent;  // as spreadsheets read it
    return { value: Number(minus + size) * (sign === "<" ? .999 : 1), unit: unit.trim(), plain };
  }

  // Of each row what is compared: numbers if all that are there are numbers, else words; null where nothing is.
  function keysOf(rows, column) {
    const texts = rows.map(({ cells: { [column]: cell } }) => cell.querySelector("time")?.dateTime ?? words(cell));
    const there = texts.filter((text) => !isMissing(text)), numeric = there.length > 0 && there.every(numberIn);
    const keys = texts.map((text) => isMissing(text) ? null : numeric ? numberIn(text).value : text);
    return { numeric, of: new Map(rows.map((row, place) => [row, keys[place]])) };
  }

  function makeSortable(table) {
    const heads = table.tHead?.rows.length === 1 ? [...table.tHead.rows[0].cells] : [];
    const rows = table.tBodies.length === 1 ? [...table.tBodies[0].rows] : [];
    if (rows.length < 2 || rows.some((row) => row.cells.length !== heads.length)) return;
    heads.filter(words).forEach((head) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const { numeric, of } = keysOf(rows, head.cellIndex), turns = ["ascending", "descending"];
        if (numeric) turns.reverse();  // of numbers the highest come first
        const next = turns[turns.indexOf(head.getAttribute("aria-sort")) + 1];  // the third press: as it was
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (next) head.setAttribute("aria-sort", next);
        const order = (one, other) => {
          const a = of.get(one), b = of.get(other);
          if (a === null || b === null) return (a === null) - (b === null);
          return (next === "ascending" ? 1 : -1) * (numeric ? a - b : a.localeCompare(b, "en", { numeric: true }));
        };
        table.tBodies[0].append(...(next ? [...rows].sort(order) : rows));
      });
    });
  }

  // Whatever is no number and might be taken for a formula becomes text.
  function safe(text) {
    if (isMissing(text)) return "";
    return numberIn(text)?.plain ?? (/^[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) ? "'" + text : text);
  }
  function csv(table) {
    const spread = (cell) => [words(cell), ...Array(cell.colSpan - 1).fill("")];
    const texts = (part) => [...part?.rows ?? []].map((row) => [...row.cells].flatMap(spread));
    const above = texts(table.tHead), rows = [...table.tBodies].flatMap(texts);
    const units = (column) => new Set(rows.map((row) => numberIn(row[column] ?? "")).filter(Boolean).map(({ unit }) => unit));
    above.at(-1)?.forEach((name, column, names) => {  // a currency goes to the heading, where the column has but one
      const [unit, another] = units(column);
      if (unit && another === undefined) names[column] = `${name} (${unit})`;
    });
    const quoted = (text) => `"${safe(text).replace(/"/g, '""')}"`;
    return [...above, ...rows].map((row) => row.map(quoted).join(",") + "\r\n").join("");
  }

  function offerDownload(table, place) {
    const region = table.parentElement, called = table.closest("div[id]")?.id ?? `table ${place + 1}`;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "csv", textContent: "Download CSV" });
    button.setAttribute("aria-label", `Download CSV: ${region.getAttribute("aria-label")}`);
    button.addEventListener("click", () => {
      const link = document.createElement("a"), file = `${document.querySelector(".eyebrow, h1").textContent} ${called}`;
      link.href = URL.createObjectURL(new Blob(["\ufeff" + csv(table)], { type: "text/csv;charset=utf-8" }));
      link.download = file.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") + ".csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    region.after(button);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      button.setAttribute("aria-pressed", String(isDark()));
      keep("theme", root.dataset.theme);
    });

    const code = document.getElementById("show-code");
    if (code) {
      code.checked = recall("code") === "shown";
      code.addEventListener("change", () => keep("code", code.checked ? "shown" : "hidden"));
    }

    const steps = document.querySelector(".steps"), here = document.querySelector(".steps [aria-current]");
    if (here) steps.scrollLeft = here.offsetLeft - steps.offsetLeft - 48;  // on a phone not all steps fit

    const contents = document.querySelector(".contents details");
    if (contents && matchMedia("(max-width: 68rem)").matches) contents.open = false;

    document.querySelectorAll(".scroll > table").forEach((table, place) => { makeSortable(table); offerDownload(table, place); });
  });
})();
