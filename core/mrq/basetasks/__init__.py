"""Tasks that come with MRQ. Their paths stand in users' configurations and in job documents."""
