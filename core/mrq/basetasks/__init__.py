"""Tasks that come with MRQ. Their paths stand in configurations and schedules: they stay what they are."""
