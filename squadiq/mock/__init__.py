"""The SquadIQ API on this machine, as the document describes it.

Needs the extra `squadiq[mock]`; nothing of that is imported before `squadiq.mock.server`,
`squadiq.mock.transport` or `squadiq.mock.core` is.
"""
