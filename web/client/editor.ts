// The source behind a place: lines from the server, an editor from Vite.
// Owns: asking for it, and asking for an editor. Refuses to know: what is shown of it.

import { readConfig } from './config';
import type { Frame } from './report';

const VITE = new URL(import.meta.url).origin; // where this very module came from

export interface Line {
  number: number;
  text: string;
  isMeant: boolean;
}

/** The lines around a place that the server told of; none when it did not, or of a script, which comes compiled. */
export async function excerptOf({ path, line }: Frame): Promise<Line[]> {
  if (!path.endsWith('.py')) return [];
  const query = new URLSearchParams({ path, line: String(line) });
  const response = await fetch(`${readConfig().root}/_flightwire/source?${query}`).catch(() => undefined);
  return response?.ok ? ((await response.json()) as Line[]) : [];
}

/** Opens a place in the editor that runs on the developer's machine. */
export async function openInEditor({ path, line, column }: Frame): Promise<void> {
  const place = encodeURIComponent(`${path}:${line}:${column}`);
  await fetch(`${VITE}/__open-in-editor?file=${place}`).catch(() => undefined);
}
