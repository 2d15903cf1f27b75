"""What the engine needs from the outside, as Protocols. Stores and adapters provide it.

Every store method raises `StoreUnavailableError` when its server can't be reached or doesn't answer; the
caller can't know then whether the call took effect, and every method is safe to repeat.
"""
