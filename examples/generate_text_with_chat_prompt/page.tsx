'use client';

import { useState } from 'react';
import { type Message, continueConversation } from './actions';
import { Chat } from '../ui/chat';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Generate Text with Chat Prompt' };

export default function Home() {
  const [conversation, setConversation] = useState<Message[]>([]);

  return (
    <Chat
      title="Generate Text with Chat Prompt"
      messages={conversation}
      suggestions={['How is it going?', 'Why is the sky blue?', 'What is a good name for a cat?']}
      onSend={async (input, { before, stoppable }) => {
        const history: Message[] = [...before, { role: 'user', content: input }];
        setConversation(history);

        const { messages } = await stoppable(continueConversation(history));

        setConversation(messages);
      }}
    />
  );
}
