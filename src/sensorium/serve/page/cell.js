/** One hit in the grid. */

import { thumbnailOf } from "./api.js";
import { element, icon } from "./dom.js";
import { nameOf, pictureOf, placeOf, SEEN, told } from "./place.js";
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
  // A document's page or first lines are its picture, until words of it are found.
  const isPage = hit.modality === "text" && !hit.text;
  const inWords = (IN_WORDS.has(hit.modality) && !isPage) || (hit.modality === "video" && hit.text);
  opener.setAttribute("aria-label", told(hit, inWords));
  opener.title = nameOf(hit);
  if (inWords) {
    opener.append(
      icon(hit.modality),
      name(hit), " ", // spaces that nobody sees: without them, texts would be read as one word
      element("span", { className: "words" }, hit.text?.slice(0, SEEN) ?? ""), " ",
    );
    if (hit.modality === "audio" && !hit.text) opener.append(wave(hit, collection));
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
  // What is written on a page says that it is one.
  if (place || !(inWords || hit.modality === "image" || hit.modality === "text")) {
    opener.append(element("span", { className: "badge" }, !inWords && hit.modality !== "image" && icon(hit.modality), place));
  }
  if (hit.stands_for > 1) {
    opener.append(sign("folded", `×${hit.stands_for}`));
  }
  if (hit.judged !== undefined) {
    opener.append(element("span", { className: `judged ${hit.judged ? "right" : "wrong"}` }, icon(hit.judged ? "yes" : "no")));
  }
  if (hit.probability != null) {
    const bar = element("span", { className: "bar" }, element("span"));
    bar.firstChild.style.width = `${Math.max(1, hit.probability * 100)}%`;
    opener.append(bar, sign("likely", percent(hit.probability)));
  }
}

/** How loud a sound is in its course. */
function wave(hit, collection) {
  const image = element("img", { className: "wave", alt: "", decoding: "async", draggable: false });
  image.addEventListener("missing", () => image.remove());
  thumbs.bring(image, thumbnailOf(collection, hit.id, SIDE));
  return image;
}

/** What the label says in other words is drawn, but no text: names and texts must agree. */
const sign = (kind, said) => element("span", { className: kind, "data-said": said });

const name = (hit) => element("span", { className: "name" }, nameOf(hit));

/** Show nothing in a cell, and bring nothing for it. */
export function empty(cell) {
  const image = cell.querySelector("img");
  if (image) thumbs.release(image);
  cell.firstChild.replaceChildren();
  cell.hit = undefined;
}
