// Structures of a boot protocol, one after another in one block of guest memory. The same code runs
// twice: first to measure the block, then to write it where there is room.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/bits.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace twofold {

/// The alignment of a block, and the largest that something in it can have.
inline constexpr std::uint64_t block_alignment = 16;

/// `Place`: bool(Gpa, std::span<std::byte const>), false when memory refused.
template <class Place>
class BlockWriter {
  public:
    BlockWriter(Gpa begin, Place place) : begin_(begin), end_(begin), place_(std::move(place)) {}

    /// Each returns where what it wrote begins.
    Gpa bytes(std::span<std::byte const> bytes, std::uint64_t alignment = 1) {
        Gpa const at{aligned_up(end_.value(), alignment)};
        end_ = at + bytes.size();
        written_ = written_ && place_(at, bytes);
        return at;
    }
    template <class T>
    requires std::is_trivially_copyable_v<T> Gpa value(T const& value) {
        return bytes(std::bit_cast<std::array<std::byte, sizeof(T)>>(value), alignof(T));
    }
    /// The pieces one after another, then a NUL.
    Gpa text(std::initializer_list<std::string_view> pieces) {
        Gpa const at = end_;
        for (std::string_view const piece : pieces)
            bytes(std::as_bytes(std::span{piece}));
        bytes(std::array{std::byte{0}});
        return at;
    }
    /// For what will be written as consecutive values.
    Gpa align(std::uint64_t alignment) { return end_ = Gpa{aligned_up(end_.value(), alignment)}; }

    /// Nothing was refused so far.
    [[nodiscard]] bool written() const { return written_; }
    [[nodiscard]] std::uint64_t size() const { return end_ - begin_; }

  private:
    Gpa begin_;
    Gpa end_;
    Place place_;
    bool written_ = true;
};

/// The bytes that `write(BlockWriter&)` writes.
template <class Write>
[[nodiscard]] std::uint64_t measure_block(Write&& write) {
    BlockWriter measure{Gpa{0}, [](Gpa, std::span<std::byte const>) { return true; }};
    (void)write(measure);
    return measure.size();
}

} // namespace twofold
