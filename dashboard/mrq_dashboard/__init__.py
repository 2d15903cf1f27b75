"""The dashboard: an API under /api/v1 and the page that uses it.

from mrq_dashboard.application import create_app   # an ASGI application, for uvicorn, Mangum or any other server
"""
