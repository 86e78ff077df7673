"""Sending: claim, send, record, reconcile.

A message waits in the outbox. A worker claims a batch (claims.py): in one transaction it checks
suppression, cap and budget, writes an attempt under lease for each and takes them out of the outbox.
It sends them concurrently (sending.py) and records what came back in bulk (recording.py). What nobody
saw the outcome of is looked up in the gateway's own list before anything is sent again (reconcile.py).
"""
