// What a page says about its calls.
// Owns: options for one call and for all. Refuses to know: how a call is made.

import { type ConnectionState, watchConnection } from './connection';
import { checked, limitSilence } from './silence';

/** Header fields, or a function that gives them when a call is made. */
export type Headers = HeadersInit | (() => HeadersInit | undefined | Promise<HeadersInit | undefined>);

export interface CallOptions {
  /** Aborts the call: it and everything of its answer that is still open reject with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Sent with the call. */
  headers?: Headers | undefined;
  /** Replaces the one of `configure`, for this call. */
  silenceTimeoutMs?: number | undefined;
}

export interface Configuration {
  /** Sent with every call. A function is asked for each call; a call fails with what it throws. */
  headers?: Headers | undefined;
  /** Told when the connection to the server changes. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
  /** A call of which nothing is heard for so many milliseconds has lost its server. 60,000 at first; 0 and Infinity wait for ever. */
  silenceTimeoutMs?: number | undefined;
}

interface Current {
  signals: AbortSignal[];
  headers: Headers[];
  silenceTimeoutMs: number | undefined;
  isTaken: boolean;
}

let current: Current | undefined;
let general: Headers | undefined;

/**
 * Sets what holds for every call of the page; what is left out stays, `undefined` takes it back.
 *
 * @throws RangeError when `silenceTimeoutMs` is no time.
 */
export function configure(configuration: Configuration): void {
  if ('silenceTimeoutMs' in configuration) limitSilence(configuration.silenceTimeoutMs);
  if ('headers' in configuration) general = configuration.headers;
  if ('onConnection' in configuration) watchConnection(configuration.onConnection);
}

/**
 * The same action with options.
 *
 * They hold for the calls that the function makes before it first waits: give it the action itself, or a function that
 * calls it at once.
 *
 * @throws RangeError when `silenceTimeoutMs` is no time.
 */
// biome-ignore lint/suspicious/noExplicitAny: `any` takes every function, also generic ones
export function withOptions<Action extends (...args: any[]) => unknown>(
  action: Action,
  options: CallOptions,
): Action {
  const silenceTimeoutMs = checked(options.silenceTimeoutMs);
  const call = function (this: unknown, ...args: unknown[]): unknown {
    const outer = current;
    const own: Current = {
      signals: [...(outer?.signals ?? []), ...(options.signal ? [options.signal] : [])],
      headers: [...(outer?.headers ?? []), ...(options.headers ? [options.headers] : [])],
      silenceTimeoutMs: silenceTimeoutMs ?? outer?.silenceTimeoutMs,
      isTaken: false,
    };
    current = own;
    try {
      return action.apply(this, args);
    } finally {
      current = outer;
      if (outer) outer.isTaken ||= own.isTaken;
      if (!own.isTaken) console.warn(UNUSED);
    }
  };
  return call as Action;
}

const UNUSED =
  'withOptions() was given a function that did not call an action at once, so the options had no effect. Give it the action itself.';

/** The options of the call that is being made. */
export function takeOptions(): {
  signals: readonly AbortSignal[];
  headers: readonly Headers[];
  silenceTimeoutMs: number | undefined;
} {
  if (current) current.isTaken = true;
  const { signals = [], headers = [], silenceTimeoutMs } = current ?? {};
  return { signals, headers: general ? [general, ...headers] : headers, silenceTimeoutMs };
}

/** Asks for the fields; a later source replaces a field of an earlier one. */
export async function gather(sources: readonly Headers[]): Promise<globalThis.Headers> {
  const all = new globalThis.Headers();
  for (const source of sources) {
    const fields = new globalThis.Headers(typeof source === 'function' ? await source() : source);
    fields.forEach((value, name) => {
      all.set(name, value);
    });
  }
  return all;
}
