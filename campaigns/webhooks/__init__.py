"""What happens, told to other systems: signed messages to addresses that an organisation has named, until they arrive."""
