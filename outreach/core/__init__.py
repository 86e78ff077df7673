"""Infrastructure: settings, database, migrations, job queue, cache, mail, logs and spreadsheets."""
