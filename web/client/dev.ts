// Development only: hot updates, and errors shown on the page.
// Owns: which errors get a panel. Refuses to know: how it looks.

import type { RootOptions } from 'react-dom/client';
import type { ErrorPayload } from 'vite';
import { readConfig } from './config';
import { ActionError } from './errors';
import { hidePanel, showPanel } from './panel';
import { type Report, reportOf, reportOfBuild } from './report';

// Exports that are read by the server: changing them must not cost the page its state.
const SERVER_EXPORTS = ['maxDuration', 'metadata', 'viewport', 'dynamic', 'revalidate', 'runtime'];

let isLeaving = false;
let isUnmounted = false;

/** Starts listening; returns what the React root needs. */
export function startDevelopment(): RootOptions {
  Object.assign(window, { __getReactRefreshIgnoredExports: () => SERVER_EXPORTS });
  addEventListener('pagehide', () => {
    isLeaving = true; // answers that the browser breaks off now are nobody's news
  });
  addEventListener('pageshow', () => {
    isLeaving = false;
  });
  addEventListener('error', event => showServerError(event.error));
  addEventListener('unhandledrejection', event => showServerError(event.reason));
  listenToVite();
  const { error } = readConfig();
  if (error)
    show({ frames: [], hint: 'Correct it and save, then reload the page.', ...error, title: error.name });
  return { onUncaughtError: showRenderError };
}

function showServerError(error: unknown): void {
  if (isFromServer(error)) show(reportOf(error, readConfig().app));
}

function isFromServer(error: unknown): error is Error {
  if (error instanceof ActionError) return true;
  return error instanceof Error && (error as { environmentName?: string }).environmentName === 'Server';
}

function showRenderError(error: unknown, info: { componentStack?: string | undefined }): void {
  console.error(error, info.componentStack ?? '');
  isUnmounted = true;
  if (isMissingModule(error)) return; // Vite reports it, with its place
  show(reportOf(error instanceof Error ? error : new Error(String(error)), readConfig().app));
}

// Chromium, Firefox and Safari in this order; the specification leaves the sentence open.
const MODULE_FAILURE =
  /dynamically imported module|error loading dynamically|Importing a module script failed/i;

function isMissingModule(error: unknown): boolean {
  return error instanceof TypeError && MODULE_FAILURE.test(error.message);
}

function listenToVite(): void {
  import.meta.hot?.on('vite:error', ({ err }: { err: ErrorPayload['err'] }) => {
    show(reportOfBuild(err, readConfig().app));
  });
  import.meta.hot?.on('vite:beforeUpdate', () => {
    if (isUnmounted) location.reload(); // no component is left that could take the update
    hidePanel();
  });
}

function show(report: Report): void {
  if (!isLeaving) showPanel(report);
}
