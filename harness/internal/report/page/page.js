"use strict";
(() => {
  const report = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const dialog = document.querySelector("dialog");
  const rows = all("tbody tr[data-name]");
  const chips = all("button.chip");
  const bad = ["failed", "fault", "broken"];
  const tabs = ["output", "log", "about"];
  const hot = /\b(BUG|WARNING|Oops|KASAN|KFENCE|UBSAN|RIP|INFO: (task|rcu)|Kernel panic|Call Trace|general protection fault|unreferenced object|possible (circular|recursive) locking|Modules linked in)\b|cut here|end trace/;
  let current = null; // the cell or the run's button that was opened last
  let wanted = ""; // the state that is filtered by

  // Filters

  const badge = (cell) => cell.classList[1];

  function filter() {
    const words = $("name").value.toLowerCase().split(/\s+/).filter(Boolean);
    let tests = 0;
    document.body.classList.toggle("subtests", $("subtests").checked || words.length > 0 || wanted !== "");
    for (const row of rows) {
      const text = (row.parentElement.dataset.package + " " + row.dataset.name).toLowerCase();
      const named = words.every((word) => text.includes(word));
      const stated = wanted === "" || row.dataset.states.split(" ").includes(wanted);
      row.hidden = !named || !stated;
      for (const cell of row.querySelectorAll(".cell")) {
        cell.classList.toggle("faded", wanted !== "" && badge(cell) !== wanted);
      }
      if (isShown(row) && !row.classList.contains("step")) tests++;
    }
    for (const group of all("tbody")) {
      group.hidden = ![...group.querySelectorAll("tr[data-name]")].some((row) => !row.hidden);
    }
    $("shown").textContent = tests + (tests === 1 ? " test" : " tests");
    $("none").hidden = all("tbody:not([hidden])").length > 0;
    rove(visibleCells()[0]);
  }

  function countStates() {
    for (const chip of chips.slice(1)) {
      const n = all("tr[data-name] .cell." + chip.dataset.state).length;
      chip.hidden = n === 0;
      chip.querySelector(".count").textContent = n;
    }
  }

  function choose(state) {
    wanted = state;
    for (const chip of chips) chip.setAttribute("aria-pressed", chip.dataset.state === state);
    filter();
  }

  // Cells

  const isShown = (element) => element.offsetParent !== null;
  const visibleCells = () => all("button.cell").filter(isShown);
  const failures = () => visibleCells().filter((cell) => bad.includes(badge(cell)));

  // rove makes a cell the only one that the Tab key reaches.
  function rove(cell) {
    for (const other of all('button.cell[tabindex="0"]')) other.tabIndex = -1;
    if (cell) cell.tabIndex = 0;
  }

  function move(cell, down, right) {
    const column = [...cell.closest("tr").children].indexOf(cell.parentElement);
    if (right !== 0) {
      for (let td = cell.parentElement; td; td = right > 0 ? td.nextElementSibling : td.previousElementSibling) {
        const next = td === cell.parentElement ? null : td.querySelector("button.cell");
        if (next) return focus(next);
      }
      return;
    }
    const shown = rows.filter(isShown);
    const at = shown.indexOf(cell.closest("tr"));
    for (let i = at + down; i >= 0 && i < shown.length; i += down) {
      const next = shown[i].children[column].querySelector("button.cell");
      if (next) return focus(next);
    }
  }

  function focus(cell) {
    rove(cell);
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "center", inline: "nearest" });
  }

  // step goes to the next failure, or with -1 to the one before.
  function step(by) {
    const list = failures();
    if (list.length === 0) return;
    const here = list.indexOf(dialog.open ? current : document.activeElement);
    const next = list[here < 0 ? (by > 0 ? 0 : list.length - 1) : (here + by + list.length) % list.length];
    if (dialog.open) {
      rove(next);
      show(next);
      next.scrollIntoView({ block: "center", inline: "nearest" });
    } else {
      focus(next);
    }
  }

  // Details

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function block(panel, title, text) {
    if (!text) return;
    if (title) panel.append(make("h3", "", title));
    panel.append(make("pre", "", text));
  }

  // advise shows advice, folded if it is long: then it is QEMU's command line.
  function advise(panel, text) {
    if (!text) return;
    if (text.length <= 300) return block(panel, "Advice", text);
    const folded = make("details", "folded");
    folded.append(make("summary", "", "Advice"), make("pre", "", text));
    panel.append(folded);
  }

  const seconds = (s) => s.toFixed(2) + " s";

  function show(button) {
    current = button;
    const run = report.runs[button.dataset.run];
    const test = button.dataset.test === undefined ? null : run.tests[button.dataset.test];
    const item = button.dataset.item;
    const kernel = report.kernels.find((k) => k.name === run.kernel);
    const stepOf = run.steps.find((s) => s.name === item);
    const isTest = button.closest("tr") && !button.closest("tr").classList.contains("step");
    const state = test ? test.state : stepOf && !isTest ? stepOf.state : item ? "not run" : run.state;
    $("detail-name").textContent = test ? test.name : item || run.package;
    const where = $("detail-where");
    where.replaceChildren(make("span", "badge " + state.replace(" ", "-"), state), " on " + run.kernel + (kernel.release ? ", Linux " + kernel.release : "") + ", in " + run.package);
    const time = test ? test.seconds : stepOf ? stepOf.seconds : run.seconds;
    if (time > 0) where.append(", " + seconds(time));
    showOutput(run, test, item, state);
    const logShown = showLog(run);
    showAbout(run, kernel);
    if (!dialog.open) dialog.showModal();
    const tab = state === "fault" && logShown ? "log" : "output";
    select(tab);
    $("tab-" + tab).focus();
  }

  function rawTitle(run) {
    if (run.state === "fault") return "Kernel fault report";
    return run.stage === "build" ? "Compiler output" : "Console and messages";
  }

  function showOutput(run, test, item, state) {
    const panel = $("output");
    panel.replaceChildren();
    panel.scrollTop = 0;
    const concerned = bad.includes(state) || ["not run", "not applicable"].includes(state) || !item && !test;
    if (run.title && concerned && !(test && state === "failed")) panel.append(make("p", "verdict", run.title));
    if (test) block(panel, "", test.output);
    if (concerned && state !== "not run") block(panel, rawTitle(run), run.raw);
    // The fault report of a machine that died is often in the output of a test.
    const guilty = test || !concerned ? [] : run.tests.filter((t) => t.state === "fault" && t.output).slice(0, 10);
    for (const t of guilty) block(panel, "Output of " + t.name, t.output);
    if (!test && !run.raw && guilty.length === 0) block(panel, "Output of the run", run.output);
    if (!test && concerned) advise(panel, run.advice);
    if (!panel.hasChildNodes()) panel.append(make("p", "dim", "No output."));
  }

  function showLog(run) {
    const panel = $("log");
    panel.replaceChildren();
    panel.scrollTop = 0;
    if (!run.kernel_log) {
      panel.append(make("p", "dim", "There is no log: the kernel did not start, or the run was killed."));
      return false;
    }
    const pre = make("pre");
    for (const line of run.kernel_log.split("\n")) {
      const parts = /^(\[ *\d+\.\d+\])?(.*)$/s.exec(line);
      const element = make("div", hot.test(line) ? "hot" : "");
      if (parts[1]) element.append(make("span", "time", parts[1]));
      element.append(parts[2] || (parts[1] ? "" : "\u00a0"));
      pre.append(element);
    }
    panel.append(pre);
    return true;
  }

  function showAbout(run, kernel) {
    const list = make("dl");
    const add = (name, value) => value && list.append(make("dt", "", name), make("dd", "", value));
    add("result", run.state + (run.title ? ": " + run.title : ""));
    add("kernel", run.kernel);
    add("release", kernel.release);
    add("package version", kernel.version);
    add("accelerator", run.accel);
    add("exit status", String(run.status));
    add("started", new Date(run.started).toLocaleString());
    add("took", seconds(run.seconds));
    for (const phase of run.phases || []) add(phase.name, seconds(phase.seconds));
    const panel = $("about");
    panel.replaceChildren(list);
    panel.scrollTop = 0;
    if (run.unlisted) add("tests not listed", String(run.unlisted));
    block(panel, "Output of the run", run.output);
    advise(panel, run.advice);
  }

  function select(name) {
    for (const tab of tabs) {
      const chosen = tab === name;
      $(tab).hidden = !chosen;
      $("tab-" + tab).setAttribute("aria-selected", chosen);
      $("tab-" + tab).tabIndex = chosen ? 0 : -1;
    }
    const fault = name === "log" && $("log").querySelector(".hot");
    if (fault) fault.scrollIntoView({ block: "center" });
  }

  // close gives the focus to the cell that was shown last, not to the one that was opened first.
  function close() {
    dialog.close();
    current.focus({ preventScroll: true });
  }

  // Events

  $("name").addEventListener("input", filter);
  $("subtests").addEventListener("change", filter);
  document.querySelector(".tools").addEventListener("submit", (event) => event.preventDefault());
  document.querySelector(".chips").addEventListener("click", (event) => {
    const chip = event.target.closest(".chip");
    if (chip) choose(chip.dataset.state);
  });
  document.querySelector("main").addEventListener("click", (event) => {
    const button = event.target.closest("button[data-run]");
    if (!button) return;
    if (button.classList.contains("cell")) rove(button);
    show(button);
  });
  document.querySelector("[role=tablist]").addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) select(tab.getAttribute("aria-controls"));
  });
  $("close").addEventListener("click", close);
  $("next").addEventListener("click", () => step(1));
  $("previous").addEventListener("click", () => step(-1));
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });

  const arrows = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const target = event.target;
    if (event.key === "Escape" && dialog.open) { event.preventDefault(); close(); return; }
    if (event.key === "Escape") { $("name").value = ""; $("name").blur(); filter(); return; }
    if (target.matches("input[type=search]")) return;
    if (event.key === "/" && !dialog.open) { event.preventDefault(); $("name").focus(); return; }
    if (event.key === "n" || event.key === "p") { step(event.key === "n" ? 1 : -1); return; }
    const arrow = arrows[event.key];
    if (arrow && target.matches("button.cell")) { event.preventDefault(); move(target, ...arrow); }
    if (arrow && arrow[1] !== 0 && target.matches("[role=tab]")) {
      const next = tabs[(tabs.indexOf(target.getAttribute("aria-controls")) + arrow[1] + tabs.length) % tabs.length];
      select(next);
      $("tab-" + next).focus();
    }
  });

  countStates();
  filter();

  // Coverage

  // source makes the table of a file: a row for each line of its source.
  function source(file) {
    const coverage = report.coverage;
    const byNumber = new Map(file.lines.map((line) => [line.number, line]));
    const texts = file.source ? file.source.replace(/\n$/, "").split("\n") : [];
    const last = Math.max(texts.length, ...file.lines.map((line) => line.number));
    const table = make("table", "source");
    for (let number = 1; number <= last; number++) {
      const line = byNumber.get(number);
      if (!line && !file.source) continue;
      const row = make("tr");
      row.append(make("td", "number", number), make("td", "number"), make("td", "number"), make("td", "text", texts[number - 1] ?? ""));
      table.append(row);
      if (line) reach(row, line, coverage);
    }
    return table;
  }

  // reach shows how often a line was executed. A button unfolds by what.
  function reach(row, line, coverage) {
    const branches = (line.forks ?? []).flat();
    const taken = branches.filter((n) => n > 0).length;
    row.className = line.count === 0 ? "unreached" : taken < branches.length ? "partly" : "reached";
    const button = make("button", "", line.count);
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", "line " + line.number + ", executed " + line.count + " times: kernels and tests");
    row.children[1].append(button);
    if (branches.length > 0) row.children[2].textContent = taken + "/" + branches.length;
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      if (open) return row.nextElementSibling.remove();
      const more = make("tr", "by");
      const cell = make("td");
      cell.colSpan = 4;
      for (const text of by(line, coverage)) cell.append(make("p", "", text));
      more.append(cell);
      row.after(more);
    });
  }

  // by returns what a line was executed by, in sentences.
  function by(line, coverage) {
    const names = (list, all) => (list ?? []).map((i) => all[i]).join(", ");
    const kernels = line.kernels ?? [], reached = line.reached ?? [];
    const missing = kernels.filter((k) => !reached.includes(k));
    const texts = [];
    if (reached.length > 0) texts.push("Kernels: " + names(reached, coverage.kernels));
    if (missing.length > 0) texts.push("Not executed in: " + names(missing, coverage.kernels));
    for (const fork of line.forks ?? []) texts.push("Branches taken: " + fork.join(", ") + " times");
    const tests = names(line.tests, coverage.tests);
    texts.push(tests ? "Tests: " + tests : line.count > 0 ? "No test runs at that time." : "No test reaches it.");
    return texts;
  }

  for (const details of all("details.file")) {
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(source(report.coverage.files[details.dataset.file]));
    });
  }
})();
