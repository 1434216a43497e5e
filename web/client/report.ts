// An error, told in the few lines that help.
// Owns: finding the app's own Python frames and a hint. Refuses to know: where it is shown.

import { ActionError } from './errors';

export interface Report {
  title: string;
  message: string;
  /** `actions.py:12 continue_conversation`, innermost first. */
  frames: string[];
  hint: string;
}

// `at name (file:///srv/app/actions.py:12:3)` in Chromium, `name@file:///srv/app/actions.py:12:3` elsewhere.
const PYTHON_FRAME =
  /^\s*(?:at )?(?:async )?(.*?)(?: \(|@)(?:file:\/\/|about:\/\/React\/Server\/(?:file:\/\/)?)?(.+?\.py)(?:\?\d+)?:(\d+)(?::\d+)?\)?$/;

const KIND_HINTS: Record<ActionError['kind'], string> = {
  refused: 'The action did not run.',
  unreachable: 'See the terminal where the server was started, and start it again if it has stopped.',
  lost: 'See the terminal for what ended it. What had arrived is still on the page.',
};

/** What the page shows of an error that nobody caught. */
export function reportOf(error: Error, app?: string): Report {
  const frames = pythonFrames(error.stack ?? '', app);
  return { title: error.name, message: error.message, frames, hint: hintOf(error, frames) };
}

/** The same for a module that does not compile. */
export function reportOfBuild(
  error: { message: string; id?: string; frame?: string; loc?: { file?: string; line: number } },
  app?: string,
): Report {
  const [message = '', ...rest] = plain(error.message).replace(HEADING, '').split('\n');
  const file = error.loc?.file ?? error.id;
  const frame = plain(error.frame ?? rest.join('\n')).trim();
  return {
    title: 'This page cannot be built',
    message: frame ? `${message}\n\n${frame}` : message,
    frames: file && error.loc ? [`${shortened(file, app)}:${error.loc.line}`] : [],
    hint: 'Correct it and save: the page follows by itself.',
  };
}

/** The app's own frames; every Python frame when none of them is the app's. */
export function pythonFrames(stack: string, app?: string): string[] {
  const frames = stack.split('\n').flatMap(line => {
    const match = PYTHON_FRAME.exec(line);
    return match ? [{ name: match[1] ?? '', file: decode(match[2] ?? ''), line: match[3] ?? '' }] : [];
  });
  const own = app ? frames.filter(({ file }) => file.startsWith(`${app}/`)) : [];
  return (own.length ? own : frames).map(({ name, file, line }) =>
    `${shortened(file, app)}:${line} ${name}`.trim(),
  );
}

const HEADING = /^(Build|Transform) failed with \d+ errors?:\s*/;

function hintOf(error: Error, frames: string[]): string {
  if (error instanceof ActionError) return KIND_HINTS[error.kind];
  const { digest } = error as { digest?: string };
  const log = digest ? ` The terminal has the whole story under ${digest}.` : '';
  if (frames[0]) return `Correct ${frames[0].split(' ')[0]} and try again; the page keeps its state.${log}`;
  return `Correct the component and save.${log}`;
}

function shortened(file: string, app?: string): string {
  const path = file.split('?')[0] ?? file;
  return app && path.startsWith(`${app}/`) ? path.slice(app.length + 1) : path;
}

function decode(file: string): string {
  try {
    return decodeURI(file);
  } catch {
    return file;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours begin with the escape character
const COLOURS = /\u001b\[[\d;]*m/g;

function plain(text: string): string {
  return text.replace(COLOURS, '');
}
