/** When and where a collection's items were taken: bars by month, dots on a plain map. */

import { ask, collectionPath } from "./api.js";
import { element } from "./dom.js";
import * as filters from "./filters.js";
import { language, say } from "./words.js";

/** Bars beside each other; where there are more months, years take their place. */
const MOST_BARS = 180;

/** Degrees between lines of the map, of which some three to eight are seen. */
const STEPS = [60, 30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01];

/** Pixels below which a rectangle is a click, which means what is around it. */
const CLICK = 6;

/** Show what is known in a section; it stays hidden where nothing is. */
export async function overview(section, collection) {
  const path = collectionPath(collection);
  const [{ months }, places] = await Promise.all([ask(`${path}/timeline`), ask(`${path}/places`)]);
  section.replaceChildren();
  if (months.length > 1) section.append(timeline(months));
  if (places.count) section.append(map(places));
  section.hidden = !section.children.length;
}

function timeline(months) {
  const bars = months.length > MOST_BARS ? byYear(months) : every(months);
  const most = Math.max(...bars.map((bar) => bar.count));
  const list = element("ol", { className: "bars" });
  for (const { name, count, from, until } of bars) {
    const height = count ? Math.max(3, (count / most) * 100) : 0;
    const bar = element("span", {});
    bar.style.height = `${height}%`;
    const told = say("month", name, count);
    const opener = element("button", {
      type: "button", title: told, "aria-label": told, disabled: !count,
      onclick: () => filters.between(from, until),
    }, bar);
    list.append(element("li", {}, opener));
  }
  const ends = element("p", { className: "ends", "aria-hidden": "true" },
    element("span", {}, bars[0].name), element("span", {}, bars.at(-1).name));
  return element("div", { className: "timeline" }, element("h2", {}, say("timeline")), list, ends);
}

/** All months from the first to the last, those without items, too. */
function every(months) {
  const counts = new Map(months.map(({ month, count }) => [month, count]));
  const format = new Intl.DateTimeFormat(language, { year: "numeric", month: "long", timeZone: "UTC" });
  const bars = [];
  const [lastYear, lastMonth] = months.at(-1).month.split("-").map(Number);
  let [year, month] = months[0].month.split("-").map(Number);
  if ((lastYear - year) * 12 > MOST_BARS) return byYear(months);
  while (year < lastYear || (year === lastYear && month <= lastMonth)) {
    const key = `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`;
    bars.push({
      name: format.format(new Date(Date.UTC(year, month - 1))), count: counts.get(key) ?? 0,
      from: `${key}-01`, until: `${key}-${new Date(Date.UTC(year, month, 0)).getUTCDate()}`,
    });
    [year, month] = month === 12 ? [year + 1, 1] : [year, month + 1];
  }
  return bars;
}

function byYear(months) {
  const years = new Map();
  for (const { month, count } of months) {
    const year = month.slice(0, 4);
    years.set(year, (years.get(year) ?? 0) + count);
  }
  return [...years].map(([name, count]) =>
    ({ name, count, from: `${name}-01-01`, until: `${name}-12-31` }));
}

function map(places) {
  const longitudes = numbers(places.longitudes);
  const latitudes = numbers(places.latitudes);
  const canvas = element("canvas", { className: "map", "aria-hidden": "true" });
  const seen = around(longitudes, latitudes);
  let from = null;
  const draw = (to) => {
    const dots = devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * dots;
    canvas.height = canvas.clientHeight * dots;
    paint(canvas, seen, longitudes, latitudes, dots);
    if (from && to) outline(canvas, from, to, dots);
  };
  const at = ({ offsetX, offsetY }) => [offsetX, offsetY];
  canvas.onpointerdown = (event) => {
    from = at(event);
    canvas.setPointerCapture(event.pointerId);
  };
  canvas.onpointermove = (event) => from && draw(at(event));
  canvas.onpointerup = (event) => {
    if (!from) return;
    let [one, other] = [from, at(event)];
    from = null;
    draw();
    if (Math.hypot(one[0] - other[0], one[1] - other[1]) < CLICK) {
      [one, other] = [[one[0] - 12, one[1] - 12], [one[0] + 12, one[1] + 12]];
    }
    filters.only(inside(canvas, seen, one, other));
  };
  new ResizeObserver(() => draw()).observe(canvas);
  return element("div", { className: "places" },
    element("h2", {}, say("places", places.count)), canvas, element("p", {}, say("placesHelp")));
}

/** The part of the world that all dots are in, with room around; twice as wide as high. */
function around(longitudes, latitudes) {
  const [west, east] = ends(longitudes);
  const [south, north] = ends(latitudes);
  const width = Math.min(360, Math.max(0.02, (east - west) * 1.15, (north - south) * 1.15 * 2));
  const x = (west + east) / 2;
  const y = (south + north) / 2;
  return { west: x - width / 2, east: x + width / 2, south: y - width / 4, north: y + width / 4 };
}

function paint(canvas, seen, longitudes, latitudes, dots) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const style = getComputedStyle(canvas);
  const across = (longitude) => ((longitude - seen.west) / (seen.east - seen.west)) * width;
  const down = (latitude) => ((seen.north - latitude) / (seen.north - seen.south)) * height;
  context.clearRect(0, 0, width, height);
  context.strokeStyle = style.getPropertyValue("--line");
  context.fillStyle = style.getPropertyValue("--soft");
  context.font = `${11 * dots}px system-ui`;
  context.lineWidth = dots;
  const step = STEPS.find((one) => (seen.east - seen.west) / one >= 3) ?? STEPS.at(-1);
  context.beginPath();
  for (let one = Math.ceil(seen.west / step) * step; one < seen.east; one += step) {
    context.moveTo(across(one), 0);
    context.lineTo(across(one), height);
    context.fillText(`${+one.toFixed(2)}°`, across(one) + 3 * dots, height - 4 * dots);
  }
  for (let one = Math.ceil(seen.south / step) * step; one < seen.north; one += step) {
    context.moveTo(0, down(one));
    context.lineTo(width, down(one));
    context.fillText(`${+one.toFixed(2)}°`, 3 * dots, down(one) - 3 * dots);
  }
  context.stroke();
  context.fillStyle = style.getPropertyValue("--strong");
  context.globalAlpha = longitudes.length > 2000 ? 0.35 : 0.75;
  const side = (longitudes.length > 2000 ? 3 : 6) * dots;
  for (let n = 0; n < longitudes.length; n++) {
    context.fillRect(across(longitudes[n]) - side / 2, down(latitudes[n]) - side / 2, side, side);
  }
  context.globalAlpha = 1;
}

function outline(canvas, [left, top], [right, bottom], dots) {
  const context = canvas.getContext("2d");
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 2 * dots;
  context.strokeRect(left * dots, top * dots, (right - left) * dots, (bottom - top) * dots);
}

/** The condition of a rectangle. */
function inside(canvas, seen, one, other) {
  const longitude = (x) => seen.west + (x / canvas.clientWidth) * (seen.east - seen.west);
  const latitude = (y) => seen.north - (y / canvas.clientHeight) * (seen.north - seen.south);
  const [west, east] = [longitude(one[0]), longitude(other[0])].sort((a, b) => a - b);
  const [south, north] = [latitude(one[1]), latitude(other[1])].sort((a, b) => a - b);
  const said = (value) => value.toFixed(4);
  return `latitude BETWEEN ${said(south)} AND ${said(north)} `
    + `AND longitude BETWEEN ${said(west)} AND ${said(east)}`;
}

function ends(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, most];
}

/** Numbers out of base64 of little-endian float32. */
function numbers(packed) {
  const raw = Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));
  const view = new DataView(raw.buffer);
  return Float32Array.from({ length: raw.length / 4 }, (_, n) => view.getFloat32(n * 4, true));
}
