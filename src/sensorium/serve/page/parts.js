/** A question: words in the box, and parts as chips with weights, wanted or not. */

import { thumbnailOf } from "./api.js";
import { button, element, icon } from "./dom.js";
import { number, say } from "./words.js";

/** Weights that a chip steps through. */
const WEIGHTS = [0.5, 1, 2];

/** Pixels of a picture's longer side that are enough to search with: no encoder sees more. */
const SIDE = 1024;

/** Bytes above which a picture is made smaller before it is sent. */
const SMALL = 512 * 1024;

/** Bytes that a browser can send in one question without faltering. */
const MOST = 128 << 20;

/**
 * @typedef {Object} Part
 * @property {string} [text] @property {string} [data] @property {number} [item] - one of the three.
 * @property {number[]} [items] - or several, which count as one.
 * @property {string} name - what the chip says. @property {string} [picture] - its address.
 * @property {string} kind - "text", "picture", "sound", "file". @property {string} [type] - of `data`.
 * @property {number} weight - below zero for what is not wanted.
 */

/** What the server is asked; null where nothing is wanted: what is not wanted finds nothing by itself. */
export function questionOf(parts, words) {
  const asked = parts.flatMap(({ text, data, item, items, weight }) =>
    items?.map((one) => ({ item: one, weight: weight / items.length })) ?? [{ text, data, item, weight }]);
  if (words && !asked.length) return { query: words };
  if (words) asked.unshift({ text: words, weight: 1 });
  return asked.some(({ weight }) => weight > 0) ? { parts: asked } : null;
}

export const textPart = (text) => ({ kind: "text", text, name: text, weight: 1 });

/** A part that is an item of the collection. */
export const itemPart = (collection, item, name, weight) => ({
  kind: "picture", item, name, weight, picture: thumbnailOf(collection, item, 128),
});

/** Items that a question takes at most of one choice. */
const SOME = 24;

/** One part of many items of the collection; of very many, as many as are taken, evenly chosen. */
export function itemsPart(collection, items) {
  const step = Math.max(1, items.length / SOME);
  const some = items.filter((_, n) => Math.floor(n / step) !== Math.floor((n - 1) / step));
  return { ...itemPart(collection, undefined, say("likeSome", items.length), 1), items: some, picture: thumbnailOf(collection, items[0], 128) };
}

/**
 * A part out of a file.
 * @throws {Error} when it is too large.
 */
export async function filePart(file) {
  const kind = { image: "picture", audio: "sound" }[file.type.split("/")[0]] ?? "file";
  const sent = kind === "picture" && file.size > SMALL ? await smaller(file) : file;
  if (sent.size > MOST) throw new Error(say("tooLarge"));
  return {
    kind, weight: 1, name: file.name || say({ picture: "thePicture", sound: "theSound" }[kind] ?? "theFile"),
    type: sent.type, data: await base64(sent), picture: kind === "picture" ? URL.createObjectURL(sent) : undefined,
  };
}

/** Show parts as chips; `change` is called when one is changed or taken away. */
export function showChips(list, parts, change) {
  list.hidden = !parts.length;
  list.replaceChildren(...parts.map((part) => chip(part, parts, change)));
}

function chip(part, parts, change) {
  const isWanted = part.weight > 0;
  const strength = Math.abs(part.weight);
  const negate = element("button", {
    type: "button", className: "sign", "aria-label": say("negate", part.name),
    "aria-pressed": String(!isWanted), onclick: () => change(() => (part.weight = -part.weight)),
  }, isWanted ? "+" : "−");
  const weigh = element("button", {
    type: "button", className: "weight", "aria-label": `${say("weight", part.name)}: ${number(strength)}`,
    onclick: () => change(() => {
      const next = WEIGHTS[(WEIGHTS.indexOf(strength) + 1) % WEIGHTS.length];
      part.weight = isWanted ? next : -next;
    }),
  }, `×${number(strength)}`);
  const remove = button("close", say("removePart", part.name), () =>
    change(() => {
      parts.splice(parts.indexOf(part), 1);
      if (part.picture?.startsWith("blob:")) URL.revokeObjectURL(part.picture);
    }));
  const shown = part.picture
    ? element("img", { src: part.picture, alt: "" })
    : part.kind !== "text" && icon(part.kind === "sound" ? "audio" : "text");
  return element(
    "li", { className: isWanted ? "chip" : "chip not" },
    negate, shown, element("span", { className: "name", title: part.name }, part.name), weigh, remove,
  );
}

/** A picture with no more pixels than are looked at; what the browser cannot read stays as it is. */
async function smaller(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
    if (scale === 1) return file;
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.fillStyle = "white"; // what shines through
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  } catch {
    return file;
  }
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
