/** Pictures looked at closely: enlarged by fingers, wheel and keys, and the next one by a swipe. */

import { thumbnailOf } from "./api.js";
import { element, icon } from "./dom.js";
import { hasPages, nameOf, pictureOf, told } from "./place.js";
import { MAGNIFIED, SIDE, sourceOf } from "./stage.js";
import { say } from "./words.js";

/** Pixels of a picture up to which the browser gets the file itself, to show every one of them. */
const MOST = 64e6;

/** How much larger a picture becomes by a click, and at most by whoever goes on. */
const ENLARGED = 2.5;
const LARGEST = 8;

/** How much larger with each press of a key. */
const STEP = 1.6;

/** Pixels of the longer side of what has no size of its own: a view of an object. */
const VIEW = 1024;

const WORDED = new Set(["audio", "text"]);

let style = null;

/**
 * Open the lightbox at a place of a feed.
 * @param {import("./feed.js").Feed} feed
 * @param {(index: number) => void} closed - told where whoever looked went.
 */
export async function openLightbox(feed, index, collection, closed) {
  const [{ default: PhotoSwipe }] = await Promise.all([
    import("./vendor/photoswipe/photoswipe.esm.min.js"), (style ??= bringStyle()),
  ]);
  // A dialog of its own stands above the one that the hit is in, and keeps the focus.
  const dialog = element("dialog", { className: "lightbox", "aria-label": say("closely") });
  document.body.append(dialog);
  const shown = new PhotoSwipe({
    index, appendToEl: dialog, loop: false, bgOpacity: 1, wheelToZoom: true, showHideAnimationType: "none",
    imageClickAction: "zoom", clickToCloseNonZoomable: false, preloaderDelay: 300,
    initialZoomLevel: fitting,
    secondaryZoomLevel: (level) => Math.max(1, fitting(level) * ENLARGED),
    maxZoomLevel: (level) => Math.max(2, fitting(level) * LARGEST),
    closeTitle: say("close"), zoomTitle: say("enlarge"), arrowPrevTitle: say("previous"),
    arrowNextTitle: say("next"), errorMsg: say("cannotShow"),
  });
  shown.addFilter("numItems", () => feed.total);
  const sizes = new Map();
  shown.addFilter("itemData", (_, place) => slideOf(feed, place, collection, sizes, () => {
    if (!shown.isDestroying) shown.refreshSlideContent(place);
  }));
  shown.on("contentLoad", (event) => {
    if (event.content.type !== "worded") return;
    event.preventDefault();
    event.content.element = worded(event.content.data.hit);
  });
  shown.on("uiRegister", () => shown.ui.registerElement({ name: "told", appendTo: "root", onInit: (line) => caption(line, shown, feed) }));
  shown.on("keydown", (event) => key(event, shown));
  shown.on("destroy", () => {
    dialog.close();
    dialog.remove();
    closed(shown.currIndex);
  });
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    shown.close();
  });
  dialog.showModal();
  shown.init();
  shown.element.setAttribute("aria-label", say("closely"));
}

/** All of a picture in the window; small ones somewhat larger than they are. */
function fitting({ panAreaSize, elementSize }) {
  return Math.min(MAGNIFIED, panAreaSize.x / elementSize.x, panAreaSize.y / elementSize.y);
}

/**
 * What the lightbox shows at a place; `arrived` is called when more is known of it.
 * @param {Map<string, {width: number, height: number} | null>} sizes - of pages by their addresses,
 *   where they are known.
 */
function slideOf(feed, place, collection, sizes, arrived) {
  const hit = feed.at(place);
  if (!hit) {
    feed.bring(place).then((brought) => brought && arrived(), () => {});
    return { type: "worded", hit: null };
  }
  if (WORDED.has(hit.modality) && !hasPages(hit)) return { type: "worded", hit };
  const source = sourceOf(hit, collection, MOST);
  const size = hasPages(hit) ? sizeOf(source.address, sizes, arrived) : hit.metadata;
  if (size === null) return { type: "worded", hit };
  const { width = VIEW, height = VIEW } = size ?? {};
  // What the server makes has no more pixels than these.
  const scale = source.isFile ? 1 : Math.min(1, SIDE / Math.max(width, height));
  return {
    src: source.address, alt: nameOf(hit), width: Math.round(width * scale), height: Math.round(height * scale),
    msrc: thumbnailOf(collection, hit.id, 256, pictureOf(hit)),
  };
}

/** How large a page is, which only its picture tells; null until then. */
function sizeOf(address, sizes, arrived) {
  if (sizes.has(address)) return sizes.get(address);
  sizes.set(address, null);
  const image = new Image();
  image.onload = () => {
    sizes.set(address, { width: image.naturalWidth, height: image.naturalHeight });
    arrived();
  };
  image.src = address;
  return null;
}

/** What has no picture, in words. */
function worded(hit) {
  return element("div", { className: "lightbox-words" }, ...(hit
    ? [icon(hit.modality), element("strong", {}, nameOf(hit)), hit.text && element("p", {}, hit.text)]
    : [element("p", {}, say("unknown"))]));
}

/** A line that says what is shown, also to who does not see it. */
function caption(line, shown, feed) {
  line.setAttribute("role", "status");
  const tell = () => {
    const hit = feed.at(shown.currIndex);
    line.textContent = hit ? told({ ...hit, text: "" }) : say("unknown");
  };
  shown.on("change", tell);
  feed.addEventListener("change", tell);
  shown.on("destroy", () => feed.removeEventListener("change", tell));
}

/** `+`, `-` and `0` as on the map; the lightbox knows arrows, `z` and Escape. */
function key({ originalEvent: event }, shown) {
  const slide = shown.currSlide;
  if (!slide?.isZoomable() || event.ctrlKey || event.metaKey || event.altKey) return;
  const { initial, max } = slide.zoomLevels;
  const level = {
    "+": slide.currZoomLevel * STEP, "=": slide.currZoomLevel * STEP, "-": slide.currZoomLevel / STEP, 0: initial,
  }[event.key];
  if (level === undefined) return;
  event.preventDefault();
  slide.zoomTo(Math.max(initial, Math.min(max, level)), undefined, 0);
}

function bringStyle() {
  return new Promise((resolve, reject) => {
    const link = element("link", { rel: "stylesheet", href: "page/vendor/photoswipe/photoswipe.css" });
    link.onload = resolve;
    link.onerror = () => reject(new Error(link.href));
    document.head.append(link);
  });
}
