"""Contract tests: does a server, or traffic that already happened, do what the document says?

Needs the extra `squadiq[contract]`. The suites of cases, the random sequences and their model, the guarded
transports, the reports and the drift are here; planted faults are in `contract_tests/` of the repository.
"""
