// What stub modules of Python files are made of.
// Owns: turning an action's id into a function. Refuses to know: which actions there are.

import { createServerReference } from 'react-server-dom-webpack/client.browser';
import { callServer } from './call';
import { ActionError } from './errors';

type ServerFunction = (...args: unknown[]) => Promise<unknown>;

export function serverReference(id: string, name: string): ServerFunction {
  return createServerReference(id, callServer, undefined, undefined, name);
}

/** Stands for an export that the Python file does not have, so that one wrong name does not take the page down. */
export function missingAction(letter: string): ServerFunction {
  return async () => {
    throw new ActionError('refused', letter);
  };
}
