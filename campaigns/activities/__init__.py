"""What is done besides messages: radio, television, newspapers, loudspeakers, meetings, visits."""
