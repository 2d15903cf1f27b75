"""Where jobs and workers live: MongoDB, Redis, or memory. Only these modules know the drivers."""
