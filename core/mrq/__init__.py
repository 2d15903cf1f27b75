"""MRQ: one job queue on MongoDB and Redis, drained by gevent workers and by Lambda bursts.

The public face is in its modules: `mrq.task`, `mrq.job`, `mrq.queue`, `mrq.context`, `mrq.exceptions`.
Importing any of them opens nothing and loads no database driver.
"""
