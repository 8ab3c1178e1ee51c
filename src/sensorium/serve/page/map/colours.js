/** Colours of dots: by what items are, or by when they were taken. */

/** Told apart also by those who see few colours; on light and on dark ground. */
const KINDS = {
  light: { image: "#2b8a72", audio: "#c96f14", video: "#8250c8", text: "#2f6fcb", mesh: "#c43f80" },
  dark: { image: "#4fc0a4", audio: "#f0a35a", video: "#b48cf0", text: "#76acf5", mesh: "#ee85b7" },
};

/** From the oldest to the newest: stops of a scale whose lightness rises evenly (viridis). */
const TIMES = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"];

/** Steps between oldest and newest: more are not told apart. */
const STEPS = 24;

const UNKNOWN = "#8d8983";

/** Months as the server packs those of items that are undated. */
export const UNDATED = 0xffff;

/** How much is seen of dots, of few and of very many. */
const OPACITY = [0.9, 0.55];
const DIMMED = 0.16;

export const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

export const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** Colours of all items by their kind. */
export function byKind({ kinds, modalities }) {
  const own = KINDS[isDark() ? "dark" : "light"];
  const colours = modalities.map((one) => own[one] ?? UNKNOWN);
  const entries = modalities.map((one, n) => ({ name: one, colour: colours[n] }));
  return { base: kinds, colours, entries };
}

/** Colours of all items by month; what is undated is grey. */
export function byMonth({ taken, months }) {
  const colours = Array.from({ length: STEPS }, (_, n) => between(TIMES, n / (STEPS - 1)));
  if (isDark()) colours.splice(0, 6, ...colours.slice(0, 6).map((one) => mixed(one, "#c9b3ff", 0.35)));
  const share = (months.length - 1) || 1;
  const base = Uint8Array.from(taken, (one) =>
    one === UNDATED ? STEPS : Math.round((one / share) * (STEPS - 1)));
  return { base, colours: [...colours, UNKNOWN], scale: colours, from: months[0], until: months.at(-1) };
}

/**
 * A palette in which each colour is there twice, dimmed and as it is, and which place in it each
 * point has.
 * @param {(row: number) => boolean} isDimmed
 */
export function painted({ base, colours }, isDimmed) {
  const opacity = OPACITY[base.length > 20_000 ? 1 : 0];
  const palette = [DIMMED * (isDark() ? 1.6 : 1.2), opacity].flatMap((share) =>
    colours.map((one) => [...rgb(one), share]));
  const places = Uint8Array.from(base, (one, row) => (isDimmed(row) ? one : one + colours.length));
  return { palette, places };
}

function between(stops, share) {
  const at = share * (stops.length - 1);
  const n = Math.min(stops.length - 2, Math.floor(at));
  return mixed(stops[n], stops[n + 1], at - n);
}

function mixed(one, other, share) {
  const [a, b] = [rgb(one), rgb(other)];
  const hex = a.map((part, n) => Math.round(part + (b[n] - part) * share).toString(16).padStart(2, "0"));
  return `#${hex.join("")}`;
}
