/** Points on a plane from -1 to 1, found again by where they are. */

/** Buckets on a side: 100,000 points are some six in each. */
const SIDE = 128;

/** Share of the sides that all there is fills when all is seen. */
const ROOM = 0.88;

const bucketOf = (place) => Math.max(0, Math.min(SIDE - 1, Math.floor(((place + 1) / 2) * SIDE)));

export class Plane {
  /**
   * @param {Float32Array} x
   * @param {Float32Array} y - as long as `x`.
   */
  constructor(x, y) {
    this.x = x;
    this.y = y;
    this.count = x.length;
    // Rows sorted by bucket, and where each bucket begins.
    const starts = new Uint32Array(SIDE * SIDE + 1);
    const buckets = Uint16Array.from(x, (one, row) => bucketOf(y[row]) * SIDE + bucketOf(one));
    for (const bucket of buckets) starts[bucket + 1]++;
    for (let n = 0; n < SIDE * SIDE; n++) starts[n + 1] += starts[n];
    const next = starts.slice();
    this._rows = new Uint32Array(this.count);
    for (let row = 0; row < this.count; row++) this._rows[next[buckets[row]]++] = row;
    this._starts = starts;
    this.frame = this.count ? frameOf(x, y) : [-1, -1, 1, 1];
  }

  /** Call `act(row)` for each point in a rectangle, always in the same order. */
  each([left, top, right, bottom], act) {
    const { x, y, _rows: rows, _starts: starts } = this;
    const [from, to] = [bucketOf(left), bucketOf(right)];
    for (let line = bucketOf(top); line <= bucketOf(bottom); line++) {
      const stop = starts[line * SIDE + to + 1];
      for (let n = starts[line * SIDE + from]; n < stop; n++) {
        const row = rows[n];
        if (x[row] >= left && x[row] <= right && y[row] >= top && y[row] <= bottom) act(row);
      }
    }
  }

  /** How many points a rectangle holds. */
  countIn(box) {
    let found = 0;
    this.each(box, () => found++);
    return found;
  }

  /** The nearest point within a distance; -1 where there is none. */
  nearest(x, y, reach) {
    let [best, least] = [-1, reach * reach];
    this.each([x - reach, y - reach, x + reach, y + reach], (row) => {
      const far = (this.x[row] - x) ** 2 + (this.y[row] - y) ** 2;
      if (far > least) return;
      [best, least] = [row, far];
    });
    return best;
  }

  /**
   * The next point from one in a direction: near, and not far aside.
   * @param {number} row
   * @param {number} right - 1 or -1, or 0 for up and down.
   * @param {number} down
   * @param {number[]} box - only points in it count.
   */
  next(row, right, down, box) {
    let [best, least] = [-1, Infinity];
    this.each(box, (other) => {
      const [across, along] = [this.x[other] - this.x[row], this.y[other] - this.y[row]];
      const ahead = across * right + along * down;
      const aside = Math.abs(across * down) + Math.abs(along * right);
      if (other === row || ahead <= 0 || aside > ahead * 1.5) return;
      const far = ahead + aside * 2;
      if (far < least) [best, least] = [other, far];
    });
    return best;
  }

  /** Rows of the points inside a polygon of [x, y, x, y, ...]; a crossing line leaves out what it encloses twice. */
  inside(polygon) {
    const edge = (start, worst, better) => {
      let found = worst;
      for (let n = start; n < polygon.length; n += 2) found = better(found, polygon[n]);
      return found;
    };
    const box = [
      edge(0, Infinity, Math.min), edge(1, Infinity, Math.min),
      edge(0, -Infinity, Math.max), edge(1, -Infinity, Math.max),
    ];
    const found = [];
    this.each(box, (row) => {
      if (isInside(polygon, this.x[row], this.y[row])) found.push(row);
    });
    return found;
  }
}

/** The rectangle that holds all points: left, upper, right and lower edge. */
function frameOf(x, y) {
  const frame = [Infinity, Infinity, -Infinity, -Infinity];
  for (let row = 0; row < x.length; row++) {
    frame[0] = Math.min(frame[0], x[row]);
    frame[1] = Math.min(frame[1], y[row]);
    frame[2] = Math.max(frame[2], x[row]);
    frame[3] = Math.max(frame[3], y[row]);
  }
  return frame;
}

/** Even-odd rule: how many edges lie to the right. */
function isInside(polygon, x, y) {
  let is = false;
  let [fromX, fromY] = polygon.slice(-2);
  for (let n = 0; n < polygon.length; n += 2) {
    const [toX, toY] = [polygon[n], polygon[n + 1]];
    if (fromY > y !== toY > y && x < ((toX - fromX) * (y - fromY)) / (toY - fromY) + fromX) is = !is;
    [fromX, fromY] = [toX, toY];
  }
  return is;
}

/** Which part of a plane is seen: its middle, and pixels for each unit. */
export class Camera {
  constructor() {
    [this.x, this.y, this.scale] = [0, 0, 1];
    [this.width, this.height] = [1, 1];
    this.frame = [-1, -1, 1, 1]; // what all there is lies in
  }

  /** Pixels for each unit at which all is seen. */
  get whole() {
    const [left, top, right, bottom] = this.frame;
    return Math.min(this.width / Math.max(right - left, 0.01), this.height / Math.max(bottom - top, 0.01)) * ROOM;
  }

  /** See all. */
  reset() {
    const [left, top, right, bottom] = this.frame;
    [this.x, this.y, this.scale] = [(left + right) / 2, (top + bottom) / 2, this.whole];
  }

  across(x) {
    return (x - this.x) * this.scale + this.width / 2;
  }

  down(y) {
    return (y - this.y) * this.scale + this.height / 2;
  }

  /** The place under a pixel. */
  at(across, down) {
    return [(across - this.width / 2) / this.scale + this.x, (down - this.height / 2) / this.scale + this.y];
  }

  /** What is seen, and so many pixels around it. */
  box(around = 0) {
    return [...this.at(-around, -around), ...this.at(this.width + around, this.height + around)];
  }

  /** Move what is seen by pixels. */
  pan(across, down) {
    this._look(this.x - across / this.scale, this.y - down / this.scale);
  }

  /** Look at a place, or at the nearest where there is something. */
  _look(x, y) {
    const [left, top, right, bottom] = this.frame;
    this.x = Math.max(left, Math.min(right, x));
    this.y = Math.max(top, Math.min(bottom, y));
  }

  /** Enlarge around a pixel, which stays where it is. */
  zoom(factor, across = this.width / 2, down = this.height / 2) {
    const [x, y] = this.at(across, down);
    this.scale = Math.max(this.whole * 0.7, Math.min(this.whole * 4000, this.scale * factor));
    this._look(x - (across - this.width / 2) / this.scale, y - (down - this.height / 2) / this.scale);
  }

  copy() {
    return Object.assign(new Camera(), this);
  }
}
