"""Contract tests: does a server, or traffic that already happened, do what the document says?

Needs the extra `squadiq[contract]`. The suites of cases, the guarded transport to a live
target, the reports and the drift are here; random sequences and planted faults, which only ever
run against the mock, are in `contract_tests/` of the repository.
"""
