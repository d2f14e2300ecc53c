"""A set of row ids in little memory."""

from __future__ import annotations

from collections.abc import Iterator

SHIFT = 13
MASK = (1 << SHIFT) - 1


class IdSet:
    """A set of whole numbers as bits, a page of 8,192 at a time: a million dense ids take 125 KB."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._count = 0

    def add(self, number: int) -> None:
        """Put a number in."""
        if number not in self:
            page = self._pages.setdefault(number >> SHIFT, bytearray(1 << (SHIFT - 3)))
            page[(number & MASK) >> 3] |= 1 << (number & 7)
            self._count += 1

    def discard(self, number: int) -> None:
        """Take a number out, where it is in."""
        if number in self:
            self._pages[number >> SHIFT][(number & MASK) >> 3] &= ~(1 << (number & 7))
            self._count -= 1

    def keep(self, others: IdSet) -> None:
        """Take out what is not in the other set."""
        for number in list(self):
            if number not in others:
                self.discard(number)

    def __contains__(self, number: int) -> bool:
        page = self._pages.get(number >> SHIFT)
        return page is not None and bool(page[(number & MASK) >> 3] & (1 << (number & 7)))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        for top in sorted(self._pages):
            page = self._pages[top]
            yield from ((top << SHIFT) + (at << 3) + bit for at, byte in enumerate(page) if byte for bit in _bits(byte))


def _bits(byte: int) -> Iterator[int]:
    return (bit for bit in range(8) if byte & (1 << bit))
