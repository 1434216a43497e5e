'use client';

import { useState } from 'react';
import { type Message, continueConversation } from './actions';
import { readStreamableValue } from '@ai-sdk/rsc';
import { Chat } from '../ui/chat';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Stream Text with Chat Prompt' };

export default function Home() {
  const [conversation, setConversation] = useState<Message[]>([]);

  return (
    <Chat
      title="Stream Text with Chat Prompt"
      messages={conversation}
      suggestions={['Why is the sky blue?', 'Tell me a joke about surfers.', 'How do I make good coffee?']}
      onSend={async (input, { before, stoppable }) => {
        const history: Message[] = [...before, { role: 'user', content: input }];
        setConversation(history);

        const { messages, newMessage } = await stoppable(continueConversation(history));

        let textContent = '';

        for await (const delta of readStreamableValue(newMessage)) {
          textContent = `${textContent}${delta}`;

          setConversation([...messages, { role: 'assistant', content: textContent }]);
        }
      }}
    />
  );
}
