'use client';

import { useState } from 'react';
import { type Notification, getNotifications } from './actions';
import { Prompt } from '../ui/prompt';

// The model of this machine may be slow
export const maxDuration = 120;
export const metadata = { title: 'Generate Object' };

export default function Home() {
  const [notifications, setNotifications] = useState<Notification[]>([]);

  return (
    <Prompt
      title="Generate Object"
      label="What the notifications are about"
      initial="Messages during finals week."
      button="View Notifications"
      onSend={async (prompt, stoppable) => {
        setNotifications([]);
        const { notifications } = await stoppable(getNotifications(prompt));
        setNotifications(notifications);
      }}
    >
      <ul className="cards">
        {notifications.map((notification, index) => (
          <li className="card" key={index}>
            <header>
              {notification.name} <small>{notification.minutesAgo} min ago</small>
            </header>
            <p>{notification.message}</p>
          </li>
        ))}
      </ul>
    </Prompt>
  );
}
