import { EventEmitter } from 'node:events';
import { Camelot, Hour } from './keys.js';

export * from './keys.js';

/** Counts are whole numbers; milliseconds are at most 2^31 - 1, as timers cannot be longer. */
export interface KeyAnalyzerOptions {
  /** The server: the frozen app's executable, or Python with the script first in `args`. */
  command: string;
  /** Options of the server; `--heartbeat` and `--workers` are added. */
  args?: readonly string[];
  /** Files decoded at a time. Default: the server's, one per CPU core. */
  workers?: number;
  /** The server's working directory, which relative paths are relative to. */
  cwd?: string;
  /** Added to the environment of this process. */
  env?: Record<string, string>;
  /** Requests that the server has at a time, those with priority aside. Default: four per worker. */
  maxInFlight?: number;
  /** Milliseconds from the start until the server must be ready. Default: 120,000. */
  readyTimeout?: number;
  /** Milliseconds between two heartbeats of the server, at most 10^9. Default: 30,000. */
  heartbeatInterval?: number;
  /** After so many intervals without any output the server is killed. Default: 3. */
  missedHeartbeats?: number;
  /** Milliseconds until the first restart; every further one takes twice as long. Default: 500. */
  restartDelay?: number;
  /** Milliseconds until a restart at most. Default: 30,000. */
  maxRestartDelay?: number;
  /** Restarts in a row without an answer or a heartbeat; then it gives up. Default: 5. */
  maxRestarts?: number;
  /** So often may the server die while it has a file, then the file is given up. Default: 2. */
  maxCrashes?: number;
}

/** Later servers may have more. */
export type WarningCode =
  | 'truncated'
  | 'bad_packets'
  | 'bad_samples'
  | 'more_sound'
  | 'phase'
  | 'between_keys'
  | (string & {});

/** What is damaged in a file, or doubtful about its key. */
export interface Warning {
  code: WarningCode;
  message: string;
}

/** A key, and how sure the server is of it. */
export interface KeyGuess {
  camelot: Camelot;
  openkey: `${Hour}${'m' | 'd'}`;
  /** `F# minor/Gb minor`, or as the options `--notation` and `--spelling` have it. */
  key: string;
  /** The probability, 0 to 1, that this is the key. */
  confidence: number;
}

/** The key of a part of a track; `camelot`, `openkey` and `key` are null where it has none. */
export interface PartKey {
  camelot: Camelot | null;
  openkey: KeyGuess['openkey'] | null;
  key: string | null;
  /** As in `KeyGuess`; 0 without a key. */
  confidence: number;
  /** False for drums, speech or noise. */
  tonal: boolean;
}

/** A part of a track in one key, or not tonal; `start` and `end` are in seconds. */
export interface Segment extends PartKey {
  start: number;
  end: number;
}

/** The key of a file: the server's reply as it is. Later servers may add fields. */
export interface Success extends KeyGuess {
  id: number;
  status: 'success';
  code: 'ok';
  /** 0-11 for 1A-12A, 12-23 for 1B-12B. */
  class_id: number;
  /** False for drums, speech or noise: there is no key to tell, and `confidence` is low. */
  tonal: boolean;
  /** Whether the music has several keys over time; `camelot` is then that of the longest time. */
  changes_key: boolean;
  /** Up to three that it may be instead, the most probable first. */
  alternatives: KeyGuess[];
  /** How far the music lies above A = 440 Hz; null where it cannot be told. */
  tuning_cents: number | null;
  filename: string;
  /** Seconds of sound in the file. */
  duration: number;
  /** Seconds of it that were analysed: fewer with `effort: 'adaptive'`. */
  analysed_seconds: number;
  warnings: Warning[];
  /** Whether the server knew the answer from before. */
  cached: boolean;
  /**
   * The audio stream that was analysed, counted from 0, of a file with several of them; all numbers
   * where stems without a mix were added.
   */
  stream?: number | number[];
  /** The key over time, without gaps; this and the next two only if `timeline` was asked for. */
  timeline?: Segment[];
  /** The key of the first half minute of music. */
  intro_key?: PartKey;
  /** The key of the last half minute of music. */
  outro_key?: PartKey;
  generation: number;
}

/** A reply with the key over time. */
export type SuccessWithTimeline = Success &
  Required<Pick<Success, 'timeline' | 'intro_key' | 'outro_key'>>;

export interface AnalyzeOptions {
  /** Aborting it cancels. */
  signal?: AbortSignal;
  /** Whether the key over time is wanted as well. Default: false. */
  timeline?: boolean;
  /** The number of the audio stream to analyse, counted from 0. Default: the server chooses. */
  stream?: number;
  /** Whether the file goes before all that wait; the newest such file first. Default: false. */
  priority?: boolean;
  /**
   * Whether the whole track is analysed, or parts of it as long as these leave no doubt. Default:
   * that of the server.
   */
  effort?: 'full' | 'adaptive';
}

/** The server's reply about a file without a key. */
export interface Failure {
  id: number;
  status: 'error';
  code: ServerErrorCode;
  error: string;
  filename: string | null;
  /** What is damaged in the file. */
  warnings: Warning[];
  generation: number;
}

/** Types of requests, and fields of a request for a file. Later servers may have more. */
export type Feature =
  'cancel' | 'effort' | 'ping' | 'priority' | 'reset' | 'stream' | 'timeline' | (string & {});

/** The server's first message. */
export interface Ready {
  type: 'ready';
  version: string;
  protocol: number;
  model: string;
  /** Files decoded at a time. */
  workers: number;
  generation: number;
  /** What the server knows of requests. */
  features: Feature[];
  /** The values of its option `--notation`. */
  notations: string[];
  /** The values of its option `--spelling`. */
  spellings: string[];
}

export interface Pong {
  type: 'pong';
  id: number;
  /** Files that the server has and has not begun; more may wait in the client. */
  queued: number;
  /** Files being worked on. */
  running: number;
  generation: number;
}

/** Later servers may have more. */
export type ServerErrorCode =
  | 'bad_request'
  | 'duplicate_id'
  | 'file_not_found'
  | 'invalid_path'
  | 'not_a_file'
  | 'permission_denied'
  | 'read_failed'
  | 'empty_file'
  | 'unsupported_format'
  | 'protected'
  | 'no_such_stream'
  | 'no_audio'
  | 'decode_failed'
  | 'too_short'
  | 'too_long'
  | 'silent'
  | 'timeout'
  | 'out_of_memory'
  | 'decoder_crashed'
  | 'worker_failed'
  | 'cancelled'
  | 'internal_error'
  | (string & {});

/** Errors that no reply of the server stands behind. */
export type ClientErrorCode =
  | 'cancelled'
  | 'reset'
  | 'closed'
  | 'invalid_path'
  | 'bad_request'
  | 'server_crashed'
  | 'server_unavailable'
  | 'start_failed';

/** Why a promise was rejected: `code` is for programs, `message` for people. */
export class KeyAnalyzerError extends Error {
  constructor(
    code: ServerErrorCode | ClientErrorCode,
    message: string,
    details?: { path?: string | null; reply?: Failure | null; cause?: unknown },
  );
  readonly name: 'KeyAnalyzerError';
  readonly code: ServerErrorCode | ClientErrorCode;
  /** The file's path as it was asked for; null where no file is concerned. */
  readonly path: string | null;
  /** What the server said about the file, if it did. */
  readonly reply: Failure | null;
  /** The error of the system where the server could not be started; the signal's reason. */
  readonly cause?: unknown;
}

/**
 * A file is settled. The counts begin anew when a file is asked for and none is pending, and after
 * a reset; `done` includes `failed`, which includes what was cancelled.
 */
export type Progress = { done: number; failed: number; total: number; id: number; path: string } & (
  | { result: Success; error?: undefined }
  | { error: KeyAnalyzerError; result?: undefined }
);

export interface KeyAnalyzerEvents {
  /** The server can be asked; after a restart again. */
  ready: [message: Ready];
  progress: [progress: Progress];
  heartbeat: [];
  /** A line of the server's stderr. */
  log: [line: string];
  /** The server's process has ended. */
  exit: [end: { code: number | null; signal: NodeJS.Signals | null }];
  /** The server is going to be started again in `delay` milliseconds. */
  restart: [restart: { attempt: number; delay: number; reason: string }];
  /** The server cannot be started, or died too often: all is rejected, and nothing will follow. */
  fatal: [error: KeyAnalyzerError];
}

/** A promise per file, over one server process that is started at once and again when it dies. */
export class KeyAnalyzer extends EventEmitter {
  /** @throws TypeError for an unknown option or a value that cannot be meant */
  constructor(options: KeyAnalyzerOptions);

  /** The process id of the server; null while there is none. */
  readonly pid: number | null;

  /** Ask for the key of a file; rejects with a KeyAnalyzerError. */
  analyze(
    path: string,
    options: AnalyzeOptions & { timeline: true },
  ): Promise<SuccessWithTimeline> & { id: number };
  analyze(path: string, options?: AnalyzeOptions): Promise<Success> & { id: number };

  /** Reject a promise of `analyze` with `cancelled`; false if it was settled already. */
  cancel(promiseOrId: number | { id: number }): boolean;

  /**
   * Forget all files: their promises are rejected with `reset`. Resolves when no old answer can
   * come any more; its `idle` when nothing old is being worked on any more. Never rejects.
   */
  reset(): Promise<{ idle: Promise<void> }>;

  /** Resolves as soon as a server answers. */
  ping(): Promise<Pong>;

  /** Take no more files and let the rest finish; resolves when the server has ended. */
  close(): Promise<void>;

  /** Reject the rest with `closed` and end the server; resolves when it has ended. */
  kill(): Promise<void>;

  on<E extends keyof KeyAnalyzerEvents>(
    event: E,
    listener: (...event: KeyAnalyzerEvents[E]) => void,
  ): this;
  once<E extends keyof KeyAnalyzerEvents>(
    event: E,
    listener: (...event: KeyAnalyzerEvents[E]) => void,
  ): this;
  off<E extends keyof KeyAnalyzerEvents>(
    event: E,
    listener: (...event: KeyAnalyzerEvents[E]) => void,
  ): this;
}
