'use client';

import type { ClientMessage } from './actions';
import { useActions, useUIState } from '@ai-sdk/rsc';
import { generateId } from 'ai';
import { Chat } from '../ui/chat';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Restore Messages From Database' };

export default function Home() {
  const [conversation, setConversation] = useUIState();
  const { continueConversation } = useActions();

  return (
    <Chat<ClientMessage>
      title="Restore Messages From Database"
      messages={conversation}
      suggestions={['What is the stock price of IBM?', 'Why do people save money?']}
      onSend={async (input, { before, stoppable }) => {
        // Add user message to UI
        const asked: ClientMessage[] = [...before, { id: generateId(), role: 'user', display: input }];
        setConversation(asked);

        // Get AI response
        const message = stoppable(await continueConversation(input));

        // Add AI response to UI
        setConversation([...asked, message]);
      }}
    />
  );
}
