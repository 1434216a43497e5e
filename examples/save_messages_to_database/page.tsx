'use client';

import type { ClientMessage } from './actions';
import { useActions, useUIState } from '@ai-sdk/rsc';
import { generateId } from 'ai';
import { Chat } from '../ui/chat';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Save Messages To Database' };

export default function Home() {
  const [conversation, setConversation] = useUIState();
  const { continueConversation } = useActions();

  return (
    <Chat<ClientMessage, 'show_stock_information'>
      title="Save Messages To Database"
      messages={conversation}
      suggestions={['What is the stock price of IBM?', 'Why do people save money?']}
      tools={{ show_stock_information: 'What is the stock price of IBM?' }}
      onSend={async (input, { before, tool, stoppable }) => {
        const asked: ClientMessage[] = [...before, { id: generateId(), role: 'user', display: input }];
        setConversation(asked);

        const message = stoppable(await continueConversation(input, tool));

        setConversation([...asked, message]);
      }}
    >
      <p className="aside">
        Each answer is saved when it is done. Reload: it is still here.{' '}
        <a href={`?chat=${generateId()}`}>Begin another chat</a>
      </p>
    </Chat>
  );
}
