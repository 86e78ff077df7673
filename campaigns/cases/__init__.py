"""Cases: the inbox of requests for help, questions and replies to check, and the officers' answers."""
