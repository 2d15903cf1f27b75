"""The bodies for libraries whose tasks are coroutines, and a loop for their producers."""

from __future__ import annotations

import asyncio

import probe


async def noop(number: int, address: str) -> int:
    return probe.noop(number, address)


async def sleep50(number: int, address: str) -> int:
    await asyncio.sleep(probe.SLEEP_SECONDS)
    probe.tick()
    return number


async def stamp(number: int, address: str) -> int:
    return probe.stamp(number, address)


async def burn(number: int, address: str) -> int:
    return probe.burn(number, address)


BODIES = (noop, sleep50, stamp, burn)
_loops = []


def run(coroutine):
    """Run it on the producer's one loop."""
    if not _loops:
        import uvloop  # not everybody who needs the bodies has it

        _loops.append(uvloop.new_event_loop())
        asyncio.set_event_loop(_loops[0])
    return _loops[0].run_until_complete(coroutine)


async def one_by_one(send, numbers):
    for number in numbers:
        await send(number)


async def fifty_at_once(send, numbers):
    """What a producer does whose library has no call for many."""
    for first in range(0, len(numbers), 50):
        await asyncio.gather(*[send(number) for number in numbers[first : first + 50]])
