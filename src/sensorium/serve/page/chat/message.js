/** What was said and replied, as elements. What it quotes of media is text and stays text. */

import { fill, makeCell } from "../cell.js";
import { button, element, icon } from "../dom.js";
import { nameOf, placeOf } from "../place.js";
import { say } from "../words.js";
import { hitOf } from "./cited.js";

/** Pictures of a reply that stand in it; the grid shows all. */
const SHOWN = 12;

const CITED = /\[(\d{1,3})\]/;

/** What a statement without evidence ends with (`MARKS` in `dialogue/grounding.py`). */
const MARKS = [" [no evidence]", " ［无依据］"];

/** What a person said, and what was given with it. */
export function mine({ words, given }) {
  return element(
    "div", { className: "mine" },
    element("span", { className: "unseen" }, say("you"), " "),
    given.length > 0 && element("div", { className: "with" }, ...given.map(shownPart)),
    words && element("p", {}, words),
  );
}

const shownPart = ({ picture, kind, name }) => (picture
  ? element("img", { src: picture, alt: name })
  : element("span", {}, icon(kind === "sound" ? "audio" : "text"), name));

/**
 * What a reply is, in an element that says nothing until it is whole.
 * @param {Object} acts - `cite(number)`, `open(index)` an item, `showAll()` in the grid.
 */
export function fillReply(theirs, reply, collection, acts) {
  const { asks, count, items, refused, trouble, unfounded } = reply;
  theirs.lang = reply.language === "zh" ? "zh-CN" : reply.language;
  theirs.classList.toggle("refused", refused);
  theirs.classList.toggle("asks", asks);
  theirs.replaceChildren(...[
    element("span", { className: "unseen" }, say("reply"), " "),
    refused && sign("no", say("refusedReply")),
    asks && sign("question", say("asksBack")),
    element("p", { className: "text" }, ...textOf(reply, acts)),
    unfounded.length > 0 && sign("warning", say("unfoundedReply", unfounded.length)),
    trouble && element("p", { className: "error" }, trouble),
    items.length > 0 && pictures(items, collection, acts),
    items.length > 1 && button("open", say(count > items.length ? "showFirst" : "showReply", items.length), acts.showAll, { words: true }),
  ].filter(Boolean));
}

const sign = (name, words) => element("p", { className: `sign ${name}` }, icon(name), words);

function pictures(items, collection, acts) {
  const some = items.slice(0, SHOWN);
  const list = element("ul", { className: "shown low", role: "list", "aria-label": say("shownItems") });
  list.classList.toggle("one", some.length === 1);
  for (const [index, hit] of some.entries()) {
    const cell = makeCell(index, items.length);
    fill(cell, hit, collection);
    cell.firstChild.tabIndex = 0;
    cell.firstChild.onclick = () => acts.open(index);
    list.append(cell);
  }
  return list;
}

/** The text, with buttons where something is cited, and marks around what nothing holds. */
function textOf({ text, citations, unfounded }, acts) {
  const known = new Map(citations.map((one) => [one.number, one]));
  return partsOf(text, unfounded).map(([part, isUnfounded]) => {
    const nodes = part.split(CITED).map((piece, n) => (n % 2 ? mark(piece, known, acts) : piece));
    return isUnfounded ? [element("mark", {}, ...nodes)] : nodes;
  }).flat();
}

function mark(digits, known, acts) {
  const one = known.get(Number(digits));
  if (!one?.item) return `[${digits}]`;
  const hit = hitOf(one);
  const what = [nameOf(hit), placeOf(hit)].filter(Boolean).join(", ");
  return element("button", {
    type: "button", className: "cite", title: one.quote || what, "aria-label": say("cites", digits, what),
    onclick: () => acts.cite(one),
  }, `[${digits}]`);
}

/** Parts of a text in their order, each with whether nothing holds it. */
function partsOf(text, unfounded) {
  const parts = [];
  let rest = text;
  for (const statement of unfounded) {
    const end = MARKS.map((one) => statement + one).find((one) => rest.includes(one));
    if (!end) continue;
    const start = rest.indexOf(end);
    parts.push([rest.slice(0, start), false], [end, true]);
    rest = rest.slice(start + end.length);
  }
  return [...parts, [rest, false]];
}
