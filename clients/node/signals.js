'use strict';

/**
 * Which requests an AbortSignal cancels. Every signal has one listener for all of its requests: it
 * looks through all that it has before it takes another.
 */
class Signals {
  #cancel;
  #listeners = new Map(); // signal -> { requests, abort }

  /** @param {(id: number) => void} cancel called for every request of a signal that is aborted */
  constructor(cancel) {
    this.#cancel = cancel;
  }

  /** @param {object} request of which `id` and `signal` are used here */
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
