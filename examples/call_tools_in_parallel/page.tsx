'use client';

import { useState } from 'react';
import { type Message, continueConversation } from './actions';
import { Chat } from '../ui/chat';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Call Tools in Parallel' };

export default function Home() {
  const [conversation, setConversation] = useState<Message[]>([]);

  return (
    <Chat
      title="Call Tools in Parallel"
      messages={conversation}
      suggestions={['What is the weather in Paris and London?', 'How is the weather in Oslo, Rome and Cairo?']}
      tools={{ get_weather: 'What is the weather in Paris and London?' }}
      onSend={async (input, { before, tool, stoppable }) => {
        const history: Message[] = [...before, { role: 'user', content: input }];
        setConversation(history);

        const { messages } = await stoppable(continueConversation(history, tool));

        setConversation(messages);
      }}
    />
  );
}
