'use client';

import { memo, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Boundary, Failure, keepComposing, Waiting } from './parts';
import { type Stoppable, useAnnouncement, useRun } from './run';
import './ui.css';

interface ShownMessage {
  id?: string;
  role: string;
  content?: string;
  display?: ReactNode;
}

interface Turn<Message, Tool> {
  /** What was said before this question. */
  before: Message[];
  /** The tool that somebody chose for the model. */
  tool?: Tool;
  stoppable: Stoppable;
}

interface ChatProps<Message, Tool> {
  title: string;
  messages: Message[];
  /** Answers a question; the chat is busy until everything of the answer is there. */
  onSend: (input: string, turn: Turn<Message, Tool>) => Promise<void>;
  suggestions: string[];
  /** Tools that one can choose oneself, each with a question for it. */
  tools?: Record<string & Tool, string>;
  /** Stands under the conversation. */
  children?: ReactNode;
}

/** A conversation and a field to go on with it. */
export function Chat<Message extends ShownMessage, Tool extends string = never>({
  title,
  messages,
  onSend,
  suggestions,
  tools,
  children,
}: ChatProps<Message, Tool>) {
  const [input, setInput] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const last = useRef<{ input: string; before: Message[]; tool?: Tool }>(null);
  const answers = useRef<HTMLDivElement>(null);
  const { isRunning, failure, run, halt } = useRun();
  const announcement = useAnnouncement(isRunning, failure !== null, answers);

  useEffect(() => {
    if (window.parent === window) field.current?.focus(); // a frame takes nothing away from the page around it
  }, []);

  function send(turn: { input: string; before: Message[]; tool?: Tool }) {
    last.current = turn;
    field.current?.focus();
    void run(stoppable => onSend(turn.input, { ...turn, stoppable }));
  }

  function ask(question: string, tool?: Tool) {
    if (isRunning || question.trim() === '') return;
    setInput('');
    send({ input: question.trim(), before: messages, tool });
  }

  function stop() {
    field.current?.focus(); // the button goes away
    halt();
  }

  const isWaiting = isRunning && messages.at(-1)?.role === 'user';

  return (
    <main className="recipe chat">
      <h1 className="spoken">{title}</h1>
      <Log newest={messages.at(-1)?.role}>
        <div className="messages" aria-busy={isRunning} ref={answers}>
          {messages.map((message, index) => (
            <Bubble key={message.id ?? index} role={message.role}>
              {message.display ?? message.content}
            </Bubble>
          ))}
          {isWaiting && <Waiting />}
          {messages.length === 0 && (
            <Suggestions questions={suggestions} onPick={question => ask(question)} />
          )}
          {failure !== null && (
            <Failure text={failure} onRetry={() => last.current && send(last.current)} />
          )}
        </div>
      </Log>

      {children}
      {tools && (
        <div className="tools" role="group" aria-label="Choose the tool yourself">
          <span>A small model may pick the wrong tool, or none. Choose it yourself:</span>
          {(Object.entries(tools) as [Tool, string][]).map(([tool, question]) => (
            <button
              key={tool}
              type="button"
              className="quiet"
              aria-disabled={isRunning}
              onClick={() => ask(input.trim() || question, tool)}
            >
              <code>{tool}</code>
            </button>
          ))}
        </div>
      )}

      <form
        className="composer"
        onSubmit={event => {
          event.preventDefault();
          ask(input);
        }}
      >
        <input
          ref={field}
          type="text"
          aria-label="Your message"
          placeholder="Ask something"
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
            Send Message
          </button>
        )}
      </form>

      <p className="spoken" role="status">
        {announcement}
      </p>
    </main>
  );
}

function Suggestions({ questions, onPick }: { questions: string[]; onPick: (question: string) => void }) {
  return (
    <ul className="suggestions" aria-label="Suggestions">
      {questions.map(question => (
        <li key={question}>
          <button type="button" className="quiet" onClick={() => onPick(question)}>
            {question}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Follows the newest line unless the reader has scrolled up. */
function Log({ newest, children }: { newest?: string; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const lastTop = useRef(0);

  useLayoutEffect(() => {
    const log = box.current;
    const content = log?.firstElementChild;
    if (!log || !content) return;
    const follow = () => {
      if (follows.current) log.scrollTop = log.scrollHeight;
    };
    const observer = new ResizeObserver(follow); // streamed interfaces grow without rendering this component
    observer.observe(content);
    observer.observe(log);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (newest === 'user') follows.current = true;
  }, [newest]);

  function onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    // What has grown meanwhile is no reason to stop: only somebody who goes up.
    if (scrollHeight - scrollTop - clientHeight < 48) follows.current = true;
    else if (scrollTop < lastTop.current) follows.current = false;
    lastTop.current = scrollTop;
  }

  return (
    // The status line speaks once per answer; a live log would speak every token.
    <div
      className="log"
      ref={box}
      role="log"
      aria-live="off"
      aria-label="Conversation"
      tabIndex={0}
      onScroll={onScroll}
    >
      {children}
    </div>
  );
}

const Bubble = memo(function Bubble({ role, children }: { role: string; children: ReactNode }) {
  const isMine = role === 'user';
  return (
    <div className={`message ${isMine ? 'user' : 'assistant'}`}>
      <span className="spoken">{isMine ? 'You: ' : 'Assistant: '}</span>
      <div dir="auto">
        <Boundary>{children}</Boundary>
      </div>
    </div>
  );
});
