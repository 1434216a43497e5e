from flightwire import create_ai

from .actions import continue_conversation

AI = create_ai(actions=[continue_conversation], initial_ai_state=[], initial_ui_state=[])
