// What an answer still owes.
// Owns: finding the ends of rows, and which rows others wait for, by kind. Refuses to know: where bytes come from, and
// what values mean. Row syntax: react-server-dom-webpack 19.3.1, `processBinaryChunk` of its browser client.

const STREAMABLE = '$Sui.streamable.value';
const MAY_REFER = /"\$[@L]/; // text of the app's own that begins with $ is escaped: "$$
const NEWLINE = 10;
const COLON = 58;
const COMMA = 44;
const SIZED = new Set([...'TAOobUSsLlGgMmV']); // tags whose row says how many bytes it has
const LINES = /[A-Z#rx]/; // tags of rows that end at a newline

/** The module that an import row can ask for to have a promise rejected with the stop itself. */
export const STOPPED_MODULE = 'flightwire:stopped';

/** Follows the bytes of one answer. */
export class Owed {
  /** Rows that streamable values wait for. */
  readonly streamables = new Set<number>();
  /** Streams and async iterables that are open. */
  readonly streams = new Set<number>();
  /** Rows that promises wait for. */
  readonly promises = new Set<number>();
  /** Rows that components and elements wait for. */
  readonly nodes = new Set<number>();
  /** How many errors have come. */
  failures = 0;

  readonly #arrived = new Set<number>();
  readonly #decoder = new TextDecoder();
  #held: Uint8Array[] = [];
  #state: 'id' | 'tag' | 'size' | 'sized' | 'line' = 'id';
  #head = 0;
  #id = -1;
  #tag = '';
  #left = 0;

  /** Whether everything has come. */
  get isComplete(): boolean {
    const owed = this.streamables.size + this.streams.size + this.promises.size + this.nodes.size;
    return owed === 0 && this.#held.length === 0 && this.#arrived.has(0);
  }

  /** Takes what has arrived and gives it back up to the end of its last whole row; the rest is kept for the next time. */
  take(chunk: Uint8Array): Uint8Array[] {
    let whole = 0;
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      at = this.#step(chunk, at, start);
      if (this.#state === 'id' && this.#head === 0) whole = start = at;
    }
    if (whole === 0) {
      this.#held.push(chunk);
      return [];
    }
    const rows = [...this.#held, whole === chunk.length ? chunk : chunk.subarray(0, whole)];
    // A copy: React hands the memory of byte streams on, and what is in it is gone then.
    this.#held = whole === chunk.length ? [] : [chunk.slice(whole)];
    return rows;
  }

  /** Rows that end what is read piece by piece, where it is; promises are left. */
  endings(): string {
    const values = [...this.streamables].map(id => `${id.toString(16)}:{}\n`);
    const streams = [...this.streams].map(id => `${id.toString(16)}:C\n`);
    return [...values, ...streams].join('');
  }

  /** Rows that reject the promises, and leave components and elements alone. */
  rejections(): string {
    const model = JSON.stringify([STOPPED_MODULE, [STOPPED_MODULE, STOPPED_MODULE], '*']);
    return [...this.promises].map(id => `${id.toString(16)}:I${model}\n`).join('');
  }

  /** One step of the row grammar; gives the next position. `start` is where this row begins in the chunk, if it does. */
  #step(chunk: Uint8Array, at: number, start: number): number {
    const byte = chunk[at] as number;
    switch (this.#state) {
      case 'id':
        this.#head++;
        if (byte === COLON) this.#state = 'tag';
        else this.#id = (Math.max(this.#id, 0) << 4) | hex(byte);
        return at + 1;
      case 'tag': {
        const tag = String.fromCharCode(byte);
        const isSized = SIZED.has(tag);
        const isTag = isSized || LINES.test(tag);
        this.#state = isSized ? 'size' : 'line';
        this.#tag = isTag ? tag : '';
        if (isTag) this.#head++;
        return isTag ? at + 1 : at;
      }
      case 'size':
        this.#head++;
        if (byte !== COMMA) this.#left = (this.#left << 4) | hex(byte);
        else if (this.#left) this.#state = 'sized';
        else this.#finish('');
        return at + 1;
      case 'sized': {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        if (this.#left === 0) this.#finish('');
        return at + taken;
      }
      case 'line': {
        const end = chunk.indexOf(NEWLINE, at);
        if (end < 0) return chunk.length;
        this.#finish(this.#tag ? '' : this.#text(start === 0 ? this.#held : [], chunk.subarray(start, end)));
        return end + 1;
      }
    }
  }

  #text(held: Uint8Array[], last: Uint8Array): string {
    const before = held.map(piece => this.#decoder.decode(piece, { stream: true })).join('');
    return (before + this.#decoder.decode(last)).slice(this.#head);
  }

  #finish(text: string): void {
    const [id, tag] = [this.#id, this.#tag];
    this.#state = 'id';
    this.#head = this.#left = 0;
    this.#id = -1;
    this.#tag = '';
    if (id < 0) return; // hints belong to no row
    if (tag === 'C') this.streams.delete(id);
    else if (tag === '') this.#model(id, text);
    else {
      this.#settle(id);
      if (tag === 'E') this.failures++;
      if ('xXrR'.includes(tag)) this.streams.add(id);
      if (tag === 'E') this.streams.delete(id);
    }
  }

  #settle(id: number): boolean {
    const continues = this.streamables.delete(id);
    if (continues) return true; // nobody else refers to it: not worth remembering
    this.#arrived.add(id);
    this.promises.delete(id);
    this.nodes.delete(id);
    return false;
  }

  #model(id: number, text: string): void {
    const continues = this.#settle(id);
    if (!MAY_REFER.test(text)) return;
    const model = parse(text);
    if (continues) this.#follow(model);
    this.#visit(model);
  }

  /** Goes along a streamable value to the row that it waits for. */
  #follow(value: unknown): void {
    let row = value as { next?: unknown } | undefined;
    while (typeof row === 'object' && row !== null) row = row.next as typeof row;
    const id = reference(row, '$@');
    if (id !== undefined) this.streamables.add(id);
  }

  #visit(value: unknown): void {
    if (typeof value === 'string') {
      const promise = reference(value, '$@');
      if (promise !== undefined && !this.#arrived.has(promise) && !this.streamables.has(promise))
        this.promises.add(promise);
      const node = reference(value, '$L');
      if (node !== undefined && !this.#arrived.has(node)) this.nodes.add(node);
    } else if (typeof value === 'object' && value !== null) {
      if ((value as { type?: unknown }).type === STREAMABLE) this.#follow(value);
      for (const each of Object.values(value)) this.#visit(each);
    }
  }
}

function hex(byte: number): number {
  return byte > 96 ? byte - 87 : byte - 48;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // React says what is wrong with it
  }
}

function reference(value: unknown, kind: '$@' | '$L'): number | undefined {
  if (typeof value !== 'string' || !value.startsWith(kind)) return undefined;
  const id = Number.parseInt(value.slice(2), 16);
  return Number.isNaN(id) ? undefined : id;
}
