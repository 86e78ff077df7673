"""The messages and how they travel: records, carrier, callbacks, journal."""
