/** An item large: its picture, film, sound, text or views. */

import { mediaOf, thumbnailOf } from "./api.js";
import { element, icon } from "./dom.js";
import { hasPages, nameOf, pictureOf } from "./place.js";
import { say } from "./words.js";

/** Pictures that all browsers show upright by themselves; of others the server makes some. */
const SHOWN = /\.(jpe?g|jfif|png|gif|avif)$/i;

/** Pixels of a picture that are sent as they are: more cost memory, and 2048 fill a screen. */
const MOST = 4096 * 4096;

/** Pixels of the longer side of pictures that the server makes. */
export const SIDE = 2048;

/** How many times as large as they are small pictures are shown, to fill the room there is. */
export const MAGNIFIED = 2.5;

/** Seconds of a sound that the server draws (`LONGEST` in `collection/previews.py`). */
const DRAWN = 600;

/** Directions that 3-D objects are looked at from. */
const VIEWS = 8;

/**
 * The picture of a hit: the file itself where browsers show it upright, and it is not too large.
 * @param {number} most - pixels.
 * @returns {{address: string, isFile: boolean}}
 */
export function sourceOf(hit, collection, most = MOST) {
  const { width = 0, height = 0 } = hit.metadata ?? {};
  const isFile = hit.modality === "image" && SHOWN.test(nameOf(hit)) && width * height <= most;
  const made = thumbnailOf(collection, hit.id, hit.modality === "mesh" ? SIDE / 2 : SIDE, pictureOf(hit));
  return { address: isFile ? mediaOf(collection, hit.id) : made, isFile };
}

/**
 * Show a hit.
 * @param {() => void} closely - called to look closely at its picture.
 * @returns {{shown: HTMLElement, picture: HTMLImageElement | null}} `picture` is what a heat map or
 *   a box may be drawn over.
 */
export function stage(hit, collection, closely) {
  switch (hit.modality) {
    case "video":
      return player("video", hit, collection);
    case "audio":
      return sound(hit, collection);
    case "mesh":
      return views(hit, collection, closely);
    case "text":
      return hasPages(hit) ? page(hit, collection, closely) : paper(hit);
    default:
      return picture(hit, collection, closely);
  }
}

function picture(hit, collection, closely) {
  const { width = 0, height = 0 } = hit.metadata ?? {};
  const source = sourceOf(hit, collection);
  const made = thumbnailOf(collection, hit.id, SIDE, pictureOf(hit));
  const image = element("img", {
    className: "large", alt: nameOf(hit), draggable: false, decoding: "async", src: source.address,
  });
  // Until it is there, the small picture of the grid stands in.
  const small = thumbnailOf(collection, hit.id, 256, pictureOf(hit));
  if (width && height) image.style.backgroundImage = `url("${small}")`;
  const frame = framed(image, closely, width, height);
  image.onerror = () => {
    if (image.src !== made && source.isFile) image.src = made;
    else image.replaceWith(lacking());
  };
  return { shown: frame, picture: image };
}

/** A page of a PDF; where words of it were found, no heat can be drawn over it. */
function page(hit, collection, closely) {
  const { shown, picture: image } = picture(hit, collection, closely);
  return { shown, picture: hit.text ? null : image };
}

/** A frame that a picture fills; a click looks closely. */
function framed(image, closely, width, height) {
  const frame = element("div", { className: "frame" }, image);
  const fit = () => fitInto(frame, image, width || image.naturalWidth, height || image.naturalHeight);
  new ResizeObserver(fit).observe(frame);
  image.onclick = closely;
  image.onload = () => {
    image.style.backgroundImage = "";
    fit();
  };
  return frame;
}

/** Make a picture as large as there is room for. */
function fitInto(frame, image, width, height) {
  if (!width || !frame.clientWidth) return;
  const room = getComputedStyle(frame);
  const across = frame.clientWidth - parseFloat(room.paddingLeft) * 2;
  const down = frame.clientHeight - parseFloat(room.paddingTop) * 2;
  const scale = Math.min(MAGNIFIED, across / width, down / height);
  image.style.width = `${width * scale}px`;
  image.style.height = `${height * scale}px`;
}

function player(tag, hit, collection) {
  const player = element(tag, { controls: true, preload: "metadata", className: tag });
  player.setAttribute("aria-label", nameOf(hit));
  const [start] = hit.span ?? [0];
  player.src = `${mediaOf(collection, hit.id)}#t=${start}`;
  if (tag === "video") player.poster = thumbnailOf(collection, hit.id, 1024, pictureOf(hit));
  // Not all players obey the address.
  player.addEventListener("loadedmetadata", () => {
    if (Math.abs(player.currentTime - start) > 0.5) player.currentTime = start;
  }, { once: true });
  const frame = element("div", { className: `frame of-${tag}` }, player);
  player.onerror = () => frame.append(lacking());
  return { shown: frame, picture: null };
}

/** A sound's player below how loud it is: what was found is marked, and a click goes there. */
function sound(hit, collection) {
  const { shown } = player("audio", hit, collection);
  const heard = shown.querySelector("audio");
  const lasts = () => Math.min(DRAWN, hit.metadata?.duration || heard.duration || DRAWN);
  const share = (seconds) => `${Math.min(100, (100 * seconds) / lasts())}%`;
  const wave = element("img", { className: "wave", alt: "", src: thumbnailOf(collection, hit.id, 1024) });
  const found = element("span", { className: "part", hidden: !hit.span });
  if (hit.span) {
    found.style.left = share(hit.span[0]);
    found.style.width = share(hit.span[1] - hit.span[0]);
  }
  const head = element("span", { className: "at" });
  // Who goes by keyboard has the player's own line.
  const waves = element("div", { className: "waves", "aria-hidden": "true" }, wave, found, head);
  waves.onclick = ({ clientX }) => {
    const { left, width } = waves.getBoundingClientRect();
    heard.currentTime = ((clientX - left) / width) * lasts();
    heard.play().catch(() => {}); // somebody paused it meanwhile, or it says itself what it lacks
  };
  for (const kind of ["timeupdate", "seeked"]) {
    heard.addEventListener(kind, () => (head.style.left = share(heard.currentTime)));
  }
  wave.onerror = () => waves.replaceWith(icon("audio"));
  shown.prepend(waves);
  return { shown, picture: null };
}

function views(hit, collection, closely) {
  const of = (view, side) => thumbnailOf(collection, hit.id, side, { view });
  const first = hit.details?.view ?? 0;
  const large = element("img", { className: "large", alt: nameOf(hit), src: of(first, 1024) });
  large.onerror = () => large.replaceWith(lacking());
  const strip = element("div", { className: "views", role: "group", "aria-label": say("views") });
  for (let view = 0; view < VIEWS; view++) {
    const small = element(
      "button",
      {
        type: "button", "aria-label": say("view", view), "aria-pressed": String(view === first),
        onclick: () => {
          large.src = of(view, 1024);
          for (const one of strip.children) one.setAttribute("aria-pressed", String(one === small));
        },
      },
      element("img", { alt: "", src: of(view, 128), loading: "lazy" }),
    );
    strip.append(small);
  }
  const shown = element("div", { className: "around" }, framed(large, closely), strip);
  return { shown, picture: null };
}

/** A page of words; whoever shows it may know more of them. */
function paper(hit) {
  const words = hit.text ? element("p", { className: "found" }, hit.text) : lacking();
  return { shown: element("article", { className: "paper", tabIndex: 0 }, words), picture: null };
}

const lacking = () => element("p", { className: "lacking" }, say("cannotShow"));
