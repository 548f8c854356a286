// What a guest is loaded into.
#pragma once

#include <twofold/arch/address.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <utility>

namespace twofold {

namespace detail {
template <class E>
inline constexpr bool is_expected_void = false;
template <class E>
inline constexpr bool is_expected_void<std::expected<void, E>> = true;
} // namespace detail

/// A guest's memory by gpa: a GuestSpace, a memory slot of KVM, the machine's own memory when the
/// guest runs natively, a fake in the tests. Each call does all of what it is asked for, or says
/// why not.
template <class M>
concept GuestMemory = requires(M& memory, Gpa gpa, std::span<std::byte const> from,
                               std::span<std::byte> to, std::uint64_t bytes) {
    requires detail::is_expected_void<decltype(memory.write(gpa, from))>;
    { memory.read(gpa, to) } -> std::same_as<decltype(memory.write(gpa, from))>;
    { memory.zero(gpa, bytes) } -> std::same_as<decltype(memory.write(gpa, from))>;
};

/// Why a guest's memory refused.
template <GuestMemory M>
using GuestMemoryError =
    typename decltype(std::declval<M&>().zero(Gpa{}, std::uint64_t{}))::error_type;

/// The loader's hold on guest memory: remembers the last refusal, and can be read and written word
/// by word, as the editor of page tables wants it.
template <GuestMemory M>
class LoadTarget {
  public:
    using Error = GuestMemoryError<M>;
    struct Refusal {
        Gpa gpa;
        Error error;
    };

    /// `reads_zero`: memory that was not written yet is known to read as zero.
    LoadTarget(M& memory, bool reads_zero) : memory_(memory), reads_zero_(reads_zero) {}

    [[nodiscard]] bool place(Gpa gpa, std::span<std::byte const> bytes) {
        return keep(gpa, memory_.write(gpa, bytes)).has_value();
    }
    /// For memory that was not written yet.
    [[nodiscard]] bool clear(Gpa gpa, std::uint64_t bytes) {
        return bytes == 0 || reads_zero_ || keep(gpa, memory_.zero(gpa, bytes)).has_value();
    }

    template <class Word>
    [[nodiscard]] std::expected<Word, Error> read(Gpa gpa) {
        std::array<std::byte, sizeof(Word)> bytes;
        auto const done = keep(gpa, memory_.read(gpa, bytes));
        if (!done) return std::unexpected(done.error());
        return std::bit_cast<Word>(bytes);
    }
    template <class Word>
    [[nodiscard]] std::expected<void, Error> write(Gpa gpa, Word word) {
        auto const bytes = std::bit_cast<std::array<std::byte, sizeof(Word)>>(word);
        return keep(gpa, memory_.write(gpa, bytes));
    }

    [[nodiscard]] std::optional<Refusal> const& refusal() const { return refusal_; }

  private:
    std::expected<void, Error> keep(Gpa gpa, std::expected<void, Error> result) {
        if (!result) refusal_ = Refusal{gpa, result.error()};
        return result;
    }

    M& memory_;
    bool reads_zero_;
    std::optional<Refusal> refusal_;
};

} // namespace twofold
