"""Accounts of users and organisations: roles and scope, sign-in sessions, API tokens, audit log."""
