'use client';

import { useState } from 'react';
import { generate } from './actions';
import { readStreamableValue } from '@ai-sdk/rsc';
import { Prompt } from '../ui/prompt';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Stream Text' };

export default function Home() {
  const [generation, setGeneration] = useState('');

  return (
    <Prompt
      title="Stream Text"
      label="Your question"
      initial="Why is the sky blue?"
      button="Ask"
      onSend={async (prompt, stoppable) => {
        setGeneration('');
        const { output } = await stoppable(generate(prompt));

        for await (const delta of readStreamableValue(output)) {
          setGeneration(currentGeneration => `${currentGeneration}${delta}`);
        }
      }}
    >
      {generation}
    </Prompt>
  );
}
