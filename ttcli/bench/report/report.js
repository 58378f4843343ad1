"use strict";

// Texts of models and data sets reach the page through text nodes alone: nothing in them is ever read as HTML.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const parsed = (id) => JSON.parse(document.getElementById(id).textContent);
const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
const STATES = { r: ["✓", "right"], w: ["✗", "wrong"], f: ["!", "failed"], "-": ["…", "not done"] };
const index = parsed("index");
const form = document.getElementById("filters");
const list = document.getElementById("list");

function mark(state, ...children) {
  const [sign, word] = STATES[state];
  return make("span", { class: `mark ${word.replace(" ", "-")}` },
    make("span", { "aria-hidden": true }, sign), make("span", { class: "unseen" }, `${word}:`), " ", ...children);
}

function table(heads, rows) {
  const head = make("tr", {}, ...heads.map((each) => make("th", { scope: "col" }, each)));
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": heads.join(", ") },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

const cells = (...values) => values.map((value) => make("td", {}, value));

// An element that makes its content when it is opened for the first time.
function folded(summary, content, attributes) {
  const details = make("details", attributes, make("summary", {}, ...summary));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(...content());
  });
  return details;
}

// -- the list

function entry(problem) {
  const states = index.tasks.map((task, number) => mark(problem.states[number], task));
  const rate = problem.samples ? `${problem.right} of ${problem.samples} right` : "no samples";
  const level = /^\d/.test(problem.level || "") ? `level ${problem.level}` : problem.level;
  const labels = [level, problem.subject].filter(Boolean).join(", ");
  const summary = [
    make("span", { class: "id" }, problem.id),
    make("span", { class: "text" }, problem.text.slice(0, 300)),
    make("span", { class: "labels" }, labels),
    make("span", { class: "rate" }, problem.samples ? bar(problem.right / problem.samples) : null, rate),
    make("span", { class: "states" }, ...states),
  ];
  return folded(summary, () => unfolded(problem), { class: "problem" });
}

function bar(share) {
  return make("span", { class: "bar", "aria-hidden": true }, make("span", { style: `width:${100 * share}%` }));
}

function unfolded(problem) {
  const details = parsed(`problem-${problem.position}`);
  const parts = [
    make("p", { class: "whole" }, problem.text),
    make("p", {}, "Reference answer: ", make("strong", {}, problem.reference || "none")),
    make("div", { class: "results" }, ...details.tasks.map(result)),
  ];
  if (details.samples.length) {
    parts.push(make("h3", {}, counted(details.samples.length, "sample")), sampleTable(details.samples));
  }
  return parts;
}

// -- what a method came to

function result(task) {
  const title = make("h3", {}, mark(task.state, task.key));
  if (task.state === "f") return make("section", {}, title, make("p", {}, `It failed: ${task.why}`));
  if (task.state === "-") return make("section", {}, title, make("p", {}, "It is not done."));
  const spent = task.spent;
  const tokens = spent.prompt_tokens + spent.policy_tokens + spent.verifier_tokens;
  const cost = `${counted(Math.round(spent.generations), "generation")}, ${counted(Math.round(tokens), "token")}, ` +
    `${spent.seconds.toFixed(1)} s${task.stopped ? `, stopped by the ${task.stopped}` : ""}`;
  return make("section", {}, title, task.chose ? make("p", { class: "caption" }, choice(task.chose)) : null,
    task.votes ? votes(task) : null, make("p", { class: "caption" }, cost),
    task.tree && task.tree.children.length ? tree(task.tree) : null);
}

function choice(chose) {
  const gain = chose.gain > 0 ? `, ${(100 * chose.gain).toFixed(1)} points over ${chose.baseline} expected` : "";
  const chance = `a sample is right with ${Math.round(100 * chose.difficulty)} %`;
  return `Chosen: ${chose.method}${gain}; difficulty ${chose.bin} of ${chose.bins}, ${chance}`;
}

function votes(task) {
  if (!task.votes.length) return make("p", {}, "No sample gave an answer.");
  const heaviest = Math.max(...task.votes.map((vote) => vote[1])) || 1;
  const weighed = task.votes.some(([, weight, members]) => weight !== members);
  const row = (answer, ...others) => make("tr", {}, make("th", { scope: "row" }, answer), ...cells(...others));
  const rows = task.votes.map(([answer, weight, members, right]) => row(
    answer, mark(right ? "r" : "w"), `${members}`, ...(weighed ? [weight.toFixed(2)] : []), bar(weight / heaviest)));
  if (task.silent) rows.push(row("no answer", "", `${task.silent}`, ...(weighed ? [""] : []), ""));
  return table(["Answer", "", "Votes", ...(weighed ? ["Weight"] : []), ""], rows);
}

// A node has a name, may have a text with a score and an answer, and has children, which are nodes.
function tree(node) {
  const facts = [];
  if ("answer" in node) facts.push(node.answer === null ? "no answer" : mark(node.right ? "r" : "w", node.answer));
  if ("tokens" in node) facts.push(counted(node.tokens, "token"));
  if (node.score !== null && node.score !== undefined) facts.push(`score ${node.score.toFixed(2)}`);
  if ("ended" in node && !["stop", "open"].includes(node.ended)) facts.push(`ended: ${node.ended}`);
  if (node.rollout) facts.push("looks ahead");
  if (node.pruned) facts.push("pruned");
  if (!facts.length && node.children.length) facts.push(counted(node.children.length, "branch").replace("chs", "ches"));
  const star = node.won ? [make("span", { "aria-hidden": true }, "★ "), make("span", { class: "unseen" }, "on the way to the answer:"), " "] : [];
  const name = make("span", { class: "name" }, ...star, node.name);
  const start = node.text && !("answer" in node) ? [" ", make("span", { class: "start" }, node.text.trim().slice(0, 200))] : [];
  const summary = [name, ...facts.flatMap((fact) => [" · ", fact]), ...start];
  const content = () => [node.text ? make("p", { class: "whole" }, node.text.trimEnd()) : null, ...branches(node.children)].filter(Boolean);
  return folded(summary, content, { class: node.pruned ? "node pruned" : "node" });
}

// The way to the answer, or the only way on, stands unfolded straight below its parent; what was pruned is one entry.
function branches(children) {
  const pruned = children.filter((child) => child.pruned);
  const going = children.filter((child) => !child.pruned);
  const trunk = going.find((child) => child.won) || (going.length === 1 && going[0].text ? going[0] : null);
  const parts = going.filter((child) => child !== trunk).map(tree);
  if (pruned.length) {
    const scores = pruned.map((child) => child.score).filter((score) => score !== null && score !== undefined);
    const best = scores.length ? `, best ${Math.max(...scores).toFixed(2)}` : "";
    parts.push(folded([`${pruned.length} pruned${best}`], () => pruned.map(tree), { class: "node pruned" }));
  }
  if (trunk) {
    parts.push(tree(trunk));
    parts.at(-1).classList.add("trunk");
    parts.at(-1).open = true;
  }
  return parts;
}

// -- samples

function sampleTable(samples) {
  const rows = samples.map((sample) => {
    const [number, answer, right, ended, tokens, steps, ratings] = sample;
    const button = make("button", { type: "button", "aria-expanded": "false" }, `${number + 1}`);
    const row = make("tr", {}, make("th", { scope: "row" }, button),
      ...cells(mark(right ? "r" : "w"), answer === null ? "no answer" : answer, `${tokens}`, ended === "stop" ? "" : ended),
      ...cells(...ratings.map((rating) => (rating ? rating[0].toFixed(2) : "not scored"))));
    button.addEventListener("click", () => toggle(button, row, steps, ratings));
    return row;
  });
  const scores = index.verifiers.map((name) => `Score by ${name}`);
  return table(["Sample", "", "Answer", "Tokens", "Ended by", ...scores], rows);
}

function toggle(button, row, steps, ratings) {
  const open = button.getAttribute("aria-expanded") === "false";
  button.setAttribute("aria-expanded", `${open}`);
  if (!open) return row.nextElementSibling.remove();
  const texts = steps.map(([text, tokens, confidence], number) => {
    const scores = ratings.map((rating, verifier) => (rating && number in rating[1]
      ? `, ${index.verifiers[verifier]} ${rating[1][number].toFixed(2)}` : ""));
    const sure = confidence === null ? "" : `, probability of a token ${confidence.toFixed(2)}`;
    const facts = `step ${number + 1}: ${counted(tokens, "token")}${sure}${scores.join("")}`;
    return make("div", { class: "step" }, make("p", { class: "caption" }, facts), make("p", { class: "whole" }, text.trimEnd()));
  });
  return row.after(make("tr", { class: "solution" }, make("td", { colspan: row.childElementCount }, ...texts)));
}

// -- filters

const problems = index.problems.map((problem) => ({
  ...problem,
  rate: problem.samples ? problem.right / problem.samples : null,
  element: entry(problem),
  words: [problem.text, problem.id, problem.reference, ...problem.answers].join("\n").toLowerCase(),
}));

// Problems without samples come last in either order.
const ORDERS = {
  position: (a, b) => a.position - b.position,
  hardest: (a, b) => (a.rate ?? 2) - (b.rate ?? 2) || a.position - b.position,
  easiest: (a, b) => (b.rate ?? -1) - (a.rate ?? -1) || a.position - b.position,
};

function wanted(problem, filters) {
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  const states = filters.task === "" ? problem.states : problem.states[Number(filters.task)];
  const differ = problem.states.includes("r") && /[wf]/.test(problem.states);
  const outcome = filters.outcome === "differ" ? differ : states.includes(filters.outcome);
  const labelled = ["level", "subject", "difficulty"].every((kind) => !filters[kind] || problem[kind] === filters[kind]);
  return outcome && labelled && words.every((word) => problem.words.includes(word));
}

function show() {
  const filters = Object.fromEntries(new FormData(form));
  const shown = problems.filter((problem) => wanted(problem, filters));
  list.replaceChildren(...shown.sort(ORDERS[filters.order]).map((problem) => problem.element));
  const some = shown.length < problems.length ? `${shown.length.toLocaleString("en")} of ` : "";
  document.getElementById("count").textContent = some + counted(problems.length, "problem");
}

function offer() {
  index.tasks.forEach((task, number) => form.elements.task.append(make("option", { value: number }, task)));
  for (const kind of ["level", "subject", "difficulty"]) {
    const values = [...new Set(problems.map((problem) => problem[kind]).filter(Boolean))].sort();
    form.elements[kind].append(...values.map((value) => make("option", { value }, value)));
    form.elements[kind].closest("label").hidden = values.length < 2;
  }
}

offer();
for (const event of ["input", "change"]) form.addEventListener(event, show);
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("pageshow", show); // a browser that comes back to the page fills in the filters by itself
show();
