"""Long-lived MRQ workers on gevent, and the guard process that watches each of them from outside."""
