'use client';

import { type ReactNode, useRef, useState } from 'react';
import { Failure, keepComposing, Waiting } from './parts';
import { type Stoppable, useAnnouncement, useRun } from './run';
import './ui.css';

interface PromptProps {
  title: string;
  /** What stands in the field at first. */
  initial: string;
  label: string;
  button: string;
  onSend: (prompt: string, stoppable: Stoppable) => Promise<void>;
  /** The answer so far. */
  children: ReactNode;
}

/** One prompt and what came of it. */
export function Prompt({ title, initial, label, button, onSend, children }: PromptProps) {
  const [input, setInput] = useState(initial);
  const field = useRef<HTMLInputElement>(null);
  const answer = useRef<HTMLDivElement>(null);
  const { isRunning, failure, run, halt } = useRun();
  const announcement = useAnnouncement(isRunning, failure !== null, answer);

  function send() {
    if (isRunning || input.trim() === '') return;
    field.current?.focus(); // the button goes away
    void run(stoppable => onSend(input.trim(), stoppable));
  }

  function stop() {
    field.current?.focus(); // the button goes away
    halt();
  }

  return (
    <main className="recipe prompt">
      <h1 className="spoken">{title}</h1>
      <form
        className="composer"
        onSubmit={event => {
          event.preventDefault();
          send();
        }}
      >
        <input
          ref={field}
          type="text"
          aria-label={label}
          autoComplete="off"
          enterKeyHint="send"
          dir="auto"
          value={input}
          onChange={event => setInput(event.target.value)}
          onKeyDown={keepComposing}
        />
        {isRunning ? (
          <button key="stop" type="button" className="quiet" onClick={stop}>
            Stop
          </button>
        ) : (
          <button key="send" type="submit" aria-disabled={input.trim() === ''}>
            {button}
          </button>
        )}
      </form>
      <div className="answer" ref={answer} role="log" aria-live="off" aria-label="Answer" aria-busy={isRunning} tabIndex={0}>
        {children}
        {isRunning && <Waiting />}
        {failure !== null && <Failure text={failure} onRetry={() => send()} />}
      </div>
      <p className="spoken" role="status">
        {announcement}
      </p>
    </main>
  );
}
