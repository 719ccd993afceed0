// The program view: the source files, with the current line marked.

class ProgramView {
  constructor(page) {
    this.page = page;
    this.pane = document.getElementById("program");
    this.lines = new Map(); // elements by "file:line"
    this.moments = this.momentsOfLines();
    page.tape.record.files.forEach((file, number) => this.addFile(file, number));
    if (!this.lines.size) this.pane.append(make("p", "note", {}, "The source of the program isn't known."));
  }

  momentsOfLines() {
    const found = new Map();
    for (const moment of this.page.tape.moments) {
      const place = placeOf(moment);
      if (!place) continue;
      const key = `${place.file}:${place.line}`;
      if (!found.has(key)) found.set(key, []);
      if (moment.kind !== "step" && moment.kind !== "arrival") found.get(key).push(moment.number);
    }
    return found;
  }

  addFile(file, number) {
    const list = make("ol", "source", { "aria-label": file.path });
    file.source.split("\n").forEach((text, i) => {
      const key = `${number}:${i + 1}`;
      const parts = [make("span", "line-number", {}, `${i + 1}`), make("code", "", {}, text || " ")];
      const moments = this.moments.get(key);
      const line = moments?.length ? make("button", "", { title: "Select the rows of this line" }, parts) : make("span", "", {}, parts);
      if (moments?.length) line.addEventListener("click", () => this.select(number, i + 1, moments));
      this.lines.set(key, make("li", "", {}, line));
      list.append(this.lines.get(key));
    });
    this.pane.append(make("h2", "", {}, file.path.split("/").pop()), list);
  }

  /** Select the rows of a line, and go to the first of them, or to the next on another click. */
  select(file, line, moments) {
    this.page.selectedLine = { file, line };
    this.page.go(moments.find((moment) => moment > this.page.now) ?? moments[0]);
  }

  show() {
    const place = placeOf(this.page.moment);
    const key = place ? `${place.file}:${place.line}` : "";
    const selected = this.page.selectedLine;
    for (const element of [this.marked, this.selected]) {
      element?.classList.remove("current", "selected");
      element?.removeAttribute("aria-current");
    }
    this.selected = selected && this.lines.get(`${selected.file}:${selected.line}`);
    this.selected?.classList.add("selected");
    this.marked = this.lines.get(key);
    if (!this.marked) return;
    this.marked.classList.add("current");
    this.marked.setAttribute("aria-current", "step");
    const [top, height] = [this.marked.offsetTop, this.pane.clientHeight];
    if (top < this.pane.scrollTop + 40 || top > this.pane.scrollTop + height - 60) {
      this.pane.scrollTop = top - height / 3;
    }
  }
}

/** The line of the program that a moment belongs to. A step of a walk has the line of its row. */
function placeOf(moment) {
  if (moment.kind === "row") return moment.row.place;
  if (moment.kind === "update") return moment.update.place;
  if (moment.kind === "step" && moment.step.row !== null) return moment.rowPlace ?? moment.walk.place;
  return moment.walk?.place ?? null;
}
