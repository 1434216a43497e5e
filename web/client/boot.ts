// The page: from the rows in the shell to a React root.
// Owns: rendering, and what is shown when there is nothing to render. Refuses to know: what the rows say.

import { createElement, type ReactNode, startTransition, use, useEffect, useState } from 'react';
import { createRoot, type RootOptions } from 'react-dom/client';
import { createFromReadableStream } from 'react-server-dom-webpack/client.browser';
import { callServer } from './call';
import { ActionError, isActionError } from './errors';
import { isNotFound, isRedirect, replaceBy } from './outcomes';
import { onRefresh } from './refresh';
import { documentRows } from './shell';

type Root = PromiseLike<ReactNode>;

function Document({ first }: { first: Root }): ReactNode {
  const [root, setRoot] = useState(first);
  useEffect(() => onRefresh(next => startTransition(() => setRoot(next))), []);
  return use(root);
}

/** Renders the page that the shell carries into `#root`. */
export function boot(options: RootOptions): void {
  const container = document.getElementById('root');
  if (!container) throw new Error('<div id="root"> is missing: this page was not served by Flightwire.');
  const told = {
    ...options,
    onUncaughtError: telling(container, options.onUncaughtError),
    onCaughtError: hearing(options.onCaughtError),
  };
  const first = createFromReadableStream<ReactNode>(rowsFor(container), {
    callServer,
    replayConsoleLogs: false,
  });
  leaveTitleToComponents();
  startTransition(() => createRoot(container, told).render(createElement(Document, { first })));
}

function rowsFor(container: HTMLElement): ReadableStream<Uint8Array> {
  try {
    return documentRows();
  } catch (error) {
    tell(container, error);
    throw error;
  }
}

/** React takes everything off the page after such an error: what is missing is said in its place. */
function telling(container: HTMLElement, next: RootOptions['onUncaughtError']): NonNullable<typeof next> {
  return (error, info) => {
    if (isRedirect(error)) return replaceBy(error);
    tell(container, error);
    if (isNotFound(error)) return;
    if (next) next(error, info);
    else reportError(error);
  };
}

/** What a boundary shows in its place; a not-found page is no error. */
function hearing(next: RootOptions['onCaughtError']): NonNullable<RootOptions['onCaughtError']> {
  return (error, info) => {
    if (isNotFound(error) || isRedirect(error)) return;
    if (next) next(error, info);
    else console.error(error);
  };
}

function tell(container: HTMLElement, error: unknown): void {
  if (isNotFound(error)) container.textContent = 'There is no such page.';
  else if (error instanceof ActionError) container.textContent = error.message;
  else if (isActionError(error)) container.textContent = error.message;
  else if (!import.meta.env.DEV) container.textContent = 'Something went wrong. Reload the page.';
}

/** A `<title>` that a component renders comes after the shell's, which the browser would go on showing. */
function leaveTitleToComponents(): void {
  const ours = document.querySelector('title[data-flightwire]');
  if (!ours) return;
  const observer = new MutationObserver(() => {
    if (!document.head.querySelector('title:not([data-flightwire])')) return;
    ours.remove();
    observer.disconnect();
  });
  observer.observe(document.head, { childList: true });
}
