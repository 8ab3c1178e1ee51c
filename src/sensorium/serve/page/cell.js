/** One hit in the grid. */

import { thumbnailOf } from "./api.js";
import { element, icon } from "./dom.js";
import { nameOf, pictureOf, placeOf, told } from "./place.js";
import * as thumbs from "./thumbs.js";
import { percent, say } from "./words.js";

/** Pixels of the pictures' longer side that are asked for, on screens of one and of more dots. */
const SIDE = window.devicePixelRatio > 1.5 ? 512 : 256;

/** What has no picture of its own is shown in words. */
const IN_WORDS = new Set(["text", "audio"]);

/** A cell for a place in the grid; what stands there may come later. */
export function makeCell(index, total) {
  const opener = element("button", { type: "button", className: "hit", tabIndex: -1 });
  const cell = element("li", { className: "cell" }, opener);
  cell.index = index;
  cell.setAttribute("aria-posinset", index + 1);
  cell.setAttribute("aria-setsize", total);
  opener.setAttribute("aria-label", say("unknown"));
  return cell;
}

/** Show a hit in a cell. */
export function fill(cell, hit, collection) {
  if (cell.hit === hit) return;
  empty(cell);
  cell.hit = hit;
  const opener = cell.firstChild;
  opener.setAttribute("aria-label", told(hit));
  opener.title = nameOf(hit);
  const inWords = IN_WORDS.has(hit.modality) || (hit.modality === "video" && hit.text);
  if (inWords) {
    opener.append(
      icon(hit.modality),
      name(hit),
      element("span", { className: "words" }, hit.text?.slice(0, 400) ?? ""),
    );
  } else {
    const image = element("img", { alt: "", decoding: "async", draggable: false });
    image.addEventListener("missing", () => {
      opener.classList.add("worded");
      image.replaceWith(icon(hit.modality === "image" ? "picture" : hit.modality), name(hit));
    });
    opener.append(image);
    thumbs.bring(image, thumbnailOf(collection, hit.id, SIDE, pictureOf(hit)));
  }
  opener.classList.toggle("worded", Boolean(inWords));
  const place = placeOf(hit);
  if (place || (hit.modality !== "image" && !inWords)) {
    opener.append(element("span", { className: "badge" }, !inWords && hit.modality !== "image" && icon(hit.modality), place));
  }
  if (hit.stands_for > 1) {
    opener.append(element("span", { className: "folded" }, `×${hit.stands_for}`));
  }
  if (hit.judged !== undefined) {
    opener.append(element("span", { className: `judged ${hit.judged ? "right" : "wrong"}` }, icon(hit.judged ? "yes" : "no")));
  }
  if (hit.probability != null) {
    const bar = element("span", { className: "bar" }, element("span"));
    bar.firstChild.style.width = `${Math.max(1, hit.probability * 100)}%`;
    opener.append(bar, element("span", { className: "likely" }, percent(hit.probability)));
  }
}

const name = (hit) => element("span", { className: "name" }, nameOf(hit));

/** Show nothing in a cell, and bring nothing for it. */
export function empty(cell) {
  const image = cell.querySelector("img");
  if (image) thumbs.release(image);
  cell.firstChild.replaceChildren();
  cell.hit = undefined;
}
