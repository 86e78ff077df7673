"""Planning of a campaign before its launch: drafts, audience, cost and approval."""
