'use strict';

const { EventEmitter } = require('node:events');
const { KeyAnalyzerError } = require('./error.js');
const { withDefaults } = require('./options.js');
const { ServerProcess } = require('./process.js');
const { RequestQueue } = require('./queue.js');
const { messageOf, refusalOf } = require('./request.js');
const { Signals } = require('./signals.js');

const IN_FLIGHT_PER_WORKER = 4; // one decoding, two waiting for the model, one on its way

/**
 * The analyzer as a class: a promise for every file, and one server process, which starts
 * immediately and restarts after a crash. index.d.ts has the types of the public API.
 *
 * Every promise is settled exactly once; its request is in `#queue` until then.
 */
class KeyAnalyzer extends EventEmitter {
  #options;
  #server = null;
  #queue = new RequestQueue();
  #signals = new Signals((id) => this.cancel(id));
  #pings = new Map();
  #resetsToComplete = [];
  #resetsToIdle = [];
  #nextId = 1;
  #window = 1;
  #counts = { done: 0, failed: 0, total: 0 };
  #wasReady = false;
  #restarts = 0;
  #restartTimer;
  #refusal = null;
  #finished;
  #finish;

  /** @param {import('./index').KeyAnalyzerOptions} options */
  constructor(options) {
    super();
    this.#options = withDefaults(options);
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#start();
  }

  /** The process id of the server; null while there is none. */
  get pid() {
    return this.#server?.pid ?? null;
  }

  /**
   * Request the key of a file.
   *
   * @param {string} path
   * @param {import('./index').AnalyzeOptions} [options] `signal`: aborting it cancels; `timeline`:
   *   the key over time as well; `stream`: the number of the audio stream to analyse; `priority`:
   *   before all files that wait; `effort`: `'adaptive'` for the key of parts of a track as long as
   *   these leave no doubt
   * @returns {Promise<import('./index').Success> & { id: number }}
   */
  analyze(path, { signal, timeline = false, stream, priority = false, effort } = {}) {
    const id = this.#nextId++;
    const promise = new Promise((resolve, reject) => {
      const wanted = { id, path, timeline, stream, priority, effort };
      const request = { ...wanted, signal, resolve, reject, crashes: 0 };
      const refusal = this.#refusal ?? refusalOf(request);
      if (refusal) return reject(failure(refusal, path));
      this.#signals.listen(request);
      if (this.#queue.size === 0) this.#counts = { done: 0, failed: 0, total: 0 };
      this.#counts.total += 1;
      this.#queue.add(request);
      this.#pump();
    });
    return Object.assign(promise, { id });
  }

  /**
   * Reject the promise of `analyze` with `cancelled`, unless it is settled.
   *
   * @param {number | { id: number }} promiseOrId
   * @returns {boolean} false if it was already settled
   */
  cancel(promiseOrId) {
    const id = typeof promiseOrId === 'object' ? promiseOrId.id : promiseOrId;
    const request = this.#queue.get(id);
    if (!request) return false;
    if (this.#queue.isAsked(request)) this.#withdraw(request);
    const cause = request.signal?.aborted ? request.signal.reason : undefined;
    this.#reject(request, { code: 'cancelled', message: 'cancelled', cause });
    queueMicrotask(() => this.#pump()); // after further calls of `cancel` in this task
    return true;
  }

  /**
   * Drop all requests: their promises are rejected with `reset`.
   *
   * @returns {Promise<{ idle: Promise<void> }>} resolves when no old reply can arrive; `idle`
   *   resolves when no old request is running
   */
  reset() {
    this.#rejectAll({ code: 'reset', message: 'everything asked so far was forgotten' });
    const nothingToReset = { idle: Promise.resolve() };
    const complete = this.#server?.ready ? this.#resetServer() : Promise.resolve(nothingToReset);
    this.#pump();
    return complete;
  }

  /** Send a ping to the server. @returns {Promise<import('./index').Pong>} */
  ping() {
    return new Promise((resolve, reject) => {
      if (this.#refusal) return reject(failure(this.#refusal));
      const id = this.#nextId++;
      this.#pings.set(id, { resolve, reject });
      if (this.#server?.ready) this.#server.send({ type: 'ping', id });
    });
  }

  /** End after all pending files; accept no more. @returns {Promise<void>} when it has ended */
  close() {
    this.#refusal ??= { code: 'closed', message: 'the client is closed' };
    this.#pump();
    return this.#finished;
  }

  /** End now: pending promises are rejected with `closed`. @returns {Promise<void>} */
  kill() {
    this.#refusal ??= { code: 'closed', message: 'the client is closed' };
    this.#rejectAll(this.#refusal);
    if (this.#server) this.#server.stop();
    else this.#end();
    return this.#finished;
  }

  #start() {
    this.#server = new ServerProcess(this.#options, {
      message: (message) => this.#receive(message),
      log: (line) => this.#emit('log', line),
      drain: () => this.#pump(),
      end: (end) => this.#serverEnded(end),
    });
  }

  #receive(message) {
    switch (message.type) {
      case undefined:
        return this.#answer(message);
      case 'ready':
        return this.#serverReady(message);
      case 'heartbeat':
        this.#restarts = 0;
        return this.#emit('heartbeat');
      case 'pong':
        this.#pings.get(message.id)?.resolve(message);
        return this.#pings.delete(message.id);
      case 'reset_complete':
        return this.#resetsToComplete.shift()?.();
      case 'reset_idle':
        return this.#resetsToIdle.shift()?.();
    }
  }

  #serverReady(message) {
    this.#wasReady = true;
    this.#window = this.#options.maxInFlight ?? IN_FLIGHT_PER_WORKER * (message.workers || 1);
    for (const id of this.#pings.keys()) this.#server.send({ type: 'ping', id });
    this.#emit('ready', message);
    this.#pump();
  }

  #answer(reply) {
    const request = this.#queue.get(reply.id);
    if (!request) return; // cancelled or reset meanwhile
    this.#restarts = 0;
    if (reply.status === 'success') {
      this.#settle(request, { result: reply });
      request.resolve(reply);
    } else if (reply.status === 'error') {
      this.#reject(request, { code: reply.code, message: reply.error, reply });
    }
    this.#pump();
  }

  /** Send as many requests as the window permits. */
  #pump() {
    const server = this.#server;
    while (server?.ready && !server.blocked) {
      const request = this.#queue.next(this.#window);
      if (!request) break;
      server.send(messageOf(request));
    }
    if (!this.#refusal || this.#queue.size > 0) return;
    if (server) server.endInput();
    else this.#end();
  }

  /** Cancel a request; after a suspect, which runs alone, wait until the server is idle. */
  #withdraw({ id, crashes }) {
    if (crashes === 0) return this.#server.send({ type: 'cancel', id });
    this.#queue.held = true;
    this.#resetServer().then(async ({ idle }) => {
      await idle;
      this.#queue.held = false;
      this.#pump();
    });
  }

  /** Send `reset` to a ready server; resolves as the public `reset` does. */
  #resetServer() {
    const idle = new Promise((resolve) => this.#resetsToIdle.push(resolve));
    const complete = new Promise((resolve) => {
      this.#resetsToComplete.push(() => resolve({ idle }));
    });
    this.#server.send({ type: 'reset' });
    return complete;
  }

  #serverEnded({ code, signal, reason, cause, hopeless }) {
    this.#server = null;
    if (code !== null || signal !== null) this.#emit('exit', { code, signal });
    for (const done of [...this.#resetsToComplete, ...this.#resetsToIdle]) done();
    this.#resetsToComplete = [];
    this.#resetsToIdle = [];
    for (const request of this.#queue.blame(this.#options.maxCrashes)) {
      const message = `the server ended ${request.crashes} times while it had this file: ${reason}`;
      this.#reject(request, { code: 'server_crashed', message });
    }
    if (this.#refusal && this.#queue.size === 0) return this.#end();
    if (hopeless && !this.#wasReady) {
      const message = `the server cannot be started: ${reason}`;
      return this.#giveUp({ code: 'start_failed', message, cause });
    }
    if (this.#restarts >= this.#options.maxRestarts) {
      const times = `${this.#restarts + 1} times in a row without an answer`;
      const message = `the server ended ${times}; the last time: ${reason}`;
      return this.#giveUp({ code: 'server_unavailable', message, cause });
    }
    const { restartDelay, maxRestartDelay } = this.#options;
    const delay = Math.min(maxRestartDelay, restartDelay * 2 ** this.#restarts);
    this.#restarts += 1;
    this.#emit('restart', { attempt: this.#restarts, delay, reason });
    this.#restartTimer = setTimeout(() => this.#start(), delay);
  }

  #giveUp(refusal) {
    this.#refusal = refusal;
    this.#rejectAll(refusal);
    this.#emit('fatal', failure(refusal));
    this.#end();
  }

  /** The server has ended and does not restart. */
  #end() {
    clearTimeout(this.#restartTimer);
    for (const ping of this.#pings.values()) ping.reject(failure(this.#refusal));
    this.#pings.clear();
    this.#finish();
  }

  #reject(request, refusal) {
    const error = failure(refusal, request.path);
    this.#settle(request, { error });
    request.reject(error);
  }

  #rejectAll(refusal) {
    for (const request of this.#queue.all()) {
      this.#forget(request);
      request.reject(failure(refusal, request.path));
    }
  }

  #settle(request, outcome) {
    this.#forget(request);
    this.#counts.done += 1;
    if (outcome.error) this.#counts.failed += 1;
    const { id, path } = request;
    this.#emit('progress', { ...this.#counts, id, path, ...outcome });
  }

  #forget(request) {
    this.#queue.forget(request);
    this.#signals.forget(request);
  }

  /** Emit in a tick of its own: a listener that throws must not prevent a reply. */
  #emit(...event) {
    process.nextTick(() => this.emit(...event));
  }
}

function failure({ code, message, reply, cause }, path) {
  return new KeyAnalyzerError(code, message, { path, reply, cause });
}

module.exports = { KeyAnalyzer, KeyAnalyzerError, ...require('./keys.js') };
