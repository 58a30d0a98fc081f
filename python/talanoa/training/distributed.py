"""Training in several processes, one for each graphics card, as `torchrun` launches them.

Every process draws the same joint batch and takes its share of it; what the network answers is gathered, so that the
loss and its gradient are those of the joint batch in one process. Launched otherwise, nothing here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed

from talanoa.core.errors import BadInput
from talanoa.core.host import Host, PassingOn, QuietHost

Item = TypeVar("Item")
_PATIENCE = timedelta(days=1)  # the others wait while the first process chooses thresholds


def launched() -> bool:
    """Tell whether `torchrun` started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and count() > 1


def count() -> int:
    """Return the number of processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return int(os.environ.get("RANK", "0")) if count() > 1 else 0


def is_first() -> bool:
    """Tell whether this process writes files and tells the user; true where there is only one."""
    return rank() == 0


@contextmanager
def together(device: torch.device, batch: int, batch_norm: bool = False) -> Iterator[torch.device]:
    """Connect the processes for the time of a training.

    Parameters
    ----------
    device : torch.device
        What was chosen; on CUDA each process takes the card of its own number.
    batch : int
        Patches of the joint batch.
    batch_norm : bool
        Whether the network normalises over the batch.

    Yields
    ------
    torch.device
        The device of this process.

    Raises
    ------
    BadInput
        The batch cannot be shared out evenly; the network has batch normalisation, whose statistics would be those of
        the shares.
    """
    if not launched():
        yield device
        return
    if batch % count():
        raise BadInput(
            f"batch={batch} cannot be shared out among {count()} processes; expected a multiple. "
            f"Set batch={-(-batch // count()) * count()}."
        )
    if batch_norm:
        raise BadInput(
            f"The network has batch normalisation, which {count()} processes would each do over their own share; "
            "expected a network without. Train it in one process."
        )
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def share(items: Sequence[Item]) -> Sequence[Item]:
    """Return this process's part of a joint batch; the parts of all follow one another."""
    size = len(items) // count()
    return items[rank() * size : (rank() + 1) * size] if launched() else items


def gather(part: torch.Tensor) -> torch.Tensor:
    """Return the joint batch (n, …) of which every process has a part; gradients flow into the own part only."""
    if not launched():
        return part
    parts = [torch.empty_like(part, memory_format=torch.contiguous_format) for _ in range(count())]
    distributed.all_gather(parts, part.detach().contiguous())
    parts[rank()] = part
    return torch.cat(parts)


def sum_gradients(net: torch.nn.Module) -> None:
    """Replace gradients by their sum over all processes: the gradient of the joint batch."""
    if not launched():
        return
    gradients = [each.grad for each in net.parameters() if each.grad is not None]
    joint = torch.cat([each.reshape(-1) for each in gradients])
    distributed.all_reduce(joint)
    for each, summed in zip(gradients, torch.split(joint, [each.numel() for each in gradients]), strict=True):
        each.copy_(summed.view_as(each))


def wait() -> None:
    """Wait until all processes have come here."""
    if launched():
        distributed.barrier()


def host_of(host: Host) -> Host:
    """Return the host of this process: only the first one shows anything."""
    return host if is_first() else QuietHost()


class OfOneMind(PassingOn):
    """A host whose answers all processes share, so that they stop at the same step: those of the first one.

    Parameters
    ----------
    host : Host
        The host of this process; every process has to ask equally often.
    """

    def cancelled(self) -> bool:
        """Tell whether the user of the first process wants to stop."""
        return _as_first(self.host.cancelled())

    def finish_requested(self) -> bool:
        """Tell whether the user of the first process wants an early end."""
        return _as_first(self.host.finish_requested())


def _as_first(answer: bool) -> bool:
    """Return the answer of the first process."""
    if not launched():
        return answer
    device = torch.device("cuda", torch.cuda.current_device()) if distributed.get_backend() == "nccl" else "cpu"
    shared = torch.tensor([int(answer)], device=device)
    distributed.broadcast(shared, 0)
    return bool(shared.item())
