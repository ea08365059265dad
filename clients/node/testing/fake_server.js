'use strict';

// Does what the real server cannot be made to do: dies of a file, says what only a later version
// might say, is never ready, does not stop. usage: node fake_server.js [normal|mute|deaf|doomed]
const mode = process.argv[2];
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const success = (request) => ({
  id: request.id,
  status: 'success',
  code: 'ok',
  camelot: '8A',
  openkey: '1m',
  key: 'A minor',
  class_id: 7,
  confidence: 0.9,
  tonal: true,
  changes_key: false,
  alternatives: [],
  tuning_cents: null,
  filename: request.path,
  duration: 60,
  analysed_seconds: 60,
  warnings: [],
  cached: false,
  generation: 0,
});
const ready = {
  type: 'ready',
  version: '0.0.0',
  protocol: 2,
  model: 'fake',
  workers: 2,
  generation: 0,
  features: [],
  notations: [],
  spellings: [],
};

/** Everything that a client has to read past, around one answer that comes byte by byte. */
async function babble(request) {
  say({ type: 'weather', id: request.id, sunny: true });
  say({ id: request.id, status: 'thinking' });
  say({ ...success(request), id: 'of another client' });
  process.stdout.write('no JSON at all\n\r\n[1]\nnull\n7\n');
  const answer = { ...success(request), mood: { 'ünknown': '\u2028 🎵' } };
  for (const byte of Buffer.from(`${JSON.stringify(answer)}\r\n`)) {
    process.stdout.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  say({ ...success(request), camelot: '1B' });
}

function die(request) {
  process.stdout.write(`${JSON.stringify(success(request))}\n`, () => {
    process.kill(process.pid, 'SIGKILL');
  });
}

function receive(request) {
  if (request.path === 'deadly') process.kill(process.pid, 'SIGKILL');
  else if (request.path === 'swan song') die(request);
  else if (request.path === 'babble') babble(request);
  else if (request.path) setTimeout(() => say(success(request)), 5);
}

let rest = '';
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  lines.forEach((line) => receive(JSON.parse(line)));
});

if (mode === 'doomed') process.exit(1);
if (mode === 'deaf') {
  process.on('SIGTERM', () => {});
  setInterval(() => {}, 1000);
}
if (mode !== 'mute') say(ready);
