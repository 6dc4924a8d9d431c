"""The chat: what the operator sees and says; it renders, asks and tells, and never trades."""
