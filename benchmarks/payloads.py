"""What one row of the benchmarks is at the remote."""

from __future__ import annotations


def payload(number: int) -> dict[str, object]:
    """Return the payload of the row with this number."""
    return {
        "name": f"Person {number}",
        "email": f"person{number}@example.test",
        "phone": f"+49 30 {number:08d}",
        "company": f"Company {number % 97}",
        "city": f"City {number % 31}",
        "score": number % 100,
    }
