"""What is read off wrk."""

import pytest

from bench.serving import cpu_each, figures_of

SAID = """Running 5s test @ http://127.0.0.1:8123/x
  Latency Distribution
     50%    2.28ms
     99%  990.00us
  63732 requests in 5.00s, 31.42MB read
Requests/sec:  12738.71
"""


def test_rate_and_percentile_are_read_in_their_units() -> None:
    assert figures_of(SAID) == {"requests": 12738.71, "p99": 0.99}
    assert figures_of(SAID.replace("990.00us", "1.5s"))["p99"] == 1_500.0
    assert cpu_each(6.3732, SAID) == pytest.approx(100.0)


@pytest.mark.parametrize(
    "said", ["", SAID + "  Non-2xx or 3xx responses: 3\n", SAID + "  Socket errors: connect 0, read 1\n"]
)
def test_answers_that_are_none_are_no_measurement(said: str) -> None:
    with pytest.raises(ValueError, match="wrk says"):
        figures_of(said)
