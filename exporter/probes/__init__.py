"""Does it work for a user? One module per check, one ProbeResult for all."""
