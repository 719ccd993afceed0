/** A pullback in one line: what a lambda returns, or the name of a function. */
function shortSource(source) {
  const name = source.match(/^def (\w+)/);
  return name ? `${name[1]}(g)` : source.split("\n")[0].replace(/^lambda g: /, "");
}

// What one item of the tape shows: in a closed row, and with all its numbers.

class Details {
  constructor(tape) {
    this.tape = tape;
    this.record = tape.record;
  }

  /** The title, the second line and the picture of the left half of a closed row. */
  forwardSummary(item) {
    const tape = this.tape;
    if (item.kind === "leaf") {
      const what = item.leaf.is_parameter ? "parameter" : item.leaf.requires_grad ? "leaf" : "input";
      const array = tape.array(item.leaf.array);
      return { title: item.leaf.name, line: `${what} · ${kindText(array)}`, array };
    }
    if (item.kind === "walk") {
      const again = item.walk.create_graph ? ", recorded on the tape again" : "";
      const called = item.walk.function === "grad" ? "autograd.grad" : "backward";
      return { title: `${called} starts the walk ↑`, line: `${this.placeText(item.walk.place)}${again}` };
    }
    if (item.kind === "update") {
      const name = tape.record.leaves[item.update.leaf].name;
      const array = tape.array(item.update.after);
      return { title: `update of ${name}`, line: `${item.update.by} · ${this.placeText(item.update.place)}`, array };
    }
    const array = tape.array(item.row.results[0]);
    const modules = item.row.modules.length ? ` · in ${item.row.modules[item.row.modules.length - 1]}` : "";
    const line = `${this.placeText(item.row.place)}${array ? ` · ${kindText(array)}` : ""}${modules}`;
    return { title: assignment(item.row), line, array };
  }

  /** The same for the right half, or null as long as no gradient has arrived. */
  backwardSummary(item, now) {
    const tape = this.tape;
    const moments = item.moments.map((number) => tape.moments[number]);
    const past = moments.filter((m) => m.number <= now && ["step", "arrival"].includes(m.kind));
    const last = past[past.length - 1];
    if (item.update && item.kind === "row" && item.moments[0] <= now) {
      const array = tape.array(item.update.step);
      return { title: `update of ${tape.record.leaves[item.update.leaf].name}`, line: "before + step = after", array, update: true };
    }
    if (last?.kind === "arrival") {
      const array = tape.array(last.arrival.after ?? last.arrival.gradient);
      const what = last.arrival.after === null ? "gradient" : ".grad";
      return { title: `${tape.targetName(last.arrival)}${what === ".grad" ? "" : " "}${what}`, line: kindText(array), array };
    }
    if (last) {
      const targets = last.step.contributions.map((one) => tape.targetName(one)).join(", ");
      const sources = last.step.contributions.map((one) => shortSource(one.source)).join(" | ");
      return { title: targets ? `g → ${targets}` : "g", line: sources || last.step.node, array: tape.array(last.step.cotangent), code: true };
    }
    const soFar = this.soFar(item, now);
    if (!soFar) return null;
    const array = tape.array(soFar.contribution.after);
    return { title: "g so far", line: array ? kindText(array) : "", array };
  }

  /** The last contribution that has arrived at an item that the walk hasn't visited yet. */
  soFar(item, now) {
    if (item.kind !== "leaf" && item.kind !== "row") return null;
    for (const walk of [...this.record.walks].reverse()) {
      const found = (this.tape.arrived.get(`${walk.number} ${item.key}`) ?? [])
        .filter((one) => this.momentOfStep(walk, one.number) <= now);
      if (found.length) return { walk, ...found[found.length - 1] };
    }
    return null;
  }

  momentOfStep(walk, number) {
    if (!this.stepMoments) {
      this.stepMoments = new Map();
      for (const m of this.tape.moments) {
        if (m.kind === "step") this.stepMoments.set(`${m.walk.number} ${m.place}`, m.number);
      }
    }
    return this.stepMoments.get(`${walk.number} ${number}`) ?? Infinity;
  }

  placeText(place) {
    if (!place) return "no line";
    const file = place.file ? `${this.record.files[place.file].path.split("/").pop()}, ` : "";
    return `${file}line ${place.line}`;
  }

  /** One sentence about a moment. */
  sentence(moment) {
    const tape = this.tape;
    if (moment.kind === "leaf") {
      const what = moment.leaf.requires_grad ? "a leaf that gets a gradient" : "an input without a gradient";
      return `${moment.leaf.name} is ${what}.`;
    }
    if (moment.kind === "row") {
      const error = moment.row.error ? ` It raises an error: ${moment.row.error}` : "";
      const update = moment.update ? `. This updates ${tape.record.leaves[moment.update.leaf].name}` : "";
      return `${this.tape.isUpdating(moment) ? "Update" : "Forward"}, ${this.placeText(moment.row.place)}: ${assignment(moment.row)}${update}.${error}`;
    }
    if (moment.kind === "walk") {
      const starts = moment.walk.seeds.map((row) => (row === null ? "a row before this turn" : tape.rowName(row)));
      const called = moment.walk.function === "grad" ? "autograd.grad" : "backward";
      return `Backward, ${this.placeText(moment.walk.place)}: ${called} starts a walk back from ${starts.join(", ")}.`;
    }
    if (moment.kind === "step") {
      const targets = moment.step.contributions.map((one) => tape.targetName(one)).join(" and ");
      const name = moment.step.row === null ? "a row before this turn" : tape.rowName(moment.step.row);
      const error = moment.step.error ? ` Error: ${moment.step.error}` : "";
      return `Backward: ${moment.step.node} gets the gradient g of ${name} and returns those of ${targets || "nothing"}.${error}`;
    }
    if (moment.kind === "arrival") {
      const name = tape.targetName(moment.arrival);
      if (moment.arrival.after === null) return `The gradient of ${name} is returned.`;
      const added = moment.arrival.before === null ? "becomes" : "is added to";
      return `The gradient ${added} ${name}.grad.`;
    }
    return `Update: ${tape.record.leaves[moment.update.leaf].name} by ${moment.update.by}.`;
  }

  // All numbers --------------------------------------------------------------------------------

  /** The left half of the open row. */
  forward(item) {
    const parts = make("div", "detail");
    if (item.kind === "leaf") parts.append(this.leaf(item.leaf));
    else if (item.kind === "walk") parts.append(this.walk(item.walk));
    else if (item.kind === "update") parts.append(this.update(item.update));
    else parts.append(...this.row(item.row));
    return parts;
  }

  leaf(leaf) {
    return make("div", "flow", {}, arrayFigure(leaf.name, this.tape.array(leaf.array)));
  }

  walk(walk) {
    const starts = walk.seeds.map((row) => (row === null ? "a row before this turn" : this.tape.rowName(row)));
    const text = `The walk starts at ${starts.join(", ")} and goes up the tape. Each row gets the `
      + "gradient g of its result, and its pullbacks return the gradients of its operands.";
    return make("div", "", {}, make("p", "", {}, text), walk.error ? make("p", "error", {}, walk.error) : "");
  }

  row(row) {
    const parts = [make("code", "source-line", {}, this.sourceLine(row.place))];
    const operands = row.operands.filter((one) => one.array !== null).map((one) =>
      arrayFigure(one.text, this.tape.array(one.array)));
    const options = Object.entries(row.options).map(([key, text]) => `${key}=${text}`).join(", ");
    const results = row.results.map((number, i) => {
      const name = row.name || row.operands[0]?.text;
      const title = row.kind === "write" ? `${name} after` : row.name || `#${row.number + 1}`;
      return arrayFigure(row.results.length > 1 ? `${title}[${i}]` : title, this.tape.array(number));
    });
    const sign = make("span", "sign", {}, `${row.op}${options ? ` (${options})` : ""} →`);
    parts.push(make("div", "flow", {}, operands, make("div", "flow", {}, sign, results)));
    if (row.error) parts.push(make("p", "error", {}, row.error));
    if (row.number === this.record.first_bad) {
      parts.push(make("p", "error", {}, "This is the first NaN or infinity on the tape."));
    }
    const beside = this.pytorch(row);
    if (beside) parts.push(beside);
    return parts;
  }

  pytorch(row) {
    const found = this.record.pytorch?.rows?.[row.number];
    if (!found) return null;
    return this.besideText(found);
  }

  sourceLine(place) {
    if (!place) return "";
    return (this.record.files[place.file].source.split("\n")[place.line - 1] ?? "").trim();
  }

  update(update) {
    const name = this.record.leaves[update.leaf].name;
    return make("div", "flow", {},
      arrayFigure(`${name} before`, this.tape.array(update.before)), make("span", "sign", {}, "+"),
      arrayFigure("step", this.tape.array(update.step)), make("span", "sign", {}, "="),
      arrayFigure(`${name} after`, this.tape.array(update.after)));
  }

  /** The right half of the open row: what the walks have done there up to now. */
  backward(item, now) {
    const parts = make("div", "detail");
    if (item.update && item.kind === "row") parts.append(this.update(item.update));
    const moments = item.moments.map((number) => this.tape.moments[number]).filter((m) => m.number <= now);
    for (const moment of moments.reverse()) { // the last walk first
      if (moment.kind === "step") parts.append(this.step(moment.walk, moment.step, moment.place));
      if (moment.kind === "arrival") parts.append(this.arrival(moment.walk, moment.arrival));
    }
    const visited = moments.some((m) => m.kind === "step" || m.kind === "arrival");
    const soFar = visited ? null : this.soFar(item, now);
    if (soFar) {
      parts.append(this.gradient("arrived so far", soFar.contribution.after, soFar.walk, item.key, soFar.number));
    }
    if (!parts.childElementCount) parts.append(make("p", "note", {}, this.noGradient(item, now)));
    return parts;
  }

  noGradient(item, now) {
    if (item.moments[item.moments.length - 1] > now) return "The walk back hasn't been here yet.";
    if (item.kind === "walk" || item.kind === "update") return "";
    return "No gradient arrives here.";
  }

  /** A gradient that is a sum of contributions to a target, of those up to a step of the walk. */
  gradient(name, array, walk, target, upTo, before = null) {
    const terms = (flat) => this.tape.termsOf(walk, target, before, upTo, flat);
    return arrayFigure(name, this.tape.array(array), terms);
  }

  step(walk, step, number) {
    const name = step.row === null ? "" : this.tape.rowName(step.row);
    const title = make("h3", "", {}, step.node, this.record.walks.length > 1 ? ` in walk ${walk.number + 1}` : "");
    const parts = make("div", "step", {}, title);
    if (step.cotangent !== null) {
      const hook = step.hooks ? ", changed by a hook" : "";
      parts.append(this.gradient(`g, the gradient of ${name || "its result"}${hook}`, step.cotangent, walk, rowKey(step.row), number - 1));
    }
    for (const one of step.contributions) parts.append(this.contribution(walk, one, number));
    if (step.error) parts.append(make("p", "error", {}, step.error));
    return parts;
  }

  contribution(walk, one, number) {
    const target = this.tape.targetName(one);
    const where = one.file ? `${one.file}:${one.line}` : "";
    const part = make("div", "contribution", {}, make("h4", "", {}, `→ ${target}`, make("span", "where", {}, where)));
    part.append(make("pre", "code", { tabindex: one.source.includes("\n") ? 0 : null }, one.source || "(no source)"));
    if (one.saved.length) part.append(this.saved(one.saved));
    const flow = make("div", "flow", {}, arrayFigure("returned", this.tape.array(one.returned)));
    if (one.summed !== null) flow.append(...this.summed(one));
    if (one.before !== null) {
      flow.append(make("span", "sign", {}, "+ what was there"), arrayFigure("before", this.tape.array(one.before)),
        make("span", "sign", {}, "="), this.gradient("after", one.after, walk, targetKey(one), number));
    }
    part.append(flow, this.gradientBeside(walk, one, number));
    return part;
  }

  /** PyTorch's gradient beside a contribution. */
  gradientBeside(walk, one, number) {
    const place = walk.steps[number].contributions.indexOf(one);
    const found = this.record.pytorch?.gradients?.find((each) =>
      each.walk === walk.number && each.step === number && each.contribution === place);
    return found ? this.besideText(found) : "";
  }

  besideText(found) {
    const apart = found.ulps === undefined ? "" : `${shortNumber(found.ulps)} ULP apart`;
    const what = !found.ok ? `differs, ${apart}` : found.ulps === 0 ? "the same bits" : apart && `within the bounds, ${apart}`;
    const text = `PyTorch: ${[what, found.reason].filter(Boolean).join(". ")}`;
    const array = found.ulps === 0 ? null : this.tape.array(found.array);
    if (!array) return make("p", `beside ${found.ok ? "ok" : "error"}`, {}, text);
    return make("details", "beside", found.ok ? {} : { open: "" },
      make("summary", found.ok ? "ok" : "error", {}, text), arrayFigure("PyTorch", array));
  }

  summed(one) {
    const [wide, narrow] = [this.tape.array(one.returned), this.tape.array(one.summed)];
    const axes = one.axes.length === 1 ? `axis ${one.axes[0]}` : `axes ${one.axes.join(", ")}`;
    const how = one.axes.length
      ? `summed over ${axes}, from [${wide.shape.join(", ")}] to [${narrow.shape.join(", ")}]`
      : `as ${narrow.dtype}`;
    return [make("span", "sign", {}, how),
      arrayFigure("summed", narrow, (flat) => this.tape.summedTerms(one, flat))];
  }

  saved(saved) {
    const names = saved.map((each) => each.name).join(", ");
    return make("details", "saved", {}, make("summary", "", {}, `reads ${names}`),
      make("div", "flow", {}, saved.map((each) => arrayFigure(each.name, this.tape.array(each.array)))));
  }

  arrival(walk, arrival) {
    const name = this.tape.targetName(arrival);
    const key = targetKey(arrival);
    if (arrival.after === null) {
      return make("div", "step", {}, this.gradient(`gradient of ${name}`, arrival.gradient, walk, key, Infinity));
    }
    const flow = make("div", "flow");
    if (arrival.before !== null) {
      flow.append(arrayFigure(`${name}.grad before`, this.tape.array(arrival.before)), make("span", "sign", {}, "+"),
        this.gradient("this walk", arrival.gradient, walk, key, Infinity), make("span", "sign", {}, "="));
    }
    flow.append(this.gradient(`${name}.grad`, arrival.after, walk, key, Infinity, arrival.before));
    return make("div", "step", {}, flow, this.differences(arrival.leaf));
  }

  /** The central differences beside `.grad`. */
  differences(leaf) {
    const found = this.record.differences.find((each) => each.leaf === leaf);
    if (!found) return "";
    const head = make("tr", "", {}, ["index", ".grad", "central difference"].map((t) => make("th", "", { scope: "col" }, t)));
    const lines = (found.elements ?? []).map((each) => make("tr", "", {},
      [`[${each.index.join(", ")}]`, allDigits(each.grad), shortNumber(each.numeric)].map((t) => make("td", "", {}, t))));
    return make("details", "differences", {}, make("summary", "", {}, "Check: central differences"),
      found.text ? make("p", "", {}, found.text) : "", make("table", "", {}, head, lines));
  }
}
