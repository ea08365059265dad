'use strict';

const { spawn } = require('node:child_process');

const LAST_WORDS_MS = 1000; // limit for the output of a process that has ended
const STOP_MS = 2000; // limit for a process to end after SIGTERM

/**
 * One server process from start to end: messages in, messages out, and the reason of its end.
 *
 * Only the event loop calls the handlers; `end` is called once, as the last of them.
 */
class ServerProcess {
  /** The server's `ready` message; null before it arrives. @type {object | null} */
  ready = null;

  #options;
  #handlers;
  #child = null;
  #heard = false;
  #lastLog = '';
  #whyItEnds = '';
  #hopeless = false;
  #ended = false;
  #readyTimer;
  #watchdog;
  #endTimer;

  /**
   * @param {object} options `command`, `args`, `cwd`, `env`, `readyTimeout`, `heartbeatInterval`,
   *   `missedHeartbeats`, as for `KeyAnalyzer`
   * @param {object} handlers `message(object)`, `log(line)`, `drain()`, `end({ code, signal,
   *   reason, cause, hopeless })`; `hopeless` means that the next start would also fail
   */
  constructor(options, handlers) {
    this.#options = options;
    this.#handlers = handlers;
    const { command, args, cwd, env } = options;
    try {
      this.#child = spawn(command, args, { cwd, env, stdio: 'pipe', windowsHide: true });
    } catch (error) {
      setImmediate(() => this.#spawnFailed(error));
      return;
    }
    if (this.#child.pid === undefined) {
      this.#child.once('error', (error) => this.#spawnFailed(error));
      return;
    }
    this.#child.on('error', () => {}); // a kill failed; the process ends later
    this.#child.stdin.on('error', () => {}); // the server has ended; `exit` has the reason
    this.#child.stdin.on('drain', handlers.drain);
    readLines(this.#child.stdout, (line) => this.#receive(line));
    readLines(this.#child.stderr, (line) => this.#log(line));
    this.#child.once('exit', (code, signal) => {
      const end = () => this.#end({ code, signal });
      clearTimeout(this.#endTimer);
      this.#child.once('close', end);
      this.#endTimer = setTimeout(end, LAST_WORDS_MS); // another process holds its output open
    });
    const late = `it was not ready within ${options.readyTimeout / 1000} s`;
    this.#readyTimer = setTimeout(() => this.kill(late), options.readyTimeout);
  }

  get pid() {
    return this.#child?.pid ?? null;
  }

  /** Whether the pipe is full; the handler `drain` is called when it is free again. */
  get blocked() {
    return this.#child.stdin.writableNeedDrain;
  }

  /** @param {object} message */
  send(message) {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** Close stdin: the server ends after its last reply. */
  endInput() {
    const stdin = this.#child?.stdin;
    if (stdin && !stdin.writableEnded) stdin.end();
  }

  /** Send SIGTERM, and kill the process if it does not end. */
  stop() {
    this.#child?.kill('SIGTERM');
    this.#endTimer ??= setTimeout(() => this.kill('it did not stop'), STOP_MS);
  }

  /** @param {string} reason */
  kill(reason) {
    this.#whyItEnds ||= reason;
    this.#child?.kill('SIGKILL');
  }

  #receive(line) {
    this.#heard = true;
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      this.#log(line);
      return;
    }
    if (message === null || typeof message !== 'object') return;
    if (message.type === 'ready') this.#watch(message);
    if (message.type === 'fatal') {
      this.#whyItEnds ||= String(message.error);
      this.#hopeless = true;
    }
    this.#handlers.message(message);
  }

  #log(line) {
    this.#lastLog = line;
    this.#handlers.log(line);
  }

  #watch(message) {
    this.ready = message;
    clearTimeout(this.#readyTimer);
    const { heartbeatInterval, missedHeartbeats } = this.#options;
    const silence = `no sign of life for ${(missedHeartbeats * heartbeatInterval) / 1000} s`;
    let missed = 0;
    // counts intervals, not seconds: a computer that wakes up has missed one interval only
    this.#watchdog = setInterval(() => {
      missed = this.#heard ? 0 : missed + 1;
      this.#heard = false;
      if (missed >= missedHeartbeats) this.kill(silence);
    }, heartbeatInterval);
  }

  #spawnFailed(error) {
    this.#whyItEnds = error.message;
    this.#hopeless = true;
    this.#end({ code: null, signal: null, cause: error });
  }

  #end({ code, signal, cause }) {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#readyTimer);
    clearInterval(this.#watchdog);
    clearTimeout(this.#endTimer);
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
    const fate = signal ? `it ended by ${signal}` : `it ended with exit code ${code}`;
    const lastWords = !this.ready && this.#lastLog ? `: ${this.#lastLog}` : '';
    const reason = this.#whyItEnds || fate + lastWords;
    const hopeless = this.#hopeless || code === 2; // 2: a wrong option
    this.#handlers.end({ code, signal, reason, cause, hopeless });
  }
}

/**
 * Call `onLine` with every line, also with a last line without a line end.
 *
 * node:readline would also split at U+2028 and U+2029, which JSON strings may contain.
 */
function readLines(stream, onLine) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk) => {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop();
    lines.filter(Boolean).forEach(onLine);
  });
  stream.on('end', () => rest && onLine(rest));
  stream.on('error', () => {});
}

module.exports = { ServerProcess };
