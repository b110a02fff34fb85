"""Messages as a venue would send them, decoded as the readers decode them."""

import json

from app.venues.cex.messages.words import Incoming, decode


def said(body, channels=None):
    """A message pushed on a socket."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Incoming("wss://venue.test/stream", decode(text), channels=channels or {})


def answered(path, body):
    """The answer to a request."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Incoming(f"https://venue.test{path}", decode(text), is_answer=True)
