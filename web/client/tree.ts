// The parts of a page's tree that the server's code does not write.
// Owns: how params reach a page, and what error.tsx and not-found.tsx catch. Refuses to know: which files there are.

import { Component, type ComponentType, createElement, type ReactNode } from 'react';
import { isNotFound, isRedirect } from './outcomes';
import { refresh } from './refresh';

type Params = Record<string, string | string[]>;

export interface PageProps {
  params: Params;
  searchParams: Params;
}

/** A page.tsx with what its address says. */
export function Page({
  component,
  params,
  searchParams,
}: PageProps & { component: ComponentType<PageProps> }): ReactNode {
  return createElement(component, { params: awaitable(params), searchParams: awaitable(searchParams) });
}

const known = new WeakMap<Params, Params>();
// What promises have, or React writes on them: these names can only be read from the resolved value.
const OF_PROMISES = new Set(['then', 'catch', 'finally', 'status', 'value', 'reason', 'constructor']);

/** The params, to read at once (Next.js up to 14) or to `await` and `use` (from 15 on). */
function awaitable(params: Params): Params {
  let made = known.get(params);
  if (!made) {
    const promise = Object.assign(Promise.resolve(params), { status: 'fulfilled', value: params });
    const own = Object.entries(params).filter(([name]) => !OF_PROMISES.has(name));
    made = Object.assign(promise, Object.fromEntries(own)) as unknown as Params;
    known.set(params, made);
  }
  return made;
}

interface Caught {
  error: unknown;
  isCaught: boolean;
}

const failed = new Set<ErrorBoundary>();

/** What is around everything below an error.tsx; `component` is its export. */
export class ErrorBoundary extends Component<
  { component: ComponentType<{ error: unknown; reset: () => void }>; children?: ReactNode },
  Caught
> {
  override state: Caught = { error: undefined, isCaught: false };

  static getDerivedStateFromError(error: unknown): Caught {
    return { error, isCaught: true };
  }

  override componentDidCatch(): void {
    failed.add(this);
  }

  override componentDidUpdate(before: { children?: ReactNode }): void {
    if (this.state.isCaught && before.children !== this.props.children) this.clear(); // another tree has come
  }

  override componentWillUnmount(): void {
    failed.delete(this);
  }

  clear = (): void => {
    failed.delete(this);
    this.setState({ error: undefined, isCaught: false });
  };

  /** Tries again: what failed on the server is asked for again. */
  reset = (): void => {
    const isFromServer = typeof (this.state.error as { digest?: unknown } | null)?.digest === 'string';
    if (isFromServer) void refresh();
    else this.clear();
  };

  override render(): ReactNode {
    const { error, isCaught } = this.state;
    if (!isCaught) return this.props.children;
    if (isRedirect(error) || isNotFound(error)) throw error; // not failures: they belong to what is around
    return createElement(this.props.component, { error, reset: this.reset });
  }
}

/** Lets every error.tsx that is shown try again, when code has changed. */
export function retryFailed(): void {
  for (const boundary of failed) boundary.clear();
}

/** What is around everything beside a not-found.tsx. */
export class NotFoundBoundary extends Component<{ fallback?: ReactNode; children?: ReactNode }, Caught> {
  override state: Caught = { error: undefined, isCaught: false };

  static getDerivedStateFromError(error: unknown): Caught {
    return { error, isCaught: true };
  }

  override componentDidUpdate(before: { children?: ReactNode }): void {
    if (this.state.isCaught && before.children !== this.props.children)
      this.setState({ error: undefined, isCaught: false });
  }

  override render(): ReactNode {
    const { error, isCaught } = this.state;
    if (!isCaught) return this.props.children;
    if (!isNotFound(error)) throw error;
    return this.props.fallback;
  }
}
