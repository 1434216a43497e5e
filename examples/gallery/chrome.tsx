'use client';

import { type ReactNode, useEffect, useState } from 'react';
import { currentTheme, onTheme, type Theme, toggleTheme } from './theme';
import './gallery.css';

/** What stands around every page of the gallery. */
export function Chrome({
  home,
  menu,
  model,
  children,
}: {
  home: string;
  menu: ReactNode;
  model: ReactNode;
  children: ReactNode;
}) {
  const [isMenuOpen, setIsMenuOpen] = useState(false);

  return (
    <div
      className="gallery"
      onKeyDown={event => {
        if (event.key === 'Escape') setIsMenuOpen(false);
      }}
    >
      <a className="skip" href="#content">
        Skip to the recipe
      </a>
      <header className="bar">
        <button
          type="button"
          className="plain menu-button"
          aria-expanded={isMenuOpen}
          aria-controls="menu"
          onClick={() => setIsMenuOpen(!isMenuOpen)}
        >
          <span className="spoken">Recipes</span>
          <span aria-hidden="true">☰</span>
        </button>
        <a className="brand" href={home}>
          Flightwire
        </a>
        <div className="answering">{model}</div>
        <ThemeButton />
      </header>
      <nav id="menu" className="menu" aria-label="Recipes" data-open={isMenuOpen}>
        {menu}
      </nav>
      <main id="content" aria-label="Gallery" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState<Theme>(currentTheme);
  useEffect(() => onTheme(setTheme), []);
  const other = theme === 'dark' ? 'light' : 'dark';

  return (
    <button type="button" className="plain" onClick={toggleTheme} aria-label={`Use ${other} colours`}>
      <span aria-hidden="true">{theme === 'dark' ? '☀' : '☾'}</span>
    </button>
  );
}
