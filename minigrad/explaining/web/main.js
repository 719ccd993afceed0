// The page: one state, the current moment, and the three views of it.

class Page {
  constructor(record, layout) {
    this.tape = new Tape(record, layout);
    this.details = new Details(this.tape);
    this.now = 0;
    this.open = this.openAtStart();
    this.onlyGradient = this.tape.hasIdleRows();
    this.selectedLine = null;
    for (const moment of this.tape.moments) {
      if (moment.kind === "step" && moment.step.row !== null) {
        moment.rowPlace = record.rows[moment.step.row]?.place;
      }
    }
    this.describe(record);
    this.views = { tape: new TapeView(this), graph: new GraphView(this), program: new ProgramView(this) };
    this.views.tape.resized();
    this.views.tape.rebuild();
    this.connect();
    this.readAddress();
  }

  get moment() {
    return this.tape.moments[this.now] ?? { kind: "none", item: 0 };
  }

  /** Modules start open in small programs, and equal ones as one closed box. */
  openAtStart() {
    const small = this.tape.items.length <= 200;
    return new Set(this.tape.boxes.filter((box) => small && box.count === 1).map((box) => box.number));
  }

  depthOf(box) {
    let depth = 0;
    for (let b = box; b; b = this.tape.boxes[b].parent) depth += 1;
    return depth;
  }

  // The state -----------------------------------------------------------------------------------

  go(number) {
    const last = this.tape.moments.length - 1;
    this.now = this.nearest(Math.max(0, Math.min(last, number)));
    const slider = document.getElementById("slider");
    const sentence = last < 0 ? "Nothing was recorded." : this.details.sentence(this.moment);
    slider.value = this.now + 1;
    slider.setAttribute("aria-valuetext", `Step ${this.now + 1} of ${last + 1}. ${sentence}`);
    document.getElementById("sentence").replaceChildren(
      make("b", "", {}, `${this.now + 1} / ${last + 1}`), ` ${sentence}`);
    document.getElementById("inspector").hidden = true;
    document.body.dataset.phase = this.phase(this.moment);
    this.writeAddress();
    for (const view of Object.values(this.views)) view.show();
  }

  /** The next moment that isn't hidden, or else the last one. */
  nearest(number) {
    const { entryOf } = this.views.tape;
    const seen = (moment) => entryOf[moment.item] !== undefined;
    const { moments } = this.tape;
    return moments.slice(number).find(seen)?.number ?? moments.slice(0, number).findLast(seen)?.number ?? 0;
  }

  phase(moment) {
    if (["walk", "step", "arrival"].includes(moment.kind)) return "backward";
    return this.tape.isUpdating(moment) ? "update" : "forward";
  }

  /** Go to the next moment in a direction whose item isn't hidden. */
  step(direction) {
    for (let to = this.now + direction; this.tape.moments[to]; to += direction) {
      if (this.views.tape.entryOf[this.tape.moments[to].item] !== undefined) return this.go(to);
    }
    if (direction > 0) this.pause();
  }

  readAddress() {
    const found = new URLSearchParams(location.hash.slice(1));
    const view = found.get("view");
    if (this.views[view]) this.setView(view);
    const wanted = (Number(found.get("step")) || 1) - 1;
    const item = this.tape.moments[wanted]?.item;
    if (found.has("step") && item !== undefined && !this.tape.carrying.has(item) && this.onlyGradient) {
      this.onlyGradient = document.getElementById("only-gradient").checked = false;
      this.views.tape.rebuild();
    }
    this.go(wanted);
  }

  writeAddress() {
    const view = document.body.dataset.view;
    const address = `#step=${this.now + 1}${view === "tape" ? "" : `&view=${view}`}`;
    try {
      if (location.hash !== address) history.replaceState(null, "", address);
    } catch {
      // A page in a frame of a notebook has no address.
    }
  }

  setView(view) {
    document.body.dataset.view = view;
    for (const tab of document.querySelectorAll("[role=tab]")) {
      const chosen = tab.id === `tab-${view}`;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
    }
    this.writeAddress();
    this.views[view].show();
  }

  toggle(box) {
    if (!this.open.delete(box)) this.open.add(box);
    this.rebuild();
  }

  openTo(depth) {
    this.open = new Set(this.tape.boxes.map((box) => box.number).filter((box) => this.depthOf(box) <= depth));
    this.rebuild();
  }

  rebuild() {
    this.views.tape.rebuild();
    this.views.graph.rebuild();
    this.go(this.now);
  }

  // Playing -------------------------------------------------------------------------------------

  play() {
    if (this.playing) return this.pause();
    if (this.now === this.tape.moments.length - 1) this.go(0);
    this.playing = setInterval(() => this.step(1), 1000);
    this.showPlaying();
  }

  pause() {
    clearInterval(this.playing);
    this.playing = null;
    this.showPlaying();
  }

  showPlaying() {
    const button = document.getElementById("play");
    button.textContent = this.playing ? "❚❚ Pause" : "▶︎ Play";
    button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
  }

  // The controls --------------------------------------------------------------------------------

  connect() {
    const on = (id, event, action) => document.getElementById(id).addEventListener(event, action);
    const last = this.tape.moments.length - 1;
    on("first", "click", () => this.go(0));
    on("back", "click", () => this.step(-1));
    on("play", "click", () => this.play());
    on("next", "click", () => this.step(1));
    on("last", "click", () => this.go(last));
    document.getElementById("slider").max = last + 1;
    on("slider", "input", (event) => this.go(event.target.value - 1));
    on("only-gradient", "change", (event) => {
      this.onlyGradient = event.target.checked;
      this.rebuild();
    });
    on("depth", "change", (event) => this.openTo(Number(event.target.value)));
    document.getElementById("only-gradient").checked = this.onlyGradient;
    document.getElementById("depth").value = this.open.size > 1 ? Math.max(...[...this.open].map((box) => this.depthOf(box))) : 0;
    document.getElementById("depth-option").hidden = this.tape.boxes.length < 2;
    for (const view of Object.keys(this.views)) on(`tab-${view}`, "click", () => this.setView(view));
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("hashchange", () => this.readAddress());
    this.followColours();
    addEventListener("beforeprint", () => this.views.tape.print());
    addEventListener("afterprint", () => this.views.tape.printed());
    watchNumbers();
    this.drawPhases();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox])")) return;
    const tab = event.target.closest?.("[role=tab]");
    if (tab && ["ArrowLeft", "ArrowRight"].includes(event.key)) this.moveTab(tab, event.key);
    else if (event.key === "ArrowRight" || event.key === "ArrowDown") this.step(1);
    else if (event.key === "ArrowLeft" || event.key === "ArrowUp") this.step(-1);
    else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go(this.tape.moments.length - 1);
    else if (event.key === " " && !event.target.closest("button, summary")) this.play();
    else return;
    event.preventDefault();
  }

  moveTab(tab, key) {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    const to = tabs[(tabs.indexOf(tab) + (key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
    to.focus();
    this.setView(to.id.slice("tab-".length));
  }

  followColours() {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => {
      darkPage = dark.matches;
      this.views.tape.redraw();
    };
    dark.addEventListener("change", follow);
    darkPage = dark.matches;
  }

  /** The parts of the slider: forward, backward and update. */
  drawPhases() {
    const bar = document.getElementById("phases");
    let [phase, count] = ["", 0];
    const add = () => {
      if (!count) return;
      const part = make("span", phase);
      part.style.flexGrow = count;
      bar.append(part);
    };
    for (const moment of this.tape.moments) {
      const next = this.phase(moment);
      if (next !== phase) {
        add();
        [phase, count] = [next, 0];
      }
      count += 1;
    }
    add();
  }

  /** The facts under the title: the program, what was checked, and where to look. */
  describe(record) {
    const name = record.program || "Python session";
    document.getElementById("title").textContent = name.split("/").pop();
    document.getElementById("title").title = name;
    const facts = document.getElementById("facts");
    const fact = (kind, text) => text && facts.append(make("span", `fact ${kind}`, {}, text));
    const jump = (text, action) => {
      const button = make("button", "fact bad", {}, text);
      button.addEventListener("click", action);
      facts.append(button);
    };
    const rows = record.rows.length;
    if (record.arguments.length) fact("", record.arguments.join(" "));
    fact("", `backward ${record.backward} · ${rows} row${rows === 1 ? "" : "s"}`);
    if (record.error) fact("bad message", `The program ended with an error. ${record.error}`);
    for (const note of record.notes) fact("", note);
    if (record.check?.text) fact(record.check.ok === false ? "bad" : "ok", record.check.text);
    if (record.pytorch?.text) fact("", record.pytorch.text);
    if (record.first_bad !== null && record.rows[record.first_bad]) {
      jump("Go to the first NaN or infinity", () => this.goToRow(record.first_bad));
    }
    const differing = this.differing(record.pytorch);
    if (differing.length) {
      const jumpOn = () => this.go(differing.find((moment) => moment > this.now) ?? differing[0]);
      jump(`${differing.length} values or gradients differ from PyTorch: next`, jumpOn);
    }
  }

  /** The moments whose value or gradient differs from PyTorch's. */
  differing(pytorch) {
    const rows = Object.entries(pytorch?.rows ?? {}).filter(([, found]) => !found.ok);
    const gradients = (pytorch?.gradients ?? []).filter((found) => !found.ok);
    const steps = gradients.map((found) => this.details.momentOfStep({ number: found.walk }, found.step));
    const moments = [...rows.map(([row]) => this.momentOfRow(Number(row))), ...steps];
    return [...new Set(moments)].sort((a, b) => a - b);
  }

  momentOfRow(row) {
    const item = this.tape.itemOf.get(`r${row}`);
    return item === undefined ? 0 : this.tape.items[item].moments[0];
  }

  goToRow(row) {
    this.go(this.momentOfRow(row));
  }
}

Promise.all([readJSON("record"), readJSON("layout")]).then(([record, layout]) => {
  window.page = new Page(record, layout);
});
