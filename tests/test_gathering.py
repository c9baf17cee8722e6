from __future__ import annotations

import pytest

from gateway.errors import InvalidInput, Refused, TooLarge
from gateway.gathering import refuse


class TestRefuse:
    def test_raises_a_failure_that_is_alone_as_it_is(self) -> None:
        failure = TooLarge("too much")

        with pytest.raises(TooLarge) as refusal:
            refuse([failure])

        assert refusal.value is failure

    def test_tells_the_first_hundred_of_very_many(self) -> None:
        with pytest.raises(Refused) as refusal:
            refuse([InvalidInput(str(n)) for n in range(1000)])

        assert [failure.message for failure in refusal.value.failures] == [
            str(n) for n in range(100)
        ]
