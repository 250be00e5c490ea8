"""What the mock shows of itself in a browser: server-rendered, live by server-sent events, nothing from elsewhere."""
