// What an Electron app does: spawn the server, ask for many files, reset in the middle.
// usage: node awkward_names.js MANIFEST SERVER-COMMAND...
// MANIFEST is JSON: [{"path": ..., "camelot": ...}, ...]; exits 0 if all is as it should be.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { spawn } = require("node:child_process");

const [manifest, command, ...args] = process.argv.slice(2);
const files = JSON.parse(fs.readFileSync(manifest, "utf8"));
const half = files.length / 2;
const BEFORE_RESET = 5;

const server = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const send = (message) => server.stdin.write(JSON.stringify(message) + "\n");
const ask = (from, to) =>
  files.slice(from, to).forEach((file, i) => send({ id: `track-${from + i}`, path: file.path }));

const messages = [];
let answeredAfterReset = 0;

readline.createInterface({ input: server.stdout, crlfDelay: Infinity }).on("line", (line) => {
  const message = JSON.parse(line);
  if (message.type === "heartbeat") return;
  messages.push(message);
  if (message.type === "ready") ask(0, half);
  const resets = messages.filter((m) => m.type === "reset_complete").length;
  if (message.status && resets === 0 && messages.length === 1 + BEFORE_RESET) {
    send({ type: "reset" });
    ask(half, files.length);
  }
  if (message.status && resets === 1 && ++answeredAfterReset === files.length - half) {
    server.stdin.end();
  }
});

server.on("close", (code) => {
  assert.equal(code, 0, "exit code");
  assert.equal(messages[0].type, "ready");
  const reset = messages.findIndex((m) => m.type === "reset_complete");
  const idle = messages.findIndex((m) => m.type === "reset_idle");
  assert.ok(reset > BEFORE_RESET, "reset_complete comes after what was already answered");
  assert.ok(idle > reset, "reset_idle comes after reset_complete");
  assert.equal(messages[reset].generation, 1);
  assert.equal(messages[idle].generation, 1);

  const replies = messages.filter((m) => m.status);
  assert.equal(messages.length, replies.length + 3, "nothing but ready, replies and the reset");
  assert.equal(new Set(replies.map((m) => m.id)).size, replies.length, "one reply an id");
  messages.forEach((m, i) => {
    if (m.status) assert.equal(m.generation, i < reset ? 0 : 1, "no stale reply");
  });
  for (const reply of replies) {
    const index = Number(reply.id.slice("track-".length));
    assert.equal(reply.status, "success", JSON.stringify(reply));
    assert.equal(reply.filename, path.basename(files[index].path));
    assert.equal(reply.camelot, files[index].camelot, reply.filename);
    assert.equal(reply.generation, index < half ? 0 : 1);
  }
  const second = replies.filter((m) => m.generation === 1);
  assert.equal(second.length, files.length - half, "everything asked after the reset is answered");
  console.log(`${replies.length} replies, all as they should be`);
});
