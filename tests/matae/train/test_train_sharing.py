"""Two processes that share a batch compute what one does with all of it: statistics, gradients, and sums along.

The two are threads here, and only the message between them is another: each waits for the other and gets the sum.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from matae.train import sharing

PARTS = (slice(0, 3), slice(3, 4))  # of four frames


class Two:
    """What `torch.distributed` is to two processes that are threads."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2, timeout=300)
        self._given: dict[int, Tensor] = {}
        self.rank = threading.local()

    def all_reduce(self, tensor: Tensor) -> None:
        assert tensor.is_contiguous()
        self._given[self.rank.number] = tensor.detach().clone()
        self._barrier.wait()
        total = self._given[0] + self._given[1]
        self._barrier.wait()
        with torch.no_grad():
            tensor.copy_(total)

    def broadcast(self, tensor: Tensor, source: int) -> None:
        self._given[self.rank.number] = tensor.clone()
        self._barrier.wait()
        tensor.copy_(self._given[source])


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], Any]], list[Any]]:
    """Return what runs something in both processes, and gives what each of them returned."""
    two = Two()
    monkeypatch.setattr(sharing, "distributed", two)

    def run(work: Callable[[int], Any]) -> list[Any]:
        found: dict[int, Any] = {}

        def one(number: int) -> None:
            two.rank.number = number
            found[number] = work(number)

        threads = [threading.Thread(target=one, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [found[0], found[1]]

    return run


def a_network() -> nn.Module:
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, eps=0.01, momentum=0.3), nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3))
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return network


def loss_of(found: Tensor) -> Tensor:
    """Return a loss a frame, (N,)."""
    weights = torch.linspace(-1, 2, found[0].numel()).reshape(found[0].shape)
    return ((found * weights) ** 2).mean((1, 2, 3))


def test_two_halves_are_one_batch(both: Callable[[Callable[[int], Any]], list[Any]]) -> None:
    batches = [torch.randn(4, 2, 5, 6, generator=torch.Generator().manual_seed(n)) * 3 + n for n in (1, 2)]
    whole = a_network()
    for x in batches:
        whole.zero_grad()
        total = loss_of(whole(x)).mean()
        total.backward()
    wanted = whole(batches[0])

    def work(number: int) -> tuple[nn.Module, Tensor]:
        part = copy.deepcopy(networks[number])
        sharing.share_batch_norm(part)
        for x in batches:
            part.zero_grad()
            loss = loss_of(part(x[PARTS[number]])).sum() / 4
            loss.backward()
            summed = sharing.sum_gradients(part.parameters(), torch.stack([loss.detach(), torch.tensor(1.0)]))
        torch.testing.assert_close(part(batches[0][PARTS[number]]), wanted[PARTS[number]])
        return part, summed

    networks = [a_network(), a_network()]
    for part, summed in both(work):
        torch.testing.assert_close(summed, torch.stack([total.detach(), torch.tensor(2.0)]))
        assert [name for name, _ in part.named_parameters()] == [name for name, _ in whole.named_parameters()]
        for mine, theirs in zip(part.parameters(), whole.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, theirs.grad)
        for (name, mine), theirs in zip(part.named_buffers(), whole.buffers(), strict=True):
            torch.testing.assert_close(mine, theirs, msg=lambda said, name=name: f"{name}: {said}")


def test_one_value_a_channel_has_no_spread(both: Callable[[Callable[[int], Any]], list[Any]]) -> None:
    # One process with one pixel and one without any: no division by the number of values less one.
    def work(number: int) -> nn.BatchNorm2d:
        norm = nn.Sequential(nn.BatchNorm2d(1))
        sharing.share_batch_norm(norm)
        norm(torch.full((1 - number, 1, 1, 1), 5.0))
        return norm[0]

    for norm in both(work):
        assert norm.running_mean.item() == pytest.approx(0.5)
        assert norm.running_var.item() == pytest.approx(0.9)


def test_statistics_are_kept_outside_training_and_names_and_values_stay() -> None:
    network = a_network()
    network[1].running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    network[2].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    parameters = list(network.parameters())
    shared = copy.deepcopy(network)
    sharing.share_batch_norm(network)
    assert all(one is other for one, other in zip(network.parameters(), parameters, strict=True))
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    first, second = network[1], network[2][1]
    assert type(first) is type(second) is not nn.BatchNorm2d
    assert (first.eps, first.momentum, first.num_features) == (0.01, 0.3, 3)
    assert first.training
    assert not second.training
    x = torch.randn(2, 2, 4, 4)
    torch.testing.assert_close(network.eval()(x), shared.eval()(x))
    assert torch.equal(network[1].running_mean, before["1.running_mean"])


def test_half_precision_comes_back_as_it_went_in(both: Callable[[Callable[[int], Any]], list[Any]]) -> None:
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).bfloat16()

    def work(number: int) -> Tensor:
        norm = nn.Sequential(nn.BatchNorm2d(3))
        sharing.share_batch_norm(norm)
        found: Tensor = norm(x[number : number + 1])
        return found

    found = torch.cat(both(work))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), nn.BatchNorm2d(3)(x.float()), atol=0.02, rtol=0.01)


def test_a_parameter_without_a_gradient_takes_part_as_zero(
    both: Callable[[Callable[[int], Any]], list[Any]],
) -> None:
    def work(number: int) -> tuple[list[nn.Parameter], Tensor]:
        made = [nn.Parameter(torch.zeros(2, 3)), nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1)),
                nn.Parameter(torch.zeros(4), requires_grad=False)]  # fmt: skip
        made[0].grad = torch.arange(6.0).reshape(2, 3) * (number + 1)
        if number == 1:
            made[1].grad = torch.tensor([7.0, 8.0])
        return made, sharing.sum_gradients(made, torch.tensor([1, 10, number], dtype=torch.int64))

    for made, extra in both(work):
        assert extra.tolist() == [2, 20, 1]
        assert torch.equal(made[0].grad, torch.arange(6.0).reshape(2, 3) * 3)
        assert made[1].grad.tolist() == [7, 8]
        assert made[2].grad.tolist() == [0]
        assert made[3].grad is None


@pytest.mark.parametrize("said", [(False, False), (True, False), (False, True), (True, True)])
def test_what_the_first_says_counts_in_both(
    both: Callable[[Callable[[int], Any]], list[Any]], said: tuple[bool, bool]
) -> None:
    other = (not said[0], not said[1])
    found = both(lambda number: sharing.agreed((said, other)[number], torch.device("cpu")))
    assert found == [said, said]
    assert all(type(value) is bool for pair in found for value in pair)
