// The page: from the rows in the shell to a React root.
// Owns: rendering and what happens to errors nobody caught. Refuses to know: what the rows say.

import { createElement, type ReactNode, startTransition, use } from 'react';
import { createRoot, type RootOptions } from 'react-dom/client';
import { createFromReadableStream } from 'react-server-dom-webpack/client.browser';
import { callServer } from './call';
import { readRows } from './config';
import { textStream } from './rows';

function Page({ root }: { root: PromiseLike<ReactNode> }): ReactNode {
  return use(root);
}

/** Renders the page that the shell carries into `#root`. */
export function boot(options: RootOptions): void {
  const container = document.getElementById('root');
  if (!container) throw new Error('<div id="root"> is missing: this page was not served by Flightwire.');
  const root = createFromReadableStream<ReactNode>(textStream(readRows()), {
    callServer,
    replayConsoleLogs: false,
  });
  startTransition(() => createRoot(container, options).render(createElement(Page, { root })));
}
