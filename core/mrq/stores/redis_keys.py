"""The names of the keys in Redis: one place, two spellings.

On a standalone server they are MRQ 0.9's. In cluster mode the keys that one script touches must share a hash slot, so
there the root queue stands in braces, which makes it the part that is hashed.

    P:q:<queue id>             what waits in a raw queue            (list, set or sorted set; 0.9)
    P:ksq:<root>               ids of known subqueues               (set; 0.9)
    P:held:<root>:<worker>     what a worker has taken              (hash: job id to record, see lua/raw_take.lua)
    P:holders:<root>           workers that have taken something    (hash: worker to the number of its last take)
    P:rescued:<root>:<worker>  ids taken back from a worker         (set, expires)
    P:losses:<root>            workers that died over a payload     (hash: payload to count, expires)
    P:once:<root>:<token>      a list was changed by this call      (text, expires)
    P:rawroots                 roots that were ever served          (set)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of keys under a prefix. Queue ids are whole names such as `main_raw/x`."""

    prefix: str
    cluster: bool = False

    def queue(self, queue_id: str) -> str:
        """What waits in a raw queue."""
        root, slash, rest = queue_id.partition("/")
        return f"{self.prefix}:q:{self.tag(root)}{slash}{rest}"

    def subqueues(self, root: str) -> str:
        """The known subqueues of a raw queue."""
        return f"{self.prefix}:ksq:{self.tag(root)}"

    def held(self, root: str, worker: object) -> str:
        """What a worker has taken."""
        return f"{self.prefix}:held:{self.tag(root)}:{worker}"

    def holders(self, root: str) -> str:
        """Who has taken something."""
        return f"{self.prefix}:holders:{self.tag(root)}"

    def rescued(self, root: str, worker: object) -> str:
        """What was taken back from a worker."""
        return f"{self.prefix}:rescued:{self.tag(root)}:{worker}"

    def losses(self, root: str) -> str:
        """How many workers died over a payload."""
        return f"{self.prefix}:losses:{self.tag(root)}"

    def once(self, root: str, token: object) -> str:
        """That a call which must not be repeated was carried out."""
        return f"{self.prefix}:once:{self.tag(root)}:{token}"

    @property
    def raw_roots(self) -> str:
        """Roots that were ever served."""
        return f"{self.prefix}:rawroots"

    def tag(self, name: str) -> str:
        """A name whose keys are used together."""
        return f"{{{name}}}" if self.cluster else name
