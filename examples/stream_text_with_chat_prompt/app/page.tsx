'use client';

import { memo, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { FormEvent, KeyboardEvent, ReactNode } from 'react';
import { Message, continueConversation } from './actions';
import { readStreamableValue } from '@ai-sdk/rsc';
import { describeError, isAbortError, stop } from '@flightwire/client';
import './page.css';

// Allow streaming responses up to 2 minutes: the local model may run on a slow machine
export const maxDuration = 120;

const SUGGESTIONS = ['Why is the sky blue?', 'Tell me a joke about surfers.', 'How do I make good coffee?'];

export default function Home() {
  const [conversation, setConversation] = useState<Message[]>([]);
  const [input, setInput] = useState<string>('');
  const [isAnswering, setIsAnswering] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [announcement, setAnnouncement] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const call = useRef<ReturnType<typeof continueConversation>>(null);

  useEffect(() => field.current?.focus(), []);

  async function send(history: Message[]) {
    setConversation(history);
    setIsAnswering(true);
    setFailure(null);
    setAnnouncement('The assistant is answering.');
    try {
      call.current = continueConversation(history);
      const { messages, newMessage } = await call.current;

      let textContent = '';

      for await (const delta of readStreamableValue(newMessage)) {
        textContent = `${textContent}${delta}`;

        setConversation([
          ...messages,
          { role: 'assistant', content: textContent },
        ]);
      }
      setAnnouncement(`The assistant answered: ${textContent}`);
    } catch (error) {
      // What was shown so far stays; the same question can be asked again.
      if (!isAbortError(error)) setFailure(describeError(error));
      setAnnouncement('');
    } finally {
      setIsAnswering(false);
    }
  }

  function ask(question: string) {
    if (isAnswering || question.trim() === '') return;
    setInput('');
    field.current?.focus();
    void send([...conversation, { role: 'user', content: question }]);
  }

  function askAgain() {
    field.current?.focus();
    void send(conversation.slice(0, conversation.findLastIndex(message => message.role === 'user') + 1));
  }

  function stopAnswering() {
    field.current?.focus();
    if (call.current) void stop(call.current); // the loop above ends, with what has come
  }

  return (
    <main className="chat">
      <Conversation messages={conversation} isAnswering={isAnswering}>
        {conversation.length === 0 && <Welcome onPick={ask} />}
        {failure !== null && (
          <div className="failure" role="alert">
            <p>{failure}</p>
            <button type="button" onClick={askAgain}>
              Try again
            </button>
          </div>
        )}
      </Conversation>

      <form
        className="composer"
        onSubmit={(event: FormEvent) => {
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
          onChange={event => {
            setInput(event.target.value);
          }}
          onKeyDown={keepComposing}
        />
        {isAnswering && (
          <button type="button" className="stop" onClick={stopAnswering}>
            Stop
          </button>
        )}
        <button type="submit" aria-disabled={isAnswering || input.trim() === ''}>
          Send Message
        </button>
      </form>

      <p className="spoken" role="status">
        {announcement}
      </p>
    </main>
  );
}

/** The Enter that picks a word in an input method must not send the message. */
function keepComposing(event: KeyboardEvent) {
  if (event.key === 'Enter' && event.nativeEvent.isComposing) event.preventDefault();
}

function Welcome({ onPick }: { onPick: (question: string) => void }) {
  return (
    <div className="welcome">
      <h1>What would you like to know?</h1>
      <ul>
        {SUGGESTIONS.map(question => (
          <li key={question}>
            <button type="button" onClick={() => onPick(question)}>
              {question}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

type ConversationProps = { messages: Message[]; isAnswering: boolean; children: ReactNode };

/** The messages; follows the newest line unless the reader has scrolled up. */
function Conversation({ messages, isAnswering, children }: ConversationProps) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);

  useLayoutEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  });

  useEffect(() => {
    if (messages.at(-1)?.role === 'user') follows.current = true;
  }, [messages]);

  function onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    follows.current = scrollHeight - scrollTop - clientHeight < 48;
  }

  const waits = isAnswering && messages.at(-1)?.role === 'user';

  return (
    // The status line below speaks once per answer; a live log would speak every token.
    <div className="log" ref={box} role="log" aria-live="off" aria-label="Conversation" tabIndex={0} onScroll={onScroll}>
      <div className="messages" aria-busy={isAnswering}>
        {messages.map((message, index) => (
          <Bubble key={index} role={message.role} content={message.content} />
        ))}
        {waits && (
          <p className="waiting" aria-hidden="true">
            <i />
            <i />
            <i />
          </p>
        )}
        {children}
      </div>
    </div>
  );
}

const Bubble = memo(function Bubble({ role, content }: Message) {
  return (
    <div className={`message ${role}`}>
      <span className="spoken">{role === 'user' ? 'You: ' : 'Assistant: '}</span>
      <div dir="auto">{content}</div>
    </div>
  );
});
