/**
 * Very many dots as a picture. They are blended into an array of pixels, which takes a tenth of the
 * time that as many calls to a canvas take; while the map moves, the picture is moved as it is.
 */

/** Share of the canvas's sides around it that are drawn, too, so that moving shows no empty edge. */
const AROUND = 0.25;

/** Milliseconds that drawing may take to be done in each frame, however the map moves. */
const QUICK = 7;

/** How much larger or smaller the picture may be shown than it was drawn. */
const MOST_STRETCHED = 1.7;

export class Dots {
  constructor() {
    this._canvas = document.createElement("canvas");
    this._context = this._canvas.getContext("2d", { alpha: false });
    this._camera = null;
    this._spent = 0;
  }

  /** Draw anew when next shown: colours or points are others. */
  forget() {
    this._camera = null;
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
    const isNear = drawn && stretched < MOST_STRETCHED && stretched > 1 / MOST_STRETCHED && this._covers(camera);
    if (!isExact && (rests || !isNear || this._spent < QUICK)) this._draw(camera, what);
    const { x, y, scale } = this._camera;
    const factor = camera.scale / scale;
    const [width, height] = [this._canvas.width * factor, this._canvas.height * factor];
    context.imageSmoothingEnabled = factor !== 1;
    const left = camera.across(x) - width / 2;
    const top = camera.down(y) - height / 2;
    context.drawImage(
      this._canvas, factor === 1 ? Math.round(left) : left, factor === 1 ? Math.round(top) : top, width, height,
    );
    return factor !== 1;
  }

  _covers(camera) {
    const [left, top, right, bottom] = camera.box();
    const [from, above, to, below] = this._camera.box();
    return left >= from && right <= to && top >= above && bottom <= below;
  }

  _draw(camera, { plane, colours, palette, ground, radius }) {
    const began = performance.now();
    const wide = this._camera = camera.copy();
    wide.width = Math.round(camera.width * (1 + 2 * AROUND));
    wide.height = Math.round(camera.height * (1 + 2 * AROUND));
    if (this._image?.width !== wide.width || this._image.height !== wide.height) {
      this._canvas.width = wide.width;
      this._canvas.height = wide.height;
      this._image = this._context.createImageData(wide.width, wide.height);
      this._pixels = new Uint32Array(this._image.data.buffer);
    }
    this._pixels.fill(packed(...ground));
    blend(this._pixels, wide, plane, colours, stamps(palette, radius));
    this._context.putImageData(this._image, 0, 0);
    this._spent = performance.now() - began;
  }
}

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

/** Blend all dots into pixels: those of the palette's second half, the bright ones, over the others. */
function blend(pixels, camera, plane, colours, { reach, side, each }) {
  const { width, height } = camera;
  const layers = [[], []];
  plane.each(camera.box(reach), (row) => layers[Number(colours[row] >= each.length / 2)].push(row));
  for (const rows of layers) {
    for (const row of rows) {
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
