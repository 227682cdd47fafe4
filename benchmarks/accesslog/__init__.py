"""Access logs beside Debian's mtail, grep and a raw read: speed, memory, idling, and probes during a catch-up."""
