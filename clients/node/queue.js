'use strict';

/**
 * The requests that are not settled, and which of them the server is to have next.
 *
 * Each is in one of `#waiting` (not handed over yet), `#suspects` (to be tried again alone, because
 * the server died with them) and `#asked` (the server has them).
 */
class RequestQueue {
  /** While it is true, nothing is handed over. */
  held = false;

  #unsettled = new Map(); // id -> request
  #waiting = new Set();
  #suspects = new Set();
  #asked = new Set();

  get size() {
    return this.#unsettled.size;
  }

  all() {
    return [...this.#unsettled.values()];
  }

  /** The request with an id, unless it is settled. */
  get(id) {
    return this.#unsettled.get(id);
  }

  /** @param {object} request of which `id` and `crashes` are used here */
  add(request) {
    this.#unsettled.set(request.id, request);
    this.#waiting.add(request);
  }

  /** Whether the server has it. */
  isAsked(request) {
    return this.#asked.has(request);
  }

  /**
   * What is to be handed over now, if anything, where the server may have `most` at a time. A
   * suspect goes alone: if the server dies again, we know of what.
   */
  next(most) {
    const suspectIsTried = first(this.#asked)?.crashes > 0;
    if (this.held || suspectIsTried || this.#asked.size >= most) return undefined;
    const request = first(this.#suspects) ?? first(this.#waiting);
    if (!request) return undefined;
    this.#suspects.delete(request);
    this.#waiting.delete(request);
    this.#asked.add(request);
    return request;
  }

  /**
   * The server died, and any of the requests that it had may have brought it down.
   *
   * @param {number} most so often may it die with a request
   * @returns {object[]} those that are not to be tried again; they are still to be settled
   */
  blame(most) {
    const had = [...this.#asked];
    this.#asked.clear();
    for (const request of had) {
      request.crashes += 1;
      if (request.crashes < most) this.#suspects.add(request);
    }
    return had.filter(({ crashes }) => crashes >= most);
  }

  /** It is settled. */
  forget(request) {
    this.#unsettled.delete(request.id);
    for (const set of [this.#waiting, this.#suspects, this.#asked]) set.delete(request);
  }
}

/** The oldest of a set. */
function first(set) {
  return set.values().next().value;
}

module.exports = { RequestQueue };
