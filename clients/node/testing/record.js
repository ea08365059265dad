'use strict';

// Preloaded by tests/test_node_client.py: every byte between the client and its servers is kept, so
// that the messages can be checked against the schema of the protocol. Two files for each server.
const childProcess = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const { spawn } = childProcess;
let sessions = 0;

childProcess.spawn = (command, args, options) => {
  const child = spawn(command, args, options);
  // --heartbeat: it is a server that the client starts
  if (args.includes('--heartbeat') && child.pid !== undefined) {
    const name = path.join(process.env.KEYSCAN_RECORD, `${process.pid} ${++sessions}`);
    const { write } = child.stdin;
    child.stdin.write = (line, ...rest) => {
      fs.appendFileSync(`${name}.sent`, line);
      return write.call(child.stdin, line, ...rest);
    };
    child.stdout.on('data', (chunk) => fs.appendFileSync(`${name}.received`, chunk));
  }
  return child;
};
