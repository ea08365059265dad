'use strict';

// Keys as text, compatible keys and smooth paths, with exactly the results of the server's
// keyscan/keys.py and keyscan/key_text.py.

const PITCHES = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const SHIFTS = { '': 0, '#': 1, '♯': 1, sharp: 1, b: -1, '♭': -1, flat: -1 };
const SHARPS = ['C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B'];
const FLATS = ['C', 'Db', 'D', 'Eb', 'E', 'F', 'Gb', 'G', 'Ab', 'A', 'Bb', 'B'];
const USUALLY_SHARP = ['2B', '11A', '12A']; // F#, F#m, C#m
const NOTATIONS = ['musical', 'short', 'camelot', 'camelot-padded', 'openkey'];
const SPELLINGS = ['both', 'sharps', 'flats', 'usual'];
const MINOR = ['m', 'mi', 'min', 'minor', 'moll'];
const GERMAN_MODES = ['moll', 'dur'];
const LONGEST = 100; // characters
const WHEEL = /^(0?[1-9]|1[0-2]) ?([ABDabdm])$/;
const NAME =
  /^([A-G])([#♯b♭]|[ -]?sharp|[ -]?flat)?(?: ?[:_-]? ?(m|mi|min|minor|moll|maj|major|dur))?$/i;
// without a blank only a plus: "A-4" is a note in an octave
const TUNING = /(?: \(?[+\-−±]|(?<=\w\w)\(?\+)\d{1,3}(\.\d+)?( ?(c|ct|cents?))?\)?$/i;
const PAIRS = [
  /^(.+?) ?\((.+)\)$/,
  /^(.+?)(?: - | ?\| ?)(.+)$/,
  /^(.+?) ?\/ ?(.+)$/,
  /^([0-9]{1,2} ?[A-Za-z]) (.+)$/,
  /^(.+) ([0-9]{1,2} ?[A-Za-z])$/,
];

/**
 * The Camelot code of a key that is written in Camelot (`8A`, `08a`), Open Key (`1m`, `12D`) or by
 * name (`A minor`, `Amin`, `A#m +50`, `F# minor/Gb minor`), as `Key.parse` of the server reads it.
 *
 * A note alone is major as a capital (`A`, `Ab`) and minor as a small letter (`a`, `ab`). What may
 * mean two keys is refused: `1M`, `B moll`, `Am/C`.
 *
 * @param {string} text
 * @returns {string} for example `8A`
 * @throws {TypeError} not a string; {RangeError} not a key
 */
function parseKey(text) {
  return parse(text).camelot;
}

/**
 * A key as the server writes it with the options `--notation` and `--spelling`.
 *
 * Notations: `musical` (`F# minor/Gb minor`), `short` (`F#m`), `camelot` (`8A`), `camelot-padded`
 * (`08A`) and `openkey` (`1m`). Spellings of the first two: `both`, `sharps`, `flats`, and `usual`,
 * by the signature that DJ software uses (`F#m`, `C#m`, `Ebm`, `Abm`). `short` has one spelling,
 * which is the usual one with `both`.
 *
 * @param {string} key in any notation that `parseKey` reads
 * @param {{ notation?: string, spelling?: string }} [style]
 * @returns {string}
 * @throws {TypeError} not a string; {RangeError} not a key, a notation or a spelling
 */
function writeKey(key, { notation = 'musical', spelling = 'both' } = {}) {
  const { camelot, hour, letter } = parse(key);
  if (!NOTATIONS.includes(notation)) throw new RangeError(`not a notation: ${notation}`);
  if (!SPELLINGS.includes(spelling)) throw new RangeError(`not a spelling: ${spelling}`);
  if (notation === 'camelot') return camelot;
  if (notation === 'camelot-padded') return camelot.padStart(3, '0');
  if (notation === 'openkey') return `${((hour + 4) % 12) + 1}${letter === 'A' ? 'm' : 'd'}`;
  const [sharp, flat, usual] = tonics(hour, letter);
  const one = { sharps: sharp, flats: flat }[spelling] ?? usual;
  if (notation === 'short') return letter === 'A' ? `${one}m` : one;
  const mode = letter === 'A' ? 'minor' : 'major';
  if (spelling !== 'both' || sharp === flat) return `${one} ${mode}`;
  const [first, second] = flat === 'Ab' ? [flat, sharp] : [sharp, flat];
  return `${first} ${mode}/${second} ${mode}`;
}

/**
 * The compatible keys with their relations, the closest first.
 *
 * `same`; `relative`: the other letter (8A, 8B); `up` and `down`: an hour forward (9A: the fifth
 * above) or back (7A: the fifth below); `energy_boost`: a whole tone (10A) or a semitone (3A) up.
 *
 * @param {string} key in any notation that `parseKey` reads
 * @returns {{ camelot: string, relation: string }[]}
 * @throws {TypeError} not a string; {RangeError} not a key
 */
function compatible(key) {
  const { camelot, hour, letter } = parse(key);
  const further = (hours) => `${((hour - 1 + hours) % 12) + 1}${letter}`;
  return [
    { camelot, relation: 'same' },
    { camelot: `${hour}${letter === 'A' ? 'B' : 'A'}`, relation: 'relative' },
    { camelot: further(1), relation: 'up' },
    { camelot: further(11), relation: 'down' },
    { camelot: further(2), relation: 'energy_boost' },
    { camelot: further(7), relation: 'energy_boost' },
  ];
}

/**
 * Steps on the Camelot wheel, 0-7: an hour is one step, and so is a change of the letter.
 *
 * @param {string} a in any notation that `parseKey` reads
 * @param {string} b
 * @throws {TypeError} not a string; {RangeError} not a key
 */
function distance(a, b) {
  return stepsBetween(parse(a), parse(b));
}

/**
 * An order of tracks in these keys, as indices, with few steps on the wheel in total.
 *
 * Tracks in the same key are adjacent, in the order given. The initial path goes around the
 * wheel; reversing and moving parts of it improves it (2-opt and or-opt: Croes, 1958; Or, 1976)
 * until no change helps.
 *
 * @param {readonly string[]} texts in any notation that `parseKey` reads
 * @returns {number[]}
 * @throws {TypeError} not an array of strings; {RangeError} not a key
 */
function smoothPath(texts) {
  if (!Array.isArray(texts)) throw new TypeError('keys must be an array');
  const all = Array.from(texts, parse);
  const keys = [...new Map(all.map((key) => [key.camelot, key])).values()];
  const starts = new Set(keys.map(({ hour }) => hour).sort((a, b) => a - b));
  const paths = [...starts].map((hour) => improved(aroundTheWheel(keys, hour)));
  const path = shortest(paths) ?? [];
  const places = new Map(path.map(({ camelot }, place) => [camelot, place]));
  const place = (index) => places.get(all[index].camelot);
  return [...all.keys()].sort((a, b) => place(a) - place(b));
}

function parse(text) {
  if (typeof text !== 'string') throw new TypeError('a key is a string');
  const plain = text.normalize('NFKC').replace(/[ \t\r\n\0]+/g, ' ').replace(/^ | $/g, '');
  const key = text.length <= LONGEST ? read(plain.replace(TUNING, '')) : null;
  if (!key) throw new RangeError(`not a key: ${JSON.stringify(text)}`);
  return key;
}

/** What one text names, once or in several notations; null if it names no key, or two. */
function read(text) {
  let found = WHEEL.exec(text);
  if (found) return onWheel(Number(found[1]), found[2]);
  found = NAME.exec(text);
  if (found) return named(found[1], found[2], found[3]);
  for (const pattern of PAIRS) {
    found = pattern.exec(text);
    if (found) return readTwice(found[1], found[2]);
  }
  return null;
}

/** Camelot (A and B), or Open Key (m and d), whose 1 is Camelot's 8. */
function onWheel(number, letter) {
  const hour = 'Ddm'.includes(letter) ? ((number + 6) % 12) + 1 : number;
  return onHour(hour, 'Aam'.includes(letter) ? 'A' : 'B');
}

function named(note, accidental = '', mode = '') {
  const shift = SHIFTS[folded(accidental)];
  const word = folded(mode);
  if (shift === undefined) return null;
  if (GERMAN_MODES.includes(word) && 'Bb'.includes(note) && !shift) return null;
  const minor = word ? MINOR.includes(word) : note === note.toLowerCase();
  const major = PITCHES[note.toUpperCase()] + shift + (minor ? 3 : 0); // of the relative major
  return onHour((((major + 12) * 7 + 7) % 12) + 1, minor ? 'A' : 'B');
}

/** Case matters in a single letter only: `m` is minor, `M` major, `B` no accidental. */
function folded(word) {
  return word.length === 1 ? word : word.replace(/^[ -]/, '').toLowerCase();
}

/** Two names of one key; in `F#/Gb minor` the mode is that of both notes. */
function readTwice(first, second) {
  const key = read(second);
  const one = NAME.exec(first);
  const other = NAME.exec(second);
  const sharesMode = one && other && one[2] && !one[3] && one[1] !== other[1];
  const same = sharesMode ? named(one[1], one[2], other[3]) : read(first);
  return key && same?.camelot === key.camelot ? key : null;
}

/** The tonic with a sharp, with a flat, and as it is usual. */
function tonics(hour, letter) {
  const fifths = hour + 4; // from C
  const pitch = (fifths * 7 + (letter === 'A' ? 9 : 0)) % 12;
  const [sharp, flat] = [SHARPS[pitch], FLATS[pitch]];
  return [sharp, flat, USUALLY_SHARP.includes(`${hour}${letter}`) ? sharp : flat];
}

function onHour(hour, letter) {
  return { camelot: `${hour}${letter}`, hour, letter };
}

function stepsBetween(a, b) {
  const hours = Math.abs(a.hour - b.hour);
  return Math.min(hours, 12 - hours) + (a.letter === b.letter ? 0 : 1);
}

/** From an hour on around the wheel; within an hour, the letter of the previous key first. */
function aroundTheWheel(keys, start) {
  const path = [];
  for (let hours = 0; hours < 12; hours++) {
    const hour = ((start - 1 + hours) % 12) + 1;
    const first = path.at(-1)?.letter ?? 'B';
    const here = keys.filter((key) => key.hour === hour);
    path.push(...here.sort((a, b) => (b.letter === first) - (a.letter === first)));
  }
  return path;
}

function improved(path) {
  // one step from key to key is the minimum
  while (steps(path) >= path.length) {
    const found = shortest(neighbours(path));
    if (steps(found) >= steps(path)) break;
    path = found;
  }
  return path;
}

/** Every path with one part reversed or moved. */
function* neighbours(path) {
  const parts = path.flatMap((_, a) => path.slice(a).map((_, length) => [a, a + length + 1]));
  for (const [a, b] of parts) {
    yield [...path.slice(0, a), ...path.slice(a, b).reverse(), ...path.slice(b)];
  }
  for (const [a, b] of parts) {
    const part = path.slice(a, b);
    const turned = [...part].reverse();
    const rest = [...path.slice(0, a), ...path.slice(b)];
    for (let at = 0; at <= rest.length; at++) {
      yield [...rest.slice(0, at), ...part, ...rest.slice(at)];
      yield [...rest.slice(0, at), ...turned, ...rest.slice(at)];
    }
  }
}

/** The first of the shortest paths. */
function shortest(paths) {
  let best;
  let least = Infinity;
  for (const path of paths) {
    const length = steps(path);
    if (length < least) [best, least] = [path, length];
  }
  return best;
}

function steps(path) {
  return path.slice(1).reduce((sum, key, i) => sum + stepsBetween(path[i], key), 0);
}

module.exports = { compatible, distance, parseKey, smoothPath, writeKey };
