"""What did nginx answer? Access logs are followed, parsed and counted, each line once."""
