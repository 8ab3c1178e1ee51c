/**
 * Very many dots as a picture. They are blended into an array of pixels, which takes a tenth of the
 * time that as many calls to a canvas take; while the map moves, the picture is moved as it is, and
 * the next one is made beside it, a little in each frame.
 */

/** Share of the canvas's sides around it that are drawn, too, so that moving shows no empty edge. */
const AROUND = 0.25;

/** Milliseconds of each frame that the next picture is made in. */
const QUICK = 6;

/** How much larger or smaller the picture is shown than it was drawn before the next one is begun. */
const STRETCHED = 1.3;

/** Dots that are blended before it is looked how long that took. */
const AT_ONCE = 500;

export class Dots {
  constructor() {
    this._canvas = document.createElement("canvas");
    this._context = this._canvas.getContext("2d", { alpha: false });
    this._camera = null;
    this._next = null; // what is being drawn: its camera, and the steps that are left
    this._spent = 0;
  }

  /** Draw anew when next shown: colours or points are others. */
  forget() {
    this._camera = null;
    this._next = null;
  }

  /** Whether the next picture is being made. */
  get isDrawing() {
    return this._next !== null;
  }

  /**
   * Show dots on a canvas.
   * @param {CanvasRenderingContext2D} context
   * @param {Camera} camera - in the canvas's pixels.
   * @param {{plane: Plane, colours: Uint8Array, palette: number[][], ground: number[], radius: number}} what -
   *   `colours` is each point's place in `palette`, dimmed ones first, of red, green, blue (0 to 255) and opacity (0 to 1).
   * @param {boolean} rests - whether the map stands still.
   * @returns {boolean} whether it must be shown again when the map rests.
   */
  show(context, camera, what, rests) {
    const drawn = this._camera;
    const stretched = drawn ? camera.scale / drawn.scale : 0;
    const isExact = drawn && stretched === 1 && this._covers(camera);
    const isNear = drawn && stretched < STRETCHED && stretched > 1 / STRETCHED && this._covers(camera);
    if (rests && this._next && !isSame(this._next.camera, camera)) this._next = null;
    const isWanted = !isExact && (rests || !isNear || this._spent < QUICK);
    if (isWanted && !this._next) this._begin(camera, what);
    if (this._next) this._goOn(drawn ? QUICK : Infinity);
    const { x, y, scale } = this._camera;
    const factor = camera.scale / scale;
    const [width, height] = [this._canvas.width * factor, this._canvas.height * factor];
    context.imageSmoothingEnabled = factor !== 1;
    const left = camera.across(x) - width / 2;
    const top = camera.down(y) - height / 2;
    context.drawImage(
      this._canvas, factor === 1 ? Math.round(left) : left, factor === 1 ? Math.round(top) : top, width, height,
    );
    return factor !== 1 || this.isDrawing;
  }

  _covers(camera) {
    const [left, top, right, bottom] = camera.box();
    const [from, above, to, below] = this._camera.box();
    return left >= from && right <= to && top >= above && bottom <= below;
  }

  _begin(camera, { plane, colours, palette, ground, radius }) {
    const wide = camera.copy();
    wide.width = Math.round(camera.width * (1 + 2 * AROUND));
    wide.height = Math.round(camera.height * (1 + 2 * AROUND));
    if (this._image?.width !== wide.width || this._image.height !== wide.height) {
      this._image = this._context.createImageData(wide.width, wide.height);
      this._pixels = new Uint32Array(this._image.data.buffer);
    }
    const steps = blend(this._pixels, packed(...ground), wide, plane, colours, stamps(palette, radius));
    this._next = { camera: camera.copy(), wide, steps, spent: 0 };
  }

  /** Draw for so many milliseconds, and show what is done. */
  _goOn(milliseconds) {
    const { wide, steps } = this._next;
    const began = performance.now();
    let isDone = false;
    while (!isDone && performance.now() - began < milliseconds) isDone = steps.next().done;
    this._next.spent += performance.now() - began;
    if (!isDone) return;
    if (this._canvas.width !== wide.width || this._canvas.height !== wide.height) {
      Object.assign(this._canvas, { width: wide.width, height: wide.height });
    }
    this._context.putImageData(this._image, 0, 0);
    this._camera = wide;
    this._spent = this._next.spent;
    this._next = null;
  }
}

const isSame = (one, other) =>
  ["x", "y", "scale", "width", "height"].every((name) => one[name] === other[name]);

const packed = (red, green, blue) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/**
 * What a dot adds to each pixel around its middle, for every colour: red and blue, and green, each
 * times its opacity; and what is left of what was there, of 256.
 */
function stamps(palette, radius) {
  const reach = Math.ceil(radius + 0.5);
  const side = 2 * reach + 1;
  return {
    reach, side, each: palette.map(([red, green, blue, opacity]) => {
      const made = { redBlue: new Int32Array(side * side), green: new Int32Array(side * side), left: new Int32Array(side * side) };
      for (let n = 0; n < side * side; n++) {
        const far = Math.hypot((n % side) - reach, Math.floor(n / side) - reach);
        const share = Math.round(256 * opacity * Math.max(0, Math.min(1, radius + 0.5 - far)));
        made.redBlue[n] = Math.imul((blue << 16) | red, share);
        made.green[n] = Math.imul(green << 8, share);
        made.left[n] = 256 - share;
      }
      return made;
    }),
  };
}

/**
 * Blend all dots into pixels, step by step: those of the palette's second half, the bright ones, over
 * the others.
 */
function* blend(pixels, ground, camera, plane, colours, { reach, side, each }) {
  const { width, height } = camera;
  pixels.fill(ground);
  yield;
  const layers = [[], []];
  plane.each(camera.box(reach), (row) => layers[Number(colours[row] >= each.length / 2)].push(row));
  let count = 0;
  for (const rows of layers) {
    for (const row of rows) {
      if (count++ % AT_ONCE === 0) yield;
      const { redBlue, green, left } = each[colours[row]];
      const across = Math.round(camera.across(plane.x[row])) - reach;
      const down = Math.round(camera.down(plane.y[row])) - reach;
      if (across < 0 || down < 0 || across + side > width || down + side > height) continue;
      for (let line = 0, n = 0; line < side; line++) {
        let place = (down + line) * width + across;
        for (let column = 0; column < side; column++, n++, place++) {
          const rest = left[n];
          if (rest === 256) continue;
          const under = pixels[place];
          const mixed = (redBlue[n] + Math.imul(under & 0xff00ff, rest)) >>> 8;
          const greens = (green[n] + Math.imul(under & 0xff00, rest)) >>> 8;
          pixels[place] = 0xff000000 | (mixed & 0xff00ff) | (greens & 0xff00);
        }
      }
    }
  }
}
