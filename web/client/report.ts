// An error, told in the few lines that help.
// Owns: finding the app's own Python frames and a hint. Refuses to know: where it is shown.

import { ActionError, traceOf } from './errors';

/** A place in the app's own code. */
export interface Frame {
  /** The function, as Python names it; may be empty. */
  name: string;
  /** The file without the app's folder: `actions.py`. */
  file: string;
  /** The whole path. */
  path: string;
  line: number;
  column: number;
}

export interface Report {
  /** What was being done: "Action continueConversation", "Rendering". */
  where: string;
  title: string;
  message: string;
  /** Innermost first. */
  frames: Frame[];
  hint: string;
  /** The same failure has the same one, however it comes here. */
  digest?: string | undefined;
}

/** A failure as the server tells of it outside of answers. */
export interface ServerFailure {
  name: string;
  message: string;
  /** Function, path, line, column. */
  frames?: [string, string, number, number][];
  hint?: string;
  digest?: string;
  action?: string;
  job?: string;
}

// `at name (file:///srv/app/actions.py:12:3)` in Chromium, `name@file:///srv/app/actions.py:12:3` elsewhere.
const PYTHON_FRAME =
  /^\s*(?:at )?(?:async )?(.*?)(?: \(|@)(?:file:\/\/|about:\/\/React\/Server\/(?:file:\/\/)?)?(.+?\.py)(?:\?\d+)?:(\d+)(?::(\d+))?\)?$/;

const KIND_HINTS: Record<ActionError['kind'], string> = {
  refused: 'The action did not run. Call it with what it takes, or change what it takes.',
  unreachable: 'See the terminal where the server was started, and start it again if it has stopped.',
  lost: 'See the terminal for what ended it. What had arrived is still on the page.',
};

const SILENCE_HINT =
  'If the server stands at a breakpoint, or an action computes for long without an await, configure({ silenceTimeoutMs: 0 }) waits for it.';

/** What the page shows of an error that nobody caught. */
export function reportOf(error: Error, app?: string, doing?: string): Report {
  const { digest } = error as { digest?: string };
  const { action, place, kindOfRefusal } = traceOf(error);
  const frames = pythonFrames(place ?? error.stack ?? '', app);
  const where = action ? `Action ${action}` : (doing ?? 'The page');
  return {
    where,
    title: kindOfRefusal ?? error.name,
    message: error.message,
    frames,
    hint: hintOf(error, frames),
    digest,
  };
}

/** The same for a failure that no answer has brought. */
export function reportOfFailure(failure: ServerFailure, app?: string): Report {
  const { action, job, digest } = failure;
  const frames = (failure.frames ?? []).map(([name, path, line, column]) => ({
    name,
    path,
    file: shortened(path, app),
    line,
    column,
  }));
  const who = action?.endsWith('.py') ? action : `Action ${action}`;
  return {
    where: action ? `${who}, background work ${job}` : 'Python',
    title: failure.name,
    message: failure.message,
    frames,
    hint: failure.hint ?? hintFor(frames, digest),
    digest,
  };
}

/** The same for a module that does not compile. */
export function reportOfBuild(
  error: {
    message: string;
    id?: string;
    frame?: string;
    loc?: { file?: string; line: number; column?: number };
  },
  app?: string,
): Report {
  const [message = '', ...rest] = plain(error.message).replace(HEADING, '').split('\n');
  const path = error.loc?.file ?? error.id;
  const frame = plain(error.frame ?? rest.join('\n')).trim();
  const { line = 0, column = 0 } = error.loc ?? {};
  return {
    where: 'Building',
    title: 'This page cannot be built',
    message: frame ? `${message}\n\n${frame}` : message,
    frames: path && error.loc ? [{ name: '', path, file: shortened(path, app), line, column }] : [],
    hint: 'Correct it and save: the page follows by itself.',
  };
}

/** The app's own frames; every Python frame when none of them is the app's. */
export function pythonFrames(stack: string, app?: string): Frame[] {
  const frames = stack.split('\n').flatMap(line => {
    const match = PYTHON_FRAME.exec(line);
    if (!match) return [];
    const path = decode(match[2] ?? '');
    const [at, column] = [Number(match[3]), Number(match[4] ?? 1)];
    return [{ name: match[1] ?? '', path, file: shortened(path, app), line: at, column }];
  });
  const own = app ? frames.filter(({ path }) => path.startsWith(`${app}/`)) : [];
  return own.length ? own : frames;
}

/** `actions.py:12`. */
export const placeOf = ({ file, line }: Frame): string => `${file}:${line}`;

const HEADING = /^(Build|Transform) failed with \d+ errors?:\s*/;

function hintOf(error: Error, frames: Frame[]): string {
  if (error instanceof ActionError && error.silentForMs !== undefined) return SILENCE_HINT;
  if (error instanceof ActionError) return KIND_HINTS[error.kind];
  return hintFor(frames, (error as { digest?: string }).digest);
}

function hintFor(frames: Frame[], digest?: string): string {
  const log = digest ? ` The terminal has the whole story under ${digest}.` : '';
  if (frames[0]) return `Correct ${placeOf(frames[0])} and try again; the page keeps its state.${log}`;
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
