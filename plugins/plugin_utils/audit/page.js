
// Copyright: (c) 2026, the sealed.s3 contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The page of an audit. What is shown was written by others (tags, statement ids, policies): it becomes text nodes, and
// nothing else. The rows of the table are made a page at a time, the details of a bucket when it is opened.
"use strict";

const PAGE = 50;
const FEW = 8;
const IN_FULL = 200;
const OUTCOMES = {
  compliant: "Compliant",
  not_compliant: "Not compliant",
  could_not_look: "Could not look",
};
const SEVERITIES = { high: "High", medium: "Medium", low: "Low", info: "Info" };
const VERDICTS = { allowed: "Passes", denied: "Denied", unknown: "Depends" };
const PLAN = {
  create_key: "create the key",
  key_settings: "change settings of the key",
  create_bucket: "create the bucket",
  public_access: "block public access",
  versioning: "switch versioning",
  tags: "add tags to the bucket",
  default_encryption: "set default encryption",
  guard: "write the guard into the bucket policy",
};
// Lines in a box of 16 by 16: what is said by colour is said by shape, too, and by a word.
const SHAPES = {
  compliant: "M3 8.5l3.2 3.2L13 4.8",
  not_compliant: "M4 4l8 8M12 4l-8 8",
  could_not_look: "M2 8q6-7 12 0q-6 7-12 0M3 13L13 3",
  high: "M3 13V9M8 13V6M13 13V3",
  medium: "M3 13V9M8 13V6M13 13v-1",
  low: "M3 13V9M8 13v-1M13 13v-1",
  info: "M8 7v6M8 3.2v.6",
  allowed: "M2 8h11M9 4l4 4-4 4",
  denied: "M8 2a6 6 0 1 0 .01 0M3.8 3.8l8.4 8.4",
  unknown: "M5 6a3 3 0 1 1 3 3v1.4M8 13v.2",
  closed: "M5 2.5l6 5.5-6 5.5",
};
// Characters that are not seen, or that change how others are seen: control, format, unassigned, separators of lines.
const HIDDEN = /([\p{C}\p{Zl}\p{Zp}])/u;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const COMMAND = /^(?:ansible-playbook|aws) /;

const audit = JSON.parse(document.getElementById("audit").textContent);
const rank = new Map(audit.severities.map((severity, index) => [severity, index]));
const collator = new Intl.Collator("en", { numeric: true });
const numbers = new Intl.NumberFormat("en");

// --- making elements ---

/** An element. Attributes are text, or functions for events; children are nodes, or text that anybody may have written. */
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(attribute, value);
    else if (value !== undefined && value !== false) element.setAttribute(attribute, value === true ? "" : value);
  }
  fill(element, children);
  return element;
}

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child instanceof Node) element.append(child);
    else if (child !== null && child !== undefined && child !== "") element.append(...shown(String(child)));
  }
}

/** Text as nodes, in which nothing is hidden. */
function shown(text) {
  return text
    .split(HIDDEN)
    .map((part, index) => {
      if (index % 2 === 0) return document.createTextNode(part);
      const span = document.createElement("span");
      span.className = "escaped";
      span.textContent = escaped(part);
      return span;
    });
}

function escaped(character) {
  const code = character.codePointAt(0);
  const hex = code.toString(16);
  return SHORT[character] ?? (code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`);
}

/** The same as one text, for where there can be no elements. */
function plain(text) {
  return shown(String(text)).map((node) => node.textContent).join("");
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [attribute, value] of Object.entries({
    viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": "2.2", "stroke-linecap": "round",
    "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false",
  })) svg.setAttribute(attribute, value);
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

const unseen = (text) => make("span", { class: "unseen" }, text);
const value = (text) => make("bdi", { class: "value" }, text);
const count = (number, one, many = `${one}s`) => `${numbers.format(number)} ${number === 1 ? one : many}`;

function replace(element, ...children) {
  element.replaceChildren();
  fill(element, children);
}

// --- the buckets ---

const kinds = audit.kinds.map(([id, severity, title]) => ({ id, severity, title }));
const buckets = audit.rows.map(([id, name, account, region, connection, compliance, found, more], index) => {
  const findings = found.map((number) => kinds[number]);
  const worst = Math.min(...findings.map((finding) => rank.get(finding.severity)), audit.severities.length);
  return { index, id, name, account, region, connection, compliance, findings, more, worst, words: null };
});
const byId = new Map(buckets.map((bucket) => [bucket.id, bucket]));
const chunks = new Map();

/** All that is known of a bucket; some are read from the page at once. */
function details(bucket) {
  const chunk = Math.floor(bucket.index / audit.together);
  if (!chunks.has(chunk)) chunks.set(chunk, JSON.parse(document.getElementById(`buckets-${chunk}`).textContent));
  return chunks.get(chunk)[bucket.index % audit.together];
}

/** What the text filter looks in. */
function words(bucket) {
  bucket.words ??= [
    bucket.name, bucket.account, bucket.region, bucket.connection, OUTCOMES[bucket.compliance],
    ...bucket.findings.flatMap((finding) => [finding.id, finding.title]), ...bucket.more,
  ].map(plain).join("\n").toLowerCase();
  return bucket.words;
}

// --- what is shown: filters, order, page, open buckets; kept in the address, so that a view can be linked ---

const DEFAULTS = { q: "", compliance: "", severity: "", account: "", region: "", finding: "", sort: "-severity", page: "1" };
const ORDERS = {
  bucket: (one, other) => collator.compare(one.name, other.name),
  account: (one, other) => collator.compare(one.account, other.account),
  region: (one, other) => collator.compare(one.region, other.region),
  compliance: (one, other) => order(one.compliance) - order(other.compliance),
  severity: (one, other) => other.worst - one.worst || order(one.compliance) - order(other.compliance),
  findings: (one, other) => one.findings.length - other.findings.length,
};
const order = (compliance) => ["compliant", "could_not_look", "not_compliant"].indexOf(compliance);

let state = { ...DEFAULTS, open: [] };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  state = { ...DEFAULTS, open: given.getAll("open") };
  for (const name of Object.keys(DEFAULTS)) if (given.get(name)) state[name] = given.get(name);
  if (!Object.hasOwn(ORDERS, state.sort.replace(/^-/, ""))) state.sort = DEFAULTS.sort;
  if (!/^[1-9]\d*$/.test(state.page)) state.page = "1";
}

function writeAddress() {
  const told = new URLSearchParams();
  for (const [name, standard] of Object.entries(DEFAULTS)) if (state[name] !== standard) told.set(name, state[name]);
  for (const id of state.open) told.append("open", id);
  history.replaceState(null, "", `#${told}`);
}

function matching() {
  const wanted = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = buckets.filter((bucket) =>
    (!state.compliance || bucket.compliance === state.compliance) &&
    (!state.account || bucket.account === state.account) &&
    (!state.region || bucket.region === state.region) &&
    (!state.severity || (state.severity === "none"
      ? bucket.findings.length === 0
      : bucket.findings.some((finding) => finding.severity === state.severity))) &&
    (!state.finding || bucket.findings.some((finding) => finding.id === state.finding)) &&
    wanted.every((word) => words(bucket).includes(word)));
  const descending = state.sort.startsWith("-");
  const compare = ORDERS[state.sort.replace(/^-/, "")];
  return chosen.sort((one, other) =>
    (descending ? compare(other, one) : compare(one, other)) || collator.compare(one.name, other.name) || one.index - other.index);
}

// --- at a glance ---

function share(part, whole) {
  // Never 100 % while one is missing.
  return whole ? `${numbers.format(Math.floor((part / whole) * 1000) / 10)} %` : "\u2013";
}

function bar(counts) {
  const told = Object.entries(OUTCOMES).map(([name, title]) => `${counts[name]} ${title.toLowerCase()}`).join(", ");
  const element = make("div", { class: "bar", role: "img", "aria-label": told });
  for (const name of Object.keys(OUTCOMES)) {
    if (!counts[name]) continue;
    const part = make("span", { class: `${name}-fill` });
    part.style.flexGrow = counts[name];
    element.append(part);
  }
  return element;
}

function outcome(name) {
  return make("span", { class: `outcome ${name}` }, icon(name), OUTCOMES[name]);
}

function severity(name) {
  return make("span", { class: `severity ${name}` }, icon(name), SEVERITIES[name]);
}

function showGlance() {
  const summary = audit.summary;
  const found = summary.findings ?? {};
  const tally = (title, rows) => make("div", { class: "card" },
    make("h3", {}, title),
    make("dl", { class: "tally" }, rows.map(([name, number]) => [make("dt", {}, name), make("dd", {}, numbers.format(number ?? 0))])));
  replace(document.getElementById("outcomes"), make("div", { class: "outcomes" },
    make("div", { class: "card" },
      make("h3", { class: "unseen" }, "Compliance"),
      make("p", { class: "share" }, share(summary.compliant, summary.buckets), make("small", {}, "compliant")),
      bar(summary),
      make("ul", { class: "legend" }, Object.entries(OUTCOMES).map(([name, title]) => make("li", {},
        make("span", { class: `swatch ${name}-fill` }), numbers.format(summary[name] ?? 0), " ",
        chooser({ compliance: name }, title.toLowerCase())))),
    ),
    tally("Findings", Object.keys(SEVERITIES).map((name) => [severity(name), found[name]])),
    tally("A run of sealed.s3.encrypt", [
      ["would change", summary.to_change],
      ["is held up on", summary.blocked],
    ]),
  ));
  replace(document.getElementById("groups"),
    grouped("By account", "Account", "account", summary.accounts ?? {}),
    grouped("By Region", "Region", "region", summary.regions ?? {}),
    frequent());
}

/** A button that shows the buckets of a row in the table below. */
function chooser(filters, ...children) {
  return make("button", { type: "button", class: "link", click: () => choose(filters) }, ...children);
}

function choose(filters) {
  state = { ...DEFAULTS, sort: state.sort, open: [], ...filters };
  show();
  document.getElementById("table").focus();
}

/** Rows of which the first few are shown until more are asked for. */
function some(rows, what) {
  const body = make("tbody", {}, rows);
  const beyond = rows.slice(FEW);
  // One more row takes no more place than a button.
  if (beyond.length < 2) return [body];
  const hide = (hidden) => beyond.forEach((row) => { row.hidden = hidden; });
  beyond.forEach((row) => row.classList.add("beyond"));
  hide(true);
  const more = make("button", { type: "button", class: "more", "aria-expanded": "false", click: () => {
    const opened = more.getAttribute("aria-expanded") === "false";
    hide(!opened);
    more.setAttribute("aria-expanded", String(opened));
    replace(more, opened ? "Show fewer" : `Show all ${rows.length} ${what}`);
  } }, `Show all ${rows.length} ${what}`);
  return [body, more];
}

function grouped(title, heading, filter, groups) {
  const rows = Object.entries(groups)
    .sort(([name, one], [next, other]) => other.not_compliant - one.not_compliant || collator.compare(name, next))
    .map(([name, counts]) => make("tr", {},
      make("th", { scope: "row" }, chooser({ [filter]: name }, name)),
      make("td", { class: "bars" }, bar(counts)),
      make("td", { class: "number" }, share(counts.compliant, counts.buckets)),
      make("td", { class: "number" }, numbers.format(counts.buckets)),
      make("td", { class: "number" }, numbers.format(counts.not_compliant)),
      make("td", { class: "number" }, numbers.format(counts.could_not_look))));
  const [body, more] = some(rows, filter === "account" ? "accounts" : "Regions");
  return make("div", { class: "card" },
    make("table", { class: "plain" },
      make("caption", {}, title),
      make("thead", {}, make("tr", {},
        make("th", { scope: "col" }, heading),
        make("th", { scope: "col", class: "bars" }, unseen("Share as a bar")),
        [["Compliant"], ["Buckets"], ["Not", " compliant"], ["Unread"]].map(([name, more]) =>
          make("th", { scope: "col", class: "number" }, name, more ? unseen(more) : [])))),
      body),
    more);
}

function frequent() {
  const ids = new Map();
  for (const bucket of buckets) {
    for (const finding of new Set(bucket.findings)) {
      const known = ids.get(finding.id) ?? { id: finding.id, severity: finding.severity, titles: new Set(), buckets: new Set() };
      known.titles.add(finding.title);
      known.buckets.add(bucket.index);
      if (rank.get(finding.severity) < rank.get(known.severity)) known.severity = finding.severity;
      ids.set(finding.id, known);
    }
  }
  const rows = [...ids.values()]
    .sort((one, other) => rank.get(one.severity) - rank.get(other.severity) || other.buckets.size - one.buckets.size)
    .map((known) => make("tr", {},
      make("td", {}, severity(known.severity)),
      make("th", { scope: "row" }, chooser({ finding: known.id }, titleOf(known))),
      make("td", { class: "number" }, numbers.format(known.buckets.size))));
  if (!rows.length) return [];
  const [body, more] = some(rows, "kinds");
  return make("div", { class: "card wide" },
    make("table", { class: "plain" },
      make("caption", {}, "What was found"),
      make("thead", {}, make("tr", {},
        make("th", { scope: "col" }, "Severity"), make("th", { scope: "col" }, "Finding"),
        make("th", { scope: "col", class: "number" }, "Buckets"))),
      body),
    more);
}

/** One title for a kind of finding: that of all, or its id as words, where each has its own or names a statement. */
function titleOf(known) {
  if (known.titles.size === 1 && !known.id.startsWith("policy_")) return [...known.titles][0];
  const text = known.id.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}

// --- the filters ---

const fields = {};

function showFilters() {
  const distinct = (of) => [...new Set(buckets.map(of))].sort(collator.compare).map((name) => [name, name]);
  const ids = [...new Set(buckets.flatMap((bucket) => bucket.findings.map((finding) => finding.id)))].sort();
  const form = document.getElementById("filters");
  const label = (name, title, field) => {
    fields[name] = field;
    field.id = `filter-${name}`;
    return make("div", {}, make("label", { for: field.id }, title), field);
  };
  const select = (name, title, options) => label(name, title, make("select", { change: filtered },
    [["", "All"], ...options].map(([given, text]) => {
      const option = make("option", {}, plain(text));
      option.value = given;
      return option;
    })));
  replace(form,
    label("q", "Text", make("input", { type: "search", autocomplete: "off", spellcheck: "false", input: filtered,
      placeholder: "Name, tag, key, finding" })),
    select("compliance", "Compliance", Object.entries(OUTCOMES)),
    select("severity", "Has severity", [...Object.entries(SEVERITIES), ["none", "No finding"]]),
    select("account", "Account", distinct((bucket) => bucket.account)),
    select("region", "Region", distinct((bucket) => bucket.region)),
    select("finding", "Finding", ids.map((id) => [id, id])),
    make("div", {}, make("button", { type: "button", id: "reset", click: () => choose({}) }, "Reset")));
  form.addEventListener("submit", (event) => event.preventDefault());
}

function filtered() {
  performance.mark("filter-begins");
  for (const [name, field] of Object.entries(fields)) state[name] = field.value;
  state.page = "1";
  show();
  performance.measure("filter", "filter-begins");
}

/** The filters in words, for paper. */
function filtersInWords() {
  const set = Object.entries(fields).filter(([name]) => state[name]);
  return set.map(([name, field]) => {
    const title = document.querySelector(`label[for="${field.id}"]`).textContent;
    return `${title}: ${field.selectedOptions?.[0]?.textContent ?? plain(state[name])}`;
  }).join(" \u00b7 ");
}

// --- the table ---

const COLUMNS = { bucket: "Bucket", account: "Account", region: "Region", compliance: "Compliance", severity: "Gravest",
  findings: "Findings" };
const table = make("table", { class: "buckets", "aria-labelledby": "table" });
const head = make("tr", {});
const body = make("tbody", {});

function showHead() {
  table.append(make("thead", {}, head), body);
  for (const [name, title] of Object.entries(COLUMNS)) {
    head.append(make("th", { scope: "col", "data-column": name },
      make("button", { type: "button", click: () => sortBy(name) }, title)));
  }
  document.getElementById("scroll").append(table);
}

function sortBy(name) {
  const first = name === "severity" || name === "findings" || name === "compliance" ? `-${name}` : name;
  const other = first.startsWith("-") ? name : `-${name}`;
  state.sort = state.sort === first ? other : first;
  state.page = "1";
  show();
}

function row(bucket, opened = state.open.includes(bucket.id)) {
  const of = `details-${bucket.index}`;
  const element = make("tr", { class: opened ? "row open" : "row", "data-bucket": bucket.index },
    make("th", { scope: "row" }, make("button", { type: "button", class: "disclose", "aria-expanded": String(opened),
      "aria-controls": opened && of }, icon("closed"), make("bdi", {}, bucket.name))),
    make("td", {}, bucket.account),
    make("td", {}, bucket.region),
    make("td", {}, outcome(bucket.compliance)),
    make("td", {}, bucket.worst < audit.severities.length ? severity(audit.severities[bucket.worst]) : make("span", { class: "quiet" }, "none")),
    make("td", {}, tallied(bucket)));
  return opened ? [element, detail(bucket, of)] : [element];
}

function tallied(bucket) {
  const parts = audit.severities
    .map((name) => [bucket.findings.filter((finding) => finding.severity === name).length, name])
    .filter(([number]) => number);
  return parts.length ? parts.map(([number, name]) => `${number} ${name}`).join(", ") : make("span", { class: "quiet" }, "0");
}

function detail(bucket, of) {
  return make("tr", { class: "detail", id: of }, make("td", { colspan: String(Object.keys(COLUMNS).length) },
    inside(details(bucket))));
}

function toggle(element) {
  const bucket = buckets[Number(element.dataset.bucket)];
  const button = element.querySelector(".disclose");
  const opened = !state.open.includes(bucket.id);
  const of = `details-${bucket.index}`;
  state.open = opened ? [...state.open, bucket.id] : state.open.filter((id) => id !== bucket.id);
  element.classList.toggle("open", opened);
  button.setAttribute("aria-expanded", String(opened));
  if (opened) {
    element.after(detail(bucket, of));
    button.setAttribute("aria-controls", of);
  } else {
    document.getElementById(of).remove();
    button.removeAttribute("aria-controls");
  }
  writeAddress();
}

function show() {
  const chosen = matching();
  const last = Math.max(1, Math.ceil(chosen.length / PAGE));
  state.page = String(Math.min(Number(state.page), last));
  const first = (Number(state.page) - 1) * PAGE;
  showRows(chosen.slice(first, first + PAGE));
  for (const cell of head.children) {
    const sorted = cell.dataset.column === state.sort.replace(/^-/, "");
    if (sorted) cell.setAttribute("aria-sort", state.sort.startsWith("-") ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  }
  for (const [name, field] of Object.entries(fields)) if (field.value !== state[name]) field.value = state[name];
  showStatus(chosen.length, first);
  showPages(last);
  writeAddress();
}

function showRows(chosen) {
  if (chosen.length) {
    replace(body, chosen.map((bucket) => row(bucket)));
    return;
  }
  replace(body, make("tr", {}, make("td", { class: "none", colspan: String(Object.keys(COLUMNS).length) },
    "No bucket matches these filters.")));
}

function showStatus(found, first) {
  const shownTo = Math.min(first + PAGE, found);
  const which = found > PAGE ? `${numbers.format(first + 1)}\u2013${numbers.format(shownTo)} of ` : "";
  const all = found < buckets.length ? ` of ${numbers.format(buckets.length)} match` : "";
  const missing = state.open.filter((id) => !byId.has(id));
  replace(document.getElementById("status"), `Showing ${which}${count(found, "bucket")}${all}.`,
    missing.map((id) => [" There is no bucket ", value(id), " in this audit."]));
  replace(document.getElementById("printed"), `${count(found, "bucket")}${all}. `, filtersInWords());
}

function showPages(last) {
  const now = Number(state.page);
  const go = (number, ...label) => make("button", { type: "button", disabled: number < 1 || number > last,
    "aria-current": number === now && label.length < 2 && "page", "data-page": label.length < 2 && String(number),
    click: () => {
      state.page = String(number);
      show();
      document.getElementById("table").focus();
      document.getElementById("table").scrollIntoView();
    } }, ...label);
  const wanted = [...new Set([1, now - 1, now, now + 1, last])].filter((number) => number >= 1 && number <= last);
  const list = wanted.flatMap((number, index) =>
    [index && number > wanted[index - 1] + 1 ? make("span", {}, "\u2026") : [], go(number, [unseen("Page "), numbers.format(number)])]);
  const pages = document.getElementById("pages");
  pages.hidden = last < 2;
  replace(pages, go(now - 1, "Previous", unseen(" page")), list, go(now + 1, "Next", unseen(" page")));
}

// --- inside a bucket ---

function part(title, ...children) {
  return make("section", {}, make("h3", {}, title), ...children);
}

function inside(bucket) {
  return make("div", { class: "inside" },
    notRead(bucket),
    findings(bucket),
    make("div", { class: "beside" }, facts(bucket), uploads(bucket)),
    planned(bucket),
    policy(bucket));
}

function notRead(bucket) {
  const missing = bucket.could_not_look ?? [];
  if (!missing.length) return [];
  return part("What could not be looked at", make("ul", { class: "notes" }, missing.map((one) =>
    make("li", { class: "unread" },
      one.permission ? [make("strong", {}, "Missing permission: "), value(one.permission), ". "] : [], one.message))));
}

function findings(bucket) {
  const found = bucket.findings ?? [];
  if (!found.length) {
    const looked = bucket.compliance === "could_not_look" ? "Nothing was found in what could be looked at." : "All is as asked.";
    return part("Findings", make("p", {}, looked));
  }
  // A finding about a statement of the policy says what the conflict says, but for what it depends on.
  const open = new Map((bucket.conflicts ?? []).map((conflict) => [conflict.message, conflict.unknown_keys]));
  const remedies = new Map();
  for (const finding of found) {
    if (COMMAND.test(finding.remedy ?? "")) remedies.set(finding.remedy, [...(remedies.get(finding.remedy) ?? []), finding.title]);
  }
  return part("Findings",
    make("ul", { class: "findings" }, found.map((one) => finding(one, open.get(one.title) ?? []))),
    remedies.size ? make("div", { class: "commands" }, [...remedies].map(([text, titles]) =>
      command(text, titles.length === found.length ? [titles.length === 1 ? "This mends it" : "This mends them all"]
        : ["This mends: ", titles.join("; ")]))) : []);
}

function finding(found, open) {
  const controls = found.controls ?? [];
  return make("li", { class: "finding" },
    make("header", {}, make("h4", {}, found.title), severity(found.severity), value(found.id)),
    compared(found.observed, found.wanted),
    open.length ? make("p", { class: "remedy" }, make("strong", {}, "It depends on: "), value(open.join(", "))) : [],
    found.remedy && !COMMAND.test(found.remedy) ? make("p", { class: "remedy" }, make("strong", {}, "To do: "), found.remedy) : [],
    controls.length ? make("p", { class: "controls" }, "Controls: ", controls.join(" \u00b7 ")) : []);
}

function command(text, what) {
  return make("div", { class: "command" },
    make("p", {}, ...what, ":"),
    make("div", {}, make("code", {}, text), make("button", { type: "button", class: "copy", click: copied, "data-text": text }, "Copy",
      unseen(" the command"))));
}

async function copied(event) {
  const button = event.currentTarget;
  const text = button.dataset.text;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = copiedByHand(text, button);
  }
  const said = done ? "Copied" : "Not copied: select the text";
  button.firstChild.textContent = said;
  document.getElementById("said").textContent = said;
  setTimeout(() => {
    button.firstChild.textContent = "Copy";
    document.getElementById("said").textContent = "";
  }, 2000);
}

/** For a browser that lets no page of a file reach the clipboard. */
function copiedByHand(text, button) {
  const field = make("textarea", { class: "unseen", "aria-hidden": "true" });
  field.value = text;
  button.after(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  button.focus();
  return done;
}

const isMapping = (given) => given !== null && typeof given === "object" && !Array.isArray(given);

/** What is there beside what was wanted. */
function compared(observed, wanted) {
  const told = wanted !== null && wanted !== undefined;
  if (!told && (observed === null || observed === undefined)) return [];
  const cells = (name, one, other, both) => {
    const differs = told && both && JSON.stringify(one) !== JSON.stringify(other);
    return make("tr", {},
      make("th", { scope: "row" }, name === null ? unseen("All of it") : value(name)),
      make("td", {}, rendered(name === "allowed" ? inWords(one) : one)),
      told ? make("td", {}, differs ? make("div", { class: "differs" }, unseen("differs: "), rendered(other)) : rendered(other)) : []);
  };
  const mappings = isMapping(observed) && (!told || isMapping(wanted)) || isMapping(wanted) && observed === null;
  const there = observed ?? {};
  const names = mappings ? [...new Set([...Object.keys(there), ...Object.keys(wanted ?? {})])] : [];
  const has = (mapping, name) => Object.hasOwn(mapping ?? {}, name);
  const rows = names.length
    ? names.map((name) => cells(name, there[name], (wanted ?? {})[name], has(wanted, name)))
    : [cells(null, observed, wanted, true)];
  return make("table", { class: names.length ? "compare" : "compare whole" },
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, unseen("Setting")), make("th", { scope: "col" }, "Is there"),
      told ? make("th", { scope: "col" }, "Wanted") : [])),
    make("tbody", {}, rows));
}

function rendered(given) {
  if (given === undefined) return make("span", { class: "quiet" }, "\u2013");
  if (given === null) return make("span", { class: "quiet" }, "nothing");
  if (given === true || given === false) return given ? "yes" : "no";
  if (Array.isArray(given)) {
    return given.length ? make("ul", {}, given.map((one) => make("li", {}, rendered(one)))) : make("span", { class: "quiet" }, "none");
  }
  if (isMapping(given)) {
    return make("ul", {}, Object.entries(given).map(([name, one]) => make("li", {}, value(name), ": ", rendered(one))));
  }
  return value(given);
}

/** Kinds of requests, by their titles. */
function inWords(kinds) {
  const titles = new Map(audit.uploads.map(([id, title]) => [id, `an upload that ${title}`]));
  return Array.isArray(kinds) ? kinds.map((kind) => titles.get(kind) ?? String(kind).replaceAll("_", " ")) : kinds;
}

function facts(bucket) {
  const rows = [];
  const add = (name, ...told) => rows.push(make("dt", {}, name), make("dd", {}, ...told));
  const { key, encryption } = bucket;
  if (bucket.exists === false) add("Bucket", "does not exist");
  if (bucket.exists === null || bucket.exists === undefined) add("Bucket", "not known whether it exists");
  if (key && !key.arn && key.exists === false) add("Key", "none");
  else if (key) {
    add("Key", key.arn ? value(key.arn) : "not known");
    add("Key state", key.exists === false ? "does not exist" : key.state ? value(key.state) : "not known");
    if (key.rotation) add("Rotation", rotation(key.rotation));
  }
  if (encryption) {
    add("Default encryption", value(encryption.algorithm), encryption.key_arn
      ? [encryption.key_arn === key?.arn ? " with this key" : [" with ", value(encryption.key_arn)]]
      : encryption.algorithm.startsWith("aws:kms") ? " with the AWS managed key" : []);
    add("Bucket Key", encryption.bucket_key ? "on" : "off");
    if (encryption.blocked_encryption_types) add("Blocked types", rendered(encryption.blocked_encryption_types));
  }
  if (bucket.connection) add("Connection", value(bucket.connection));
  const tags = Object.entries(bucket.tags ?? {});
  if (tags.length) add("Tags", make("ul", {}, tags.map(([name, text]) => make("li", {}, value(name), " = ", value(text)))));
  return part("What is there", make("dl", { class: "facts" }, rows));
}

function rotation(given) {
  if (!given.enabled) return "off";
  return given.period_in_days ? `every ${count(given.period_in_days, "day")}` : "on";
}

/** Whether what a policy does to an upload is well: a word for the style. */
function judged(verdict, kind) {
  if (verdict === "unknown") return "open";
  if (verdict === "denied") return kind === "sealed" ? "note" : "good";
  return { sealed: "good", drifted: "note", open: "gap" }[kind];
}

function uploads(bucket) {
  if (!bucket.decisions) {
    return part("What the policy does to uploads", make("p", { class: "quiet" },
      bucket.exists === false ? "There is no bucket." : "The policy was not read, so this is not known."));
  }
  return part("What the policy does to uploads",
    make("table", { class: "uploads" },
      make("caption", { class: "unseen" }, "What the policy does to uploads"),
      make("thead", {}, make("tr", {},
        make("th", { scope: "col" }, "An upload that \u2026"),
        make("th", { scope: "col" }, "ends up under"),
        audit.models.map(([, title]) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, audit.uploads.map(([id, title, under, kind]) => make("tr", {},
        make("th", { scope: "row" }, title),
        make("td", {}, under),
        audit.models.map(([model]) => {
          const verdict = bucket.decisions[id]?.[model] ?? "unknown";
          const tone = judged(verdict, kind);
          return make("td", {}, make("span", { class: `verdict ${tone}` }, icon(verdict), VERDICTS[verdict],
            tone === "gap" ? unseen(", a gap") : []));
        }))))));
}

function planned(bucket) {
  const plan = bucket.plan ?? {};
  const all = { ...plan, ...(plan.bucket_settings ?? {}) };
  const parts = Object.keys(PLAN).filter((name) => all[name]);
  const blockers = bucket.blockers ?? [];
  if (!parts.length && !blockers.length) return [];
  return part("What a run of sealed.s3.encrypt would do",
    make("p", {}, parts.length ? `It would ${listed(parts.map((name) => PLAN[name]))}.` : "It would change nothing."),
    blockers.length ? [make("p", {}, "It is held up by:"), make("ul", { class: "notes" },
      blockers.map((text) => make("li", { class: "blocks" }, text)))] : []);
}

function listed(texts) {
  return texts.length > 1 ? `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}` : texts[0];
}

function policy(bucket) {
  if (!bucket.policy) return [];
  const lines = JSON.stringify(bucket.policy, null, 2).split("\n");
  return make("section", {}, make("details", { class: "policy" }, make("summary", {}, "The bucket policy"),
    make("pre", {}, lines.flatMap((line, index) => [index ? document.createTextNode("\n") : [], line]))));
}

// --- how to read it ---

function showGuide() {
  const words = (rows) => make("dl", {}, rows.map(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
  const fails = audit.severities.slice(0, audit.severities.indexOf(audit.fail_on) + 1).map((name) => SEVERITIES[name].toLowerCase());
  const verdict = (name, tone) => make("span", { class: `verdict ${tone}` }, icon(name), VERDICTS[name]);
  document.getElementById("guide").append(
    make("h3", {}, "Compliance"),
    words([
      [outcome("compliant"), "All that was asked about was read, and nothing of severity high or medium was found."],
      [outcome("not_compliant"), "Something of severity high or medium was found."],
      [outcome("could_not_look"), "Nothing of the kind was found, and not all that was asked about could be read. This is neither well nor wrong."],
    ]),
    make("h3", {}, "Severity"),
    words([
      [severity("high"), "Objects can end up, or do end up, encrypted otherwise than asked; or uploads fail."],
      [severity("medium"), "Something that was asked for is not so."],
      [severity("low"), "Worth mending, and nobody asked for it here."],
      [severity("info"), "Worth knowing."],
    ]),
    make("p", { class: "quiet" }, fails.length ? `This audit fails on findings of severity ${listed(fails)}.` : "This audit fails on no finding."),
    make("h3", {}, "What the policy does to uploads"),
    words([
      [verdict("denied", "good"), "A statement of the bucket policy denies it."],
      [verdict("allowed", "good"), "No statement of the bucket policy denies it. Whether the caller may upload is for their own permissions to say."],
      [verdict("allowed", "gap"), "The same, for an upload whose object would end up otherwise than asked: a gap."],
      [verdict("allowed", "note"), "The same, for an upload that only default encryption decides on. This audit looks at default encryption itself."],
      [verdict("denied", "note"), "Denied, although its object would end up as asked: a strict guard means it so."],
      [verdict("unknown", "open"), "That depends on something that an upload of this kind does not settle."],
    ]),
    make("p", { class: "quiet" }, "AWS does not say what the condition key of the key id holds for an upload that names no key. Both readings are shown."));
}

// --- the rest ---

function showTheme() {
  const button = document.getElementById("theme");
  const wide = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (wide.matches ? "dark" : "light")) === "dark";
  const tell = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });
  wide.addEventListener("change", tell);
  tell();
}

/**
 * On paper are all buckets that match, and what is to be said about them: in full for so many, in short for more, of
 * which no browser could make pages.
 */
function showForPaper() {
  const chosen = matching();
  const said = chosen.filter((bucket) => bucket.findings.length || bucket.compliance !== "compliant" || state.open.includes(bucket.id));
  const full = said.length <= IN_FULL;
  const listed = new Set(said);
  replace(body, chosen.map((bucket) => {
    if (!listed.has(bucket)) return row(bucket, false);
    return full ? row(bucket, true) : [row(bucket, false), inShort(bucket)];
  }));
  const note = full ? "" : ` What was found is told in short for so many; filter the table to ${IN_FULL} of them to print it in full.`;
  replace(document.getElementById("printed"), document.getElementById("printed").textContent, note);
}

function inShort(bucket) {
  const { findings, could_not_look: missing } = details(bucket);
  const lines = [
    ...(findings ?? []).map((one) => `${SEVERITIES[one.severity]}: ${one.title}`),
    ...(missing ?? []).map((one) => `Could not look: ${one.permission ? `${one.permission}: ` : ""}${one.message}`),
  ];
  return make("tr", { class: "short" }, make("td", { colspan: String(Object.keys(COLUMNS).length) },
    make("ul", {}, lines.map((line) => make("li", {}, line)))));
}

function begin() {
  const generated = document.getElementById("generated");
  const when = new Date(audit.generated);
  if (!Number.isNaN(when.getTime())) {
    generated.dateTime = audit.generated;
    replace(generated, `${when.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" })} UTC`);
  }
  for (const id of ["actions", "guide", ...(buckets.length ? ["glance", "list"] : [])]) document.getElementById(id).hidden = false;
  document.getElementById("skip").hidden = !buckets.length;
  document.getElementById("print").addEventListener("click", () => window.print());
  showTheme();
  showGuide();
  if (!buckets.length) return;
  readAddress();
  showGlance();
  showFilters();
  showHead();
  show();
  body.addEventListener("click", (event) => {
    const element = event.target.closest(".row");
    // Not where somebody marks text to copy it.
    if (element && (event.target.closest(".disclose") || getSelection().isCollapsed)) toggle(element);
  });
  document.getElementById("skip").addEventListener("click", (event) => {
    // The address is for the state of the table.
    event.preventDefault();
    document.getElementById("table").focus();
    document.getElementById("table").scrollIntoView();
  });
  addEventListener("hashchange", () => { readAddress(); reveal(); });
  addEventListener("beforeprint", showForPaper);
  addEventListener("afterprint", show);
  reveal();
}

/** Show the page that has the first open bucket of an address. */
function reveal() {
  const first = byId.get(state.open[0]);
  const place = first ? matching().indexOf(first) : -1;
  if (place >= 0) state.page = String(Math.floor(place / PAGE) + 1);
  show();
  if (place >= 0) body.querySelector(`[data-bucket="${first.index}"]`).scrollIntoView();
}

begin();
performance.mark("usable");
