"""Use cases of the queue, written against ports: what runs is decided here, how is up to stores and adapters."""
