// The graph view: a layered drawing with nested boxes. Python has chosen the layers and the order in
// each box; here the drawings of the open boxes are put into each other.

const GAP = { across: 22, down: 34, inside: 14, heading: 26 };
const LONG = 2500; // pixels
const LETTER = 7; // the width of a letter of the labels

class GraphView {
  constructor(page) {
    this.page = page;
    this.tape = page.tape;
    this.pane = document.getElementById("graph");
    const how = this.tape.layout.igraph ? ""
      : "The order in each layer is that of time. With the extra minigrad[explain], igraph removes crossings.";
    if (how) this.pane.append(make("p", "note", {}, how));
    this.svg = makeSVG("svg", { role: "group", "aria-label": "Graph of the program" });
    this.pane.append(this.svg);
    this.pane.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.pane);
    this.stale = true;
  }

  rebuild() {
    this.stale = true;
  }

  show() {
    if (document.body.dataset.view !== "graph") return;
    if (this.stale) this.arrange();
    this.scrollTo(this.visible(this.idOf(this.page.moment)));
    this.draw();
  }

  // Where everything is -------------------------------------------------------------------------

  /** Place the visible nodes, and route the edges between them. */
  arrange() {
    this.stale = false;
    this.nodes = new Map(); // by id: {id, x, y, width, height, box}
    this.bends = new Map(); // by box: the middles of its nodes
    const whole = this.compose(0);
    this.put(whole, GAP.inside, GAP.inside);
    this.size = { width: whole.width + 2 * GAP.inside, height: whole.height + 2 * GAP.inside };
    this.svg.setAttribute("width", this.size.width);
    this.svg.setAttribute("height", this.size.height);
    this.edges = this.route();
  }

  /** Arrange the interior of an open box, around (0, 0) at its upper left. */
  compose(box) {
    const all = this.tape.boxes[box].nodes.map(([id, layer, place]) =>
      ({ id, layer, place, x: 0, y: 0, ...this.measure(id) }));
    const nodes = all.filter((node) => !this.isHidden(node.id));
    const layers = [];
    for (const node of nodes) (layers[node.layer] ??= []).push(node);
    const widths = nodes.filter((node) => node.id).map((node) => node.width);
    const step = widths.length ? widths.reduce((a, b) => a + b) / widths.length + GAP.across : 0;
    let y = 0;
    for (const layer of layers) {
      if (!layer) continue;
      const height = Math.max(...layer.map((node) => node.height));
      this.spread(layer, step);
      for (const node of layer) node.y = y + (height - node.height) / 2;
      y += height + GAP.down;
    }
    const left = nodes.reduce((a, node) => Math.min(a, node.x), Infinity);
    for (const node of nodes) node.x -= left;
    const width = nodes.reduce((a, node) => Math.max(a, node.x + node.width), 0);
    return { box, nodes, all, width, height: Math.max(0, y - GAP.down) };
  }

  /** Put the nodes of a layer close to their places, without overlaps. */
  spread(layer, step) {
    layer.sort((a, b) => a.place - b.place);
    let [right, shift] = [-Infinity, 0];
    for (const node of layer) {
      const wish = node.place * step - node.width / 2;
      node.x = Math.max(wish, right + GAP.across);
      right = node.x + node.width;
      shift += (wish - node.x) / layer.length;
    }
    for (const node of layer) node.x += shift;
  }

  isHidden(id) {
    return this.page.onlyGradient && this.tape.itemOf.has(id) && !this.tape.carrying.has(this.tape.itemOf.get(id));
  }

  measure(id) {
    if (!id) return { width: 8, height: 8 };
    const label = this.label(id);
    const width = Math.min(270, Math.max(72, Math.max(...label.map((text) => text.length)) * LETTER + 34));
    if (id[0] !== "b") return { width, height: id[0] === "l" ? 36 : 42 };
    const box = Number(id.slice(1));
    if (!this.page.open.has(box)) return { width, height: 50, box };
    const inner = this.compose(box);
    return {
      box, inner, width: Math.max(width, inner.width + 2 * GAP.inside),
      height: inner.height + GAP.heading + 2 * GAP.inside,
    };
  }

  /** The two lines of a node. */
  label(id) {
    const number = Number(id.slice(1));
    const { record, boxes } = this.tape;
    const cut = (text) => (text.length > 32 ? `${text.slice(0, 31)}…` : text);
    if (id[0] === "b") {
      const { name, count, rows } = boxes[number];
      return [cut(name + (count > 1 ? ` × ${count}` : "")), `${rows} row${rows === 1 ? "" : "s"}`];
    }
    if (id[0] === "l") {
      const leaf = record.leaves[number];
      return [cut(leaf.name), kindText(record.arrays[leaf.array])];
    }
    const row = record.rows[number];
    return [cut(assignment(row)), row.results.length ? kindText(record.arrays[row.results[0]]) : ""];
  }

  put({ box, nodes, all }, x, y) {
    this.bends.set(box, all.map((node) => [x + node.x + node.width / 2, y + node.y + node.height / 2]));
    for (const node of nodes) {
      if (!node.id) continue;
      this.nodes.set(node.id, { ...node, x: x + node.x, y: y + node.y });
      if (!node.inner) continue;
      const across = (node.width - node.inner.width) / 2;
      this.put(node.inner, x + node.x + across, y + node.y + GAP.heading + GAP.inside);
    }
  }

  /** The boxes around a member and the member, the outermost first. */
  path(id) {
    const item = this.tape.items[this.tape.itemOf.get(id)];
    return [...this.tape.boxesOf(item).map((box) => `b${box}`), id];
  }

  /** The innermost visible node around a member. */
  visible(id) {
    if (!id || !this.tape.itemOf.has(id)) return null;
    const path = this.path(id);
    const closed = path.find((each) => each[0] === "b" && !this.page.open.has(Number(each.slice(1))));
    return this.nodes.get(closed ?? id) ?? null;
  }

  route() {
    const edges = new Map();
    for (const row of this.tape.record.rows.slice(0, this.tape.layout.rows)) {
      for (const operand of row.operands) {
        const item = this.tape.items[this.tape.sourceOf(operand)];
        if (!item) continue;
        const [from, to] = [this.visible(item.key), this.visible(`r${row.number}`)];
        if (!from || !to || from === to || (item.leaf && from.id !== item.key)) continue;
        const key = `${from.id} ${to.id}`;
        if (!edges.has(key)) edges.set(key, { from, to, points: this.between(item.key, `r${row.number}`), pairs: [] });
        edges.get(key).pairs.push(`${item.number}>${this.tape.itemOf.get(`r${row.number}`)}`);
      }
    }
    return [...edges.values()].map((edge) => ({ ...edge, path: this.curve(edge), ...this.extent(edge) }));
  }

  /** The bends of an edge, in the box in which its ends part. */
  between(from, to) {
    const [a, b] = [this.path(from), this.path(to)];
    let depth = 0;
    while (a[depth] === b[depth]) depth += 1;
    const box = depth ? Number(a[depth - 1].slice(1)) : 0;
    const places = this.tape.boxes[box].bends[`${a[depth]} ${b[depth]}`] ?? [];
    return places.map((place) => this.bends.get(box)[place]);
  }

  curve({ from, to, points }) {
    const all = [[from.x + from.width / 2, from.y + from.height], ...points, [to.x + to.width / 2, to.y]];
    let path = `M${all[0].join(" ")}`;
    for (let i = 1; i < all.length; i++) {
      const [[x1, y1], [x2, y2]] = [all[i - 1], all[i]];
      const middle = (y1 + y2) / 2;
      path += ` C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`;
    }
    return path;
  }

  /** The rectangle around an edge. Of a very long one, only the end can be on the screen. */
  extent({ from, to, points }) {
    const ends = to.y - from.y > LONG ? [to] : [from, to];
    const xs = points.map(([x]) => x).concat(ends.flatMap((node) => [node.x, node.x + node.width]));
    const ys = ends.flatMap((node) => [node.y - GAP.down, node.y + node.height]);
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
  }

  /** A test for whether a rectangle is on the screen or close to it. */
  screen() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.pane;
    const around = 200;
    return ({ x, y, width, height }) => x < scrollLeft + clientWidth + around && x + width > scrollLeft - around
      && y < scrollTop + clientHeight + around && y + height > scrollTop - around;
  }

  // Drawing ------------------------------------------------------------------------------------

  /** The row or leaf that a moment is about. */
  idOf(moment) {
    if (moment.kind === "walk") return rowKey(moment.walk.seeds[0]);
    if (moment.kind === "update") return targetKey(moment.update);
    return this.tape.items[moment.item]?.key ?? null;
  }

  scrollTo(node) {
    if (!node) return;
    const { scrollTop, clientHeight, scrollLeft, clientWidth } = this.pane;
    const y = node.y + node.height / 2;
    const x = node.x + node.width / 2;
    if (y < scrollTop + 60 || y > scrollTop + clientHeight - 60) this.pane.scrollTop = y - clientHeight / 2;
    if (x < scrollLeft + 40 || x > scrollLeft + clientWidth - 40) this.pane.scrollLeft = x - clientWidth / 2;
  }

  /** Draw what is on the screen. */
  draw() {
    if (this.stale || document.body.dataset.view !== "graph") return;
    const isOnScreen = this.screen();
    const focused = this.svg.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    const current = this.visible(this.idOf(this.page.moment))?.id;
    const boxes = makeSVG("g", {});
    const lines = makeSVG("g", {});
    const nodes = makeSVG("g", {});
    for (const edge of this.edges) {
      const active = this.isActive(edge);
      if (!active && !isOnScreen(edge)) continue;
      const flowed = edge.pairs.some((pair) => (this.page.views.tape.flowed.get(pair) ?? Infinity) <= this.page.now);
      lines.append(makeSVG("path", { d: edge.path, class: `edge${flowed ? " flowed" : ""}${active ? " active" : ""}` }));
    }
    for (const node of this.nodes.values()) {
      if (!isOnScreen(node)) continue;
      (node.inner ? boxes : nodes).append(this.node(node, node.id === current));
    }
    this.svg.replaceChildren(boxes, lines, nodes);
    if (focused) this.svg.querySelector(`[data-id="${focused}"]`)?.focus({ preventScroll: true });
  }

  isActive(edge) {
    const item = this.page.moment.item;
    return edge.pairs.some((pair) => Number(pair.split(">")[1]) === item);
  }

  node(node, current) {
    const kind = { r: "row", l: "leaf", b: "box" }[node.id[0]];
    const [title, line] = this.label(node.id);
    const group = makeSVG("g", {
      class: `node ${kind}${node.inner ? " open" : ""}${current ? " current" : ""}${this.stateOf(node)}`,
      transform: `translate(${node.x} ${node.y})`, tabindex: 0, role: "button", "data-id": node.id,
      "aria-label": `${title}, ${line}`,
    });
    if (kind === "box") group.setAttribute("aria-expanded", Boolean(node.inner));
    if (current) group.setAttribute("aria-current", "step");
    group.append(makeSVG("rect", { width: node.width, height: node.height, rx: kind === "leaf" ? 18 : 6 }));
    if (kind === "box" && this.tape.boxes[node.box].count > 1 && !node.inner) {
      group.prepend(makeSVG("rect", { class: "behind", x: 5, y: 5, width: node.width, height: node.height, rx: 6 }));
    }
    const middle = node.inner ? null : node.width / 2;
    const text = (content, y, name) => makeSVG("text", { x: middle ?? 12, y, class: name }, content);
    if (node.inner) group.append(text(`▾ ${title}`, 20, "heading"));
    else {
      const top = node.height / 2;
      group.append(text(kind === "box" ? `▸ ${title}` : title, top - 3, "title"), text(line, top + 12, "line"));
    }
    const act = () => (kind === "box" ? this.page.toggle(node.box) : this.select(node.id));
    group.addEventListener("click", (event) => {
      event.stopPropagation();
      act();
    });
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
    return group;
  }

  /** Classes for what has happened to a node up to now. */
  stateOf(node) {
    if (node.id[0] === "b") return "";
    const item = this.tape.items[this.tape.itemOf.get(node.id)];
    if (item.moments[0] > this.page.now) return " later";
    const back = (m) => m <= this.page.now && ["step", "arrival"].includes(this.tape.moments[m].kind);
    return item.moments.some(back) ? " visited" : "";
  }

  select(id) {
    this.page.go(this.tape.items[this.tape.itemOf.get(id)].moments[0]);
  }
}
