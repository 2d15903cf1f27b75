"""The commands as scripts, under the names of MRQ 0.9: `python -m mrq.bin.mrq_worker` and the like."""
