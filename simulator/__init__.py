"""SMS gateway simulator for training, tests and trials: Twilio's REST API, with training phones.

It runs as its own process (`python -m simulator`, docs/simulator.md); the rest of the project uses it exactly as Twilio.
Nothing imports from here; tests start it by `tests/support/simulator.py`. Nothing is ever sent to another machine.

settings        faults of the gateway and habits of residents, adjustable while it runs
messages        the messages, their store and the journal on disk
callbacks       signed POSTs to the system under test, and counters
network         what all share; delivery of messages, status reports, opt-outs
residents       automatic answers
simulation      all of these, put together
twilio_api      Twilio's REST API: create, fetch, list, its checks and errors
pages           the training phones and the control page, in Vietnamese
server          the web application, with endpoints for scripts
"""
