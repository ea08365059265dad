/** An hour of the Camelot wheel. */
export type Hour = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12;

/** A key on the Camelot wheel: `8A` is A minor, `8B` is C major. */
export type Camelot = `${Hour}${'A' | 'B'}`;

/**
 * Why a key mixes well with another: it is the same or has the other letter (8A, 8B), lies an hour
 * on (`up`, the fifth above) or back (`down`, the fifth below), or a whole tone or a semitone
 * higher, which lifts the music (`energy_boost`).
 */
export type Harmony = 'same' | 'relative' | 'up' | 'down' | 'energy_boost';

/**
 * The Camelot code of a key in Camelot (`8A`, `08a`), in Open Key (`1m`, `12D`) or by name
 * (`A minor`, `Amin`, `A#m +50`, `F# minor/Gb minor`).
 *
 * A note alone is major as a capital (`A`, `Ab`) and minor as a small letter (`a`, `ab`). What may
 * mean two keys is refused: `1M`, `B moll`, `Am/C`.
 *
 * @throws TypeError for what is no string, RangeError for a string that is no key
 */
export function parseKey(text: string): Camelot;

/** `F# minor/Gb minor`, `F#m`, `8A`, `08A` or `1m`. */
export type Notation = 'musical' | 'short' | 'camelot' | 'camelot-padded' | 'openkey';

/**
 * Black keys in both spellings, with sharps, with flats, or by the signature that DJ software uses:
 * `F# minor`, `Eb minor`.
 */
export type Spelling = 'both' | 'sharps' | 'flats' | 'usual';

/**
 * A key as the server writes it with the options `--notation` (default: `musical`) and `--spelling`
 * (default: `both`). The notation `short` has one spelling, which is the usual one with `both`.
 *
 * @throws TypeError for what is no string, RangeError for a string that is no key and for an
 * unknown notation or spelling
 */
export function writeKey(
  key: string,
  style?: { notation?: Notation; spelling?: Spelling },
): string;

/**
 * The keys that mix well with one, the closest first. The key is read as `parseKey` reads it.
 *
 * @throws TypeError for what is no string, RangeError for a string that is no key
 */
export function compatible(key: string): { camelot: Camelot; relation: Harmony }[];

/**
 * Steps on the Camelot wheel, 0-7: an hour is one, and so is the change of the letter.
 *
 * @throws TypeError for what is no string, RangeError for a string that is no key
 */
export function distance(a: string, b: string): number;

/**
 * The order in which to play tracks in these keys, as indices: few steps on the wheel in all.
 * Tracks in the same key follow one another, in the order given.
 *
 * @throws TypeError for what is no array of strings, RangeError for one that is no key
 */
export function smoothPath(keys: readonly string[]): number[];
