"""The training loop of every method: data, forward, loss, backward, record."""

from __future__ import annotations

import math
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talanoa.core import devices
from talanoa.core.errors import BadInput
from talanoa.core.host import Host, stop_if_cancelled
from talanoa.models.methods import Method
from talanoa.training import distributed, optimizers, transfer
from talanoa.training.adversarial import Adversary
from talanoa.training.allocation import large_blocks_kept
from talanoa.training.observers import Onlookers
from talanoa.training.recipe import Feed
from talanoa.training.settings import Early, Settings
from talanoa.training.table import read_losses, write_losses
from talanoa.training.timing import Clock

CHECKPOINT = "last.pt"
BEST = "best.pt"
LOSSES = "loss.csv"
VALIDATED = {2: (16, 64), 3: (4, 16)}  # fewest and most validation patches of planes and of volumes
_MORE = ("adversary", "backbone")  # of a trainer, where its method has them
Batch = tuple[torch.Tensor, tuple[torch.Tensor, ...]]


@dataclass
class Trainer:
    """The changing state of a training; `adversary` and `backbone` where its method has them."""

    net: torch.nn.Module
    average: torch.nn.Module
    optimizer: torch.optim.Optimizer
    plateau: torch.optim.lr_scheduler.ReduceLROnPlateau
    adversary: Adversary | None = None
    backbone: torch.nn.Module | None = None
    epoch: int = 0
    best: float = math.inf
    best_epoch: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)  # of the table of losses


def cosine_lr(step: int, settings: Settings) -> float:
    """Return the learning rate of a step under the cosine schedule."""
    total = settings.epochs * settings.steps
    warmup = max(1, total // 50)
    if step < warmup:
        return settings.lr * (step + 1) / warmup
    return settings.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def start(method: Method, config: Any, settings: Settings, device: torch.device, weights: Any = None) -> Trainer:
    """Return a fresh trainer; `weights` (of some tensors or all) are those to start from."""
    torch.manual_seed(settings.seed)
    net = method.build(config)
    if weights is not None:
        if settings.encoder_weights is not None:
            raise BadInput(
                f"encoder_weights={settings.encoder_weights} has no use for a training that starts from a model; "
                "expected one of both. Leave it out."
            )
        net.load_state_dict({**net.state_dict(), **weights})
    elif method.begin is not None:
        method.begin(net, config, settings)
    opponent = method.opponent(config) if method.opponent else None
    backbone = method.backbone(config, settings) if method.backbone else None
    net = devices.placed(net, device)
    average = net
    if settings.ema:
        average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=_averaging(settings.ema), use_buffers=True)
    optimizer = optimizers.of(net, settings, adversarial=opponent is not None)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=settings.plateau, threshold=0.0
    )
    adversary = None if opponent is None else Adversary(opponent.to(device), settings)
    return Trainer(net, average, optimizer, plateau, adversary, None if backbone is None else backbone.to(device))


def _averaging(decay: float) -> Callable[..., None]:
    """Return the update of an exponential moving average that starts quickly: early weights must not linger."""

    @torch.no_grad()
    def update(average: Any, current: Any, count: Any) -> None:
        """Move the average towards the current values, tensors of one type each."""
        if not average[0].is_floating_point():  # how many batches a normalisation has seen
            torch._foreach_copy_(average, current)
            return
        seen = float(count)
        torch._foreach_lerp_(average, current, 1 - min(decay, (1 + seen) / (10 + seen)))

    return update


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    """Return the state dict that is validated and saved."""
    module = trainer.average
    inner = module.module if isinstance(module, torch.optim.swa_utils.AveragedModel) else module
    return inner.state_dict()


def make_batch(items: Sequence[Any], feed: Feed, config: Any, settings: Settings, augmented: bool, key: Any) -> Batch:
    """Draw one batch, of several processes each its part; equal `key` gives an equal one, whichever thread draws it."""
    images, answers = feed.batch(items, config, settings, augmented, np.random.default_rng(key))
    return torch.from_numpy(images), tuple(torch.from_numpy(each) for each in answers)


def prefetched(make: Callable[[int], Batch], first: int, last: int, ahead: int = 3) -> Iterator[Batch]:
    """Yield ``make(first) … make(last - 1)``, drawn in a background thread."""
    with ThreadPoolExecutor(1) as pool:
        pending = deque(pool.submit(make, k) for k in range(first, min(first + ahead, last)))
        try:
            for upcoming in range(first + ahead, last + ahead):
                batch = pending.popleft().result()
                if upcoming < last:
                    pending.append(pool.submit(make, upcoming))
                yield batch
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@large_blocks_kept()
def fit(
    trainer: Trainer,
    data: tuple[Sequence[Any], Sequence[Any]],
    feed: Feed,
    method: Method,
    config: Any,
    settings: Settings,
    folder: Path,
    host: Host,
) -> Early | None:
    """Train until the last epoch, leaving ``loss.csv``, ``last.pt`` and ``best.pt`` in `folder` after each epoch.

    Parameters
    ----------
    trainer : Trainer
        Fresh (`start`) or restored (`restore`).
    data : (sequence, sequence)
        Training and validation images, as `feed` knows them.
    feed : Feed
        How the images come to the network.
    method, config, settings
        What is trained, and how.
    folder : Path
        The training's own folder.
    host : Host
        Gets progress, one ``epoch`` event for each epoch and previews where it wants them; may cancel or ask for an
        early end, which comes after the step that runs. What was begun of an epoch is then left out, unless there is
        no complete one: then it counts as the first.

    Returns
    -------
    Early or None
        When and where the user ended it; None when it came to its end.
    """
    device = next(trainer.net.parameters()).device
    total = settings.epochs * settings.steps
    validation = validation_batches(data[1], feed, config, settings)

    def draw(step: int) -> Batch:
        return make_batch(data[0], feed, config, settings, True, (settings.seed, step))

    if trainer.epoch == 0 and trainer.backbone is not None and method.acquaint is not None:
        method.acquaint(trainer.backbone, draw, settings, host)
    clock = Clock()
    losses: list[dict[str, float]] = []
    onlookers = Onlookers(host, data[1], feed, config, settings.epochs)
    if trainer.epoch:
        onlookers.tell_before(read_losses(folder / LOSSES), trainer.best_epoch)
    first = trainer.epoch * settings.steps
    host = distributed.OfOneMind(host)
    for step, batch in enumerate(clock.watched(prefetched(draw, first, total)), first):
        stop_if_cancelled(host)
        losses.append(train_step(trainer, batch, method, config, settings, step, device))
        host.progress(step + 1, total, f"Training, epoch {trainer.epoch + 1} of {settings.epochs}")
        whole = (step + 1) % settings.steps == 0
        early = step + 1 < total and host.finish_requested()
        counts = early and not whole and trainer.best_epoch == 0  # no epoch is complete: what there is counts as one
        if whole or counts:
            row = {
                "epoch": trainer.epoch + 1,
                **{key: float(np.mean([one[key] for one in losses])) for key in losses[0]},
            }
            row.update(validate(trainer, validation, method, config))
            check_finite(row["val_loss"], f"epoch {row['epoch']:g}", "validation loss", settings)
            row.update(lr=trainer.optimizer.param_groups[0]["lr"], **clock.lap())
            losses.clear()
            end_epoch(trainer, row, settings, folder)
            onlookers.tell(trainer.average, row, trainer.best_epoch)
        if early:
            return Early.now(trainer.epoch, settings.epochs, step + 1 if counts else 0)
        if whole and settings.patience and trainer.epoch - trainer.best_epoch >= settings.patience:
            break
    return None


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def train_step(
    trainer: Trainer, batch: Batch, method: Method, config: Any, settings: Settings, step: int, device: torch.device
) -> dict[str, float]:
    """Do one step of gradient descent; returns the loss, and with an adversary both of that game."""
    if settings.schedule == "cosine":
        for group in trainer.optimizer.param_groups:
            group["lr"] = cosine_lr(step, settings) * group[transfer.PACE]
    torch.manual_seed(settings.seed + step)  # what a network drops follows from the step, so that trainings resume
    images, answers = batch
    trainer.net.train()
    transfer.hold(trainer.net, settings)
    half = _in_half_precision(settings, device)
    images = images.to(device, memory_format=devices.layout(images.dim() - 2))
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
        output = trainer.net(images)
    joint = tuple(distributed.gather(each.float()) for each in output)
    expected = tuple(distributed.gather(each.to(device)) for each in answers)
    loss = losses_of(trainer, method, joint, expected, config)["loss"]
    curves: dict[str, float] = {}
    if trainer.adversary is not None:
        lr = trainer.optimizer.param_groups[0]["lr"]
        judged, curves = trainer.adversary.judge(images, joint[0], expected[0], lr, half)
        loss = loss + judged
    check_finite(float(loss.detach()), f"step {step + 1}", "loss", settings)
    trainer.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    distributed.sum_gradients(trainer.net)
    trainer.optimizer.step()
    if isinstance(trainer.average, torch.optim.swa_utils.AveragedModel):
        trainer.average.update_parameters(trainer.net)
    return {"loss": float(loss.detach()), **curves}


def check_finite(value: float, where: str, what: str, settings: Settings) -> None:
    """Stop a training whose loss is NaN or infinite: it never comes back from there."""
    if not math.isfinite(value):
        raise BadInput(
            f"Training diverged at {where} ({what} is {value}). Lower lr={settings.lr:g} and check the images for "
            "extreme values."
        )


def losses_of(
    trainer: Trainer, method: Method, output: tuple[torch.Tensor, ...], expected: tuple[torch.Tensor, ...], config: Any
) -> dict[str, torch.Tensor]:
    """Return the method's losses by name, seen through the backbone where there is one."""
    if trainer.backbone is None:
        return method.loss(output, expected, config)
    return method.loss(output, expected, config, trainer.backbone)


def _in_half_precision(settings: Settings, device: torch.device) -> bool:
    """Tell whether convolutions are computed in bfloat16."""
    asked = device.type == "cuda" if settings.mixed_precision is None else settings.mixed_precision
    return asked and devices.has_fast_bfloat16(device)


def validation_batches(items: Sequence[Any], feed: Feed, config: Any, settings: Settings) -> list[Batch]:
    """Return the fixed validation patches, not augmented: about as many as cover the images, within limits."""
    covering = sum(math.ceil(feed.size(item) / math.prod(settings.patch_shape)) for item in items)
    fewest, most = VALIDATED[len(settings.patch_shape)]
    count = math.ceil(min(max(covering, fewest), most) / settings.batch)
    return [make_batch(items, feed, config, settings, False, (settings.seed, 2**31, k)) for k in range(count)]


@torch.inference_mode()
def validate(trainer: Trainer, batches: Sequence[Batch], method: Method, config: Any) -> dict[str, float]:
    """Return the mean losses over the validation patches, keys ``val_loss``, ``val_prob``, ...."""
    trainer.average.eval()
    device = next(trainer.net.parameters()).device
    sums: dict[str, float] = {}
    for images, answers in batches:
        output = trainer.average(images.to(device, memory_format=devices.layout(images.dim() - 2)))
        joint = tuple(distributed.gather(each) for each in output)
        expected = tuple(distributed.gather(each.to(device)) for each in answers)
        for key, value in losses_of(trainer, method, joint, expected, config).items():
            sums[f"val_{key}"] = sums.get(f"val_{key}", 0.0) + float(value) / len(batches)
    return sums


def end_epoch(trainer: Trainer, row: dict[str, float], settings: Settings, folder: Path) -> None:
    """Record the epoch: learning rate, best weights, row of the table, checkpoint (last, so that it is complete)."""
    trainer.epoch += 1
    if settings.schedule == "plateau":
        trainer.plateau.step(row["val_loss"])
    if row["val_loss"] < trainer.best:
        trainer.best, trainer.best_epoch = row["val_loss"], trainer.epoch
        _replace(folder / BEST, weights_of(trainer))
    trainer.rows.append({key: float(value) for key, value in row.items()})
    if distributed.is_first():
        write_losses(folder / LOSSES, trainer.rows)
    _replace(folder / CHECKPOINT, state_of(trainer))


def state_of(trainer: Trainer) -> dict[str, Any]:
    """Return everything that a resumed training needs, as tensors and plain data."""
    more = {name: getattr(trainer, name).state_dict() for name in _MORE if getattr(trainer, name) is not None}
    return {
        "net": trainer.net.state_dict(),
        "average": trainer.average.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "plateau": trainer.plateau.state_dict(),
        "epoch": trainer.epoch,
        "best": trainer.best,
        "best_epoch": trainer.best_epoch,
        "rows": trainer.rows,
        **more,
    }


def restore(trainer: Trainer, folder: Path) -> None:
    """Continue from the last complete epoch: state and table of losses, which is written anew from the state.

    Raises
    ------
    BadInput
        The state is damaged, or the weights of the best epoch are gone.
    """
    try:
        state = read_state(folder, next(trainer.net.parameters()).device)
        for name in ("net", "average", "optimizer", "plateau", *(each for each in _MORE if each in state)):
            getattr(trainer, name).load_state_dict(state[name])
        trainer.epoch, trainer.best, trainer.best_epoch = state["epoch"], state["best"], state["best_epoch"]
        trainer.rows = list(state["rows"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise _lost(folder / CHECKPOINT, error) from error
    if trainer.best_epoch and not (folder / BEST).is_file():
        raise _lost(folder / BEST, "it is gone")
    if distributed.is_first() and trainer.rows:
        write_losses(folder / LOSSES, trainer.rows)


def read_state(folder: Path, device: Any = "cpu") -> dict[str, Any]:
    """Return the state of an interrupted training; a damaged file is a `BadInput`."""
    try:
        return dict(torch.load(folder / CHECKPOINT, map_location=device, weights_only=True))
    except (OSError, RuntimeError, ValueError, TypeError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise _lost(folder / CHECKPOINT, error) from error


def _lost(path: Path, why: object) -> BadInput:
    """Return the error for a training that cannot be resumed."""
    text = str(why).splitlines()[0] if str(why) else type(why).__name__
    return BadInput(
        f"{path} cannot be read ({text:.200}); the training cannot be resumed. Delete the folder {path.parent}, and "
        "train again without resume."
    )


def _replace(path: Path, state: Any) -> None:
    if not distributed.is_first():
        return
    aside = path.with_suffix(".partial")
    torch.save(state, aside)
    aside.replace(path)
