'use strict';

// What the tests share. tests/test_node_client.py renders the tracks and says, in KEYSCAN_COMMAND,
// which server is to be tested; a bare `node --test` skips the tests that need them.
const fs = require('node:fs');
const path = require('node:path');
const { KeyAnalyzer } = require('..');

const { KEYSCAN_COMMAND, KEYSCAN_AUDIO } = process.env;

/** The server and its first arguments; null in a bare `node --test`. */
const COMMAND = KEYSCAN_COMMAND ? JSON.parse(KEYSCAN_COMMAND) : null;
/** Tracks with their keys: [{ path, camelot }]. */
const TRACKS = COMMAND
  ? JSON.parse(fs.readFileSync(path.join(KEYSCAN_AUDIO, 'manifest.json'), 'utf8'))
  : [];
const FAKE = [process.execPath, path.join(__dirname, 'fake_server.js')];
const PATIENCE = { timeout: 90_000 }; // only a hang takes that long
/** For tests of the real server. */
const REAL = {
  ...PATIENCE,
  skip: COMMAND ? false : 'run in the repository: python -m pytest tests/test_node_client.py',
};

/** A client that is gone when the test is over; `t` is a test or a file of tests. */
function start(t, options = {}, [command, ...args] = COMMAND) {
  const analyzer = new KeyAnalyzer({
    command,
    ...options,
    args: [...args, ...(options.args ?? [])],
  });
  t.after(() => analyzer.kill());
  return analyzer;
}

/** Ask for tracks; the outcomes as of Promise.allSettled, after every one of them. */
function ask(analyzer, tracks, options) {
  return Promise.allSettled(tracks.map((track) => analyzer.analyze(track.path, options)));
}

/** What went wrong, by code; `ok` for what did not. */
function codes(outcomes) {
  return outcomes.map(({ reason, value }) => (reason ? reason.code : value.code));
}

async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The processes that a process has started (Linux). */
function children(pid) {
  const ofThread = (task) => {
    try {
      return fs.readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ');
    } catch (error) {
      if (['ENOENT', 'ESRCH'].includes(error.code)) return []; // the thread has ended meanwhile
      throw error;
    }
  };
  return fs.readdirSync(`/proc/${pid}/task`).flatMap(ofThread).filter(Boolean).map(Number);
}

/** A WAV that takes many seconds to decode: two hours of silence, sparse on the disk. */
function endless(folder) {
  const file = path.join(folder, 'endless.wav');
  const rate = 192_000;
  const size = rate * 4 * 2700;
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(size + 36, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(2, 22); // channels
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 4, 28);
  header.writeUInt16LE(4, 32);
  header.writeUInt16LE(16, 34); // bits
  header.write('data', 36);
  header.writeUInt32LE(size, 40);
  fs.writeFileSync(file, header);
  fs.truncateSync(file, size + header.length);
  return file;
}

module.exports = {
  alive,
  ask,
  children,
  codes,
  COMMAND,
  endless,
  FAKE,
  PATIENCE,
  REAL,
  start,
  TRACKS,
  until,
};
