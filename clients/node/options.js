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
const NO_NUMBERS = ['command', 'args', 'cwd', 'env'];

/**
 * The options of `KeyAnalyzer` with their defaults, `args` and `env` as the process gets them.
 *
 * @throws {TypeError} an option is unknown or has a value that cannot be meant
 */
function withDefaults(given = {}) {
  const options = { ...DEFAULTS };
  for (const [name, value] of Object.entries(given)) {
    if (!(name in DEFAULTS)) throw new TypeError(`unknown option: ${name}`);
    if (value === undefined) continue;
    const least = LEAST[name] ?? 0;
    if (!NO_NUMBERS.includes(name) && !(typeof value === 'number' && value >= least)) {
      throw new TypeError(`${name} must be a number, ${least} or more`);
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
