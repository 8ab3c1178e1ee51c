/** Boxes and heat over a picture. */

import { element } from "./dom.js";

/** Cells of the field that weights are gathered in, on each side: explanations are coarser. */
const FIELD = 64;

/** Softness of edges for the picture's width: parts are squares, what they hold is not. */
const SOFT = 0.03;

/** How much of the picture the strongest heat covers. */
const COVER = 0.72;

/** A canvas that stays as large as a picture and over it. */
export function over(picture, draw) {
  const canvas = element("canvas", { className: "overlay", "aria-hidden": "true" });
  const redraw = () => {
    const { clientWidth: width, clientHeight: height } = picture;
    if (!width) return;
    const dots = devicePixelRatio || 1;
    canvas.width = Math.round(width * dots);
    canvas.height = Math.round(height * dots);
    canvas.style.left = `${picture.offsetLeft}px`;
    canvas.style.top = `${picture.offsetTop}px`;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    draw(canvas.getContext("2d"), canvas.width, canvas.height);
  };
  const watcher = new ResizeObserver(redraw);
  watcher.observe(picture);
  picture.parentElement.append(canvas);
  return () => {
    watcher.disconnect();
    canvas.remove();
  };
}

/**
 * Heat of parts: warm where a part speaks for the hit, cold where it speaks against it.
 * @param {{box: number[], weight: number}[]} parts - left, upper, right and lower edge as shares.
 */
export function heat(parts) {
  const sums = new Float32Array(FIELD * FIELD);
  for (const { box, weight } of parts) {
    if (!box) continue;
    const [left, upper, right, lower] = box.map((edge) => Math.round(edge * FIELD));
    for (let y = upper; y < lower; y++) {
      for (let x = left; x < right; x++) sums[y * FIELD + x] += weight;
    }
  }
  const most = sums.reduce((a, b) => Math.max(a, Math.abs(b)), 0) || 1;
  const field = new OffscreenCanvas(FIELD, FIELD);
  const pixels = new ImageData(FIELD, FIELD);
  sums.forEach((sum, n) => {
    pixels.data.set([...(sum > 0 ? [255, 96, 24] : [24, 96, 255]), (Math.abs(sum) / most) * COVER * 255], n * 4);
  });
  field.getContext("2d").putImageData(pixels, 0, 0);
  return (context, width, height) => {
    context.clearRect(0, 0, width, height);
    context.filter = `blur(${width * SOFT}px)`;
    context.drawImage(field, 0, 0, width, height);
    context.filter = "none";
  };
}

/** The outline of one part of a picture. */
export function box([left, upper, right, lower]) {
  return (context, width, height) => {
    context.clearRect(0, 0, width, height);
    const place = [left * width, upper * height, (right - left) * width, (lower - upper) * height];
    const line = Math.max(2, width / 300);
    context.lineWidth = line * 2;
    context.strokeStyle = "rgb(0 0 0 / 55%)";
    context.strokeRect(...place);
    context.lineWidth = line;
    context.strokeStyle = "#ffd54a";
    context.strokeRect(...place);
  };
}
