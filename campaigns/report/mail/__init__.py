"""The mail about a report: to those who are late, to the officers, to whom the report is for."""
