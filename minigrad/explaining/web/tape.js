// The tape view: one row per item. Only the rows on the screen are in the document.

const LANE = 13; // pixels between the lines in the margin
const SVG = "http://www.w3.org/2000/svg";

function makeSVG(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

class TapeView {
  constructor(page) {
    this.page = page;
    this.tape = page.tape;
    this.details = page.details;
    this.pane = document.getElementById("tape");
    this.list = document.getElementById("rows");
    this.extra = 0; // how much higher the open row is than a closed one
    this.current = 0; // the entry with the current item
    this.drawn = new Map(); // elements by entry
    this.flowed = this.findFlows();
    this.pane.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.resized()).observe(this.pane);
  }

  resized() {
    this.height = matchMedia("(max-width: 760px)").matches ? 88 : 54;
    this.lanes = matchMedia("(max-width: 760px)").matches ? 3 : 8;
    document.body.style.setProperty("--row", `${this.height}px`);
    if (this.entries) this.redraw();
  }

  /** When a gradient first flowed to an item, by the item; and along an edge, by "item>item". */
  findFlows() {
    const flows = new Map();
    for (const moment of this.tape.moments) {
      if (moment.kind !== "step") continue;
      for (const one of moment.step.contributions) {
        const target = this.tape.itemOf.get(targetKey(one));
        for (const key of [`${target}`, `${target}>${moment.item}`]) {
          if (!flows.has(key)) flows.set(key, moment.number);
        }
      }
    }
    return flows;
  }

  /** List the entries: the items that are visible, and a heading for each box. */
  rebuild() {
    const { tape, page } = this;
    this.entries = [];
    this.entryOf = [];
    let path = [];
    for (const item of tape.items) {
      if (page.onlyGradient && !tape.carrying.has(item.number)) continue;
      const boxes = tape.boxesOf(item);
      let same = 0;
      while (same < boxes.length && path[same] === boxes[same]) same += 1;
      const closed = boxes.findIndex((box) => !page.open.has(box));
      const until = closed < 0 ? boxes.length : closed + 1;
      for (let depth = same; depth < until; depth++) {
        this.entries.push({ box: boxes[depth], depth, closed: depth === closed, items: [] });
      }
      path = boxes;
      if (closed < 0) this.entries.push({ depth: boxes.length, items: [item] });
      else this.entries[this.entries.length - 1].items.push(item);
      this.entryOf[item.number] = this.entries.length - 1;
    }
    this.assignLanes();
    this.redraw();
  }

  /** Give each entry a lane in the margin, from its own row to its last use. */
  assignLanes() {
    const { tape, entries, entryOf } = this;
    for (const entry of entries) {
      entry.sources = new Set();
      entry.end = -1;
    }
    entries.forEach((entry, i) => {
      for (const item of entry.items) {
        for (const operand of item.row?.operands ?? []) {
          const from = entryOf[tape.sourceOf(operand)];
          if (from === undefined || from >= i) continue;
          entry.sources.add(from);
          entries[from].end = i;
        }
      }
    });
    const ends = []; // by lane: the last use of the entry that has it
    entries.forEach((entry, i) => {
      if (!entry.items.length) return;
      let lane = ends.findIndex((end) => end <= i);
      if (lane < 0) lane = ends.length;
      ends[lane] = entry.end;
      entry.lane = lane;
    });
    this.widest = ends.length;
  }

  top(i) {
    return i * this.height + (i > this.current ? this.extra : 0);
  }

  /** Open the row of the current moment and bring it to the same place on the screen. */
  show() {
    if (!this.height) this.resized();
    const entry = this.entryOf[this.page.moment.item];
    if (entry !== undefined) this.current = entry;
    this.redraw();
    if (this.pane.clientHeight) {
      const above = Math.min(3.2 * this.height, this.pane.clientHeight / 3);
      this.pane.scrollTop = Math.max(0, this.current * this.height - above);
      this.draw();
    }
  }

  redraw() {
    if (this.printing) return;
    const focused = this.list.contains(document.activeElement);
    this.drawn.forEach((element) => element.remove());
    this.drawn.clear();
    const margin = Math.min(this.widest, this.lanes + 1) * LANE + 10;
    this.pane.style.setProperty("--margin", `${margin}px`);
    this.extra = 0;
    this.place(this.current);
    this.extra = (this.drawn.get(this.current)?.offsetHeight ?? this.height) - this.height;
    this.list.style.height = `${this.entries.length * this.height + this.extra}px`;
    this.draw();
    if (focused) this.drawn.get(this.current)?.querySelector("button")?.focus({ preventScroll: true });
  }

  /** Put the rows on the screen into the document, and remove the others. */
  draw() {
    if (this.printing || !this.entries || !this.pane.clientHeight) return;
    const from = this.pane.scrollTop - 4 * this.height;
    const to = this.pane.scrollTop + this.pane.clientHeight + 4 * this.height;
    for (const [i, element] of this.drawn) {
      const bottom = this.top(i) + this.height + (i === this.current ? this.extra : 0);
      if (bottom < from || this.top(i) > to) {
        element.remove();
        this.drawn.delete(i);
      }
    }
    const after = this.top(this.current) + this.height + this.extra;
    const first = from < after ? from / this.height : (from - this.extra) / this.height;
    for (let i = Math.max(0, Math.floor(Math.min(first, from < after && from > this.top(this.current) ? this.current : first)));
      i < this.entries.length && this.top(i) <= to; i++) this.place(i);
  }

  /** Put a row into the document, in order. */
  place(i) {
    if (i >= this.entries.length) return;
    let element = this.drawn.get(i);
    if (!element) {
      element = this.element(i);
      this.drawn.set(i, element);
      let next = i + 1;
      while (next < i + 100 && !this.drawn.has(next)) next += 1;
      this.list.insertBefore(element, this.drawn.get(next) ?? null);
    }
    element.style.top = `${this.top(i)}px`;
  }

  element(i, open = i === this.current) {
    const entry = this.entries[i];
    const { page, tape } = this;
    const item = !entry.items.length ? null : open && entry.closed ? tape.items[page.moment.item] : entry.items[0];
    const row = make("li", "item", { "aria-setsize": this.entries.length, "aria-posinset": i + 1 });
    row.classList.add(entry.box ? "module" : item.kind);
    if (open) {
      row.classList.add("current", `in-${page.phase(page.moment)}`);
      row.setAttribute("aria-current", "step");
    }
    if (item && item.moments[0] > page.now) row.classList.add("later");
    if (item && this.isSelected(entry)) row.classList.add("selected");
    row.append(this.margin(i));
    if (entry.box) row.append(this.moduleHeading(entry));
    else row.append(...this.halves(item));
    if (open && item) {
      if (entry.box) row.append(...this.halves(item));
      row.append(this.details.forward(item), this.details.backward(item, page.now));
      if (item.kind === "update") row.classList.add("wide");
    }
    return row;
  }

  isSelected(entry) {
    const line = this.page.selectedLine;
    return line && entry.items.some((item) => {
      const place = (item.row ?? item.update ?? item.walk)?.place;
      return place && place.file === line.file && place.line === line.line;
    });
  }

  moduleHeading(entry) {
    const box = this.tape.boxes[entry.box];
    const many = box.count > 1 ? ` × ${box.count}` : "";
    const button = make("button", "summary heading", { "aria-expanded": !entry.closed },
      make("span", "title", {}, `${entry.closed ? "▸" : "▾"} ${box.name}${many}`),
      make("span", "line", {}, `${box.rows} row${box.rows === 1 ? "" : "s"}`));
    button.style.paddingLeft = `${8 + 12 * entry.depth}px`;
    button.addEventListener("click", () => this.page.toggle(entry.box));
    return button;
  }

  halves(item) {
    const { page, tape } = this;
    const left = this.summary(this.details.forwardSummary(item), item.moments[0], "forward", item.moments[0] <= page.now);
    this.addMarks(left, item);
    const back = item.moments.find((m) => ["step", "arrival"].includes(tape.moments[m].kind));
    const found = this.details.backwardSummary(item, page.now);
    if (!found) return [left, make("span", "summary backward")];
    const right = this.summary(found, back ?? item.moments[0], "backward", true);
    if (found.update) right.classList.add("updating");
    return [left, right];
  }

  summary({ title, line, array, code }, moment, half, done) {
    const button = make("button", `summary ${half}`, {},
      make("span", "title", {}, title), make("span", code ? "line rule" : "line", {}, line));
    if (done && array) button.append(thumbnail(array));
    button.addEventListener("click", () => this.page.go(moment));
    return button;
  }

  addMarks(button, item) {
    const { record } = this.tape;
    const title = button.querySelector(".title");
    if (item.row) title.prepend(make("span", "number", {}, `#${item.row.number + 1}`));
    const failed = item.row?.error || item.walk?.error
      || item.moments.some((m) => this.tape.moments[m].step?.error);
    if (failed) title.append(make("span", "mark bad", {}, "error"));
    if (item.row && item.row.number === record.first_bad) title.append(make("span", "mark bad", {}, "first NaN or ∞"));
    const beside = item.row && record.pytorch?.rows?.[item.row.number];
    if (beside && !beside.ok) title.append(make("span", "mark bad", {}, "differs from PyTorch"));
    if (item.row?.kind === "write") title.append(make("span", "mark", {}, "in place"));
    if (item.row && item.row.walk !== null) title.append(make("span", "mark", {}, `in walk ${item.row.walk + 1}`));
  }

  // The lines in the margin --------------------------------------------------------------------

  x(lane) {
    return 10 + Math.min(lane, this.lanes) * LANE;
  }

  lineClass(from, to = null) {
    const item = this.entries[from].items[0]?.number;
    const last = to === null ? null : this.entries[to].items[0]?.number;
    const flow = this.flowed.get(to === null ? `${item}` : `${item}>${last}`) ?? Infinity;
    const active = this.entries[this.current]?.sources.has(from) && (to === null || to === this.current);
    return `edge${flow <= this.page.now ? " flowed" : ""}${active ? " active" : ""}`;
  }

  margin(i) {
    const svg = makeSVG("svg", { class: "margin", "aria-hidden": "true" });
    const entry = this.entries[i];
    const middle = 20;
    for (let j = 0; j < i; j++) {
      const other = this.entries[j];
      if (other.end < i || other.lane === undefined) continue;
      const x = this.x(other.lane);
      const passes = other.end > i;
      if (passes) svg.append(makeSVG("line", { x1: x, x2: x, y1: 0, y2: "100%", class: this.lineClass(j) }));
      if (entry.sources.has(j)) {
        const to = this.x(entry.lane);
        svg.append(makeSVG("path", {
          d: `M${x} 0 C${x} ${middle} ${to} 0 ${to} ${middle}`, class: this.lineClass(j, i),
        }));
      }
    }
    if (entry.lane === undefined) return svg;
    const x = this.x(entry.lane);
    if (entry.end > i) svg.append(makeSVG("line", { x1: x, x2: x, y1: middle, y2: "100%", class: this.lineClass(i) }));
    const kind = entry.box ? "module" : entry.items[0].kind;
    const square = kind !== "row";
    svg.append(square
      ? makeSVG("rect", { x: x - 4.5, y: middle - 4.5, width: 9, height: 9, rx: 2, class: `dot ${kind}` })
      : makeSVG("circle", { cx: x, cy: middle, r: 4.5, class: "dot row" }));
    return svg;
  }

  // Printing ------------------------------------------------------------------------------------

  /** Put all rows into the document with all numbers, up to a limit. */
  print() {
    this.printing = true;
    this.drawn.forEach((element) => element.remove());
    this.drawn.clear();
    const most = Math.min(this.entries.length, 300);
    for (let i = 0; i < most; i++) {
      const element = this.element(i, !this.entries[i].closed);
      this.drawn.set(i, element);
      this.list.append(element);
    }
  }

  printed() {
    this.printing = false;
    this.redraw();
  }
}
