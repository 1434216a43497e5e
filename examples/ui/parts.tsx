import { Component, type KeyboardEvent, type ReactNode } from 'react';
import { describeError } from '@flightwire/client';

/** Shows an error in the place of what failed, and nothing else of the page goes away. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <p className="failure" role="alert">
        {describeError(this.state.error)}
      </p>
    );
  }
}

export function Failure({ text, onRetry }: { text: string; onRetry: () => void }) {
  return (
    <div className="failure" role="alert">
      <p>{text}</p>
      <button type="button" className="quiet" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

export function Waiting() {
  return (
    <p className="waiting" aria-hidden="true">
      <i />
      <i />
      <i />
    </p>
  );
}

/** The Enter that picks a word in an input method must not send the form. */
export function keepComposing(event: KeyboardEvent) {
  if (event.key === 'Enter' && event.nativeEvent.isComposing) event.preventDefault();
}
