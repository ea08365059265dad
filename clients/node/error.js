'use strict';

/** The reason of a rejected promise: `code` is for programs, `message` for people. */
class KeyAnalyzerError extends Error {
  /**
   * @param {string} code one of the server's error codes, or one of the client's
   * @param {string} message
   * @param {object} [details] `path`, the server's `reply`, and the `cause`
   */
  constructor(code, message, { path = null, reply = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
    this.reply = reply;
  }

  get name() {
    return 'KeyAnalyzerError';
  }
}

module.exports = { KeyAnalyzerError };
