'use client';

import type { ClientMessage } from './actions';
import { useActions, useUIState } from '@ai-sdk/rsc';
import { generateId } from 'ai';
import { Chat } from '../ui/chat';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Stream Updates to Visual Interfaces' };

export default function Home() {
  const [conversation, setConversation] = useUIState();
  const { continueConversation } = useActions();

  return (
    <Chat<ClientMessage, 'deploy'>
      title="Stream Updates to Visual Interfaces"
      messages={conversation}
      suggestions={['Deploy the repository vercel/ai-chatbot.', 'What is a repository?']}
      tools={{
        deploy: 'Deploy the repository vercel/ai-chatbot.',
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
