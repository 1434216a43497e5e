"""TypeScript declarations of what pages may import from Python files."""
