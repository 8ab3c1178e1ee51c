/** Which items are looked at: by kind, date and a condition. */

import { byId, element } from "./dom.js";
import { say } from "./words.js";

/** The day that an item was taken on, the first of the month where nothing more is known. */
const DAY = "substr(taken || '-01', 1, 10)";

/** Orders that items are looked at in; hits stand by how near they are. */
const ORDERS = {
  added: "oldestAdded", "-added": "newestAdded", taken: "oldestTaken", "-taken": "newestTaken",
};

/** Offer the kinds that a collection holds, and dates where it knows them. */
export function offer(info) {
  const kinds = Object.keys(info.items);
  const chosen = byId("modality").value;
  byId("modality").replaceChildren(
    element("option", { value: "" }, say("anything")),
    ...kinds.map((kind) => element("option", { value: kind, selected: kind === chosen }, say(kind))),
  );
  const fields = info.fields ?? [];
  byId("where-help").textContent = fields.length ? say("whereHelp", fields.join(", ")) : "";
  const isDated = fields.includes("taken");
  for (const one of document.querySelectorAll("#filters .dates")) one.hidden = !isDated;
  const order = byId("order").value;
  byId("order").replaceChildren(
    ...Object.entries(ORDERS)
      .filter(([name]) => isDated || name.endsWith("added"))
      .map(([value, words]) => element("option", { value, selected: value === order }, say(words))),
  );
}

/** The filters as a condition of SQL; undefined where all items are looked at. */
export function condition() {
  const said = [];
  const { value: written } = byId("where");
  const { value: kind } = byId("modality");
  const { value: from } = byId("from");
  const { value: until } = byId("until");
  if (kind) said.push(`modality = '${kind}'`);
  // Some know the time of day, some the month alone.
  if (from) said.push(`${DAY} >= '${from}'`);
  if (until) said.push(`${DAY} <= '${until}'`);
  if (written.trim()) said.push(`(${written.trim()})`);
  return said.length ? said.join(" AND ") : undefined;
}

/** The order of items. */
export const order = () => byId("order").value || "added";

/** Offer an order, or none: hits stand by how near they are. */
export function ordered(is) {
  byId("ordering").hidden = !is;
}

/** Look at days from one to another alone; the same again looks at all. */
export function between(from, until) {
  const isSame = byId("from").value === from && byId("until").value === until;
  byId("from").value = isSame ? "" : from;
  byId("until").value = isSame ? "" : until;
  byId("filters").dispatchEvent(new Event("change"));
}

/** Look at what a condition holds for. */
export function only(condition) {
  byId("where").value = condition;
  byId("filters").dispatchEvent(new Event("change"));
}

/**
 * Listen for changes: of what is typed when it rests, of the rest at once.
 * `open` is called when filters are shown.
 */
export function listen(change, open) {
  const form = byId("filters");
  const opener = byId("filtering");
  let timer = 0;
  form.addEventListener("change", change);
  form.addEventListener("reset", () => setTimeout(change));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change();
  });
  byId("where").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(change, 400);
  });
  opener.onclick = () => {
    form.hidden = !form.hidden;
    opener.setAttribute("aria-expanded", String(!form.hidden));
    if (!form.hidden) open();
  };
}

/** A condition as the server's messages quote it. */
const QUOTED = /^where=(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")/;

/**
 * Say what is wrong with the condition; nothing where it is right. What was asked holds the other
 * filters, too, which nobody wrote: only what is written is named.
 */
export function fault(message) {
  const line = byId("where-error");
  line.textContent = message.replace(QUOTED, () => `“${byId("where").value.trim()}”`);
  line.hidden = !message;
  byId("where").setAttribute("aria-invalid", String(Boolean(message)));
  if (message && byId("filters").hidden) byId("filtering").click();
}
