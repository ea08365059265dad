'use strict';

/**
 * The requests that each AbortSignal cancels. A signal has one listener for all of its requests,
 * because `addEventListener` compares a new listener with all existing ones.
 */
class Signals {
  #cancel;
  #listeners = new Map(); // signal -> { requests, abort }

  /** @param {(id: number) => void} cancel called for every request of an aborted signal */
  constructor(cancel) {
    this.#cancel = cancel;
  }

  /** @param {object} request with `id` and `signal` */
  listen(request) {
    const { signal } = request;
    if (!signal) return;
    if (!this.#listeners.has(signal)) {
      const requests = new Set();
      const abort = () => requests.forEach(({ id }) => this.#cancel(id));
      signal.addEventListener('abort', abort);
      this.#listeners.set(signal, { requests, abort });
    }
    this.#listeners.get(signal).requests.add(request);
  }

  forget(request) {
    const { signal } = request;
    const listener = this.#listeners.get(signal);
    listener?.requests.delete(request);
    if (listener?.requests.size !== 0) return;
    signal.removeEventListener('abort', listener.abort);
    this.#listeners.delete(signal);
  }
}

module.exports = { Signals };
