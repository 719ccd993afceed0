"""benchmarks/networks.py: exact first layers, and networks in order of size."""

from __future__ import annotations

from benchmarks.networks import Network, ladder


def test_pre_activations_are_exact() -> None:
    for n, inputs, hidden, classes in ((64, 784, 32, 10), (16, 64, 128, 3)):
        network = Network.drawn(n, inputs, hidden, classes)
        exact = Network.drawn(n, inputs, hidden, classes, "float64")
        z = network.x @ network.parameters[0] + network.parameters[1]
        reversed_sums = network.x[:, ::-1] @ network.parameters[0][::-1] + network.parameters[1]
        assert (z == reversed_sums).all()
        assert (z == exact.x @ exact.parameters[0] + exact.parameters[1]).all()


def test_the_networks_are_in_order_of_size() -> None:
    networks = ladder("float32")
    operations = [network.operations for network in networks]
    assert operations == sorted(operations)
    assert networks[0].name == "6×2 → 5 → 3"
    assert networks[-1].name == "1024×784 → 2048 → 10"
    assert "256×784 → 512 → 10" in {network.name for network in networks}
