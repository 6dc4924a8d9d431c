"""The embedded chat: a Bot API server on loopback and a page that stands in for a phone."""
