"""Random numbers as a function of (seed, step, stream, draw)."""

from types import SimpleNamespace
from zlib import crc32

import torch

from gan_lightning.core.prior import Normal, Uniform
from gan_lightning.core.rng import Stream, Streams, fixed_rows, mix, seed_layers


def test_a_draw_is_a_function_of_its_keys():
    first = Stream(3, 7, "z").normal(4, 2)
    assert torch.equal(first, Stream(3, 7, "z").normal(4, 2))
    others = [Stream(4, 7, "z"), Stream(3, 8, "z"), Stream(3, 7, "y")]
    assert not any(torch.equal(first, other.normal(4, 2)) for other in others)


def test_the_second_draw_of_a_stream_is_fresh_and_the_global_generator_untouched():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    stream = Stream(0, 0, "z")
    assert not torch.equal(stream.normal(8), stream.normal(8))
    assert torch.equal(before, torch.get_rng_state())


def test_processes_share_out_the_draw_of_one():
    whole = Stream(1, 5, "z").uniform(6, 3)
    parts = [Stream(1, 5, "z", rank=rank, world=2).uniform(3, 3) for rank in (0, 1)]
    assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(*parts)


def test_one_stream_does_not_move_another():
    """A technique that draws must not change z."""
    alone, beside = Streams(0, 1), Streams(0, 1)
    beside["noise"].normal(10)
    assert torch.equal(alone["z"].normal(3), beside["z"].normal(3))
    assert beside["z"] is beside["z"]


def test_mix_separates_neighbours():
    seeds = {mix(seed, step) for seed in range(50) for step in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_the_seeds_and_the_draws_to_the_bit():
    """A run that was begun with an earlier version goes on with the same numbers."""
    assert (mix(1, 2), mix(3)) == (11868681386100499350, 16295938515333252330)
    keys, stream = (3, 7, crc32(b"z")), Stream(3, 7, "z")
    assert (stream.keys, stream.device, stream.rank, stream.world) == (keys, torch.device("cpu"), 0, 1)
    for draw in range(3):
        generator = torch.Generator().manual_seed(mix(*keys, draw))
        assert torch.equal(stream.normal(2, 3), torch.randn(2, 3, generator=generator))
    generator = torch.Generator().manual_seed(mix(*keys, 3))
    assert torch.equal(stream.uniform(4), torch.rand(4, generator=generator))
    assert torch.equal(Stream(5).normal(3), Stream(5, 0, "").normal(3))


def test_draws_are_made_on_the_stream_s_device_for_the_global_batch(monkeypatch):
    asked = []
    stream = Streams(1, 2, "meta", 1, 3)["z"]
    assert (stream.keys, stream.device, stream.rank, stream.world) == (
        (1, 2, crc32(b"z")),
        torch.device("meta"),
        1,
        3,
    )
    made = SimpleNamespace(manual_seed=lambda seed: asked.append(seed))
    monkeypatch.setattr(torch, "Generator", lambda device: (asked.append(device), made)[1])
    rows = stream._rows((2, 4), lambda shape, **more: (asked.append((shape, more)), list(range(6)))[1])
    assert rows == [2, 3]
    shape = ((6, 4), {"generator": made, "device": torch.device("meta")})
    assert asked == [torch.device("meta"), mix(1, 2, crc32(b"z"), 0), shape]
    alone = Streams(1, 2)["z"]
    assert (alone.device, alone.rank, alone.world) == (torch.device("cpu"), 0, 1)


def test_priors():
    z = Normal(3)(20_000, Stream(0))
    torch.testing.assert_close(z.mean(0), torch.zeros(3), rtol=0, atol=0.03)  # 4 standard errors of 1/sqrt(20000)
    torch.testing.assert_close(z.std(0), torch.ones(3), rtol=0, atol=0.02)
    u = Uniform(2, low=-3.0, high=1.0)(20_000, Stream(0))
    assert -3.0 <= u.min() < -2.99
    assert 0.99 < u.max() < 1.0


def test_rows_are_drawn_once_and_for_all():
    """These seven of ten, in this order: numbers measured on them compare with those measured before."""
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert fixed_rows(10, 7).tolist() == [4, 1, 7, 5, 3, 9, 0]
    assert torch.equal(fixed_rows(10, 3), fixed_rows(10, 10)[:3])
    assert sorted(fixed_rows(10, 10).tolist()) == list(range(10))
    assert torch.equal(before, torch.get_rng_state())


def test_layers_are_seeded_on_the_cpu_and_on_the_device(monkeypatch):
    seeded = []
    module = lambda device: SimpleNamespace(manual_seed=lambda seed: seeded.append((device, seed)))  # noqa: E731
    monkeypatch.setattr(torch, "get_device_module", module)
    drawn = torch.rand(3, generator=torch.Generator().manual_seed(mix(5, 7)))
    for device, told in (("cpu", []), ("cuda", [(torch.device("cuda"), mix(5, 7))])):
        torch.manual_seed(0)
        seed_layers(torch.device(device), 5, 7)
        assert torch.equal(torch.rand(3), drawn)
        assert seeded == told
