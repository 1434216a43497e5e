'use client';

import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { applyTheme, onTheme } from './theme';
import { Rows } from './rows';

interface SourceFile {
  name: string;
  code: ReactNode;
}

const VIEWS = ['Live', 'Source', 'Rows'] as const;

interface WorkbenchProps {
  title: string;
  /** The address of the recipe's own page. */
  page: string;
  /** What starts the recipe alone. */
  command: string;
  files: SourceFile[];
  /** What is said about it. */
  children: ReactNode;
}

/** A recipe: live, its source, and the rows of its calls. On a phone one of the three at a time. */
export function Workbench({ title, page, command, files, children }: WorkbenchProps) {
  const [view, setView] = useState<string>('Live');
  const [loaded, setLoaded] = useState<{ page: Window } | null>(null); // another object for each load of one window
  const element = useRef<HTMLIFrameElement>(null);

  useEffect(
    () =>
      onTheme(() => {
        if (element.current?.contentDocument) applyTheme(element.current.contentDocument);
      }),
    [],
  );

  return (
    <article className="workbench" data-view={view}>
      <header className="about">
        <div>{children}</div>
        <p className="alone">
          <code>{command}</code>
          <a href={page} target="_blank" rel="noreferrer">
            Open alone<span aria-hidden="true"> ↗</span>
          </a>
        </p>
      </header>
      <Tabs className="views" label="What to show" names={VIEWS} chosen={view} onChoose={setView} />
      <section className="live" aria-label="Live">
        <iframe
          ref={element}
          src={page}
          title={`${title}, live`}
          onLoad={({ currentTarget: { contentWindow, contentDocument } }) => {
            if (contentDocument) applyTheme(contentDocument);
            if (contentWindow) setLoaded({ page: contentWindow });
          }}
        />
      </section>
      <Source files={files} />
      <Rows loaded={loaded} />
    </article>
  );
}

function Source({ files }: { files: SourceFile[] }) {
  const [name, setName] = useState(files[0].name);
  const id = useId();

  return (
    <section className="source" aria-label="Source">
      <Tabs
        className="files"
        label="Files"
        names={files.map(file => file.name)}
        chosen={name}
        onChoose={setName}
        panel={id}
      />
      <pre id={id} role="tabpanel" aria-label={name} tabIndex={0}>
        {files.find(file => file.name === name)?.code}
      </pre>
    </section>
  );
}

interface TabsProps {
  className: string;
  label: string;
  names: readonly string[];
  chosen: string;
  onChoose: (name: string) => void;
  panel?: string;
}

/** Tabs as ARIA describes them: one stop of the Tab key, arrows go from one to the next. */
function Tabs({ className, label, names, chosen, onChoose, panel }: TabsProps) {
  function onKeyDown(event: KeyboardEvent<HTMLElement>) {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -names.length, End: names.length }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = names.indexOf(chosen);
    const isEdge = event.key === 'Home' || event.key === 'End';
    const next = isEdge ? (step < 0 ? 0 : names.length - 1) : (at + step + names.length) % names.length;
    onChoose(names[next]);
    (event.currentTarget.children[next] as HTMLElement).focus();
  }

  return (
    <div className={`tabs ${className}`} role="tablist" aria-label={label} onKeyDown={onKeyDown}>
      {names.map(name => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={name === chosen}
          aria-controls={panel}
          tabIndex={name === chosen ? 0 : -1}
          onClick={() => onChoose(name)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
