/** Light or dark: what the system says, until somebody presses the button. */
export type Theme = 'light' | 'dark';

const KEY = 'flightwire-gallery-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<(theme: Theme) => void>();

export function currentTheme(): Theme {
  return chosenTheme() ?? (system.matches ? 'dark' : 'light');
}

export function toggleTheme(): void {
  localStorage.setItem(KEY, currentTheme() === 'dark' ? 'light' : 'dark');
  changed();
}

/** Tells of every change; gives what ends that. */
export function onTheme(listener: (theme: Theme) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Has a document, this one or a frame's, follow the choice. */
export function applyTheme(page: Document): void {
  const chosen = chosenTheme();
  if (chosen) page.documentElement.dataset.theme = chosen;
  else delete page.documentElement.dataset.theme;
}

function chosenTheme(): Theme | undefined {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : undefined;
}

function changed(): void {
  applyTheme(document);
  for (const listener of listeners) listener(currentTheme());
}

applyTheme(document);
system.addEventListener('change', changed);
addEventListener('storage', changed); // another tab
