"""What is not Python: Node, npm packages, model files, Chromium; found, or installed with visible progress."""
