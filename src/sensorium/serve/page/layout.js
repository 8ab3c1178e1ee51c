/** Where the cells of a grid stand: plain numbers, no elements.
 *
 * A row holds as many cells as every other. It is as high as its pictures make it when they fill
 * its width side by side; one whose pictures are not known yet has the usual height.
 */

/** Pixels between the likely hits and the rest, for a line of words. */
export const LINE = 64;

/** Widths of pictures for their heights: what is narrower or wider is shown as if it were this. */
const NARROWEST = 0.5;
const WIDEST = 2.4;

/** Heights of rows for the usual one. */
const LOWEST = 0.6;
const HIGHEST = 1.5;

export class Layout {
  /**
   * @param {number} width - of the grid, in pixels.
   * @param {number} total - cells.
   * @param {number} split - place of the last likely cell and one; its row is the last before the
   *   line. Infinite where there is no line.
   * @param {number} aspect - usual width of a picture for its height.
   */
  constructor(width, total, split, aspect) {
    const isSmall = width < 640;
    this.width = width;
    this.total = total;
    this.gap = isSmall ? 4 : 8;
    const wished = isSmall ? 130 : Math.min(240, Math.max(180, width / 7));
    this.columns = Math.max(2, Math.round(width / (wished * aspect)));
    this.rows = Math.ceil(total / this.columns);
    this._above = Math.ceil(split / this.columns);
    this.usual = Math.max(48, (width - this.gap * (this.columns - 1)) / this.columns / aspect);
    this._heights = new Float64Array(this.rows).fill(this.usual);
    this._tops = new Float64Array(this.rows + 1);
    this._settle();
  }

  /** Height of it all, in pixels. */
  get full() {
    return this.rows ? this._tops[this.rows] - this.gap : 0;
  }

  /** Whether there is a line, which is so unless all is on one side of it. */
  get isSplit() {
    return this._above > 0 && this._above < this.rows;
  }

  /** Upper edge of the line of words. */
  get lineTop() {
    return this._tops[this._above] - LINE;
  }

  /**
   * Take the heights of rows from their pictures.
   * @param {[number, number][]} ranges - places from the first up to the second that are known.
   * @param {(index: number) => number} aspect - 0 where a picture has none.
   */
  learn(ranges, aspect) {
    for (const [first, stop] of ranges) {
      for (let row = this.rowOf(first); row < this.rows && row * this.columns < stop; row++) {
        this._heights[row] = this._heightOf(row, aspect);
      }
    }
    this._settle();
  }

  rowOf(index) {
    return Math.floor(index / this.columns);
  }

  /** First cell of a row, and the one behind its last. */
  cells(row) {
    return [row * this.columns, Math.min((row + 1) * this.columns, this.total)];
  }

  /** Upper edge of a row. */
  top(row) {
    return this._tops[row];
  }

  height(row) {
    return this._heights[row];
  }

  /** The row at a height, the nearest where there is none. */
  rowAt(y) {
    let low = 0;
    let high = Math.max(0, this.rows - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this._tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /**
   * Left edges and widths of a row's cells, so that they fill it.
   * @param {(index: number) => number} aspect
   * @returns {[number, number][]}
   */
  across(row, aspect) {
    const [first, stop] = this.cells(row);
    const shapes = this._shapes(first, stop, aspect);
    const sum = shapes.reduce((a, b) => a + b, 0);
    const isFull = stop - first === this.columns;
    const scale = isFull ? this._room(shapes) / sum : Math.min(this.usual, this._room(shapes) / sum);
    let left = 0;
    return shapes.map((shape) => {
      const place = [left, shape * scale];
      left += shape * scale + this.gap;
      return place;
    });
  }

  _room(shapes) {
    return this.width - this.gap * (shapes.length - 1);
  }

  _shapes(first, stop, aspect) {
    const usually = this.width / this.columns / this.usual;
    return Array.from({ length: stop - first }, (_, n) =>
      Math.min(WIDEST, Math.max(NARROWEST, aspect(first + n) || usually)));
  }

  _heightOf(row, aspect) {
    const [first, stop] = this.cells(row);
    if (stop - first < this.columns) return this.usual;
    const shapes = this._shapes(first, stop, aspect);
    const height = this._room(shapes) / shapes.reduce((a, b) => a + b, 0);
    return Math.min(HIGHEST * this.usual, Math.max(LOWEST * this.usual, height));
  }

  _settle() {
    let top = 0;
    for (let row = 0; row < this.rows; row++) {
      if (this.isSplit && row === this._above) top += LINE;
      this._tops[row] = top;
      top += this._heights[row] + this.gap;
    }
    this._tops[this.rows] = top;
  }
}
