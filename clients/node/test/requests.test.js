'use strict';

// What an app asks of one server that stays well. One process serves all tests of this file.
const assert = require('node:assert/strict');
const { getEventListeners } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, test } = require('node:test');
const { KeyAnalyzerError } = require('..');
const {
  ask, codes, COMMAND, endless, REAL, start, TRACKS, until,
} = require('../testing/support.js'); // prettier-ignore

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'keys-'));
after(() => fs.rmSync(folder, { recursive: true }));
const ENDLESS = endless(folder);
const analyzer = COMMAND && start({ after }, { workers: 2 });

function assertKeys(outcomes, tracks) {
  outcomes.forEach(({ value, reason }, i) => {
    assert.equal(reason, undefined);
    assert.equal(value.status, 'success');
    assert.equal(value.camelot, tracks[i].camelot);
    assert.equal(value.filename, path.basename(tracks[i].path));
  });
}

const nothingRuns = async () => (await analyzer.ping()).running === 0;

test('every file gets its own key, under any name', REAL, async () => {
  const seen = [];
  const listen = (progress) => seen.push(progress);
  analyzer.on('progress', listen);
  const { camelot } = TRACKS[0];
  const separators = path.join(folder, 'line\u2028paragraph\u2029.wav');
  fs.copyFileSync(TRACKS[0].path, separators);
  const latin1 = Buffer.from(path.join(folder, 'caf\xe9.wav'), 'latin1');
  fs.copyFileSync(TRACKS[0].path, latin1);
  const tracks = [
    ...TRACKS,
    { path: separators, camelot },
    { path: path.join(folder, 'caf\udce9.wav'), camelot },
  ];
  const outcomes = await ask(analyzer, tracks);
  analyzer.off('progress', listen);
  assertKeys(outcomes, tracks);
  const numbers = tracks.map((_, i) => i + 1);
  assert.deepEqual(seen.map((progress) => progress.done), numbers);
  assert.ok(seen.every(({ failed, total }) => failed === 0 && total === tracks.length));
  assert.deepEqual(new Set(seen.map((one) => one.path)), new Set(tracks.map((one) => one.path)));
  for (const { id, result } of seen) assert.equal(result.id, id);
});

test('an error has the code, the path and the reply', REAL, async () => {
  const write = (name, bytes) => {
    fs.writeFileSync(path.join(folder, name), bytes);
    return path.join(folder, name);
  };
  const expected = [
    [path.join(folder, 'missing.mp3'), 'file_not_found'],
    [folder, 'not_a_file'],
    [write('empty.mp3', ''), 'empty_file'],
    [write('notes.mp3', 'buy milk\n'.repeat(100)), 'unsupported_format'],
    [write('short.wav', fs.readFileSync(TRACKS[0].path).subarray(0, 100_000)), 'too_short'],
    ['nul\0.wav', 'invalid_path'],
    ['half a surrogate pair \ud83c.wav', 'invalid_path'],
    ['', 'bad_request'],
  ];
  const outcomes = await ask(analyzer, expected.map(([file]) => ({ path: file })));
  assert.deepEqual(codes(outcomes), expected.map(([, code]) => code));
  outcomes.forEach(({ reason }, i) => {
    assert.ok(reason instanceof KeyAnalyzerError);
    assert.equal(reason.path, expected[i][0]);
    assert.equal(reason.reply.code, reason.code);
    assert.equal(reason.message, reason.reply.error);
  });
});

test('the key over time, for those who ask for it', REAL, async () => {
  const [track] = TRACKS;
  const timed = await analyzer.analyze(track.path, { timeline: true });
  const { timeline, intro_key, outro_key, camelot, duration } = timed;
  assert.equal(camelot, track.camelot);
  assert.equal(timeline[0].start, 0);
  assert.ok(Math.abs(timeline.at(-1).end - duration) < 1);
  timeline.slice(1).forEach(({ start }, i) => assert.equal(start, timeline[i].end));
  for (const { confidence } of [...timeline, intro_key, outro_key]) {
    assert.ok(confidence > 0 && confidence <= 1);
  }
  assert.equal(intro_key.camelot, timeline[0].camelot);
  assert.equal(outro_key.camelot, timeline.at(-1).camelot);
  assert.equal((await analyzer.analyze(track.path, { timeline: false })).timeline, undefined);
});

test('one of the audio streams, for those who ask for it', REAL, async () => {
  const [{ path, camelot }] = TRACKS;
  assert.equal((await analyzer.analyze(path, { stream: 0 })).camelot, camelot);
  await assert.rejects(analyzer.analyze(path, { stream: 1 }), { code: 'no_such_stream' });
});

test('a file with priority goes before all that wait, the newest first', REAL, async (t) => {
  const one = start(t, { workers: 1, maxInFlight: 3 });
  const running = one.analyze(ENDLESS);
  await until(async () => (await one.ping()).running === 1);
  const order = [];
  const missing = (name, options) => {
    return one.analyze(path.join(folder, name), options).catch(() => order.push(name));
  };
  const waiting = ['first', 'second', 'third', 'fourth'].map((name) => missing(name));
  const clicked = ['clicked', 'clicked later'].map((name) => missing(name, { priority: true }));
  assert.equal((await one.ping()).queued, 4, 'two within maxInFlight, and two with priority');
  one.cancel(running);
  await assert.rejects(running, { code: 'cancelled' });
  await Promise.all([...waiting, ...clicked]);
  assert.deepEqual(order, ['clicked later', 'clicked', 'first', 'second', 'third', 'fourth']);
});

test('what the server could not read is not sent', REAL, async () => {
  const outcomes = await ask(analyzer, [{ path: 'x'.repeat(1 << 20) }, { path: 7 }, {}]);
  assert.deepEqual(codes(outcomes), ['invalid_path', 'invalid_path', 'invalid_path']);
  for (const flag of ['yes', 1, 0, null, 2n, () => true]) {
    for (const options of [{ timeline: flag }, { priority: flag }]) {
      const [outcome] = await ask(analyzer, TRACKS.slice(0, 1), options);
      outcomes.push(outcome);
      assert.equal(outcome.reason.code, 'bad_request');
    }
  }
  for (const stream of ['1', -1, 0.5, null, true, 2n, NaN]) {
    const [outcome] = await ask(analyzer, TRACKS.slice(0, 1), { stream });
    outcomes.push(outcome);
    assert.equal(outcome.reason.code, 'bad_request');
  }
  for (const effort of ['half', '', null, true, 1]) {
    const [outcome] = await ask(analyzer, TRACKS.slice(0, 1), { effort });
    outcomes.push(outcome);
    assert.equal(outcome.reason.code, 'bad_request');
  }
  assert.ok(outcomes.every(({ reason }) => reason.reply === null));
  const fits = { path: 'x'.repeat((1 << 20) - 25) }; // beside it are 17 bytes, and the number
  const [[read], [refused]] = await Promise.all([
    ask(analyzer, [fits]),
    ask(analyzer, [fits], { timeline: true }),
  ]);
  assert.deepEqual(codes([read, refused]), ['invalid_path', 'invalid_path']);
  assert.ok(read.reason.reply && !refused.reason.reply);
  assert.equal((await analyzer.analyze(TRACKS[0].path)).camelot, TRACKS[0].camelot);
});

test('cancel of running and of waiting files, by promise and by number', REAL, async () => {
  const promises = Array.from({ length: 20 }, () => analyzer.analyze(ENDLESS));
  const outcomes = Promise.allSettled(promises);
  await until(async () => (await analyzer.ping()).running === 2);
  assert.equal(analyzer.cancel(promises[19].id), true); // still in the client
  assert.equal(analyzer.cancel(promises[19]), false);
  for (const promise of promises.slice(0, 19)) assert.equal(analyzer.cancel(promise), true);
  assert.deepEqual(new Set(codes(await outcomes)), new Set(['cancelled']));
  assert.equal(analyzer.cancel(123_456), false);
  await until(nothingRuns);
  const { queued } = await analyzer.ping();
  assert.equal(queued, 0);
});

test('an abort signal cancels, and one signal may serve many files', REAL, async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const answered = await analyzer.analyze(TRACKS[0].path, { signal });
  assert.equal(answered.status, 'success');
  const outcomes = ask(analyzer, Array(20).fill({ path: ENDLESS }), { signal });
  await until(async () => (await analyzer.ping()).running === 2);
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  controller.abort(new Error('the window was closed'));
  for (const { reason } of await outcomes) {
    assert.equal(reason.code, 'cancelled');
    assert.equal(reason.cause, signal.reason);
  }
  const [late] = await ask(analyzer, TRACKS.slice(0, 1), { signal });
  assert.equal(late.reason.code, 'cancelled');
  await until(nothingRuns);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a reset in the middle forgets the old and keeps the new', REAL, async () => {
  const old = ask(analyzer, [...TRACKS, { path: ENDLESS }]);
  let answered = 0;
  await new Promise((resolve) => {
    analyzer.on('progress', function count({ done }) {
      answered = done;
      if (done < 5) return;
      analyzer.off('progress', count);
      resolve();
    });
  });
  const reset = analyzer.reset();
  const progress = new Promise((resolve) => analyzer.once('progress', resolve));
  const fresh = ask(analyzer, TRACKS.slice(0, 9));
  const outcomes = await old;
  const { idle } = await reset;
  await idle;
  assertKeys(outcomes.filter(({ value }) => value), TRACKS.filter((_, i) => outcomes[i].value));
  const forgotten = outcomes.filter(({ reason }) => reason);
  assert.ok(answered >= 5 && forgotten.length > 0);
  assert.ok(outcomes.length - forgotten.length >= answered); // one reply may bring more with it
  assert.deepEqual(new Set(codes(forgotten)), new Set(['reset']));
  assertKeys(await fresh, TRACKS.slice(0, 9));
  const { done, total } = await progress;
  assert.deepEqual({ done, total }, { done: 1, total: 9 });
});

test('many resets at once', REAL, async () => {
  const old = ask(analyzer, Array(6).fill({ path: ENDLESS }));
  const resets = await Promise.all([analyzer.reset(), analyzer.reset(), analyzer.reset()]);
  assert.deepEqual(new Set(codes(await old)), new Set(['reset']));
  await Promise.all(resets.map(({ idle }) => idle));
  assert.equal(await nothingRuns(), true);
  assertKeys(await ask(analyzer, TRACKS.slice(0, 2)), TRACKS);
});

test('ping tells what the server has', REAL, async () => {
  const { queued, running, type } = await analyzer.ping();
  assert.deepEqual({ queued, running, type }, { queued: 0, running: 0, type: 'pong' });
});
