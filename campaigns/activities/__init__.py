"""Activities beside messages: radio, television, newspapers, loudspeakers, meetings, visits."""
