'use client';

import { useState } from 'react';
import { type Message, continueConversation } from './actions';
import { Chat } from '../ui/chat';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Call Tools' };

export default function Home() {
  const [conversation, setConversation] = useState<Message[]>([]);

  return (
    <Chat
      title="Call Tools"
      messages={conversation}
      suggestions={['What is 24 celsius in fahrenheit?', 'Convert 100 celsius to fahrenheit.']}
      tools={{ celsius_to_fahrenheit: 'What is 24 celsius in fahrenheit?' }}
      onSend={async (input, { before, tool, stoppable }) => {
        const history: Message[] = [...before, { role: 'user', content: input }];
        setConversation(history);

        const { messages } = await stoppable(continueConversation(history, tool));

        setConversation(messages);
      }}
    />
  );
}
