// The source behind a place, from Vite's development server.
// Owns: asking for it, and asking for an editor. Refuses to know: what is shown of it.

import type { Frame } from './report';

const LINES_AROUND = 2;
const VITE = new URL(import.meta.url).origin; // where this very module came from

export interface Line {
  number: number;
  text: string;
  isMeant: boolean;
}

/** The lines around a place; none when the file cannot be had. */
export async function excerptOf({ path, line }: Frame): Promise<Line[]> {
  const response = await fetch(`${VITE}/@fs${encodeURI(path)}`).catch(() => undefined);
  if (!response?.ok || !path.endsWith('.py')) return []; // scripts come compiled
  const lines = (await response.text()).split('\n');
  const first = Math.max(line - 1 - LINES_AROUND, 0);
  return lines
    .slice(first, line + LINES_AROUND)
    .map((text, at) => ({ number: first + at + 1, text, isMeant: first + at + 1 === line }));
}

/** Opens a place in the editor that runs on the developer's machine. */
export async function openInEditor({ path, line, column }: Frame): Promise<void> {
  const place = encodeURIComponent(`${path}:${line}:${column}`);
  await fetch(`${VITE}/__open-in-editor?file=${place}`).catch(() => undefined);
}
