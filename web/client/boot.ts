// The page: from the rows in the shell to a React root.
// Owns: rendering, and what is shown when there is nothing to render. Refuses to know: what the rows say.

import { createElement, type ReactNode, startTransition, use } from 'react';
import { createRoot, type RootOptions } from 'react-dom/client';
import { createFromReadableStream } from 'react-server-dom-webpack/client.browser';
import { callServer } from './call';
import { readRows } from './config';
import { ActionError } from './errors';
import { textStream } from './rows';

function Page({ root }: { root: PromiseLike<ReactNode> }): ReactNode {
  return use(root);
}

/** Renders the page that the shell carries into `#root`. */
export function boot(options: RootOptions): void {
  const container = document.getElementById('root');
  if (!container) throw new Error('<div id="root"> is missing: this page was not served by Flightwire.');
  const told = { ...options, onUncaughtError: telling(container, options.onUncaughtError) };
  const root = createFromReadableStream<ReactNode>(textStream(rowsFor(container)), {
    callServer,
    replayConsoleLogs: false,
  });
  startTransition(() => createRoot(container, told).render(createElement(Page, { root })));
}

function rowsFor(container: HTMLElement): string {
  try {
    return readRows();
  } catch (error) {
    tell(container, error);
    throw error;
  }
}

/** React takes everything off the page after such an error: what is missing is said in its place. */
function telling(container: HTMLElement, next: RootOptions['onUncaughtError']): NonNullable<typeof next> {
  return (error, info) => {
    tell(container, error);
    if (next) next(error, info);
    else reportError(error);
  };
}

function tell(container: HTMLElement, error: unknown): void {
  if (error instanceof ActionError && error.kind === 'lost') container.textContent = error.message;
}
