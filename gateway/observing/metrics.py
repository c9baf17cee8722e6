"""What `/metrics` shows: counts that are kept anyway, read when somebody asks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.observing.histograms import Histogram

logger = logging.getLogger(__name__)

T = TypeVar("T")
# One value, or one for each value of the labels.
Read = Callable[[], T | Mapping[str, T] | Mapping[tuple[str, ...], T]]


class Metrics:
    """All that is shown; whoever has something to tell says in one line how it is read.

    ``metrics.gauge("gateway_subscribers", "Subscriptions that are open.", hub.subscribers)``

    A name ends in its unit, and a counter's in ``_total``. Values of labels have to be few and
    ours: what clients choose freely must not become one.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)

    def gauge(
        self, name: str, description: str, read: Read[float], *, labels: Sequence[str] = ()
    ) -> None:
        """Show a number that goes up and down."""
        self._add(GaugeMetricFamily, name, description, labels, read, _add_number)

    def counter(
        self, name: str, description: str, read: Read[float], *, labels: Sequence[str] = ()
    ) -> None:
        """Show a number that only grows."""
        self._add(CounterMetricFamily, name, description, labels, read, _add_number)

    def histogram(
        self, name: str, description: str, read: Read[Histogram], *, labels: Sequence[str] = ()
    ) -> None:
        """Show durations or sizes by their buckets."""
        self._add(HistogramMetricFamily, name, description, labels, read, _add_histogram)

    def _add(
        self,
        family: Callable[..., Metric],
        name: str,
        description: str,
        labels: Sequence[str],
        read: Read[T],
        add: Callable[[Metric, Sequence[str], T], None],
    ) -> None:
        self.registry.register(
            _Reading(lambda: family(name, description, labels=labels), read, add)
        )


class _Reading(Collector, Generic[T]):
    """A metric that is read when it is collected; one that cannot be is left out, and logged."""

    def __init__(
        self,
        empty: Callable[[], Metric],
        read: Read[T],
        add: Callable[[Metric, Sequence[str], T], None],
    ) -> None:
        self._empty = empty
        self._read = read
        self._add = add

    def describe(self) -> Iterator[Metric]:
        yield self._empty()

    def collect(self) -> Iterator[Metric]:
        metric = self._empty()
        try:
            value = self._read()
            if isinstance(value, Mapping):
                for label, each in value.items():
                    self._add(metric, (label,) if isinstance(label, str) else label, each)
            else:
                self._add(metric, (), value)
        except Exception:
            logger.exception("the metric %s cannot be read", metric.name)
            return
        yield metric


def _add_number(metric: Metric, labels: Sequence[str], value: float) -> None:
    assert isinstance(metric, GaugeMetricFamily | CounterMetricFamily)  # noqa: S101
    metric.add_metric(labels, value)


def _add_histogram(metric: Metric, labels: Sequence[str], value: Histogram) -> None:
    assert isinstance(metric, HistogramMetricFamily)  # noqa: S101
    metric.add_metric(labels, value.buckets(), value.total)
