// A part of the page that the server goes on changing.
// Owns: the tree as it is now, edits, and when React hears of them. Refuses to know: how edits travel, and what they mean.

import {
  createElement,
  Fragment,
  isValidElement,
  type ReactNode,
  Suspense,
  startTransition,
  useEffect,
  useState,
} from 'react';
import { flushSync } from 'react-dom';
import { isOwnAbort } from './errors';

type Path = readonly (string | number)[];

/** One change of a tree; src/flightwire/rsc/ui_changes.py has the same table. */
export type Edit =
  | readonly [kind: 0, path: Path, node: unknown]
  | readonly [kind: 1, path: Path, text: string]
  | readonly [kind: 2, path: Path]
  | readonly [kind: 3, path: Path, at: number, removed: number, ...nodes: unknown[]];

/** A streamable value of `@ai-sdk/rsc`, as it comes over the wire. */
interface Row {
  curr?: readonly Edit[];
  error?: unknown;
  next?: Row | PromiseLike<Row>;
}

interface State {
  readonly parts: readonly unknown[];
  readonly failure?: { readonly error: unknown };
}

const SLICE_MS = 12; // how long edits may keep the browser from painting

/** One tree in the making. It is read once, however often its component is mounted. */
class Streamed {
  state: State;
  readonly #listeners = new Set<(state: State) => void>();
  #waiting: unknown[] = [];
  #isRead = false;

  constructor(initial: readonly unknown[]) {
    this.state = { parts: initial };
  }

  /** Begins to read, once. */
  read(edits: Row): void {
    if (this.#isRead) return;
    this.#isRead = true;
    void this.#follow(edits);
  }

  subscribe(listener: (state: State) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #follow(first: Row): Promise<void> {
    let painted = performance.now();
    try {
      for (let row: Row | undefined = first; row; row = await row.next) {
        if ('error' in row) return this.#fail(row.error);
        if (!row.curr) continue;
        for (const edit of row.curr) this.#take(edit);
        this.#show();
        if (performance.now() - painted < SLICE_MS) continue;
        await breath();
        painted = performance.now();
      }
    } catch (error) {
      if (!isOwnAbort(error)) this.#fail(error); // it would take off the page what is shown
    }
  }

  #fail(error: unknown): void {
    this.state = { ...this.state, failure: { error } };
    this.#show();
  }

  #take(edit: Edit): void {
    const [kind, path, ...rest] = edit;
    if (kind === 0) this.#waiting.push(...unfinished(rest[0]));
    if (kind === 3) this.#waiting.push(...rest.slice(2).flatMap(node => [...unfinished(node)]));
    this.state = { ...this.state, parts: edited(this.state.parts, path, 0, edit) as readonly unknown[] };
  }

  /** Each state is shown by itself. What waits for something is shown when it can be: what is there stays until then. */
  #show(): void {
    const { state } = this;
    this.#waiting = this.#waiting.filter(isUnfinished);
    const tell = () => {
      for (const listener of this.#listeners) listener(state);
    };
    if (this.#waiting.length > 0) startTransition(tell);
    else flushSync(tell);
  }
}

const all = new WeakMap<object, Streamed>();

/** Shows a tree that goes on changing. */
export function StreamedUI({ initial, edits }: { initial: readonly unknown[]; edits: object }): ReactNode {
  let streamed = all.get(edits);
  if (!streamed) {
    streamed = new Streamed(initial);
    all.set(edits, streamed);
  }
  return createElement(Suspense, { fallback: null }, createElement(Shown, { streamed, edits }));
}

function Shown({ streamed, edits }: { streamed: Streamed; edits: object }): ReactNode {
  const [state, setState] = useState(streamed.state);
  useEffect(() => {
    const leave = streamed.subscribe(setState);
    setState(streamed.state); // what came between rendering and now
    streamed.read(edits as Row);
    return leave;
  }, [streamed, edits]);
  if (state.failure) throw state.failure.error;
  return createElement(Fragment, null, ...(state.parts as ReactNode[]));
}

/** The node with the edit made at `path`, from its place `depth` on; everything beside the path is kept as it is. */
function edited(node: unknown, path: Path, depth: number, edit: Edit): unknown {
  const step = path[depth];
  if (step === undefined) return atThePlace(node, edit);
  if (Array.isArray(node))
    return node.with(step as number, edited(node[step as number], path, depth + 1, edit));
  const isElement = isValidElement(node);
  const before = (isElement ? node.props : node) as Record<string, unknown>;
  const { [step]: value, ...others } = before;
  const isDropped = edit[0] === 2 && depth === path.length - 1;
  const after = isDropped ? others : { ...before, [step]: edited(value, path, depth + 1, edit) };
  return isElement ? withProps(node, after) : after;
}

function atThePlace(node: unknown, edit: Edit): unknown {
  switch (edit[0]) {
    case 0:
      return edit[2];
    case 1:
      return `${node}${edit[2]}`;
    case 3: {
      const [, , at, removed, ...nodes] = edit;
      return (node as unknown[]).toSpliced(at, removed, ...nodes);
    }
    default:
      return node;
  }
}

function withProps(element: { type: unknown; key: string | null }, props: Record<string, unknown>): unknown {
  const key = element.key === null ? {} : { key: element.key };
  const made = createElement(element.type as string, { ...props, ...key });
  // React's development build would ask for keys again, of children that the server has checked.
  const store = (made as { _store?: { validated: number } })._store;
  if (store) store.validated = 1;
  return made;
}

const LAZY = Symbol.for('react.lazy');

/** What in a node has not come yet. */
function* unfinished(node: unknown): Generator<unknown> {
  if (typeof node !== 'object' || node === null) return;
  if (Array.isArray(node)) {
    for (const each of node) yield* unfinished(each);
  } else if (isValidElement(node)) {
    yield* unfinished((node.props as { children?: unknown }).children);
  } else if (isUnfinished(node)) {
    yield node;
  }
}

/** Whether a lazy node or a promise of Flight is still waited for (react-server-dom-webpack 19.0 to 19.3, `ReactPromise`). */
function isUnfinished(node: unknown): boolean {
  const { $$typeof, _payload } = node as { $$typeof?: symbol; _payload?: unknown };
  const chunk = ($$typeof === LAZY ? _payload : node) as { status?: string; then?: unknown };
  return typeof chunk?.then === 'function' && (chunk.status === 'pending' || chunk.status === 'blocked');
}

/** Lets the browser paint; timers would wait longer, and in a hidden tab for a second. */
function breath(): Promise<void> {
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
