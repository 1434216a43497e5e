'use client';

import { useState } from 'react';
import { type Answer, getAnswer } from './actions';
import { Prompt } from '../ui/prompt';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Generate Text' };

export default function Home() {
  const [answer, setAnswer] = useState<Answer>();

  return (
    <Prompt
      title="Generate Text"
      label="Your question"
      initial="Why is the sky blue?"
      button="Answer"
      onSend={async (question, stoppable) => {
        setAnswer(undefined);
        setAnswer(await stoppable(getAnswer(question)));
      }}
    >
      {answer?.text}
      {answer && (
        <p className="fine">
          {answer.usage.outputTokens} tokens, ended by {answer.finishReason}
        </p>
      )}
    </Prompt>
  );
}
