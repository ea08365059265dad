'use strict';

// Compatible keys and smooth paths, with exactly the results of the server's keyscan/keys.py.

const CAMELOT = /^(1[0-2]|[1-9])([AB])$/;

/**
 * The compatible keys with their relations, the closest first.
 *
 * `same`; `relative`: the other letter (8A, 8B); `up` and `down`: an hour forward (9A: the fifth
 * above) or back (7A: the fifth below); `energy_boost`: a whole tone (10A) or a semitone (3A) up.
 *
 * @param {string} camelot for example `8A`
 * @returns {{ camelot: string, relation: string }[]}
 * @throws {TypeError} not a string; {RangeError} not a Camelot key
 */
function compatible(camelot) {
  const { hour, letter } = parse(camelot);
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
 * @param {string} a
 * @param {string} b
 * @throws {TypeError} not a string; {RangeError} not a Camelot key
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
 * @param {readonly string[]} camelots
 * @returns {number[]}
 * @throws {TypeError} not an array of strings; {RangeError} not a Camelot key
 */
function smoothPath(camelots) {
  if (!Array.isArray(camelots)) throw new TypeError('keys must be an array');
  const keys = new Map(Array.from(camelots, (camelot) => [camelot, parse(camelot)]));
  const starts = new Set([...keys.values()].map(({ hour }) => hour).sort((a, b) => a - b));
  const paths = [...starts].map((hour) => improved(aroundTheWheel([...keys.values()], hour)));
  const path = shortest(paths) ?? [];
  const places = new Map(path.map(({ camelot }, place) => [camelot, place]));
  return [...camelots.keys()].sort((a, b) => places.get(camelots[a]) - places.get(camelots[b]));
}

function parse(camelot) {
  if (typeof camelot !== 'string') throw new TypeError('a Camelot key is a string');
  const found = CAMELOT.exec(camelot);
  if (!found) throw new RangeError(`not a Camelot key: ${JSON.stringify(camelot)}`);
  return { camelot, hour: Number(found[1]), letter: found[2] };
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

module.exports = { compatible, distance, smoothPath };
