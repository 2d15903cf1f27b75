"""MRQ on AWS Lambda: bursts, the scheduler's tick, and events of AWS as producers."""
