'use client';

import type { ClientMessage } from './actions';
import { useActions, useStreamableValue, useUIState } from '@ai-sdk/rsc';
import { generateId } from 'ai';
import { Chat } from '../ui/chat';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Record Token Usage after Streaming User Interfaces' };

type Shown = Omit<ClientMessage, 'tokens'>;

export default function Home() {
  const [conversation, setConversation] = useUIState();
  const { continueConversation } = useActions();

  return (
    <Chat<Shown, 'deploy'>
      title="Record Token Usage after Streaming User Interfaces"
      messages={conversation}
      suggestions={['Deploy the repository vercel/ai-chatbot.', 'What is a token?']}
      tools={{ deploy: 'Deploy the repository vercel/ai-chatbot.' }}
      onSend={async (input, { before, tool, stoppable }) => {
        const asked: Shown[] = [...before, { id: generateId(), role: 'user', display: input }];
        setConversation(asked);

        const { tokens, ...message } = stoppable(await continueConversation(input, tool));
        const display = [message.display, <Tokens key="tokens" value={tokens} />];

        setConversation([...asked, { ...message, display }]);
      }}
    />
  );
}

/** What the answer cost, once it has ended. */
function Tokens({ value }: { value: ClientMessage['tokens'] }) {
  const [tokens] = useStreamableValue(value);
  if (!tokens) return null;

  return (
    <p className="fine">
      {tokens.prompt} prompt + {tokens.completion} completion = {tokens.total} tokens
    </p>
  );
}
