"""A gateway for training, tests and trials: Twilio's REST API in front, training phones behind.

A process of its own (`python -m outreach.sms.simulator`); the rest of the project talks to it exactly
as to Twilio and imports nothing from here but `running_simulator`. Nothing ever leaves this machine.

exchange/   the messages, how they travel, their callbacks, the journal
api/        Twilio's face: create, fetch, list, its errors
controls/   what makes it misbehave and lets residents answer; ledger and counts
pages/      the training phones and the control page, in Vietnamese
"""
