"""SMS gateways (Twilio, SMPP, aggregators, an Android phone); nothing else imports their libraries."""
