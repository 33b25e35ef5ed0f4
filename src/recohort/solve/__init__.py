"""Finding patients who meet a ledger's claims, and proving where none can."""
