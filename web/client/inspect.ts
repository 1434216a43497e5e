// What the calls of a page tell whoever watches: a panel, a recorder, a test.
// Owns: the events, and cutting answers into rows. Refuses to know: what rows mean, and who shows them. Row syntax:
// react-server-dom-webpack 19.3.1, `processBinaryChunk` of its browser client; owed.ts follows the same grammar byte by byte.

const NAME = 'flightwire:call';
const SIZED = new Set([...'TAOobUSsLlGgMmV']); // tags whose row says how many bytes it has
const LINES = /[A-Z#rx]/; // tags of rows that end at a newline
const [NEWLINE, COLON, COMMA] = [10, 58, 44];

/** One row of an answer. */
export interface FlightRow {
  /** In hexadecimal, as others refer to it: `$3`, `$@3`, `$L3`. Empty for hints, which belong to nothing. */
  id: string;
  /** `I` import, `E` error, `T` text, … ; empty for a model, which is JSON. */
  tag: string;
  /** What it carries; of bytes only how many there are. */
  text: string;
  /** Its size on the wire. */
  bytes: number;
}

/** How an answer ended; `refused` when there was none. */
export type CallEnding = 'complete' | 'lost' | 'aborted' | 'refused';

/** What happened to a call. `call` tells calls of one page apart; `atMs` is that page's `performance.now()`. */
export type CallEvent = { call: number; action: string; atMs: number } & (
  | { type: 'start' }
  | { type: 'rows'; rows: FlightRow[] }
  | { type: 'end'; ending: CallEnding }
);

type Told = { call: number; action: string; atMs: number } & (
  | { type: 'start' }
  | { type: 'rows'; pieces: readonly Uint8Array[] }
  | { type: 'end'; ending: CallEnding }
);

let calls = 0;

/** Says what happens to one call; costs next to nothing while nobody listens. */
export class Teller {
  readonly #call = ++calls;
  readonly #action: string;

  constructor(action: string) {
    this.#action = action;
    this.#tell({ type: 'start' });
  }

  /** Whole rows, in as many pieces as they came in. */
  rows(pieces: readonly Uint8Array[]): void {
    if (pieces.length > 0) this.#tell({ type: 'rows', pieces });
  }

  end(ending: CallEnding): void {
    this.#tell({ type: 'end', ending });
  }

  #tell(
    what:
      | { type: 'start' }
      | { type: 'rows'; pieces: readonly Uint8Array[] }
      | { type: 'end'; ending: CallEnding },
  ) {
    const detail = { call: this.#call, action: this.#action, atMs: performance.now(), ...what };
    globalThis.dispatchEvent?.(new CustomEvent<Told>(NAME, { detail }));
  }
}

/**
 * Watches the calls of a page: each one's start, the rows of its answer when they arrive, and its end.
 *
 * @param observer is told in the order of events; what it throws is reported and changes nothing.
 * @param page whose calls: this window, or that of a frame of the same origin (after its `load`).
 * @returns ends the watching.
 */
export function observeCalls(observer: (event: CallEvent) => void, page: Window = window): () => void {
  const hear = (event: Event) => {
    const told = (event as CustomEvent<Told>).detail;
    if (told.type !== 'rows') return observer(told);
    const { pieces, ...about } = told;
    observer({ ...about, rows: [...rowsOf(joined(pieces))] });
  };
  page.addEventListener(NAME, hear);
  return () => page.removeEventListener(NAME, hear);
}

/** The rows in bytes that hold whole ones. */
export function* rowsOf(bytes: Uint8Array): Generator<FlightRow> {
  const decoder = new TextDecoder();
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const colon = bytes.indexOf(COLON, at);
    const id = decoder.decode(bytes.subarray(at, colon));
    let tag = String.fromCharCode(bytes[colon + 1] ?? 0);
    at = colon + 1;
    let text: string;
    if (SIZED.has(tag)) {
      const comma = bytes.indexOf(COMMA, at);
      const size = Number.parseInt(decoder.decode(bytes.subarray(at + 1, comma)), 16);
      at = comma + 1 + size;
      text = tag === 'T' ? decoder.decode(bytes.subarray(comma + 1, at)) : `${size} bytes`;
    } else {
      const newline = bytes.indexOf(NEWLINE, at);
      const end = newline < 0 ? bytes.length : newline;
      if (LINES.test(tag)) at++;
      else tag = '';
      text = decoder.decode(bytes.subarray(at, end));
      at = end + 1;
    }
    yield { id, tag, text, bytes: Math.min(at, bytes.length) - start };
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const all = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
