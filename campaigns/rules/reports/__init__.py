"""Pure rules of the daily report: its schedule, figures, words and corrections."""
