'use strict';

const MAX_LINE_BYTES = 1 << 20; // the server's limit
const EFFORTS = ['full', 'adaptive'];

/** The message of a request. */
function messageOf({ id, path, timeline, stream, priority, effort }) {
  return {
    id,
    path,
    ...(timeline && { timeline }),
    ...(stream !== undefined && { stream }),
    ...(priority && { priority }),
    ...(effort !== undefined && { effort }),
  };
}

/** The error of an invalid or aborted request; null for a valid one. */
function refusalOf(request) {
  const { path, stream, effort, signal } = request;
  if (signal?.aborted) return { code: 'cancelled', message: 'cancelled', cause: signal.reason };
  if (typeof path !== 'string') return { code: 'invalid_path', message: 'a path is a string' };
  for (const name of ['timeline', 'priority']) {
    if (typeof request[name] === 'boolean') continue;
    return { code: 'bad_request', message: `${name} is true or false` };
  }
  if (stream !== undefined && !(Number.isSafeInteger(stream) && stream >= 0)) {
    return { code: 'bad_request', message: 'stream is a whole number from 0 on' };
  }
  if (effort !== undefined && !EFFORTS.includes(effort)) {
    return { code: 'bad_request', message: "effort is 'full' or 'adaptive'" };
  }
  const bytes = Buffer.byteLength(JSON.stringify(messageOf(request)));
  if (bytes <= MAX_LINE_BYTES) return null;
  return { code: 'invalid_path', message: `a request of ${bytes} bytes is too long` };
}

module.exports = { messageOf, refusalOf };
