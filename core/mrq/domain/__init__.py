"""Values and rules: no input or output, no clock, no environment. Time is an argument."""
