"""The thirteen recipes of the AI SDK's RSC cookbook: what each shows, and which files it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent
FILES = ("actions.py", "ai.py", "layout.py", "page.tsx", "components")  # in the order in which they are read


@dataclass(frozen=True)
class Recipe:
    """One recipe. Its `name` is its folder, and the address of its page."""

    name: str
    title: str
    about: str
    small_model: str

    @property
    def files(self) -> Sequence[Path]:
        """Its source, the Python that matters most first."""
        folder = EXAMPLES / self.name
        found = [path for name in FILES for path in _all_files(folder / name)]
        return [path for path in found if path.suffix in (".py", ".tsx")]


def _all_files(path: Path) -> Sequence[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []


GROUPS: dict[str, tuple[Recipe, ...]] = {
    "Text": (
        Recipe(
            "generate_text",
            "Generate Text",
            "One question, one answer, returned whole.",
            "Its sentences are fluent, its facts are often wrong. Answers end after 150 tokens.",
        ),
        Recipe(
            "generate_text_with_chat_prompt",
            "Generate Text with Chat Prompt",
            "A conversation: the page sends all of it, and gets it back with the answer.",
            "It remembers a few turns, loosely. Answers end after 150 tokens.",
        ),
        Recipe(
            "stream_text",
            "Stream Text",
            "The answer appears while the model writes it; each row below carries a few letters.",
            "Its sentences are fluent, its facts are often wrong. Answers end after 200 tokens.",
        ),
        Recipe(
            "stream_text_with_chat_prompt",
            "Stream Text with Chat Prompt",
            "A conversation whose answers grow while the model writes them.",
            "It is asked to play a role, and mostly forgets to. Answers end after 200 tokens.",
        ),
    ),
    "Objects": (
        Recipe(
            "generate_object",
            "Generate Object",
            "The model fills in a pydantic model; the page gets an object, not text.",
            "A grammar made from the schema holds it, so the form is always right. What it says may be silly.",
        ),
        Recipe(
            "stream_object",
            "Stream Object",
            "The same object, shown while it grows.",
            "A grammar made from the schema holds it, so the form is always right. What it says may be silly.",
        ),
    ),
    "Tools": (
        Recipe(
            "call_tools",
            "Call Tools",
            "The model calls a Python function; its annotations and docstring are all it is told.",
            "It decides by how much the question calls for the tool, and may copy the number wrongly.",
        ),
        Recipe(
            "call_tools_in_parallel",
            "Call Tools in Parallel",
            "Two cities, two calls of one function, run at the same time.",
            "It makes a call for each thing that the question names. The weather is invented.",
        ),
    ),
    "Chats in a database": (
        Recipe(
            "save_messages_to_database",
            "Save Messages To Database",
            "Each answer is saved when it is done: in SQLite, or in PostgreSQL with DATABASE_URL.",
            "It knows no prices, so the tool shows invented ones, and it may invent the symbol.",
        ),
        Recipe(
            "restore_messages_from_database",
            "Restore Messages From Database",
            "Saved chats, shown again as they were, interfaces included.",
            "It knows no prices, so the tool shows invented ones, and it may invent the symbol.",
        ),
    ),
    "Interfaces": (
        Recipe(
            "render_visual_interface_in_chat",
            "Render Visual Interface in Chat",
            "The model answers with components: one of Python alone, one with a chart that runs in the browser.",
            "Of two tools it may take the wrong one: the buttons below the chat choose for it.",
        ),
        Recipe(
            "stream_updates_to_visual_interfaces",
            "Stream Updates to Visual Interfaces",
            "A component that goes on changing after it was sent. The rows carry only what changed.",
            "It may misspell the repository. Nothing is deployed.",
        ),
        Recipe(
            "record_token_usage",
            "Record Token Usage after Streaming User Interfaces",
            "When the answer has ended, on_end is told what it cost.",
            "The tokens are those of its own tokenizer; choosing a tool costs some, too.",
        ),
    ),
}
RECIPES = {recipe.name: recipe for group in GROUPS.values() for recipe in group}
