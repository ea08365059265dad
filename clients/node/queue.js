'use strict';

/**
 * The requests that are not settled, and the choice of the next one to send.
 *
 * Each is in one of `#waiting` (not sent yet), `#urgent` (the same, with priority), `#suspects` (to
 * be sent again alone, because the server died with them) and `#asked` (sent).
 */
class RequestQueue {
  /** If true, `next` returns no request. */
  held = false;

  #unsettled = new Map(); // id -> request
  #waiting = new Set();
  #urgent = new Set();
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

  /** @param {object} request with `id`, `crashes` and `priority` */
  add(request) {
    this.#unsettled.set(request.id, request);
    (request.priority ? this.#urgent : this.#waiting).add(request);
  }

  /** Whether the request was sent. */
  isAsked(request) {
    return this.#asked.has(request);
  }

  /**
   * The next request to send, if any. Without priority it waits while `most` are sent; with it, the
   * server has to put it before those. A suspect is sent alone, to identify the cause of another
   * crash.
   */
  next(most) {
    const suspectIsTried = first(this.#asked)?.crashes > 0;
    if (this.held || suspectIsTried) return undefined;
    const usual = this.#asked.size < most ? first(this.#waiting) : undefined;
    const request = first(this.#suspects) ?? first(this.#urgent) ?? usual;
    if (!request) return undefined;
    for (const set of [this.#suspects, this.#urgent, this.#waiting]) set.delete(request);
    this.#asked.add(request);
    return request;
  }

  /**
   * The server died: every request that was sent becomes a suspect.
   *
   * @param {number} most crashes after which a request is not sent again
   * @returns {object[]} the requests that are not sent again; the caller must settle them
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

  /** Remove a settled request. */
  forget(request) {
    this.#unsettled.delete(request.id);
    for (const set of [this.#waiting, this.#urgent, this.#suspects, this.#asked]) {
      set.delete(request);
    }
  }
}

/** The oldest item of a set. */
function first(set) {
  return set.values().next().value;
}

module.exports = { RequestQueue };
