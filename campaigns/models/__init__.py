"""Tables of campaigns, messages, replies, figures, reports, privacy requests and webhooks."""
