'use strict';

const DEFAULTS = {
  command: null,
  args: [],
  workers: null,
  cwd: undefined,
  env: {},
  maxInFlight: null,
  readyTimeout: 120_000,
  heartbeatInterval: 30_000,
  missedHeartbeats: 3,
  restartDelay: 500,
  maxRestartDelay: 30_000,
  maxRestarts: 5,
  maxCrashes: 2,
};
const LEAST = { workers: 1, maxInFlight: 1, heartbeatInterval: 1, missedHeartbeats: 1 };
const COUNTS = ['workers', 'maxInFlight', 'missedHeartbeats', 'maxRestarts', 'maxCrashes'];
const TIMES = ['readyTimeout', 'heartbeatInterval', 'restartDelay', 'maxRestartDelay'];
const LONGEST_MS = 2 ** 31 - 1; // a longer timer of Node fires immediately
const MOST = { heartbeatInterval: 1e9 }; // the server's limit

/**
 * The options of `KeyAnalyzer` with their defaults; `args` and `env` as passed to the process.
 *
 * @throws {TypeError} an option is unknown or has an invalid value
 */
function withDefaults(given = {}) {
  const options = { ...DEFAULTS };
  for (const [name, value] of Object.entries(given)) {
    if (!(name in DEFAULTS)) throw new TypeError(`unknown option: ${name}`);
    if (value === undefined) continue;
    const least = LEAST[name] ?? 0;
    const most = MOST[name] ?? LONGEST_MS;
    if (COUNTS.includes(name) && !(Number.isInteger(value) && value >= least)) {
      throw new TypeError(`${name} must be a whole number, ${least} or more`);
    }
    if (TIMES.includes(name) && !(typeof value === 'number' && value >= least && value <= most)) {
      throw new TypeError(`${name} must be milliseconds, from ${least} to ${most}`);
    }
    options[name] = value;
  }
  if (typeof options.command !== 'string' || !options.command) {
    throw new TypeError('command must be the path of the server');
  }
  options.args = [...options.args, '--heartbeat', `${options.heartbeatInterval / 1000}`];
  if (options.workers !== null) options.args.push('--workers', `${options.workers}`);
  options.env = { ...process.env, ...options.env };
  return options;
}

module.exports = { DEFAULTS, withDefaults };
