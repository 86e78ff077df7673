"""A gateway for training, tests and trials: Twilio's REST API in front, training phones behind.

A process of its own (`python -m simulator`, docs/simulator.md); the rest of the project
talks to it exactly as to Twilio. Only tests import from here: `running.running_simulator`.
Nothing ever leaves this machine.

controls/   how the gateway misbehaves and how residents answer: settings and chance
exchange/   the messages, how they travel, their callbacks, the journal
residents/  who answers by themselves
world.py    all of it put together; above it
api/        Twilio's face: create, fetch, list, its errors
endpoints   ledger, counts and settings for scripts
pages/      the training phones and the control page, in Vietnamese

Twilio's REST API as a client sees it.

The settings that can be turned while the simulator runs. Imports nothing from its neighbours.

The messages and how they travel: records, carrier, callbacks, journal.

The training phones and the control page.

Residents who answer by themselves, and the links they press.
"""

from __future__ import annotations
