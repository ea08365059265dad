// What is known of the library: keyscan/page/data.py makes the data.
"use strict";

const { keys, tracks, doubtful, notReached } = JSON.parse(find("data").textContent);
const HARMONIES = {
  same: "same key", relative: "relative", up: "+1", down: "−1", energy_boost: "energy boost",
};
const HARMONY_ORDER = Object.keys(HARMONIES);
const KINDS = {
  all: ["All tracks", () => true],
  likely: ["Likely keys", (track) => hasKey(track) && !isDoubtful(track)],
  doubtful: ["Doubtful keys (?)", isDoubtful],
  changing: ["Change key (~)", (track) => track.changesKey],
  warned: ["With warnings (!)", (track) => track.warnings],
  keyless: ["Without a key", (track) => !hasKey(track) && !track.error],
  failed: ["Failed", (track) => track.error],
};
const ORDERS = { // what the columns sort by; tracks without it come last
  name: (track) => nameRanks().get(track),
  key: (track) => keyRank(track.key),
  musical: (track) => hasKey(track) ? keys[track.key].name : undefined,
  sure: (track) => track.confidence,
  cents: (track) => track.cents,
  length: (track) => track.duration,
  parts: (track) => track.parts?.length,
  mix: (track) => track === state.base ? -1 : HARMONY_ORDER.indexOf(harmony(track)),
};

const state = {
  text: [], kind: "all", keys: new Set(), // filters
  by: null, down: false, // order; null is that of the run
  chosen: null, base: null, // tracks: that of the details, that which the others are to mix with
  shown: tracks, // filtered and in order
  first: -1, last: -1, // rows in the table
};

function hasKey(track) {
  return track.key !== undefined;
}

function isDoubtful(track) {
  return hasKey(track) && track.confidence < doubtful;
}

function keyRank(key) {
  return key === undefined ? undefined : 2 * keys[key].place + (keys[key].mode === "major");
}

/** How a track mixes with the base or, without one, with the chosen track; undefined: not well. */
function harmony(track) {
  const key = (state.base ?? state.chosen)?.key;
  return key === undefined || !hasKey(track) ? undefined : keys[key].mixes[track.key];
}

const nameRanks = once(() => {
  const compare = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
  const sorted = tracks.slice().sort((a, b) => compare(a.name, b.name));
  return new Map(sorted.map((track, rank) => [track, rank]));
});

const searchTexts = once(() => new Map(tracks.map((track) => [track, plain(path(track))])));

function path(track) {
  return track.folder ? `${track.folder}/${track.name}` : track.name;
}

/** Without case and accents. */
function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function once(make) {
  let made;
  return () => made ??= make();
}
