'use client';

import type { ClientMessage, Tool } from './actions';
import { useActions, useUIState } from '@ai-sdk/rsc';
import { generateId } from 'ai';
import { Chat } from '../ui/chat';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Render Visual Interface in Chat' };

export default function Home() {
  const [conversation, setConversation] = useUIState();
  const { continueConversation } = useActions();

  return (
    <Chat<ClientMessage, Tool>
      title="Render Visual Interface in Chat"
      messages={conversation}
      suggestions={['What is the stock price of IBM?', 'What is the status of flight LH438?']}
      tools={{
        show_stock_information: 'What is the stock price of IBM?',
        show_flight_status: 'What is the status of flight LH438?',
      }}
      onSend={async (input, { before, tool, stoppable }) => {
        const asked: ClientMessage[] = [...before, { id: generateId(), role: 'user', display: input }];
        setConversation(asked);

        const message = stoppable(await continueConversation(input, tool));

        setConversation([...asked, message]);
      }}
    />
  );
}
