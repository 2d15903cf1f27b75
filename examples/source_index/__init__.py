"""An example on real input: index the Python sources of this machine, in several thousand jobs."""
