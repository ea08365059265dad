'use strict';

// Servers that start, hang, die, and end.
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { KeyAnalyzer } = require('..');
const { DEFAULTS } = require('../options.js');
const {
  alive, ask, children, codes, COMMAND, endless, FAKE, PATIENCE, REAL, start, TRACKS, until,
} = require('../testing/support.js'); // prettier-ignore

const QUICK = { restartDelay: 10 };

test('a server that is killed in the middle costs no file', REAL, async (t) => {
  const analyzer = start(t, { workers: 2, ...QUICK });
  const exit = once(analyzer, 'exit');
  const restart = once(analyzer, 'restart');
  const outcomes = ask(analyzer, TRACKS, { timeline: true });
  const ping = analyzer.ping();
  const [ready] = await once(analyzer, 'ready');
  assert.equal(ready.workers, 2);
  await ping;
  await until(async () => (await once(analyzer, 'progress'))[0].done >= 10);
  const first = analyzer.pid;
  process.kill(first, 'SIGKILL');
  const reset = Promise.all([exit, restart]);
  (await outcomes).forEach(({ value, reason }, i) => {
    assert.equal(reason, undefined);
    assert.equal(value.camelot, TRACKS[i].camelot);
    assert.ok(value.timeline, 'what is asked again is asked for the same');
  });
  const [[ended], [restarted]] = await reset;
  assert.deepEqual(ended, { code: null, signal: 'SIGKILL' });
  assert.deepEqual(restarted, { attempt: 1, delay: 10, reason: 'it ended by SIGKILL' });
  assert.notEqual(analyzer.pid, first);
  assert.equal(alive(first), false);
});

test('close lets thousands of files finish that wait for a slow server', REAL, async (t) => {
  const analyzer = start(t, { workers: 2, maxInFlight: 2000 });
  await once(analyzer, 'ready');
  const processes = [analyzer.pid, ...children(analyzer.pid)];
  const { stdin } = process._getActiveHandles().find(({ pid }) => pid === analyzer.pid);
  process.kill(analyzer.pid, 'SIGSTOP');
  const deep = `${path.sep}${'d'.repeat(200)}`.repeat(15);
  const missing = Array.from({ length: 2000 }, (_, i) => ({ path: `${deep}${path.sep}${i}` }));
  const outcomes = ask(analyzer, missing);
  const closed = analyzer.close();
  const late = analyzer.analyze(TRACKS[0].path);
  await assert.rejects(late, { code: 'closed' });
  await assert.rejects(analyzer.ping(), { code: 'closed' });
  assert.ok(stdin.writableLength < 50_000, 'what the server does not read stays in the client');
  process.kill(analyzer.pid, 'SIGCONT');
  assert.deepEqual(codes(await outcomes), Array(2000).fill('file_not_found'));
  await closed;
  assert.equal(analyzer.pid, null);
  await until(() => !processes.some(alive));
});

test('a server that hangs is killed; kill leaves no process', REAL, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'keys-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const analyzer = start(t, { workers: 1, heartbeatInterval: 1000, missedHeartbeats: 4, ...QUICK });
  await once(analyzer, 'heartbeat');
  process.kill(analyzer.pid, 'SIGSTOP');
  const track = analyzer.analyze(TRACKS[0].path);
  const [{ reason }] = await once(analyzer, 'restart');
  assert.equal(reason, 'no sign of life for 4 s');
  assert.equal((await track).camelot, TRACKS[0].camelot);

  const outcomes = ask(analyzer, Array(9).fill({ path: endless(folder) }));
  await until(async () => (await analyzer.ping()).running === 1);
  const processes = [analyzer.pid, ...children(analyzer.pid)];
  assert.ok(processes.length >= 2 && processes.every(alive));
  const killed = analyzer.kill();
  assert.deepEqual(codes(await outcomes), Array(9).fill('closed'));
  await killed;
  await until(() => !processes.some(alive));
  await analyzer.close();
  await assert.rejects(analyzer.analyze(TRACKS[0].path), { code: 'closed' });
});

test('a server that cannot start says why, at once', REAL, async (t) => {
  const missing = path.join(os.tmpdir(), 'no', 'openkeyscan-analyzer');
  const cases = [
    [{}, [missing], /ENOENT/],
    [{ cwd: missing }, COMMAND, /ENOENT/],
    [{ args: ['--no-such-option'] }, COMMAND, /--no-such-option/],
    [{ args: ['--model-path', missing] }, COMMAND, /openkeyscan-analyzer/],
  ];
  for (const [options, command, message] of cases) {
    const analyzer = start(t, options, command);
    const fatal = once(analyzer, 'fatal');
    const outcomes = await ask(analyzer, TRACKS.slice(0, 3));
    assert.deepEqual(codes(outcomes), Array(3).fill('start_failed'));
    assert.match(outcomes[0].reason.message, message);
    assert.equal((await fatal)[0].code, 'start_failed');
    await assert.rejects(analyzer.analyze(TRACKS[0].path), { code: 'start_failed' });
    await assert.rejects(analyzer.ping(), { code: 'start_failed' });
    await analyzer.close();
    assert.equal(analyzer.pid, null);
  }
});

test('options that cannot be meant are refused', () => {
  const refused = [
    {}, { command: '' }, { command: 'x', wokers: 2 }, { command: 'x', maxInFlight: 0 },
    { command: 'x', readyTimeout: '9' },
  ]; // prettier-ignore
  for (const options of refused) assert.throws(() => new KeyAnalyzer(options), TypeError);
});

test('counts are whole numbers, and no time is longer than a timer can be set for', () => {
  const counts = ['workers', 'maxInFlight', 'missedHeartbeats', 'maxRestarts', 'maxCrashes'];
  const times = ['readyTimeout', 'heartbeatInterval', 'restartDelay', 'maxRestartDelay'];
  const numbers = Object.keys(DEFAULTS).filter((name) => !/^(command|args|cwd|env)$/.test(name));
  assert.deepEqual([...counts, ...times].sort(), numbers.sort());
  const refused = [
    ...counts.flatMap((name) => [1.5, -1, NaN, Infinity, '2', 2n].map((value) => [name, value])),
    ...times.flatMap((name) => [-1, NaN, Infinity, 2 ** 31, '9'].map((value) => [name, value])),
    ['heartbeatInterval', 1e9 + 1],
  ];
  for (const [name, value] of refused) {
    const options = { command: 'x', [name]: value };
    const expected = { name: 'TypeError', message: new RegExp(`^${name} must be `) };
    assert.throws(() => new KeyAnalyzer(options), expected, `${name}: ${value}`);
  }
});

test('the longest times do not run out at once', REAL, async (t) => {
  const longest = 2 ** 31 - 1;
  const times = { readyTimeout: longest, heartbeatInterval: 1e9, maxRestartDelay: longest };
  const analyzer = start(t, { ...times, missedHeartbeats: 1, restartDelay: longest });
  assert.equal((await analyzer.analyze(TRACKS[0].path)).camelot, TRACKS[0].camelot);
  const restart = once(analyzer, 'restart');
  process.kill(analyzer.pid, 'SIGKILL');
  assert.equal((await restart)[0].delay, longest);
  await analyzer.kill();
});

test('a file that brings the server down twice is given up, and no other', PATIENCE, async (t) => {
  const analyzer = start(t, QUICK, FAKE);
  const restarts = [];
  analyzer.on('restart', ({ attempt }) => restarts.push(attempt));
  const tracks = Array.from({ length: 30 }, (_, i) => ({ path: `${i}` }));
  tracks[3] = tracks[5] = { path: 'deadly' };
  const outcomes = await ask(analyzer, tracks);
  const expected = Array(30).fill('ok');
  expected[3] = expected[5] = 'server_crashed';
  assert.deepEqual(codes(outcomes), expected);
  assert.equal(outcomes[3].reason.path, 'deadly');
  assert.match(outcomes[3].reason.message, /ended 2 times while it had this file.*SIGKILL/);
  assert.equal(restarts.length, 3, 'once with all, once with each of the two');
});

test('a suspect that is cancelled is not mistaken for the next', REAL, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'keys-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const analyzer = start(t, { workers: 1, ...QUICK });
  const file = endless(folder);
  const suspects = [analyzer.analyze(file), analyzer.analyze(file)];
  const cancelled = Promise.allSettled(suspects);
  const outcomes = ask(analyzer, TRACKS.slice(0, 2));
  const oneRuns = async () => (await analyzer.ping()).running === 1;
  const crash = async () => {
    const exit = once(analyzer, 'exit');
    process.kill(analyzer.pid, 'SIGKILL');
    await exit;
  };
  await until(oneRuns);
  await crash(); // all four had been handed over

  await until(oneRuns);
  analyzer.cancel(suspects[0]);
  await new Promise(process.nextTick); // the client does what follows, but hears nothing
  await crash(); // of what was cancelled: none of the others had been handed over again

  await Promise.race([until(oneRuns), suspects[1]]); // which would be rejected
  const survivor = analyzer.pid;
  analyzer.cancel(suspects[1]);
  (await outcomes).forEach(({ value, reason }, i) => {
    assert.equal(reason, undefined);
    assert.equal(value.camelot, TRACKS[i].camelot);
  });
  assert.equal(analyzer.pid, survivor);
  assert.deepEqual(codes(await cancelled), ['cancelled', 'cancelled']);
});

test('after too many restarts without an answer it gives up', PATIENCE, async (t) => {
  const analyzer = start(t, { ...QUICK, maxRestarts: 3, maxRestartDelay: 20 }, [...FAKE, 'doomed']);
  const delays = [];
  analyzer.on('restart', ({ delay }) => delays.push(delay));
  const fatal = once(analyzer, 'fatal');
  const outcomes = await ask(analyzer, Array(5).fill({ path: 'a' }));
  assert.deepEqual(codes(outcomes), Array(5).fill('server_unavailable'));
  assert.match((await fatal)[0].message, /4 times in a row without an answer.*exit code 1/);
  assert.deepEqual(delays, [10, 20, 20]);
});

test('restarts between answers are not counted together', PATIENCE, async (t) => {
  const analyzer = start(t, { ...QUICK, maxRestarts: 1, maxInFlight: 1 }, FAKE);
  const outcomes = await ask(analyzer, Array(4).fill({ path: 'swan song' }));
  assert.deepEqual(codes(outcomes), Array(4).fill('ok'));
});

test('what waits is asked when the server reads again', PATIENCE, async (t) => {
  const analyzer = start(t, { maxInFlight: 2000 }, FAKE);
  await once(analyzer, 'ready');
  process.kill(analyzer.pid, 'SIGSTOP');
  const tracks = Array.from({ length: 300 }, (_, i) => ({ path: `${'d'.repeat(3000)}${i}` }));
  const promises = tracks.map((track) => analyzer.analyze(track.path));
  const outcomes = Promise.allSettled(promises);
  for (const promise of promises.slice(0, 150)) analyzer.cancel(promise);
  process.kill(analyzer.pid, 'SIGCONT');
  const expected = [...Array(150).fill('cancelled'), ...Array(150).fill('ok')];
  assert.deepEqual(codes(await outcomes), expected);
});

test('priority counts before the server is ready, too', PATIENCE, async (t) => {
  const analyzer = start(t, { maxInFlight: 1 }, FAKE);
  const order = [];
  const promises = ['a', 'b', 'clicked'].map((file) => {
    return analyzer.analyze(file, { priority: file === 'clicked' }).then(() => order.push(file));
  });
  await Promise.all(promises);
  assert.deepEqual(order, ['clicked', 'a', 'b']);
});

test('a reset is complete when the server dies of it', PATIENCE, async (t) => {
  const analyzer = start(t, QUICK, FAKE); // it says nothing to a reset
  await once(analyzer, 'ready');
  const resets = [analyzer.reset(), analyzer.reset()];
  process.kill(analyzer.pid, 'SIGKILL');
  for (const { idle } of await Promise.all(resets)) await idle;
  assert.equal((await analyzer.analyze('next')).status, 'success');
});

test('a server that is never ready is killed', PATIENCE, async (t) => {
  const analyzer = start(t, { readyTimeout: 200, maxRestarts: 0 }, [...FAKE, 'mute']);
  await assert.rejects(analyzer.analyze('a'), /it was not ready within 0.2 s/);
});

test('a server that does not stop is killed', PATIENCE, async (t) => {
  const analyzer = start(t, {}, [...FAKE, 'deaf']);
  await once(analyzer, 'ready');
  const exit = once(analyzer, 'exit');
  await analyzer.kill();
  assert.equal((await exit)[0].signal, 'SIGKILL');
});

test('what a later server might say is read past', PATIENCE, async (t) => {
  const analyzer = start(t, QUICK, FAKE);
  const logs = [];
  analyzer.on('log', (line) => logs.push(line));
  const babble = await analyzer.analyze('babble');
  assert.equal(babble.camelot, '8A');
  assert.deepEqual(babble.mood, { 'ünknown': '\u2028 🎵' });
  assert.equal((await analyzer.analyze('next')).filename, 'next');
  assert.deepEqual(logs, ['no JSON at all']);
});

test('during a restart: reset, cancel, close and ping', PATIENCE, async (t) => {
  const analyzer = start(t, { restartDelay: 60_000 }, FAKE);
  const outcomes = ask(analyzer, [{ path: 'deadly' }, { path: 'b' }, { path: 'c' }]);
  await once(analyzer, 'restart');
  assert.equal(analyzer.pid, null);
  const { idle } = await analyzer.reset();
  await idle;
  assert.deepEqual(codes(await outcomes), Array(3).fill('reset'));
  const waiting = analyzer.analyze('d');
  assert.equal(analyzer.cancel(waiting), true);
  await assert.rejects(waiting, { code: 'cancelled' });
  const ping = analyzer.ping();
  await Promise.all([assert.rejects(ping, { code: 'closed' }), analyzer.close()]);
});

test('a listener that throws costs no answer', PATIENCE, () => {
  const script = `
    const { KeyAnalyzer } = require(${JSON.stringify(path.join(__dirname, '..'))});
    const [command, ...args] = ${JSON.stringify(FAKE)};
    const analyzer = new KeyAnalyzer({ command, args });
    let thrown = 0;
    process.on('uncaughtException', () => { thrown += 1; });
    analyzer.on('progress', () => { throw new Error('a defect of the app'); });
    Promise.all(['a', 'b', 'c', 'd'].map((file) => analyzer.analyze(file)))
      .then((replies) => analyzer.close().then(() => console.log(replies.length, thrown)));`;
  assert.equal(execFileSync(process.execPath, ['-e', script], PATIENCE).toString(), '4 4\n');
});
