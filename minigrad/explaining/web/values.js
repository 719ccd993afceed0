// Arrays on the screen: numbers on colours, heat maps, and the inspector that shows all digits.

const FEW = 12; // up to so many rows and columns are numbers
const CELLS = 64; // the most rows and columns of a heat map
const shown = new WeakMap(); // by table or canvas: {array, rows, columns, terms}

/** A number in a few digits. NaN and the infinities are strings in the record. */
function shortNumber(value) {
  if (typeof value !== "number") return { nan: "NaN", inf: "∞", "-inf": "−∞" }[value] ?? `${value}`;
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return withMinus(allDigits(value));
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-4) return withMinus(value.toExponential(2).replace(/\.?0+e/, "e"));
  return withMinus(`${Number(value.toPrecision(4))}`);
}

function withMinus(text) {
  return text.replace(/^-/, "−");
}

function allDigits(value) {
  return Object.is(value, -0) ? "-0" : `${value}`;
}

function elementText(array, value) {
  if (array.dtype === "bool") return value ? "True" : "False";
  return shortNumber(value);
}

function kindText(array) {
  return `${array.dtype}[${array.shape.join(", ")}]`;
}

/** The rows and columns of an array as a matrix: the last axis runs to the right. */
function matrixShape(array) {
  const columns = array.shape.length ? array.shape[array.shape.length - 1] : 1;
  const rows = array.shape.slice(0, -1).reduce((a, b) => a * b, 1);
  return [rows, columns];
}

/** The cells of a heat map: {rows, columns, values, exact}. */
function heatCells(array) {
  if (array.cells) {
    const [rows, columns] = array.cells.shape;
    return { rows, columns, values: array.cells.values, exact: false };
  }
  const [rows, columns] = matrixShape(array);
  if (rows <= CELLS && columns <= CELLS) return { rows, columns, values: array.values, exact: true };
  const [down, across] = [Math.min(rows, CELLS), Math.min(columns, CELLS)];
  const sums = new Float64Array(down * across);
  const counts = new Float64Array(down * across);
  array.values.forEach((value, i) => {
    const r = Math.floor((Math.floor(i / columns) * down) / rows);
    const cell = r * across + Math.floor(((i % columns) * across) / columns);
    sums[cell] += typeof value === "number" ? value : NaN;
    counts[cell] += 1;
  });
  const values = Array.from(sums, (sum, i) => sum / counts[i]);
  return { rows: down, columns: across, values, exact: false };
}

let darkPage = false; // set by the page from the colour scheme
const COLOURS = {
  light: { negative: [92, 152, 214], zero: [250, 249, 246], positive: [238, 146, 72], bad: [214, 64, 150] },
  dark: { negative: [34, 92, 150], zero: [36, 39, 44], positive: [156, 80, 20], bad: [150, 30, 100] },
};

/** The colour of a value on a diverging scale centred on zero. */
function colour(value, most) {
  const scale = darkPage ? COLOURS.dark : COLOURS.light;
  if (typeof value !== "number" || !Number.isFinite(value)) return scale.bad;
  const end = value < 0 ? scale.negative : scale.positive;
  const part = most > 0 ? Math.min(1, Math.abs(value) / most) : 0;
  return scale.zero.map((zero, i) => Math.round(zero + (end[i] - zero) * part));
}

function largest(array) {
  const values = array.dtype.startsWith("float") ? [array.min ?? 0, array.max ?? 0] : [0, 0];
  return Math.max(...values.map(Math.abs));
}

/** A canvas with one pixel for each cell, which CSS enlarges. */
function heatCanvas(array, className) {
  const { rows, columns, values } = heatCells(array);
  const canvas = make("canvas", className, { width: columns, height: rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const most = largest(array) || Math.max(Math.abs(array.min ?? 0), Math.abs(array.max ?? 0));
  for (let i = 0; i < rows * columns; i++) {
    image.data.set([...colour(values[i], most), 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A small picture of an array, for a closed row. */
function thumbnail(array) {
  if (!array || !array.shape.reduce((a, b) => a * b, 1)) return "";
  if (!array.shape.length && array.values) {
    return make("b", "scalar", {}, elementText(array, array.values[0]));
  }
  const canvas = heatCanvas(array, "thumbnail");
  const scale = Math.min(56 / canvas.width, 34 / canvas.height, 8);
  canvas.style.width = `${Math.max(3, canvas.width * scale)}px`;
  canvas.style.height = `${Math.max(3, canvas.height * scale)}px`;
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

/**
 * An array with its name: a table of numbers, or a heat map with statistics.
 * `terms(flat)` gives the terms that an element is the sum of, or null.
 */
function arrayFigure(name, array, terms = null) {
  if (!array) return "";
  const caption = make("figcaption", "", {}, make("b", "", {}, name), ` ${kindText(array)}`);
  const figure = make("figure", "array", { "data-name": name }, caption);
  const [rows, columns] = matrixShape(array);
  if (rows * columns === 0) figure.append(make("p", "empty", {}, "no elements"));
  else if (array.values && rows <= FEW && columns <= FEW) figure.append(numberTable(name, array, terms));
  else figure.append(heatMap(name, array, terms), statistics(array));
  return figure;
}

function numberTable(name, array, terms) {
  const [rows, columns] = matrixShape(array);
  const most = largest(array);
  const block = array.shape.length > 2 ? array.shape[array.shape.length - 2] : 0;
  const table = make("table", "numbers", { role: "grid", "aria-label": `${name}, ${kindText(array)}` });
  for (let r = 0; r < rows; r++) {
    const line = make("tr", block && r && r % block === 0 ? "next-block" : "", { role: "row" });
    for (let c = 0; c < columns; c++) {
      const flat = r * columns + c;
      const value = array.values[flat];
      const index = indexOf(array.shape, flat).join(", ");
      const cell = make("td", "", {
        role: "gridcell", "data-flat": flat, tabindex: flat ? -1 : 0,
        "aria-label": `[${index}] ${allDigits(value)}`,
      }, elementText(array, value));
      if (array.dtype.startsWith("float")) cell.style.backgroundColor = `rgb(${colour(value, most)})`;
      line.append(cell);
    }
    table.append(line);
  }
  shown.set(table, { array, rows, columns, terms });
  return table;
}

function heatMap(name, array, terms) {
  const cells = heatCells(array);
  const canvas = heatCanvas(array, "heat");
  const scale = Math.max(2, Math.min(16, Math.floor(Math.min(288 / canvas.width, 192 / canvas.height))));
  canvas.style.width = `${canvas.width * scale}px`;
  canvas.style.height = `${canvas.height * scale}px`;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Heat map of ${name}, ${kindText(array)}`);
  shown.set(canvas, { array, ...cells, terms, at: 0 });
  return canvas;
}

function statistics(array) {
  const list = make("dl", "statistics");
  for (const key of ["min", "max", "mean", "norm", "nan", "inf", "zeros"]) {
    if (array[key] === undefined || (!array[key] && ["nan", "inf", "zeros"].includes(key))) continue;
    const title = { nan: "NaN", inf: "infinities" }[key] ?? key;
    list.append(make("div", "", {}, make("dt", "", {}, title), make("dd", "", {}, shortNumber(array[key]))));
  }
  return list;
}

// The inspector ---------------------------------------------------------------------------------

const MOST_TERMS = 12;

/** Fill the inspector for an element: all its digits, its index, and the terms of its sum. */
function inspect(owner, flat, box) {
  const { array, terms, exact, values, columns } = shown.get(owner);
  const inspector = document.getElementById("inspector");
  if (exact === false) {
    const place = `cell ${Math.floor(flat / columns)}, ${flat % columns}`;
    const value = values[flat] === null ? "not finite" : `mean ${shortNumber(values[flat])}`;
    inspector.replaceChildren(make("p", "", {}, make("b", "", {}, value), ` in ${place}`));
  } else {
    const index = `[${indexOf(array.shape, flat).join(", ")}]`;
    inspector.replaceChildren(
      make("p", "", {}, make("b", "digits", {}, allDigits(array.values[flat])), ` at ${index}`));
    const found = terms?.(flat);
    if (found?.length) inspector.append(termList(found));
  }
  inspector.hidden = false;
  placeBeside(inspector, box);
}

function termList(terms) {
  const title = terms.length === 1 ? "It is" : `It is the sum of ${terms.length} terms:`;
  const list = make("ul", "terms");
  for (const term of terms.slice(0, MOST_TERMS)) {
    const value = term.value === undefined ? "" : make("b", "", {}, allDigits(term.value));
    const item = make("li", "", {}, value, ` ${term.from}`);
    if (term.parts) item.append(termList(term.parts));
    list.append(item);
  }
  if (terms.length > MOST_TERMS) list.append(make("li", "", {}, `… and ${terms.length - MOST_TERMS} more`));
  return make("div", "", {}, make("span", "", {}, title), list);
}

function placeBeside(inspector, box) {
  const { width, height } = inspector.getBoundingClientRect();
  const below = box.bottom + 8 + height < innerHeight;
  inspector.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
  inspector.style.top = `${below ? box.bottom + 8 : Math.max(8, box.top - height - 8)}px`;
}

/** The element of a heat map under the pointer, or of its own cursor: its place and its box. */
function heatPlace(canvas, event) {
  const { rows, columns } = shown.get(canvas);
  const box = canvas.getBoundingClientRect();
  const r = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) * rows) / box.height)));
  const c = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) * columns) / box.width)));
  return r * columns + c;
}

function heatBox(canvas, flat) {
  const { rows, columns } = shown.get(canvas);
  const box = canvas.getBoundingClientRect();
  const left = box.left + ((flat % columns) * box.width) / columns;
  const top = box.top + (Math.floor(flat / columns) * box.height) / rows;
  return { left, top, bottom: top + box.height / rows };
}

/** Show the inspector for whatever number the pointer or the focus is on. */
function watchNumbers() {
  const hide = () => (document.getElementById("inspector").hidden = true);
  const enter = (event) => {
    const cell = event.target.closest?.("[data-flat]");
    if (cell) inspect(cell.closest("table"), Number(cell.dataset.flat), cell.getBoundingClientRect());
    else if (event.target.matches?.("canvas.heat")) {
      const flat = event.type === "focusin" ? shown.get(event.target).at : heatPlace(event.target, event);
      inspect(event.target, flat, heatBox(event.target, flat));
    } else hide();
  };
  document.addEventListener("pointermove", enter);
  document.addEventListener("focusin", enter);
  document.addEventListener("scroll", hide, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    else moveInNumbers(event);
  }, true);
}

/** The arrow keys move inside a table or a heat map that has the focus. */
function moveInNumbers(event) {
  const owner = event.target.matches?.("canvas.heat") ? event.target : event.target.closest?.("table.numbers");
  if (!owner) return;
  const { rows, columns, at } = shown.get(owner);
  const flat = owner.matches("canvas") ? at : Number(event.target.dataset.flat);
  let [r, c] = [Math.floor(flat / columns), flat % columns];
  if (event.key === "ArrowLeft") c -= 1;
  else if (event.key === "ArrowRight") c += 1;
  else if (event.key === "ArrowUp") r -= 1;
  else if (event.key === "ArrowDown") r += 1;
  else if (event.key === "Home") c = 0;
  else if (event.key === "End") c = columns - 1;
  else return;
  event.preventDefault();
  event.stopPropagation();
  const to = Math.max(0, Math.min(rows - 1, r)) * columns + Math.max(0, Math.min(columns - 1, c));
  if (owner.matches("canvas")) {
    shown.get(owner).at = to;
    inspect(owner, to, heatBox(owner, to));
    return;
  }
  const cell = owner.querySelector(`[data-flat="${to}"]`);
  event.target.tabIndex = -1;
  cell.tabIndex = 0;
  cell.focus();
}
