import { type RefObject, useEffect, useRef, useState } from 'react';
import { describeError, ended, isAbortError, stop } from '@flightwire/client';

/** Remembers what an action returned, so that Stop can end the work behind it; gives it back. */
export type Stoppable = <T>(value: T) => T;

/** One piece of work at a time: whether it is going on, why it failed, and a way to stop it. */
export function useRun() {
  const [isRunning, setIsRunning] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const returned = useRef<unknown>(null);

  async function run(work: (stoppable: Stoppable) => Promise<void>): Promise<void> {
    returned.current = null;
    setIsRunning(true);
    setFailure(null);
    try {
      await work(value => {
        returned.current = value;
        return value;
      });
      if (returned.current) await ended(returned.current); // what was returned may go on changing
    } catch (error) {
      if (!isAbortError(error)) setFailure(describeError(error));
    } finally {
      setIsRunning(false);
    }
  }

  function halt() {
    if (returned.current) void stop(returned.current);
  }

  return { isRunning, failure, run, halt };
}

/** What a screen reader is told of an answer: that it begins, and all of it once; not each token. */
export function useAnnouncement(
  isRunning: boolean,
  isFailed: boolean,
  answer: RefObject<HTMLElement | null>,
): string {
  const [announcement, setAnnouncement] = useState('');
  const hasRun = useRef(false);

  useEffect(() => {
    if (isRunning) setAnnouncement('The assistant is answering.');
    else if (isFailed) setAnnouncement(''); // an alert says why
    else if (hasRun.current) setAnnouncement(`The assistant answered: ${textOf(answer.current)}`);
    hasRun.current = isRunning;
  }, [isRunning, isFailed, answer]);

  return announcement;
}

function textOf(answer: HTMLElement | null): string {
  const messages = answer?.querySelectorAll<HTMLElement>('.message.assistant > div') ?? [];
  return ([...messages].at(-1) ?? answer)?.innerText.trim() ?? '';
}
