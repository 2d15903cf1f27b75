"""Settings of functions and containers alike. Addresses of the servers come from the stack."""

TASKS = {"tasks.greet": {"queue": "default"}}
