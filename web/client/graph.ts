// What a value that came from the server is made of.
// Owns: going through objects, lists, maps, sets and promises that are settled. Refuses to know: whose value it is.

/** The fields that React keeps on its promises, as `use` reads them. */
interface Tracked {
  status?: string;
  value?: unknown;
  reason?: unknown;
}

/** Every object in `root`, itself first, each once. What nobody has looked at yet is not opened. */
export function* parts(root: unknown): Generator<object> {
  const seen = new Set<object>();
  const waiting: unknown[] = [root];
  while (waiting.length) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    yield value;
    for (const each of inside(value)) waiting.push(each);
  }
}

/** Why promises in `root` were rejected. */
export function* reasons(root: unknown): Generator<unknown> {
  for (const part of parts(root)) {
    const { status, reason } = part as Tracked;
    if (part instanceof Promise && status === 'rejected') yield reason;
  }
}

function inside(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value;
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  if (value instanceof Promise) {
    const { status, value: settled } = value as Tracked;
    return status === 'fulfilled' ? [settled] : [];
  }
  return isPlain(value) ? fields(value) : []; // anything else may be the page's own
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function fields(value: object): unknown[] {
  const descriptors = Object.values(Object.getOwnPropertyDescriptors(value));
  return descriptors.filter(each => each.enumerable).map(each => each.value as unknown); // no getter is run
}
