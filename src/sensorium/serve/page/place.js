/** What a hit is called, and where in its item it is. */

import { clock, length, percent, say } from "./words.js";

export const nameOf = (hit) => hit.path.split(/[\\/]/).at(-1) || hit.path;

export const folderOf = (hit) => hit.path.slice(0, -nameOf(hit).length);

/** Time, page, view or chapter in words; empty for an item as a whole. */
export function placeOf(hit) {
  const told = [];
  const { page, chapter, view } = hit.details ?? {};
  if (page !== undefined) told.push(say("page", page));
  if (chapter !== undefined) told.push(say("chapter", chapter));
  if (view !== undefined) told.push(say("view", view));
  if (hit.span && hit.modality !== "text") {
    const [start, stop] = hit.span;
    told.push(stop - start < 1 ? clock(start) : `${clock(start)}–${clock(stop)}`);
  } else if (hit.metadata?.duration) told.push(length(hit.metadata.duration));
  return told.join(", ");
}

/** What names the picture of the place: parameters of the thumbnail's address. */
export function pictureOf(hit) {
  if (hit.modality === "video" && hit.span) return { at: hit.span[0] };
  const { page, view } = hit.details ?? {};
  return { page, view };
}

/** Whether an item has pages that can be drawn. */
export const hasPages = (hit) => hit.modality === "text" && /\.pdf$/i.test(hit.path);

/** Characters of a text that are shown of it among others. */
export const SEEN = 240;

/**
 * All that a hit's picture says, for those who do not see it.
 * @param {boolean} inWords - whether its words are seen: then they come first, as they stand there.
 */
export function told(hit, inWords = false) {
  const words = hit.text?.slice(0, SEEN);
  return [
    nameOf(hit),
    inWords && words,
    !inWords && say(hit.modality),
    placeOf(hit),
    inWords && say(hit.modality),
    hit.probability != null && say("probability", percent(hit.probability)),
    hit.stands_for > 1 && say("standsFor", hit.stands_for),
    hit.judged === true && say("judgedRight"),
    hit.judged === false && say("judgedWrong"),
    !inWords && words,
  ].filter(Boolean).join(", ");
}

/** Width of a page for its height, and that of first lines. */
const [PAGE, LINES] = [Math.SQRT1_2, 1];

/** Width of an item's picture for its height; 0 where it has none. */
export function aspectOf(item) {
  const { width, height } = item?.metadata ?? {};
  if (width > 0 && height > 0) return width / height;
  if (item?.modality !== "text" || item.text) return 0;
  return hasPages(item) ? PAGE : LINES;
}
