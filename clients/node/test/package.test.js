'use strict';

// What the package promises: its types, both ways to load it, and the example of its page.
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const Module = require('node:module');
const { EventEmitter } = require('node:events');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const client = require('openkeyscan-analyzer-client');
const { DEFAULTS } = require('../options.js');
const {
  alive, children, COMMAND, PATIENCE, REAL, start, TRACKS, until,
} = require('../testing/support.js'); // prettier-ignore

const read = (name) => fs.readFileSync(path.join(__dirname, '..', name), 'utf8');
const types = read('index.d.ts');

/** The names of what an interface or a class declares, its constructor left out. */
function members(declaration) {
  const body = types.split(`export ${declaration} {\n`)[1].split('\n}')[0];
  const names = [...body.matchAll(/^  (?:readonly )?(\w+)\??[(<:]/gm)].map(([, name]) => name);
  return new Set(names.filter((name) => name !== 'constructor'));
}

function temporaryFolder(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'keys-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

test('the types declare every method, option, event and error', () => {
  const { KeyAnalyzer, KeyAnalyzerError } = client;
  const methods = Object.getOwnPropertyNames(KeyAnalyzer.prototype);
  const inherited = ['on', 'once', 'off']; // with the events' types
  assert.deepEqual(
    members('class KeyAnalyzer extends EventEmitter'),
    new Set([...methods.filter((name) => name !== 'constructor'), ...inherited]),
  );
  assert.deepEqual(
    members('class KeyAnalyzerError extends Error'),
    new Set(['name', ...Object.keys(new KeyAnalyzerError('code', 'message')), 'cause']),
  );
  assert.deepEqual(members('interface KeyAnalyzerOptions'), new Set(Object.keys(DEFAULTS)));
  const emitted = [...read('index.js').matchAll(/#emit\('(\w+)'/g)].map(([, name]) => name);
  assert.deepEqual(members('interface KeyAnalyzerEvents'), new Set(emitted));
  const sources = read('index.js') + read('request.js');
  const codes = [...sources.matchAll(/code: '(\w+)'/g)].map(([, code]) => code);
  const declared = types.split('type ClientErrorCode =')[1].split(';')[0].matchAll(/'(\w+)'/g);
  assert.deepEqual(new Set([...declared].map(([, code]) => code)), new Set(codes));
});

test('the types declare every field of a reply, and no other', REAL, async (t) => {
  const half = path.join(temporaryFolder(t), 'half.wav'); // of which less is certain
  const whole = fs.readFileSync(TRACKS[0].path);
  fs.writeFileSync(half, whole.subarray(0, whole.length / 2));
  const analyzer = start(t, { workers: 1 });
  const guess = members('interface KeyGuess');
  const declared = new Set([...guess, ...members('interface Success extends KeyGuess')]);
  declared.delete('stream'); // of files with several
  const reply = await analyzer.analyze(half, { timeline: true });
  assert.deepEqual(new Set(Object.keys(reply)), declared);
  const partKey = members('interface PartKey');
  const segment = new Set([...partKey, ...members('interface Segment extends PartKey')]);
  const { alternatives, timeline, intro_key, outro_key } = reply;
  assert.ok(alternatives.length > 0 && timeline.length > 0);
  for (const part of timeline) assert.deepEqual(new Set(Object.keys(part)), segment);
  assert.equal(reply.warnings[0].code, 'truncated');
  assert.deepEqual(new Set(Object.keys(reply.warnings[0])), members('interface Warning'));
  for (const one of alternatives) assert.deepEqual(new Set(Object.keys(one)), guess);
  for (const one of [intro_key, outro_key]) assert.deepEqual(new Set(Object.keys(one)), partKey);
  for (const field of ['timeline', 'intro_key', 'outro_key']) declared.delete(field);
  const plain = await analyzer.analyze(half);
  assert.deepEqual(new Set(Object.keys(plain)), declared);
});

test('import and require give the same', async () => {
  const imported = await import('openkeyscan-analyzer-client');
  const keys = await import('openkeyscan-analyzer-client/keys');
  for (const [name, value] of Object.entries(client)) assert.equal(imported[name], value, name);
  const functions = [...read('keys.d.ts').matchAll(/^export function (\w+)/gm)];
  for (const [, name] of functions) assert.equal(keys[name], client[name], name);
  const classes = [...types.matchAll(/^export class (\w+)/gm)];
  const declared = [...classes, ...functions].map(([, name]) => name);
  assert.deepEqual(Object.keys(client).sort(), declared.sort());
  const { files } = JSON.parse(read('package.json'));
  const folder = fs.readdirSync(path.join(__dirname, '..'));
  const code = folder.filter((name) => /\.(js|d\.ts)$/.test(name));
  assert.deepEqual([...files].sort(), code.sort());
});

test('the page shows the app that is tested, and every option, method, event and error', () => {
  const page = read('README.md');
  assert.ok(page.includes(`\`\`\`js\n${read('example.js')}\`\`\``));
  const rows = page.match(/^\| `.*\|$/gm);
  const row = (name) => rows.find((text) => new RegExp(`^\\| [^|]*\`${name}\\b`).test(text)) ?? '';
  for (const [option, value] of Object.entries(DEFAULTS)) {
    const shown = typeof value === 'number' ? ` ${value.toLocaleString('en-US')} |` : '|';
    assert.ok(row(option).endsWith(shown), option);
  }
  const methods = members('class KeyAnalyzer extends EventEmitter');
  for (const name of ['on', 'once', 'off']) methods.delete(name);
  const declared = types.split('type ClientErrorCode =')[1].split(';')[0].matchAll(/'(\w+)'/g);
  const codes = [...declared].map(([, code]) => code);
  for (const name of [...methods, ...members('interface KeyAnalyzerEvents'), ...codes]) {
    assert.ok(row(name), name);
  }
});

/** The folder that an app ships, with an executable that is the server under test. */
function resourcesFolder(t) {
  const resources = temporaryFolder(t);
  const server = path.join(resources, 'openkeyscan-analyzer', 'openkeyscan-analyzer');
  fs.mkdirSync(path.dirname(server));
  const words = COMMAND.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  fs.writeFileSync(server, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
  return resources;
}

test('the first lines of the page print a key', REAL, (t) => {
  const [, lines] = read('README.md').match(/```js\n([^`]*)```/);
  const script = lines
    .replace('/path/to', resourcesFolder(t))
    .replace('/music/track.mp3', TRACKS[0].path);
  assert.ok(printed(script).startsWith(`${TRACKS[0].camelot} `));
});

/** What a script prints that runs in the folder of the package. */
function printed(script) {
  const options = { ...PATIENCE, cwd: path.join(__dirname, '..') };
  return execFileSync(process.execPath, ['-e', script], options).toString();
}

test('the other examples of the page print what their comments say', REAL, (t) => {
  const resources = resourcesFolder(t);
  const notes = path.join(resources, 'notes.mp3');
  fs.writeFileSync(notes, 'buy milk\n'.repeat(100));
  const command = path.join(resources, 'openkeyscan-analyzer', 'openkeyscan-analyzer');
  const blocks = [...read('README.md').matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
  const examples = blocks.slice(1).filter((code) => code !== read('example.js'));
  assert.ok(examples.length >= 5);
  for (const example of examples) {
    const code = example
      .replaceAll('/music/track.mp3', TRACKS[0].path)
      .replaceAll('/music/notes.mp3', notes);
    const output = printed(`
      const { KeyAnalyzer } = require('openkeyscan-analyzer-client');
      const analyzer = new KeyAnalyzer({ command: '${command}' });
      (async () => { ${code} })().finally(() => analyzer.close());`);
    const lines = output.replaceAll(notes, '/music/notes.mp3').trim().split('\n');
    const comments = [...example.matchAll(/\/\/ (.*)/g)].map(([, comment]) => comment);
    if (comments.length > 0) assert.deepEqual(lines, comments);
    else assert.match(lines[0], new RegExp(`\\b${TRACKS[0].camelot}\\b`));
  }
});

/** What Electron is to the example; there is no screen here to start a real one on. */
function electron(sent) {
  const handlers = {};
  class BrowserWindow {
    webContents = { send: (channel, value) => sent.push([channel, value]) };
    isDestroyed() {
      return false;
    }
    loadFile() {}
  }
  return {
    app: Object.assign(new EventEmitter(), { isPackaged: true, whenReady: async () => {} }),
    BrowserWindow,
    ipcMain: { handle: (channel, handler) => (handlers[channel] = handler) },
    invoke: (channel, ...values) => handlers[channel]({}, ...values),
  };
}

test("the example's app shows keys, cancels, resets and quits", REAL, async (t) => {
  const resources = resourcesFolder(t);
  process.resourcesPath = resources;
  const sent = [];
  const fake = electron(sent);
  const load = Module._load;
  t.mock.method(Module, '_load', (request, ...rest) => {
    return request === 'electron' ? fake : load(request, ...rest);
  });
  t.after(() => fake.app.emit('will-quit'));

  require('../example.js');
  await new Promise(setImmediate);
  const [track, missing] = await Promise.all([
    fake.invoke('keys:analyze', 1, TRACKS[0].path),
    fake.invoke('keys:analyze', 2, path.join(resources, 'missing.mp3')),
  ]);
  assert.equal(track.camelot, TRACKS[0].camelot);
  assert.equal(missing.code, 'file_not_found');
  assert.deepEqual(sent.at(-1), ['keys:progress', { done: 2, failed: 1, total: 2 }]);

  const cancelled = fake.invoke('keys:analyze', 3, TRACKS[1].path);
  assert.equal(fake.invoke('keys:cancel', 3), true);
  assert.equal((await cancelled).code, 'cancelled');
  assert.equal(await fake.invoke('keys:cancel', 3), false);
  const forgotten = fake.invoke('keys:analyze', 4, TRACKS[1].path);
  await fake.invoke('keys:reset');
  assert.equal((await forgotten).code, 'reset');

  const processes = children(process.pid).flatMap((pid) => [pid, ...children(pid)]);
  assert.ok(processes.length > 1);
  fake.app.emit('will-quit');
  await until(() => !processes.some(alive));
});
