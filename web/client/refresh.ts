// Asking the server for the page's tree again.
// Owns: the request, and putting the new tree in the place of the old one, which keeps the state of its components. Refuses to know: when.

import type { ReactNode } from 'react';
import { createFromReadableStream } from 'react-server-dom-webpack/client.browser';
import { callServer } from './call';

const FLIGHT = 'text/x-component';

type Show = (root: PromiseLike<ReactNode>) => void;

let show: Show | undefined;

/** Says who shows trees. */
export function onRefresh(shower: Show): void {
  show = shower;
}

/** Shows what the server makes of this address now; loads the document anew when that is no tree. */
export async function refresh(): Promise<void> {
  const response = await fetch(location.href, { headers: { accept: FLIGHT } }).catch(() => undefined);
  const isTree = response?.headers.get('content-type')?.startsWith(FLIGHT) && !response.redirected;
  if (!response?.body || !isTree || !show) {
    location.reload();
    return;
  }
  show(createFromReadableStream<ReactNode>(response.body, { callServer, replayConsoleLogs: false }));
}
