"""What a queue in a database needs, once for all of them: files, a clock, claims, leases, backoff, dead letters."""
