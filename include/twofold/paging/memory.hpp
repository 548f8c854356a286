// What the walker and the editor read and write page tables through.
#pragma once

#include <concepts>
#include <cstdint>
#include <expected>

namespace twofold {

/// What a read came to, used as a std::expected is. The difference is that its members do not share
/// their storage, so that a word which was read stays in a register: walks that must be fast read
/// through memory that answers so.
template <class Word, class MemoryError>
struct Reading {
    Word word{};
    bool failed = false;
    MemoryError why{};

    static constexpr Reading failure(MemoryError const& why) { return {{}, true, why}; }
    [[nodiscard]] constexpr explicit operator bool() const { return !failed; }
    [[nodiscard]] constexpr Word operator*() const { return word; }
    [[nodiscard]] constexpr MemoryError const& error() const { return why; }
};

template <class R, class Word, class MemoryError>
concept ReadingOf = std::same_as<R, std::expected<Word, MemoryError>> ||
    std::same_as<R, Reading<Word, MemoryError>>;

/// Memory that can be read by `Address`: physical memory in the hypervisor, a fake in the tests,
/// guest-physical memory that translates first in the two-dimensional walk. `read<Word>` yields the
/// naturally aligned word at an address, or why it could not be read.
template <class M, class Address, class Word>
concept ReadableMemory = requires(M& memory, Address address) {
    typename M::Error;
    { memory.template read<Word>(address) } -> ReadingOf<Word, typename M::Error>;
};

/// Memory that can be written as well. `write` is one store of the whole word: no reader ever sees
/// a part of it.
template <class M, class Address, class Word>
concept WritableMemory = ReadableMemory<M, Address, Word> &&
    requires(M& memory, Address address, Word word) {
    {
        memory.template write<Word>(address, word)
        } -> std::same_as<std::expected<void, typename M::Error>>;
};

/// The error of memory that cannot fail.
struct NoMemoryError {
    friend constexpr bool operator==(NoMemoryError, NoMemoryError) = default;
};

} // namespace twofold
