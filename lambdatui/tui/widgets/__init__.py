"""Widgets on Textual's Line API: each draws its own frame and repaints only the lines that differ."""
