
"use strict";
// Draws the page from the record. Strings of the model become text nodes only.
const { record, graph } = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const main = document.querySelector("main");
const tip = document.getElementById("tip");

function el(tag, attributes = {}, ...children) {
  const isSvg = el.svgTags.has(tag);
  const node = isSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
el.svgTags = new Set(["svg", "g", "rect", "path", "line", "text", "circle", "title"]);

// Numbers

const scaled = (n, steps) => {
  for (const [limit, unit] of steps) if (Math.abs(n) >= limit) return `${+(n / limit).toPrecision(3)} ${unit}`;
  return `${+n.toPrecision(3)}`;
};
const count = (n) => (n === null || n === undefined ? "" : scaled(n, [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]));
const bytes = (n) => (n >= 1024 ? scaled(n, [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [1024, "KiB"]]) : `${n} B`);
const time = (ms) => (ms >= 0.1 ? `${+ms.toPrecision(3)} ms` : `${+(ms * 1000).toPrecision(3)} µs`);
const number = (x) => (x === null || x === undefined ? "" : Math.abs(x) >= 1e5 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(2) : `${+x.toPrecision(4)}`);
const decibels = (value) => (value === null ? "" : value === Infinity ? "exact" : `${value.toFixed(1)} dB`);
const percent = (x) => `${x >= 10 ? x.toFixed(0) : x.toFixed(1)} %`;

// What the record says, joined by id

const values = new Map(record.values.map((value) => [value.id, value]));
/** The ratio in decibels, infinite where nothing changed, null where nothing was measured. */
const ratio = (error) => (!error || !(error.signal > 0) ? null : error.noise === 0 ? Infinity : error.sqnr_db);
const errorOf = (operation) => ratio(values.get(operation.id)?.error);
const labels = new Map(record.operations.map((operation, index) => [operation, graph.labels[record.inputs.length + index]]));
const labelOf = (operation) => labels.get(operation);
const isProduct = (operation) => operation.macs !== null;
const CLASSES = [
  ["int", "product in 8-bit integers"],
  ["float", "product in float"],
  ["mixed", "float arithmetic on 8-bit values"],
  ["plain", "float arithmetic on float values"],
  ["move", "moves elements only"],
];
function classOf(operation) {
  if (operation.precision === null) return "move";
  if (operation.precision !== "f32") return "int";
  if (isProduct(operation)) return "float";
  return operation.reads_integers || operation.writes_integers ? "mixed" : "plain";
}
const BADGES = { float: "f32", mixed: "f32 on 8 bits", plain: "f32", move: "moves" };
function badgeOf(operation) {
  return BADGES[classOf(operation)] ?? operation.precision;
}

// Pieces

function swatch(name) {
  const shape = name === "move" ? { x: 3, y: 2, width: 8, height: 8, rx: 4 } : { x: 0, y: 0, width: 14, height: 12, rx: 3 };
  const stroke = { mixed: "var(--int)", plain: "var(--float)" }[name];
  return el("svg", { viewBox: "0 0 14 12", "aria-hidden": "true" }, el("rect", { ...shape, class: `fill-${name}`, stroke }));
}
function legend(entries) {
  return el("ul", { class: "legend" }, ...entries.map(([key, text]) => el("li", {}, key, text)));
}
function section(id, title, lead, ...children) {
  const node = el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title),
    lead ? el("p", { class: "lead" }, lead) : null, ...children);
  main.append(node);
  navigation.append(el("a", { href: `#${id}` }, title));
  return node;
}
const navigation = el("div");
document.querySelector("nav").append(navigation);

function showTip(event, title, facts) {
  tip.replaceChildren(el("b", {}, title), el("dl", {}, ...facts.filter(([, value]) => value !== "" && value !== null)
    .flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)])));
  tip.hidden = false;
  const box = event.currentTarget.getBoundingClientRect();
  const x = event.clientX ?? box.right, y = event.clientY ?? box.bottom;
  tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${y + 18 + tip.offsetHeight > innerHeight ? Math.max(8, y - tip.offsetHeight - 12) : y + 18}px`;
}
const hideTip = () => { tip.hidden = true; };

/** A table whose columns sort; COLUMNS are {name, key, show, className, numeric}. */
function sortableTable(rows, columns, sorted) {
  const body = el("tbody");
  const heads = columns.map((column, index) => el("th", { scope: "col", class: column.numeric ? "n" : "" },
    el("button", { type: "button", onclick: () => sort(index) }, column.name)));
  const table = el("table", {}, el("thead", {}, el("tr", {}, ...heads)), body);
  const lines = rows.map((row) => ({ row, line: el("tr", {}, ...columns.map((column) =>
    el("td", { class: [column.className, column.numeric ? "n" : ""].filter(Boolean).join(" ") || null }, column.show(row)))) }));
  let order = { index: -1, direction: 1 };
  function sort(index, direction) {
    const { key, numeric } = columns[index];
    direction ??= order.index === index ? -order.direction : numeric ? -1 : 1;
    order = { index, direction };
    heads.forEach((head, i) => (i === index ? head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending") : head.removeAttribute("aria-sort")));
    const empty = (x) => x === null || x === undefined || x === "";
    lines.sort((a, b) => {
      const x = key(a.row), y = key(b.row);
      if (empty(x) || empty(y)) return empty(x) - empty(y);
      if (x === y) return 0;
      return direction * (numeric ? x - y : String(x).localeCompare(String(y), "en", { numeric: true }));
    });
    body.append(...lines.map(({ line }) => line));
  }
  sort(...sorted);
  return { node: el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "table" }, table), lines };
}
function searchField(label, oninput) {
  return el("input", { type: "search", placeholder: label, "aria-label": label, oninput });
}
const matches = (text, query) => query.toLowerCase().split(/\s+/).every((word) => text.includes(word));

// Graph

function operationFacts(operation) {
  const value = values.get(operation.id);
  return [
    ["operator", operation.node || ""],
    ["computes in", badgeOf(operation)],
    ["because", operation.reason || ""],
    ["multiply-accumulates", isProduct(operation) ? count(operation.macs) : ""],
    ["result", value ? `${value.type} ${value.shape.join(" × ")}` : ""],
    ["scale", value?.quantization ? `${number(value.quantization.scale)}, zero point ${value.quantization.zero_point}` : ""],
    ["SQNR", decibels(errorOf(operation))],
  ];
}

function drawGraph() {
  const counts = new Map(CLASSES.map(([name]) => [name, 0]));
  for (const operation of record.operations) counts.set(classOf(operation), counts.get(classOf(operation)) + 1);
  const view = { x: 0, y: 0, width: graph.width, height: graph.height };
  const svg = el("svg", { role: "group", "aria-label": "Graph of the model: every operation, coloured by precision" });
  const edges = graph.edges.map(([from, path]) => el("path", { class: "edge", d: path, "data-from": from }));
  const inputs = record.inputs.length;
  const byId = new Map();
  const nodes = graph.boxes.map(([x, y, width, height], index) => {
    const operation = record.operations[index - inputs];
    const name = operation ? classOf(operation) : "input";
    const isDot = name === "move";
    const label = graph.labels[index];
    const title = operation ? operation.id : record.inputs[index];
    const facts = () => (operation ? operationFacts(operation) : [["", "input of the model"]]);
    const shape = isDot ? el("rect", { x, y: y + height / 2 - width / 2, width, height: width, rx: width / 2 }) : el("rect", { x, y, width, height, rx: 4 });
    const longest = Math.floor((width - 6) / 5.6);
    const shown = label.length > longest ? `${label.slice(0, longest - 1)}…` : label;
    const near = (on) => edges.forEach((edge) => edge.dataset.from === String(index) && edge.classList.toggle("near", on));
    const enter = (event) => { near(true); showTip(event, title, facts()); };
    const leave = () => { near(false); hideTip(); };
    const node = el("g", { class: `node ${name}`, tabindex: "-1", onmouseenter: enter, onmouseleave: leave, onfocus: enter, onblur: leave,
      onclick: () => operation && revealRow(operation) }, shape,
      isDot ? null : el("text", { x: x + width / 2, y: y + height / 2 + 3.5 }, shown));
    if (operation) byId.set(operation.id, node);
    return node;
  });
  svg.append(el("g", {}, ...edges), el("g", {}, ...nodes));

  const apply = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  const fit = () => { Object.assign(view, { x: 0, y: 0, width: graph.width, height: graph.height }); apply(); };
  function zoom(factor, x = view.x + view.width / 2, y = view.y + view.height / 2) {
    const width = Math.min(graph.width * 2, Math.max(120, view.width * factor));
    const applied = width / view.width;
    view.x = x - (x - view.x) * applied; view.y = y - (y - view.y) * applied;
    view.width = width; view.height *= applied;
    apply();
  }
  const toGraph = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    const point = toGraph(event);
    zoom(Math.exp(event.deltaY * 0.003), point.x, point.y);
  }, { passive: false });
  let grabbed = null;
  svg.addEventListener("pointerdown", (event) => { grabbed = toGraph(event); });
  svg.addEventListener("pointermove", (event) => {
    if (!grabbed || !event.buttons) return;
    svg.classList.add("dragging");
    const point = toGraph(event);
    view.x += grabbed.x - point.x; view.y += grabbed.y - point.y;
    apply();
  });
  for (const end of ["pointerup", "pointerleave"]) svg.addEventListener(end, () => { grabbed = null; svg.classList.remove("dragging"); });
  // As large as the page, where that is no more than a screen.
  svg.style.height = `${Math.round(Math.max(200, Math.min(graph.height, 1200)))}px`;
  fit();

  const button = (text, label, onclick) => el("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  section("graph", "Graph",
    "Every operation after preparation, in the order of execution: left to right, line by line like text. Drag to move, Ctrl and the wheel or the buttons to zoom; a click finds the operation in the table.",
    legend(CLASSES.map(([name, text]) => [swatch(name), `${text} (${counts.get(name)})`])),
    el("div", { class: "controls tools" }, button("+", "Zoom in", () => zoom(1 / 1.5)), button("−", "Zoom out", () => zoom(1.5)), button("Fit", "Show all", fit)),
    el("div", { class: "graph" }, svg));
}

// Operations

let revealRow = () => {};
function drawOperations() {
  const total = record.operations.reduce((sum, operation) => sum + (operation.macs ?? 0), 0);
  const rows = record.operations.map((operation, index) => ({ operation, index, name: classOf(operation), error: errorOf(operation) }));
  const columns = [
    { name: "#", numeric: true, key: (r) => r.index, show: (r) => `${r.index + 1}` },
    { name: "Value", className: "id", key: (r) => r.operation.id, show: (r) => r.operation.id },
    { name: "Operator", key: (r) => labelOf(r.operation), show: (r) => labelOf(r.operation) },
    { name: "Kind", key: (r) => r.operation.op, show: (r) => r.operation.op },
    { name: "Precision", key: (r) => CLASSES.findIndex(([name]) => name === r.name), show: (r) => el("span", { class: `badge ${r.name}` }, badgeOf(r.operation)) },
    { name: "Reason for float", className: "reason", key: (r) => r.operation.reason, show: (r) => r.operation.reason ?? "" },
    { name: "MACs", numeric: true, key: (r) => r.operation.macs, show: (r) => count(r.operation.macs) },
    { name: "Share", numeric: true, key: (r) => r.operation.macs, show: (r) => (isProduct(r.operation) && total ? percent((100 * r.operation.macs) / total) : "") },
  ];
  if (rows.some((r) => r.error !== null))
    columns.push({ name: "SQNR", numeric: true, key: (r) => r.error, show: (r) => decibels(r.error) });
  const { node, lines } = sortableTable(rows, columns, [0, 1]);
  const shown = el("span", { class: "count", role: "status" });
  const search = searchField("Filter by name, operator, reason", filter);
  const choice = el("select", { "aria-label": "Which operations", onchange: filter }, el("option", { value: "" }, "all operations"),
    el("option", { value: "product" }, "products"), ...CLASSES.map(([name, text]) => el("option", { value: name }, text)));
  for (const { row, line } of lines)
    line.dataset.text = [row.operation.id, row.operation.node, row.operation.op, row.operation.reason, badgeOf(row.operation)].join(" ").toLowerCase();
  function filter() {
    let visible = 0;
    for (const { row, line } of lines) {
      const kind = !choice.value || row.name === choice.value || (choice.value === "product" && isProduct(row.operation));
      line.hidden = !(kind && matches(line.dataset.text, search.value));
      visible += !line.hidden;
    }
    shown.textContent = `${visible} of ${lines.length} operations`;
  }
  filter();
  revealRow = (operation) => {
    search.value = choice.value = "";
    filter();
    for (const { row, line } of lines) {
      line.classList.toggle("hit", row.operation === operation);
      if (row.operation === operation) line.scrollIntoView({ block: "center", behavior: "smooth" });
    }
  };
  const floats = new Map();
  for (const { operation, name } of rows)
    if (name === "float") floats.set(operation.reason, (floats.get(operation.reason) ?? 0) + 1);
  const summary = [...floats].sort((a, b) => b[1] - a[1]).map(([reason, n]) => `${n} × ${reason}`).join("; ");
  section("operations", "Precision per operation", floats.size ? `Products in float: ${summary}.` : "Every product is computed in integers.",
    el("div", { class: "controls" }, search, choice, shown), node);
}

// Ranges

function histogramSvg(value) {
  const { histogram: h, quantization: q } = value;
  const width = 240, height = 76, base = 60;
  const lower = Math.min(h.lower, q?.clip_min ?? h.lower), upper = Math.max(h.lower + h.bins.length * h.width, q?.clip_max ?? -Infinity);
  const x = (v) => ((v - lower) / (upper - lower || 1)) * width;
  const top = Math.log1p(Math.max(...h.bins));
  const svg = el("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Histogram of ${value.id} on a logarithmic scale, from ${number(h.min)} to ${number(h.max)}` });
  h.bins.forEach((n, i) => {
    if (!n) return;
    const tall = (Math.log1p(n) / top) * (base - 4);
    const left = x(h.lower + i * h.width);
    svg.append(el("rect", { class: "fill-hist", x: left, y: base - tall, width: Math.max(0.6, x(h.lower + (i + 1) * h.width) - left - 0.4), height: tall }));
  });
  if (q) {
    const low = x(q.clip_min), high = x(q.clip_max);
    if (low > 0.5) svg.append(el("rect", { class: "fill-cut", x: 0, y: 0, width: low, height: base }));
    if (high < width - 0.5) svg.append(el("rect", { class: "fill-cut", x: high, y: 0, width: width - high, height: base }));
    for (const at of [low, high]) svg.append(el("line", { class: "stroke-clip", x1: Math.min(width - 0.75, Math.max(0.75, at)), x2: Math.min(width - 0.75, Math.max(0.75, at)), y1: 0, y2: base }));
  }
  svg.append(el("line", { class: "axis", x1: 0, x2: width, y1: base, y2: base }));
  const tick = (v, anchor) => svg.append(el("text", { x: x(v), y: height - 3, "text-anchor": anchor }, number(v)));
  tick(lower, "start"); tick(upper, "end");
  if (lower < 0 && upper > 0 && x(0) > 40 && x(0) < width - 40) {
    svg.append(el("line", { class: "axis", x1: x(0), x2: x(0), y1: base, y2: base + 4 }));
    tick(0, "middle");
  }
  return svg;
}
function rangeCard(value) {
  const q = value.quantization, r = value.range;
  const facts = [];
  if (r) facts.push([`range (${r.origin})`, `${number(r.min)} … ${number(r.max)}`]);
  if (q) facts.push(["represented", `${number(q.clip_min)} … ${number(q.clip_max)}`], ["scale", number(q.scale)], ["zero point", `${q.zero_point}`]);
  if (value.error) facts.push(["SQNR", decibels(ratio(value.error))]);
  return el("figure", { class: "card", "data-text": value.id.toLowerCase() }, el("figcaption", { class: "id" }, value.id),
    value.histogram?.bins.length ? histogramSvg(value) : null,
    el("dl", {}, ...facts.flatMap(([key, text]) => [el("dt", {}, key), el("dd", {}, text)])));
}
function drawRanges() {
  const quantized = record.values.filter((value) => value.quantization);
  const rest = record.values.filter((value) => !value.quantization && value.histogram);
  const cards = quantized.map(rangeCard);
  const grid = el("div", { class: "cards" }, ...cards);
  const shown = el("span", { class: "count", role: "status" });
  const search = searchField("Filter by name", filter);
  function filter() {
    const all = [...grid.children];
    for (const card of all) card.hidden = !matches(card.dataset.text, search.value);
    shown.textContent = `${all.filter((card) => !card.hidden).length} of ${all.length} values`;
  }
  const more = rest.length ? el("button", { type: "button", onclick: () => { grid.append(...rest.map(rangeCard)); more.remove(); filter(); } }, `Also the ${rest.length} float values`) : null;
  filter();
  section("ranges", "Ranges",
    quantized.length || rest.length ? `What calibration saw${record.samples.calibration ? ` in ${record.samples.calibration} samples` : ""}, and the interval that 8 bits stand for. Counts are on a logarithmic scale.` : "No value is quantized and there is no profile.",
    legend([[el("svg", { viewBox: "0 0 14 12", "aria-hidden": "true" }, el("rect", { class: "fill-hist", x: 3, y: 0, width: 8, height: 12 })), "elements seen"],
      [el("svg", { viewBox: "0 0 14 12", "aria-hidden": "true" }, el("line", { class: "stroke-clip", x1: 7, x2: 7, y1: 0, y2: 12 })), "limits of the quantized range"],
      [el("svg", { viewBox: "0 0 14 12", "aria-hidden": "true" }, el("rect", { class: "fill-cut", x: 0, y: 0, width: 14, height: 12 })), "clipped"]]),
    el("div", { class: "controls" }, search, more, shown), grid);
}

// Errors

function drawErrors() {
  const rows = record.operations.map((operation, index) => ({ operation, index, error: errorOf(operation), name: classOf(operation) })).filter((row) => Number.isFinite(row.error) && row.name !== "move");
  if (!rows.length) {
    section("errors", "Error per layer", record.samples.errors === null ? "Not measured: give quant-compile --report-data a folder of samples." : `No value differs from the float model on ${record.samples.errors} samples.`);
    return;
  }
  const width = 1160, height = 240, left = 44, bottom = 30;
  const best = Math.ceil(Math.max(...rows.map((row) => row.error)) / 10) * 10, worst = Math.floor(Math.min(0, ...rows.map((row) => row.error)) / 10) * 10;
  const x = (index) => left + ((index + 0.5) / record.operations.length) * (width - left - 10);
  const y = (error) => 8 + ((best - error) / (best - worst)) * (height - bottom - 8);
  const plot = el("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Signal to quantization noise ratio of every operation, in the order of execution" });
  for (let level = worst; level <= best; level += best - worst > 60 ? 20 : 10)
    plot.append(el("line", { class: "axis", x1: left, x2: width - 10, y1: y(level), y2: y(level) }), el("text", { x: left - 8, y: y(level) + 4, "text-anchor": "end" }, `${level}`));
  plot.append(el("text", { x: left, y: height - 8 }, "first operation"), el("text", { x: width - 10, y: height - 8, "text-anchor": "end" }, "last operation"), el("text", { x: (left + width) / 2, y: height - 8, "text-anchor": "middle" }, "dB, higher is better"));
  for (const row of rows) {
    const facts = operationFacts(row.operation);
    plot.append(el("circle", { class: `dot fill-${row.name}`, cx: x(row.index), cy: y(row.error), r: 4,
      onmouseenter: (event) => showTip(event, row.operation.id, facts), onmouseleave: hideTip, onclick: () => revealRow(row.operation) }));
  }
  const ranked = [...rows].sort((a, b) => a.error - b.error);
  const longest = Math.max(...ranked.map((row) => Math.max(0, row.error)), 1);
  const list = el("div", { class: "bars" });
  const add = (part) => list.append(...part.flatMap((row) => [
    el("span", { class: "id", title: row.operation.id }, row.operation.id),
    el("svg", { viewBox: "0 0 100 16", preserveAspectRatio: "none", "aria-hidden": "true" }, el("rect", { class: "fill-track", x: 0, y: 3, width: 100, height: 10 }),
      el("rect", { class: `fill-${row.name}`, x: 0, y: 3, width: (100 * Math.max(0, row.error)) / longest, height: 10 })),
    el("span", { class: "value" }, `${decibels(row.error)} · ${labelOf(row.operation)}`)]));
  const first = 20;
  add(ranked.slice(0, first));
  const more = ranked.length > first ? el("button", { type: "button", onclick: () => { add(ranked.slice(first)); more.remove(); } }, `Show all ${ranked.length}`) : null;
  section("errors", "Error per layer",
    `Signal to quantization noise ratio of each value between the float and the quantized model, over ${record.samples.errors} samples. Errors of earlier layers are part of it: a step down shows where they enter.`,
    legend(CLASSES.filter(([name]) => rows.some((row) => row.name === name)).map(([name, text]) => [swatch(name), text])), plot,
    el("h3", {}, "Worst layers first"), list, more ? el("p", { class: "controls" }, more) : null);
}

// Kernels

function drawKernels() {
  const times = record.profile;
  const rows = (times?.kernels ?? record.kernels).map((kernel, index) => ({ ...kernel, index, bytes: (kernel.bytes_read ?? 0) + (kernel.bytes_written ?? 0) }));
  const kindOf = (row) => row.bound ?? (row.integer_macs ? "integer" : row.float_macs ? "float" : "memory");
  const fill = { integer: "fill-int", float: "fill-float", memory: "fill-memory" };
  const work = [
    { name: "MACs", numeric: true, key: (r) => (r.integer_macs ?? 0) + (r.float_macs ?? 0), show: (r) => ((r.integer_macs ?? 0) + (r.float_macs ?? 0) ? count(r.integer_macs + r.float_macs) : "") },
    { name: "Bytes", numeric: true, key: (r) => r.bytes, show: (r) => (r.bytes ? bytes(r.bytes) : "") },
  ];
  const name = { name: "Kernel", className: "id", key: (r) => r.name, show: (r) => r.name };
  const position = { name: "#", numeric: true, key: (r) => r.index, show: (r) => `${r.index + 1}` };
  if (!times) {
    section("kernels", "Kernels", rows.length ? `${rows.length} kernel calls a run. No times: run quant-run --profile-json on the artifact.` : "The compilation stopped before code was made.",
      rows.length ? sortableTable(rows, [position, name, ...work], [2, -1]).node : null);
    return;
  }
  const slowest = Math.max(...rows.map((row) => row.milliseconds), 1e-9);
  const bar = (row) => el("svg", { viewBox: "0 0 100 14", preserveAspectRatio: "none", width: 240, height: 14, role: "img", "aria-label": `${time(row.milliseconds)} measured` },
    el("rect", { class: "fill-track", x: 0, y: 2, width: 100, height: 10 }),
    el("rect", { class: fill[kindOf(row)], x: 0, y: 2, width: (100 * row.milliseconds) / slowest, height: 10 }),
    row.floor_milliseconds !== undefined ? el("line", { class: "stroke-floor", "vector-effect": "non-scaling-stroke", x1: (100 * row.floor_milliseconds) / slowest, x2: (100 * row.floor_milliseconds) / slowest, y1: 0, y2: 14 }) : null);
  const columns = [position, name,
    { name: "Time and floor", key: (r) => -r.milliseconds, show: bar },
    { name: "Time", numeric: true, key: (r) => r.milliseconds, show: (r) => time(r.milliseconds) },
    { name: "Share", numeric: true, key: (r) => r.milliseconds, show: (r) => percent((100 * r.milliseconds) / times.milliseconds) },
    { name: "Floor", numeric: true, key: (r) => r.floor_milliseconds, show: (r) => (r.floor_milliseconds !== undefined ? time(r.floor_milliseconds) : "") },
    { name: "Of peak", numeric: true, key: (r) => r.share_of_peak, show: (r) => (r.share_of_peak !== undefined ? percent(100 * r.share_of_peak) : "") },
    { name: "Bound", key: (r) => r.bound, show: (r) => r.bound ?? "" }, ...work];
  const peak = times.peak;
  const rate = (n) => `${count(n)}`.trim();
  const text = peak ? ` This machine, one thread: ${rate(peak.integer_macs_per_second)} integer and ${rate(peak.float_macs_per_second)} float multiply-accumulates a second, memory at ${rate(peak.bandwidths[0].bytes_per_second)}B/s in the first cache and ${rate(peak.bandwidths.at(-1).bytes_per_second)}B/s outside of all.` : "";
  const mark = (node) => el("svg", { viewBox: "0 0 14 12", "aria-hidden": "true" }, node);
  section("kernels", "Kernels", `Measured time of each kernel and its floor: the larger of arithmetic divided by the peak rate and bytes divided by the bandwidth.${text}`,
    legend([["integer", "bound by integer products"], ["float", "bound by float products"], ["memory", "bound by memory"]].map(([key, label]) => [mark(el("rect", { class: fill[key], x: 0, y: 1, width: 14, height: 10 })), label])
      .concat([[mark(el("line", { class: "stroke-floor", x1: 7, x2: 7, y1: 0, y2: 12 })), "floor"]])),
    sortableTable(rows, columns, [3, -1]).node);
}

drawGraph();
drawOperations();
drawErrors();
drawKernels();
drawRanges();
document.documentElement.dataset.drawn = "yes";
