/** What is known of an item, as a list of names and values. */

import { element } from "./dom.js";
import { folderOf, nameOf, placeOf } from "./place.js";
import { language, length, number, say } from "./words.js";

/** Names of metadata that are told in words of their own. */
const TOLD = new Set(["width", "height", "taken", "camera", "latitude", "longitude", "duration"]);

/** Characters of one value that are shown. */
const MOST = 2000;

export function facts(hit) {
  const { width, height, taken, camera, latitude, longitude, duration, ...others } = hit.metadata ?? {};
  const where = placeOf({ ...hit, metadata: {} }); // how long it is stands in a row of its own
  const rows = [
    [say("file"), nameOf(hit)],
    [say("folder"), folderOf(hit)],
    [say("modality"), say(hit.modality)],
    where && [say("foundAt"), where],
    width && [say("size"), `${number(width)} × ${number(height)}`],
    duration && [say("duration"), length(duration)],
    taken && [say("taken"), date(taken)],
    camera && [say("camera"), camera],
    latitude != null && [say("place"), `${number(latitude)}, ${number(longitude)}`],
    hit.score !== undefined && [say("score"), number(hit.score, { maximumFractionDigits: 3 })],
    ...Object.entries(others).filter(([name]) => !TOLD.has(name)),
  ];
  const list = element("dl", { className: "facts" });
  for (const row of rows.filter(Boolean)) {
    const [name, value] = row;
    const written = typeof value === "string" ? value : JSON.stringify(value);
    list.append(element("dt", {}, name), element("dd", {}, written.slice(0, MOST)));
  }
  return list;
}

/** A time as exactly as it is known: some items tell the year alone, some the minute. */
function date(text) {
  const [known, year, month, day, hour] = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):\d\d.*)?)?)?$/.exec(text) ?? [];
  // Without an hour these are calendar days, which are the same everywhere.
  const found = hour ? new Date(text) : new Date(Number(year), Number(month ?? 1) - 1, Number(day ?? 1));
  if (!known || Number.isNaN(found.valueOf())) return String(text);
  const told = {
    year: "numeric", month: month && "long", day: day && "numeric", hour: hour && "numeric", minute: hour && "2-digit",
  };
  return new Intl.DateTimeFormat(language, told).format(found);
}
