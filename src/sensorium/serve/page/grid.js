/** The grid: of all its cells only those in view and around it are elements. */

import { empty, fill, makeCell } from "./cell.js";
import { element } from "./dom.js";
import { Layout } from "./layout.js";
import { aspectOf } from "./place.js";
import * as thumbs from "./thumbs.js";
import { say } from "./words.js";

/** Heights of the window, ahead of where it is scrolled and behind, where cells are elements. */
const AHEAD = 2;
const BEHIND = 0.5;

/** The same just after something new is shown: the next key may bring something else. */
const AHEAD_AT_FIRST = 0.25;

/** Milliseconds until then. */
const AT_FIRST = 150;

/** Pixels in one frame that are "passing by": whoever looks sees no single picture. */
const QUICK = 600;

/** A picture is cut off to fill its cell unless one side would lose more than this. */
const MOST_CUT = 1.3;

/** Pixels of a line of words in a cell, and of what stands around them. */
const LINE = 18;
const WORDED = 92;

/** Usual width of pictures for their height, until some are known. */
const ASPECT = 4 / 3;

export class Grid {
  /**
   * @param {HTMLElement} list
   * @param {(index: number) => void} open - called when a cell is opened.
   */
  constructor(list, open) {
    this._list = list;
    this._cells = new Map();
    this._line = element("li", { className: "line", role: "presentation", hidden: true }, element("p"));
    this._aspect = 0;
    this._focused = 0;
    this._layout = new Layout(1, 0, 0, ASPECT);
    this._last = 0;
    this._first = 0;
    this._held = null; // what was brought into view stays there while rows get their heights
    this._aspectAt = (index) => aspectOf(this._feed.at(index));
    list.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      if (cell?.hit) open(cell.index);
    });
    list.addEventListener("keydown", (event) => this._key(event));
    list.addEventListener("focusin", (event) => {
      const cell = event.target.closest(".cell");
      if (cell) this._focus(cell.index);
    });
    addEventListener("scroll", () => this._soon(), { passive: true });
    for (const kind of ["wheel", "touchmove", "pointerdown"]) {
      addEventListener(kind, () => (this._held = null), { passive: true });
    }
    new ResizeObserver(() => this._measure()).observe(list);
    addEventListener("resize", () => this._soon());
  }

  /** Show a feed from its beginning, or from where the old one was looked at. */
  show(feed, { collection, split = () => Infinity, stay = false }) {
    this._feed?.close();
    for (const cell of this._cells.values()) this._drop(cell);
    this._feed = feed;
    this._collection = collection;
    this._split = split;
    feed.addEventListener("change", ({ range }) => this._learn(range));
    this._held = null;
    clearTimeout(this._first);
    this._first = setTimeout(() => {
      this._first = 0;
      this._draw();
    }, AT_FIRST);
    if (!stay) {
      this._focused = 0;
      scrollTo({ top: 0, behavior: "instant" });
    }
    this._measure();
  }

  /** Take the usual shape of pictures from the next ones that come. */
  forgetShape() {
    this._aspect = 0;
  }

  /** Bring a place into view, and give it the focus. */
  reveal(index) {
    if (!this._feed?.total) return;
    index = Math.max(0, Math.min(index, this._feed.total - 1));
    this._held = index;
    this._scrollTo(index);
    this._draw();
    this._focus(index);
    this._cells.get(index)?.firstChild.focus({ preventScroll: true });
  }

  _scrollTo(index) {
    const { _layout: layout } = this;
    const row = layout.rowOf(index);
    const top = this._top() + layout.top(row);
    const stop = top + layout.height(row);
    const head = this._head();
    if (top >= scrollY + head && stop <= scrollY + innerHeight) return;
    const isAbove = top < scrollY + head;
    const wished = isAbove ? top - head - layout.gap : stop + layout.gap - innerHeight;
    scrollTo({ top: wished, behavior: "instant" });
  }

  /** Draw anew, whatever is known: words or judgements changed. */
  refresh() {
    for (const cell of this._cells.values()) empty(cell);
    this._draw();
  }

  _top() {
    return this._list.offsetTop;
  }

  /** Pixels that the head of the page covers. */
  _head() {
    return document.querySelector(".top").offsetHeight;
  }

  _soon() {
    if (this._pending) return;
    this._pending = requestAnimationFrame(() => this._draw());
  }

  /** Lay all out anew: the width is another, or what is shown. */
  _measure() {
    const feed = this._feed;
    if (!feed) return;
    this._aspect ||= usual([...feed.brought()].map(([, item]) => aspectOf(item)));
    this._splitAt = this._split(feed);
    const width = this._list.clientWidth;
    this._layout = new Layout(width, feed.total, this._splitAt, this._aspect || ASPECT);
    this._layout.learn(feed.ranges, this._aspectAt);
    this._place();
  }

  /** Lay out a page that came; what is looked at stays where it is. */
  _learn(range) {
    const { _feed: feed, _layout: layout } = this;
    if (feed.total !== layout.total || this._split(feed) !== this._splitAt) {
      this._measure();
      return;
    }
    const seen = layout.rowAt(scrollY + this._head() - this._top());
    const before = layout.top(seen);
    layout.learn([range], this._aspectAt);
    this._place();
    const moved = layout.top(seen) - before;
    if (this._held !== null) this._scrollTo(this._held);
    else if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
  }

  _place() {
    const { _list: list, _line: line, _layout: layout } = this;
    list.style.height = `${layout.full}px`;
    // Behind the cells stand their shadows, should scrolling be quicker than they are made.
    list.style.setProperty("--row", `${layout.usual}px`);
    list.style.setProperty("--step", `${layout.usual + layout.gap}px`);
    line.hidden = !layout.isSplit;
    line.firstChild.textContent = say("nothingMore");
    line.style.transform = `translateY(${layout.lineTop}px)`;
    line.remove();
    if (layout.isSplit) list.append(line);
    this._draw();
  }

  _draw() {
    cancelAnimationFrame(this._pending);
    this._pending = 0;
    const { _feed: feed, _layout: layout } = this;
    if (!feed) return;
    const above = scrollY - this._top();
    const moved = scrollY - this._last;
    if (Math.abs(moved) > QUICK) thumbs.pass();
    this._last = scrollY;
    const ahead = this._first ? AHEAD_AT_FIRST : AHEAD;
    const [before, after] = moved < 0 ? [ahead, BEHIND] : [BEHIND, ahead];
    const last = layout.rowAt(above + innerHeight * (1 + after));
    const first = layout.cells(layout.rowAt(above - innerHeight * before))[0];
    const stop = layout.rows ? layout.cells(last)[1] : 0;
    for (const [index, cell] of this._cells) {
      if (index < first || index >= stop) this._drop(cell);
    }
    for (let row = layout.rowOf(first); row <= last && row < layout.rows; row++) this._row(row);
    this._order();
    if (!feed.total) return;
    const top = layout.top(layout.rowOf(first));
    this._list.style.setProperty("--drawn", `${top}px`);
    this._list.style.setProperty("--long", `${layout.top(last) + layout.height(last) - top}px`);
    const seen = layout.cells(layout.rowAt(above))[0];
    feed.want(seen, layout.cells(layout.rowAt(above + innerHeight))[1], !this._first);
  }

  /** Place the cells of a row. */
  _row(row) {
    const { _feed: feed, _layout: layout } = this;
    const [first] = layout.cells(row);
    const [top, height] = [layout.top(row), layout.height(row)];
    layout.across(row, this._aspectAt).forEach(([left, width], n) => {
      const cell = this._cell(first + n);
      const place = `${left} ${top} ${width} ${height}`;
      if (cell.place !== place) {
        cell.place = place;
        cell.style.transform = `translate(${left}px, ${top}px)`;
        cell.style.width = `${width}px`;
        cell.style.height = `${height}px`;
        const lines = Math.floor((height - WORDED) / LINE);
        cell.style.setProperty("--lines", Math.max(1, lines));
        cell.classList.toggle("low", lines < 1);
      }
      const item = feed.at(first + n);
      if (!item) return;
      fill(cell, item, this._collection);
      // Cutting off little fills the row; of what differs much all is shown.
      const cut = (aspectOf(item) || 1) / (width / height);
      cell.classList.toggle("whole", Math.max(cut, 1 / cut) > MOST_CUT);
    });
  }

  _cell(index) {
    let cell = this._cells.get(index);
    if (!cell) {
      cell = makeCell(index, this._feed.total);
      if (index === this._focused) cell.firstChild.tabIndex = 0;
      this._cells.set(index, cell);
    }
    return cell;
  }

  _drop(cell) {
    empty(cell);
    cell.remove();
    this._cells.delete(cell.index);
  }

  /** Let elements stand in the order of their places, which screen readers follow. */
  _order() {
    let next = this._list.firstChild;
    for (const index of [...this._cells.keys()].sort((a, b) => a - b)) {
      const cell = this._cells.get(index);
      if (cell === next) next = next.nextSibling;
      else this._list.insertBefore(cell, next);
    }
    // One cell can be reached by Tab at any time; arrows lead on from it.
    if (!this._cells.has(this._focused) && this._cells.size) {
      const seen = this._layout.cells(this._layout.rowAt(scrollY + this._head() - this._top()))[0];
      this._focus(this._cells.has(seen) ? seen : this._cells.keys().next().value);
    }
  }

  _focus(index) {
    const before = this._cells.get(this._focused);
    if (before) before.firstChild.tabIndex = -1;
    this._focused = index;
    const now = this._cells.get(index);
    if (now) now.firstChild.tabIndex = 0;
  }

  _key(event) {
    const { columns } = this._layout;
    const rows = Math.max(1, Math.floor(innerHeight / this._layout.usual) - 1);
    const leap = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
      PageUp: -rows * columns, PageDown: rows * columns, Home: -Infinity, End: Infinity,
    }[event.key];
    if (leap === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.reveal(Math.max(0, Math.min(this._focused + leap, this._feed.total - 1)));
  }
}

/** The middle one of the shapes that are known; 0 where none is. */
function usual(aspects) {
  const known = aspects.filter(Boolean).sort((a, b) => a - b);
  return known.length ? Math.min(1.6, Math.max(0.75, known[known.length >> 1])) : 0;
}
