"""Where things stand: figures that can be traced to rows."""
