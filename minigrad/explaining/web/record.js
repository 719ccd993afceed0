// The record as the views use it: what the tape lists (items), and the steps through it (moments).

/** Make an element. Its children are elements or text; text is never parsed as HTML. */
function make(tag, className = "", attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

/** Read the JSON of a script element, which is compressed in large pages. */
async function readJSON(id) {
  const element = document.getElementById(id);
  if (element.type === "application/json") return JSON.parse(element.textContent);
  const bytes = Uint8Array.from(atob(element.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/**
 * An item is what the tape shows in one row: a leaf, an op, the start of a walk, or an update.
 * A moment is one step through the tape. It belongs to an item:
 * "leaf" and "row" (forward), "walk", "step" and "arrival" (backward), "update".
 */
class Tape {
  constructor(record, layout) {
    this.record = record;
    this.boxes = layout.boxes;
    this.layout = layout;
    this.items = [];
    this.moments = [];
    this.itemOf = new Map(); // by "r3" for row 3, "l2" for leaf 2, "w0" for walk 0
    this.arrived = new Map(); // contributions by walk and target, such as "0 r3"
    this.collectContributions();
    this.updates = new Map(record.updates.filter((each) => each.row !== null).map((each) => [each.row, each]));
    this.events = this.walkEvents();
    this.next = 0; // the first event that isn't on the tape yet
    this.addBox(0);
    this.flush(Infinity);
    for (const update of record.updates) {
      if (update.row === null || !this.itemOf.has(`r${update.row}`)) {
        this.addMoment("update", this.addItem("update", "u", { update, box: 0 }), { update });
      }
    }
    this.items.forEach((item) => (item.moments = []));
    this.moments.forEach((moment, number) => this.items[moment.item].moments.push(number));
    this.findGradients();
  }

  collectContributions() {
    for (const walk of this.record.walks) {
      walk.steps.forEach((step, number) => {
        for (const contribution of step.contributions) {
          const target = targetKey(contribution);
          if (!target) continue;
          const key = `${walk.number} ${target}`;
          if (!this.arrived.has(key)) this.arrived.set(key, []);
          this.arrived.get(key).push({ step, number, contribution });
        }
      });
    }
  }

  /** What happens in the walks, with the number of rows that had run by then. */
  walkEvents() {
    const events = [];
    for (const walk of this.record.walks) {
      const own = this.record.rows.filter((row) => row.walk === walk.number);
      const end = Math.max(walk.after_row, ...own.map((row) => row.number + 1));
      events.push({ at: walk.after_row, kind: "walk", walk });
      walk.steps.forEach((step, place) =>
        events.push({ at: step.after_row, kind: "step", walk, step, place }));
      for (const arrival of walk.arrivals) events.push({ at: end, kind: "arrival", walk, arrival });
    }
    return events.sort((a, b) => a.at - b.at); // stable
  }

  /** Add the walks that ran before a row. */
  flush(row) {
    while (this.events[this.next]?.at <= row) {
      const event = this.events[this.next++];
      const key = `w${event.walk.number}`;
      if (event.kind === "walk") this.addItem("walk", key, { walk: event.walk, box: 0 });
      const target = event.kind === "step" ? rowKey(event.step.row) : targetKey(event.arrival ?? {});
      const item = this.itemOf.get(target) ?? this.itemOf.get(key);
      this.addMoment(event.kind, item, event);
    }
  }

  addBox(box) {
    for (const member of this.boxes[box].members) {
      const number = Number(member.slice(1));
      if (member[0] === "b") this.addBox(number);
      else if (member[0] === "l") {
        const leaf = this.record.leaves[number];
        this.addMoment("leaf", this.addItem("leaf", member, { leaf, box }), { leaf });
      } else {
        this.flush(number);
        const row = this.record.rows[number];
        const update = this.updates.get(number);
        this.addMoment("row", this.addItem("row", member, { row, box, update }), { row, update });
      }
    }
  }

  addItem(kind, key, rest) {
    const item = { kind, key, number: this.items.length, ...rest };
    this.itemOf.set(key, item.number);
    this.items.push(item);
    return item.number;
  }

  addMoment(kind, item, rest) {
    this.moments.push({ ...rest, kind, item, number: this.moments.length });
  }

  array(number) {
    return number === null || number === undefined ? null : this.record.arrays[number];
  }

  /** The boxes around an item, the outermost first, without the whole program. */
  boxesOf(item) {
    const path = [];
    for (let box = item.box; box; box = this.boxes[box].parent) path.unshift(box);
    return path;
  }

  /** The item of the value that an operand is, if it is on the tape. */
  sourceOf(operand) {
    if (operand.row !== null) return this.itemOf.get(`r${operand.row}`);
    return this.itemOf.get(`l${operand.gradient ?? operand.leaf}`);
  }

  /** Note which items carry a gradient: rows of the graph and of the update, and what they read. */
  findGradients() {
    this.carrying = new Set();
    this.unread = new Set(this.items.filter((item) => item.kind === "row").map((item) => item.number));
    for (const item of this.items) {
      const sources = (item.row?.operands ?? []).map((operand) => this.sourceOf(operand));
      sources.forEach((source) => this.unread.delete(source));
      if (item.kind === "leaf" ? !item.leaf.requires_grad : item.kind === "row" && !this.rowCarries(item)) continue;
      this.carrying.add(item.number);
      for (const source of sources) {
        if (this.items[source]?.kind === "leaf") this.carrying.add(source);
      }
    }
  }

  rowCarries(item) {
    const { row } = item;
    return row.node !== "" || Boolean(row.error || item.update) || this.isUpdating(this.moments[item.moments[0]]);
  }

  /** Whether rows were recorded that nothing read and no gradient reaches, such as initialisation. */
  hasIdleRows() {
    return [...this.unread].some((number) => !this.carrying.has(number));
  }

  /** Whether a moment belongs to the update: its rows come after the last walk. */
  isUpdating(moment) {
    const { walks, updates } = this.record;
    if (moment.kind === "update") return true;
    const last = walks[walks.length - 1];
    return moment.kind === "row" && moment.row.walk === null && updates.length > 0 && moment.row.number >= last?.after_row;
  }

  rowName(number) {
    const row = this.record.rows[number];
    return row ? row.name || `#${number + 1}` : "a row before this turn";
  }

  targetName(one) {
    if (one.leaf !== null) return this.record.leaves[one.leaf].name;
    return one.row === null ? "a row before this turn" : this.rowName(one.row);
  }

  /** The terms that add up to an element of a gradient that has arrived at a target. */
  termsOf(walk, target, before, upTo, flat) {
    const terms = [];
    if (before !== null && before !== undefined) {
      terms.push({ from: ".grad before this walk", value: this.array(before).values?.[flat] });
    }
    if (walk.seeds.some((row) => rowKey(row) === target)) {
      terms.push({ from: "the start of the walk" });
    }
    for (const { step, number, contribution } of this.arrived.get(`${walk.number} ${target}`) ?? []) {
      if (number > upTo) break;
      const from = step.row === null ? step.node : assignment(this.record.rows[step.row]);
      const value = this.array(contribution.summed ?? contribution.returned).values?.[flat];
      terms.push({ from, value, parts: this.summedTerms(contribution, flat) });
    }
    return terms;
  }

  /** The elements that are summed to one element of a contribution, if it is a sum. */
  summedTerms(contribution, flat) {
    if (!contribution.axes.length) return null;
    const wide = this.array(contribution.returned);
    const places = summedPlaces(wide.shape, this.array(contribution.summed).shape, flat);
    return places.map((place) => ({
      from: `[${indexOf(wide.shape, place).join(", ")}]`, value: wide.values?.[place],
    }));
  }
}

function rowKey(row) {
  return row === null || row === undefined ? "" : `r${row}`;
}

function targetKey(one) {
  if (one.leaf !== null && one.leaf !== undefined) return `l${one.leaf}`;
  return rowKey(one.row);
}

/** An op with the variable that holds its result. */
function assignment(row) {
  return row.name && row.kind !== "write" ? `${row.name} = ${row.formula}` : row.formula || row.op;
}

/** The index of the element at a place in row-major order. */
function indexOf(shape, flat) {
  const index = [];
  for (let d = shape.length - 1; d >= 0; d--) {
    index.unshift(flat % shape[d]);
    flat = Math.floor(flat / shape[d]);
  }
  return index;
}

/** The places in an array of shape `wide` whose sum is an element of the array of shape `narrow`. */
function summedPlaces(wide, narrow, flat) {
  const index = indexOf(narrow, flat);
  const lead = wide.length - narrow.length;
  let places = [0];
  wide.forEach((size, d) => {
    const summed = d < lead || (narrow[d - lead] === 1 && size !== 1);
    const here = summed ? [...Array(size).keys()] : [index[d - lead]];
    places = places.flatMap((place) => here.map((i) => place * size + i));
  });
  return places;
}
