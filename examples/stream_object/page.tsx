'use client';

import { useState } from 'react';
import { type Notification, generate } from './actions';
import { readStreamableValue } from '@ai-sdk/rsc';
import { Prompt } from '../ui/prompt';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Stream Object' };

export default function Home() {
  const [notifications, setNotifications] = useState<Partial<Notification>[]>([]);

  return (
    <Prompt
      title="Stream Object"
      label="What the notifications are about"
      initial="Messages during finals week."
      button="Ask"
      onSend={async (prompt, stoppable) => {
        setNotifications([]);
        const { object } = await stoppable(generate(prompt));

        for await (const partialObject of readStreamableValue(object)) {
          if (partialObject) {
            setNotifications(partialObject.notifications ?? []);
          }
        }
      }}
    >
      <ul className="cards">
        {notifications.map((notification, index) => (
          <li className="card" key={index}>
            <header>
              {notification.name}
              {notification.minutesAgo !== undefined && <small>{notification.minutesAgo} min ago</small>}
            </header>
            <p>{notification.message}</p>
          </li>
        ))}
      </ul>
    </Prompt>
  );
}
