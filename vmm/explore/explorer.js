"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const element = id => document.getElementById(id);
const view = { walk: 0, state: 0, at: 0 };
let cells = [];

function make(kind, text, name) {
  const made = document.createElement(kind);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}
const walk = () => data.walks[view.walk];
const served = () => walk().served[view.state];
const isRead = at => served()[at] === "read";

// The grid is built anew only for another walk; steps change classes alone.
function build() {
  const table = element("grid"), shown = walk();
  cells = [];
  const columns = Math.max(...shown.steps.map(step => step.ept.length));
  const longest = shown.steps.find(step => step.ept.length === columns);
  const head = make("tr");
  head.append(make("th", "translates"));
  for (const at of longest.ept) head.append(make("th", shown.references[at][1], "ept"));
  head.append(make("th", "guest entry", "guest"));
  const rows = [head];
  for (const step of shown.steps) {
    const row = make("tr");
    row.append(make("th", step.guest === null ? "final gpa " + step.gpa
      : shown.references[step.guest][1] + " at gpa " + step.gpa));
    for (let column = 0; column < columns; ++column) row.append(cell(step.ept[column]));
    row.append(cell(step.guest === null ? undefined : step.guest));
    rows.push(row);
  }
  table.replaceChildren(...rows);
}
function cell(at) {
  const made = make("td", at === undefined ? "" : String(at + 1));
  if (at === undefined) return made;
  made.addEventListener("click", () => { view.at = at + 1; show(); });
  cells[at] = made;
  return made;
}

function panel() {
  const shown = walk(), total = shown.references.length;
  const reads = served().filter((by, at) => by === "read" && at < view.at).length;
  element("count").textContent = "step " + view.at + " of " + total + ": " + reads + " reads so far, " +
    served().filter(by => by === "read").length + " in all; cold " + shown.form;
  const body = element("panel");
  if (view.at === 0) {
    body.replaceChildren(make("p", "gva " + shown.gva + " → gpa " + shown.gpa + " → hpa " + shown.hpa));
    return;
  }
  const at = view.at - 1, [dimension, name, address, entry, says] = shown.references[at];
  const title = make("h2", "reference " + view.at + ": " + name, dimension ? "ept" : "guest");
  const how = make("p", isRead(at) ? "cache miss: read from memory"
    : "cache hit: not read, the " + served()[at] + " has it");
  how.id = "how";
  const where = make("p");
  where.append("at hpa ", make("code", address), " holds ", make("code", entry), ": " + says);
  const bits = make("table"), names = make("tr"), values = make("tr"), word = BigInt(entry);
  bits.id = "bits";
  for (const [bit, place] of data.bits[dimension]) {
    names.append(make("th", bit));
    values.append(make("td", place + ": " + (word >> BigInt(place) & 1n)));
  }
  bits.append(names, values);
  body.replaceChildren(title, how, where, bits);
}

function show() {
  for (let at = 0; at < cells.length; ++at)
    cells[at].className = (isRead(at) ? "read" : "hit") + (at < view.at ? " done" : "") +
      (at === view.at - 1 ? " now" : "");
  element("says").textContent = data.states[view.state][1];
  panel();
}
function choose(what, value) {
  view[what] = value;
  view.at = Math.min(view.at, walk().references.length);
  element(what).selectedIndex = value;
  if (what === "walk") build();
  show();
}
function step(by) {
  view.at = Math.min(Math.max(view.at + by, 0), walk().references.length);
  show();
}

for (const shown of data.walks) element("walk").append(make("option", shown.name));
for (const [name] of data.states) element("state").append(make("option", name));
for (const what of ["walk", "state"])
  element(what).addEventListener("change", event => choose(what, event.target.selectedIndex));
element("forward").addEventListener("click", () => step(1));
element("back").addEventListener("click", () => step(-1));
addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === "SELECT") return;
  const size = "1234".indexOf(event.key);
  if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "Home") step(-1000);
  else if (event.key === "End") step(1000);
  else if (event.key === "c") choose("state", (view.state + 1) % data.states.length);
  else if (event.key === "C") choose("state", (view.state + data.states.length - 1) % data.states.length);
  else if (size >= 0 && size < data.walks.length) choose("walk", size);
  else return;
  event.preventDefault();
});
build();
show();
element("explorer").hidden = false;
performance.mark("ready");
