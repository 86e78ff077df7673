"""Delivery of messages: claim, send, record, reconcile.

A message waits in the outbox. A worker claims a batch (claim_messages.py): in one transaction it checks suppression,
cap and budget, writes an attempt under lease for each message and takes the messages out of the outbox. It sends them
concurrently (send_messages.py) and records the outcomes in bulk (record_outcomes.py). An unknown outcome is looked up
in the gateway's own list before anything is sent again (reconcile.py).
"""
