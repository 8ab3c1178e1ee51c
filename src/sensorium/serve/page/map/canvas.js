/** The map as a picture that is moved, enlarged and drawn upon. */

import { isDark, rgb } from "./colours.js";
import { Dots } from "./dots.js";
import { Pictures } from "./pictures.js";
import { Camera } from "./plane.js";

/** Milliseconds without movement after which all is drawn sharp. */
const REST = 120;

/** Pixels around a dot where it is meant. */
const REACH = 14;

/** Pixels that a finger may slip in a click. */
const SLIP = 6;

/** Pixels of a picture's longer side on the map, and what a field of its own measures at least. */
const PICTURE = 56;
const FIELD = 64;

/** Dots in view for each field up to which pictures are shown: more are a cloud, whose shape says more. */
const CROWDED = 6;

/** Dots in view up to which every one gets its picture that has room for it. */
const FEW = 1500;

/** Hits whose pictures are shown however small the map is. */
const BEST = 8;

/** How much is seen of pictures that are no hits. */
const DIM = 0.35;

const HIT = { light: "#d98200", dark: "#ffc14d" };

export class MapCanvas {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Object} heard - `open(row)`, `pointed(row, x, y)`, `drawn(polygon, adds)`, `rested()`,
   *   `escaped()`, `picked(row)`.
   */
  constructor(canvas, heard) {
    this._canvas = canvas;
    this._context = canvas.getContext("2d", { alpha: false });
    this._heard = heard;
    this._dots = new Dots();
    this._pictures = new Pictures(() => this.soon());
    this._pointers = new Map();
    this._shown = []; // pictures on the map: [row, left, top, width, height]
    this.camera = new Camera();
    this.draws = false; // whether dragging draws, instead of moving the map
    this.focused = -1;
    this._scene = null;
    this._listen();
    new ResizeObserver(() => this._fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.forget());
  }

  /**
   * Show a scene.
   * @param {{plane: Plane, ids: Uint32Array, collection: string, places: Uint8Array,
   *   palette: number[][], hasPicture: (row: number) => boolean, hits: Map<number, number>,
   *   chosen: Uint8Array}} scene - `hits` by row, best first, with strengths from 0 to 1.
   */
  show(scene) {
    if (scene.plane !== this._scene?.plane) {
      this.focused = -1;
      this.camera.frame = scene.plane.frame;
      this.camera.reset();
    }
    this._scene = scene;
    this._pictures.of(scene.collection);
    this.forget();
  }

  forget() {
    this._dots.forget();
    this.soon();
  }

  soon() {
    this._pending ||= requestAnimationFrame(() => this._draw());
  }

  /** Pixels of the canvas for each of the page's. */
  get _ratio() {
    return Math.min(2, devicePixelRatio || 1);
  }

  _fit() {
    const { clientWidth, clientHeight } = this._canvas;
    if (!clientWidth) return;
    const width = Math.round(clientWidth * this._ratio);
    const height = Math.round(clientHeight * this._ratio);
    if (this._canvas.width === width && this._canvas.height === height) return;
    const before = this.camera.whole;
    Object.assign(this._canvas, { width, height });
    Object.assign(this.camera, { width, height });
    this.camera.scale *= this.camera.whole / before;
    this.forget();
  }

  /** Show it moved; sharp when it rests. */
  moved() {
    this._moves = true;
    clearTimeout(this._resting);
    this._resting = setTimeout(() => {
      this._moves = false;
      this.soon();
      this._heard.rested();
    }, REST);
    this.soon();
  }

  zoom(factor, across, down) {
    this.camera.zoom(factor, across, down);
    this.moved();
  }

  whole() {
    this.camera.reset();
    this.moved();
  }

  /** Bring a point into view. */
  focus(row) {
    this.focused = row;
    const { camera, _scene: { plane } } = this;
    const [x, y] = [camera.across(plane.x[row]), camera.down(plane.y[row])];
    const edge = 40 * this._ratio;
    if (x < edge || y < edge || x > camera.width - edge || y > camera.height - edge) {
      [camera.x, camera.y] = [plane.x[row], plane.y[row]];
      this.moved();
    }
    this.soon();
    this._heard.pointed(row, camera.across(plane.x[row]) / this._ratio, camera.down(plane.y[row]) / this._ratio);
  }

  /** Radius of dots: they grow as the map is enlarged, much less than it. */
  _radius() {
    const { camera, _scene: { plane } } = this;
    const room = Math.sqrt((camera.width * camera.height) / plane.count) * 0.2;
    const grown = Math.max(1.1 * this._ratio, Math.min(room, 4 * this._ratio)) * (camera.scale / camera.whole) ** 0.3;
    return Math.min(grown, 7 * this._ratio);
  }

  _draw() {
    this._pending = 0;
    const { _context: context, _scene: scene, camera } = this;
    if (!scene || camera.width <= 1) return;
    const ground = this._ground();
    const what = { ...scene, colours: scene.places, ground: rgb(ground), radius: this._radius() };
    context.fillStyle = ground;
    context.fillRect(0, 0, camera.width, camera.height);
    const again = this._dots.show(context, camera, what, !this._moves);
    if (again && (!this._moves || this._dots.isDrawing)) this.soon();
    this._findPictures();
    this._drawHits();
    for (const shown of this._shown) this._drawPicture(shown);
    this._drawFocus();
    this._drawLine();
  }

  /** Choose what has room for its picture: one for each field of the plane, which moves with it. */
  _findPictures() {
    const { _scene: scene, camera, _ratio: ratio } = this;
    const { plane, hits } = scene;
    const box = camera.box(PICTURE * ratio);
    const fields = (camera.width * camera.height) / (FIELD * ratio) ** 2;
    const chosen = [];
    let n = 0;
    for (const [row] of hits) {
      if (n++ >= BEST) break;
      if (scene.hasPicture(row)) chosen.push(row);
    }
    const seen = plane.countIn(box);
    if (seen <= CROWDED * fields) chosen.push(...this._oneOfEach(box));
    if (seen <= FEW) plane.each(box, (row) => scene.hasPicture(row) && chosen.push(row));
    this._shown = [];
    for (const row of chosen) this._place(row);
    if (!this._moves) this._pictures.want(this._shown.map(([row]) => scene.ids[row]));
  }

  /** The point nearest to the middle of each field; fields halve as the map is enlarged. */
  _oneOfEach(box) {
    const { _scene: { plane, hasPicture }, camera } = this;
    const side = 2 ** Math.ceil(Math.log2((FIELD * this._ratio) / camera.scale));
    const best = new Map();
    plane.each(box, (row) => {
      if (!hasPicture(row)) return;
      const [across, down] = [plane.x[row] / side, plane.y[row] / side];
      const field = Math.floor(down) * 4096 * 4096 + Math.floor(across);
      const far = Math.hypot(across - Math.floor(across) - 0.5, down - Math.floor(down) - 0.5);
      const held = best.get(field);
      if (!held || far < held[1]) best.set(field, [row, far]);
    });
    return [...best.values()].map(([row]) => row);
  }

  _place(row) {
    const { _scene: { plane, ids, hits }, camera } = this;
    const image = this._pictures.get(ids[row]);
    const side = PICTURE * this._ratio * (hits.has(row) ? 1.2 : 1);
    const shape = image ? image.width / image.height : 1;
    const [width, height] = shape > 1 ? [side, side / shape] : [side * shape, side];
    const place = [row, camera.across(plane.x[row]) - width / 2, camera.down(plane.y[row]) - height / 2, width, height];
    // Room is kept for the largest shape, so that what stands where does not change with what arrives.
    const [x, y] = [camera.across(plane.x[row]), camera.down(plane.y[row])];
    const near = ([, left, top, wide, high]) =>
      Math.abs(left + wide / 2 - x) < side * 0.9 && Math.abs(top + high / 2 - y) < side * 0.9;
    if (!this._shown.some(near)) this._shown.push(place);
  }

  _drawPicture([row, left, top, width, height]) {
    const { _context: context, _scene: { ids, hits, chosen, places, palette } } = this;
    const image = this._pictures.get(ids[row]);
    if (!image) return;
    const strength = hits.get(row) ?? 0;
    const isDim = hits.size > 0 && strength < 0.05 && !chosen[row];
    const line = this._ratio * (strength >= 0.05 || chosen[row] ? 3 : 1.5);
    const [red, green, blue] = palette[places[row]];
    const frame = chosen[row] ? this._ink() : strength >= 0.05 ? this._hitColour() : `rgb(${red} ${green} ${blue})`;
    const share = isDim ? DIM : 1;
    // Whatever lies below is covered, also below what is dimmed.
    for (const [colour, opacity, edge] of [[this._ground(), 1, line], [frame, share, line], [this._ground(), 1, 0]]) {
      context.fillStyle = colour;
      context.globalAlpha = opacity;
      context.fillRect(left - edge, top - edge, width + 2 * edge, height + 2 * edge);
    }
    context.globalAlpha = share;
    context.imageSmoothingEnabled = true;
    context.drawImage(image, left, top, width, height);
    context.globalAlpha = 1;
  }

  _ground() {
    return isDark() ? "#141413" : "#fbfaf8";
  }

  _hitColour() {
    return HIT[isDark() ? "dark" : "light"];
  }

  _ink() {
    return isDark() ? "#f0eeea" : "#1d1c1a";
  }

  /** Hits, the best last and so on top: the likelier, the larger and the stronger. */
  _drawHits() {
    const { _context: context, _scene: { plane, hits }, camera, _ratio: ratio } = this;
    const pictured = new Set(this._shown.filter(([row]) => this._pictures.get(this._scene.ids[row])).map(([row]) => row));
    const least = Math.max(2 * ratio, this._radius());
    context.fillStyle = this._hitColour();
    context.strokeStyle = isDark() ? "#000" : "#fff";
    context.lineWidth = ratio;
    for (const [row, strength] of [...hits].reverse()) {
      if (strength < 0.01 || pictured.has(row)) continue;
      context.globalAlpha = 0.25 + 0.75 * strength;
      context.beginPath();
      context.arc(camera.across(plane.x[row]), camera.down(plane.y[row]), least + 5 * ratio * strength, 0, 7);
      context.fill();
      if (strength > 0.3) context.stroke();
    }
    context.globalAlpha = 1;
  }

  _drawFocus() {
    const { _context: context, _scene: { plane }, camera, focused, _ratio: ratio } = this;
    if (focused < 0) return;
    const shown = this._shown.find(([row]) => row === focused);
    context.beginPath();
    if (shown) {
      const [, left, top, width, height] = shown;
      context.rect(left - 4 * ratio, top - 4 * ratio, width + 8 * ratio, height + 8 * ratio);
    } else {
      context.arc(camera.across(plane.x[focused]), camera.down(plane.y[focused]), this._radius() + 5 * ratio, 0, 7);
    }
    context.lineWidth = 3 * ratio;
    context.strokeStyle = this._ink();
    context.stroke();
  }

  /** The line that is being drawn around items. */
  _drawLine() {
    const { _context: context, _line: line, camera } = this;
    if (!line || line.length < 4) return;
    context.beginPath();
    for (let n = 0; n < line.length; n += 2) context.lineTo(camera.across(line[n]), camera.down(line[n + 1]));
    context.closePath();
    context.globalAlpha = 0.12;
    context.fillStyle = this._hitColour();
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 2 * this._ratio;
    context.strokeStyle = this._ink();
    context.setLineDash([6 * this._ratio, 4 * this._ratio]);
    context.stroke();
    context.setLineDash([]);
  }

  /** What stands under a pixel; -1 for nothing. */
  _under(across, down) {
    for (const [row, left, top, width, height] of this._shown) {
      const is = across >= left && across <= left + width && down >= top && down <= top + height;
      if (is && this._pictures.get(this._scene.ids[row])) return row;
    }
    const [x, y] = this.camera.at(across, down);
    return this._scene.plane.nearest(x, y, (REACH * this._ratio) / this.camera.scale);
  }

  _listen() {
    const { _canvas: canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this._down(event));
    canvas.addEventListener("pointermove", (event) => this._move(event));
    canvas.addEventListener("pointerup", (event) => this._up(event));
    canvas.addEventListener("pointercancel", (event) => this._up(event, true));
    canvas.addEventListener("pointerleave", () => this._scene && this._heard.pointed(-1));
    canvas.addEventListener("keydown", (event) => this._key(event));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      this.zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) / 300), ...this._at(event));
    }, { passive: false });
    canvas.addEventListener("blur", () => {
      this.focused = -1;
      this._heard.pointed(-1);
      this.soon();
    });
  }

  _at(event) {
    const box = this._canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * this._ratio, (event.clientY - box.top) * this._ratio];
  }

  _down(event) {
    if (!this._scene || event.button !== 0) return;
    this._canvas.setPointerCapture(event.pointerId);
    const at = this._at(event);
    this._pointers.set(event.pointerId, at);
    if (this._pointers.size > 1) {
      this._line = null;
      this._slipped = Infinity;
      return;
    }
    this._began = at;
    this._slipped = 0;
    this._line = this.draws || event.shiftKey ? this.camera.at(...at) : null;
  }

  _move(event) {
    if (!this._scene) return;
    const at = this._at(event);
    const before = this._pointers.get(event.pointerId);
    if (!before) {
      const row = this._under(...at);
      this._canvas.style.cursor = row >= 0 ? "pointer" : "";
      this._heard.pointed(row, at[0] / this._ratio, at[1] / this._ratio);
      return;
    }
    if (this._pointers.size === 1) {
      this._slipped = Math.max(this._slipped, Math.hypot(at[0] - this._began[0], at[1] - this._began[1]));
      if (this._line) {
        this._line.push(...this.camera.at(...at));
        this.soon();
      } else if (this._slipped > SLIP * this._ratio) {
        this.camera.pan(at[0] - before[0], at[1] - before[1]);
        this.moved();
      }
      if (this._slipped <= SLIP * this._ratio && !this._line) return; // it may be a click yet
    } else {
      const [one, other] = [...this._pointers.values()];
      const still = before === one ? other : one;
      const grown = Math.hypot(at[0] - still[0], at[1] - still[1]) / Math.hypot(before[0] - still[0], before[1] - still[1]);
      this.camera.pan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
      if (grown > 0 && Number.isFinite(grown)) this.zoom(grown, (at[0] + still[0]) / 2, (at[1] + still[1]) / 2);
    }
    this._pointers.set(event.pointerId, at);
    this._heard.pointed(-1);
  }

  _up(event, isOff = false) {
    if (!this._pointers.delete(event.pointerId) || this._pointers.size) return;
    const line = this._line;
    this._line = null;
    this.soon();
    if (isOff) return;
    if (this._slipped > SLIP * this._ratio) {
      if (line) this._heard.drawn(line, event.ctrlKey || event.metaKey);
      return;
    }
    const row = this._under(...this._at(event));
    if (row < 0) return;
    if (event.ctrlKey || event.metaKey) this._heard.picked(row);
    else this._heard.open(row);
  }

  _key(event) {
    if (!this._scene?.plane.count || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const { camera, focused } = this;
    const at = () => {
      const { plane } = this._scene;
      return focused >= 0 ? [camera.across(plane.x[focused]), camera.down(plane.y[focused])] : [];
    };
    if (arrow && event.shiftKey) {
      camera.pan(-arrow[0] * camera.width * 0.15, -arrow[1] * camera.height * 0.15);
      this.moved();
    } else if (arrow) this._step(...arrow);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5, ...at());
    else if (event.key === "-") this.zoom(1 / 1.5, ...at());
    else if (event.key === "0") this.whole();
    else if (event.key === "Enter" && focused >= 0) this._heard.open(focused);
    else if (event.key === " " && focused >= 0) this._heard.picked(focused);
    else if (event.key === "Escape") this._heard.escaped();
    else return;
    event.preventDefault();
  }

  /** Go to the next item in a direction; from nothing to the one nearest to the middle. */
  _step(right, down) {
    const { _scene: { plane }, camera, focused } = this;
    if (focused < 0) {
      for (let reach = 40 / camera.scale; reach < 4; reach *= 2) {
        const row = plane.nearest(camera.x, camera.y, reach);
        if (row >= 0) return this.focus(row);
      }
      return undefined;
    }
    for (let reach = (30 * this._ratio) / camera.scale; reach < 4; reach *= 2) {
      const [x, y] = [plane.x[focused], plane.y[focused]];
      const row = plane.next(focused, right, down, [x - reach, y - reach, x + reach, y + reach]);
      if (row >= 0) return this.focus(row);
    }
    return undefined;
  }
}
