"use strict";
// Makes the page easier to use; without it everything can be read all the same.
(() => {
  const root = document.documentElement;
  const STORED_THEME = "reelbench-theme";
  // Tables with no more rows have no filter of their own.
  const FEW_ROWS = 3;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // A page from a file may have no storage: then the theme lasts as long as the page.
  const stored = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* not kept */ } },
  };
  const first = stored.get(STORED_THEME);
  if (first === "light" || first === "dark") root.dataset.theme = first;

  function themes() {
    const button = byId("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const current = () => root.dataset.theme ?? (system.matches ? "dark" : "light");
    const other = () => (current() === "dark" ? "light" : "dark");
    const label = () => { button.textContent = `Use ${other()} theme`; };
    button.addEventListener("click", () => {
      root.dataset.theme = other();
      stored.set(STORED_THEME, root.dataset.theme);
      label();
    });
    system.addEventListener("change", label);
    label();
  }

  // Sorting: numbers by the value behind their words, then words, then what is empty, in either direction.
  const collator = new Intl.Collator("en", { numeric: true });
  function keyOf(cell) {
    const text = cell.textContent.trim();
    if (cell.dataset.value !== undefined) return { rank: 0, number: Number(cell.dataset.value) };
    return text === "" || text === "–" ? { rank: 2 } : { rank: 1, text };
  }
  function compare(a, b) {
    return a.rank === 0 ? a.number - b.number : collator.compare(a.text, b.text);
  }
  function sortRows(table, column, direction) {
    const body = table.tBodies[0];
    const sign = direction === "descending" ? -1 : 1;
    const keyed = table.inOrder.map((row, place) => ({ row, place, key: keyOf(row.cells[column]) }));
    if (direction !== "none") {
      keyed.sort((a, b) => a.key.rank - b.key.rank
        || (a.key.rank === 2 ? 0 : sign * compare(a.key, b.key))
        || a.place - b.place);
    }
    body.append(...keyed.map(({ row }) => row));
  }
  function sortable(table) {
    const headers = all("thead th", table);
    table.inOrder = [...table.tBodies[0].rows];
    const next = { none: "ascending", ascending: "descending", descending: "none" };
    headers.forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      header.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const direction = next[header.getAttribute("aria-sort")];
        headers.forEach((one) => one.setAttribute("aria-sort", "none"));
        header.setAttribute("aria-sort", direction);
        sortRows(table, column, direction);
      });
    });
  }

  // Filtering: a row stays that has every word of both filters somewhere.
  const wordsOf = (input) => input.value.toLowerCase().split(/\s+/).filter(Boolean);
  function filterable(table) {
    const scroll = table.parentElement;
    const tools = byId("table-tools").content.cloneNode(true);
    const input = tools.querySelector("input");
    const status = tools.querySelector("[role=status]");
    const title = byId(table.getAttribute("aria-labelledby"));
    input.setAttribute("aria-label", `Filter rows of ${title.textContent}`);
    const texts = table.inOrder.map((row) => row.textContent.toLowerCase());
    const apply = () => {
      const words = [...wordsOf(input), ...wordsOf(byId("filter-all"))];
      let shown = 0;
      table.inOrder.forEach((row, place) => {
        row.hidden = !words.every((word) => texts[place].includes(word));
        if (!row.hidden) shown += 1;
      });
      status.textContent = words.length ? `${shown} of ${texts.length} rows` : "";
    };
    input.addEventListener("input", apply);
    byId("filter-all").addEventListener("input", apply);
    if (texts.length > FEW_ROWS) scroll.before(tools);
  }

  function copying() {
    for (const button of all("[data-copy]")) {
      const source = byId(button.dataset.copy);
      button.hidden = false;
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(source.textContent);
          button.textContent = "Copied";
        } catch {
          // Without the right to write to the clipboard, what is to be copied is at least selected.
          getSelection().selectAllChildren(source);
          button.textContent = "Selected: press Ctrl+C";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
    }
  }

  // Which captions are shown: those whose column has a chosen value in every facet.
  function chooser() {
    const section = byId("scenes-section");
    if (!section) return;
    const form = section.querySelector(".chooser");
    const show = byId("show");
    const captions = all(".caption", section);
    const columns = new Set(captions.map((caption) => caption.dataset.column));
    const apply = () => {
      let chosen = columns;
      for (const facet of all("fieldset", form)) {
        const values = all("input:checked", facet).flatMap((input) => input.dataset.columns.split(" "));
        chosen = chosen.intersection ? chosen.intersection(new Set(values)) : new Set(values.filter((c) => chosen.has(c)));
      }
      captions.forEach((caption) => { caption.hidden = !chosen.has(caption.dataset.column); });
      section.dataset.show = show.value;
      byId("chosen").textContent = `${chosen.size} of ${columns.size} settings chosen`;
    };
    form.hidden = columns.size < 2;
    show.value = section.dataset.show;
    form.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    const scenes = all("details.scene", section);
    byId("open-all").addEventListener("click", () => scenes.forEach((scene) => { scene.open = true; }));
    byId("close-all").addEventListener("click", () => scenes.forEach((scene) => { scene.open = false; }));
    apply();
  }

  // Words about a mark come up at once, beside the pointer, in place of the browser's own slow ones.
  function tooltips() {
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    document.body.append(tip);
    const words = new Map();
    for (const title of all(".rb-chart :not(svg) > title")) {
      words.set(title.parentElement, title.textContent);
      title.remove();
    }
    const marked = (element) => (element && !words.has(element) ? marked(element.parentElement) : element);
    addEventListener("pointermove", (event) => {
      const mark = event.target.closest?.(".rb-chart") ? marked(event.target) : null;
      tip.hidden = !mark;
      if (!mark) return;
      tip.textContent = words.get(mark);
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      const below = event.clientY + 18;
      const top = below + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : below;
      tip.style.left = `${Math.max(left, 8)}px`;
      tip.style.top = `${top}px`;
    });
    addEventListener("scroll", () => { tip.hidden = true; }, { passive: true, capture: true });
  }

  function contents() {
    const links = new Map(all(".contents a").map((link) => [link.hash.slice(1), link]));
    const mark = () => {
      let current = null;
      for (const [id, link] of links) {
        if (byId(id).getBoundingClientRect().top < innerHeight / 3) current = link;
      }
      links.forEach((link) => { link.toggleAttribute("aria-current", false); });
      current?.setAttribute("aria-current", "location");
    };
    let waiting = false;
    addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; mark(); });
    }, { passive: true });
    mark();
    const list = document.querySelector(".contents details");
    const narrow = matchMedia("(max-width: 60rem)");
    list.open = !narrow.matches;
    list.addEventListener("click", (event) => {
      if (narrow.matches && event.target.closest("a")) list.open = false;
    });
  }

  // Browsers that cannot show folded details by style alone.
  function printing() {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = all("details:not([open])");
      opened.forEach((details) => { details.open = true; });
    });
    addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));
  }

  addEventListener("DOMContentLoaded", () => {
    all(".tools").forEach((tools) => { tools.hidden = false; });
    themes();
    for (const table of all("main table")) {
      sortable(table);
      filterable(table);
    }
    copying();
    chooser();
    tooltips();
    contents();
    printing();
  });
})();
