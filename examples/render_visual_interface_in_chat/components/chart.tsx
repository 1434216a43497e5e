'use client';

import { useState } from 'react';

export interface Price {
  month: string;
  value: number;
}

const [WIDTH, HEIGHT] = [400, 100];

/** A client component: it runs in the browser, so it can follow the pointer and the arrow keys. */
export function Chart({ prices }: { prices: Price[] }) {
  const [chosen, setChosen] = useState(prices.length - 1);
  const values = prices.map(price => price.value);
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const x = (index: number) => (prices.length > 1 ? 8 + (index * (WIDTH - 16)) / (prices.length - 1) : WIDTH / 2);
  const y = (value: number) => 12 + ((highest - value) / (highest - lowest || 1)) * (HEIGHT - 24);
  const price = prices[chosen];

  function move(step: number) {
    setChosen(index => Math.min(prices.length - 1, Math.max(0, index + step)));
  }

  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label="Month"
      aria-valuemin={1}
      aria-valuemax={prices.length}
      aria-valuenow={chosen + 1}
      aria-valuetext={`${price.month}: ${price.value} dollars`}
      onKeyDown={event => {
        if (event.key === 'ArrowLeft') move(-1);
        if (event.key === 'ArrowRight') move(1);
      }}
    >
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width="100%" height={HEIGHT} aria-hidden="true">
        <polyline
          points={prices.map((each, index) => `${x(index)},${y(each.value)}`).join(' ')}
          fill="none"
          stroke="var(--accent)"
          strokeWidth="2"
          strokeLinejoin="round"
        />
        {prices.map((each, index) => (
          <circle
            key={each.month}
            cx={x(index)}
            cy={y(each.value)}
            r={index === chosen ? 4 : 2.5}
            fill="var(--accent)"
            onPointerEnter={() => setChosen(index)}
          />
        ))}
      </svg>
      <small>
        {price.month}: ${price.value}
      </small>
    </div>
  );
}
