// Development only: hot updates, and errors shown on the page.
// Owns: which errors get a panel. Refuses to know: how it looks.

import type { RootOptions } from 'react-dom/client';
import type { ErrorPayload } from 'vite';
import { readConfig } from './config';
import { ActionError } from './errors';
import { hidePanel, showPanel } from './panel';
import { refresh } from './refresh';
import { type Report, reportOf, reportOfBuild, reportOfFailure, type ServerFailure } from './report';
import { ErrorBoundary, retryFailed } from './tree';

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
  listenToPython();
  const { app, error } = readConfig();
  if (error) show(reportOfFailure(error, app));
  return { onUncaughtError: showUncaught, onCaughtError: showCaught };
}

function showServerError(error: unknown): void {
  if (isFromServer(error)) show(reportOf(error, readConfig().app));
}

function isFromServer(error: unknown): error is Error {
  if (error instanceof ActionError) return true;
  return error instanceof Error && (error as { environmentName?: string }).environmentName === 'Server';
}

function showUncaught(error: unknown, info: ErrorInfo): void {
  isUnmounted = true;
  showRenderError(error, info);
}

/** An error.tsx shows the page's user something; its developer wants to know why. A boundary of the app's own knows what it does. */
function showCaught(error: unknown, info: ErrorInfo & { errorBoundary?: unknown }): void {
  if (info.errorBoundary instanceof ErrorBoundary) showRenderError(error, info);
  else console.error(error, info.componentStack ?? '');
}

function showRenderError(error: unknown, info: ErrorInfo): void {
  console.error(error, info.componentStack ?? '');
  if (isMissingModule(error)) return; // Vite reports it, with its place
  const component = /^\s*at (\w+)/m.exec(info.componentStack ?? '')?.[1];
  const doing = isFromServer(error) || !component ? 'Rendering' : `Rendering <${component}>`;
  show(reportOf(error instanceof Error ? error : new Error(String(error)), readConfig().app, doing));
}

type ErrorInfo = { componentStack?: string | undefined };

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
  import.meta.hot?.on('vite:afterUpdate', retryFailed);
}

/** The Python side says what no answer does: files were saved, work in the background has failed. */
function listenToPython(): void {
  const { app, isPython } = readConfig();
  import.meta.hot?.on('flightwire:failure', (failure: ServerFailure) => show(reportOfFailure(failure, app)));
  import.meta.hot?.on('flightwire:app', ({ error }: { error: ServerFailure | null }) => {
    if (error) return show(reportOfFailure(error, app));
    hidePanel();
    if (isUnmounted) location.reload();
    else if (isPython) void refresh(); // the components keep their state
    return undefined;
  });
}

function show(report: Report): void {
  if (!isLeaving) showPanel(report);
}
