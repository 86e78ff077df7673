"""Directory of contacts: search, corrections, phones, lists with their legal basis, wishes, suppressions."""
