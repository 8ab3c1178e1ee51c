/** Which items are looked at: by kind, date and a condition. */

import { byId, element } from "./dom.js";
import { say } from "./words.js";

/** Offer the kinds that a collection holds, and dates where it knows them. */
export function offer(info) {
  const kinds = Object.keys(info.items);
  const chosen = byId("modality").value;
  byId("modality").replaceChildren(
    element("option", { value: "" }, say("anything")),
    ...kinds.map((kind) => element("option", { value: kind, selected: kind === chosen }, say(kind))),
  );
  for (const one of document.querySelectorAll("#filters .dates")) {
    one.hidden = !(info.fields ?? []).includes("taken");
  }
}

/** The filters as a condition of SQL; undefined where all items are looked at. */
export function condition() {
  const said = [];
  const { value: written } = byId("where");
  const { value: kind } = byId("modality");
  const { value: from } = byId("from");
  const { value: until } = byId("until");
  if (kind) said.push(`modality = '${kind}'`);
  if (from) said.push(`taken >= '${from}'`);
  // Some know the time of day, some the month alone.
  if (until) said.push(`substr(taken, 1, 10) <= '${until}'`);
  if (written.trim()) said.push(`(${written.trim()})`);
  return said.length ? said.join(" AND ") : undefined;
}

/** Listen for changes: of what is typed when it rests, of the rest at once. */
export function listen(change) {
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
  };
}

/** Say what is wrong with the condition; nothing where it is right. */
export function fault(message) {
  const line = byId("where-error");
  line.textContent = message;
  line.hidden = !message;
  byId("where").setAttribute("aria-invalid", String(Boolean(message)));
  if (message && byId("filters").hidden) byId("filtering").click();
}
