"""The shell: feeds the core with events and carries out its intents."""
