"""Pure rules of the admin site: charts as SVG."""
